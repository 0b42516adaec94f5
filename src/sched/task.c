/* SPDX-License-Identifier: MIT */
/* task - from mote_go to the end: records, numbers, joining, names.
 * Job:    make a record and hand it to the scheduler; free it when the task has ended.
 * Holds:  R1-R4.
 * Not here: joining (join.c), what runs next (worker.c), stacks (switch.c).
 */
#include "base/msg.h"
#include "base/os.h"
#include "sched/proc.h"
#include "sched/sim.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ID_BATCH 1024
#define SITE_FLAG(site, flag) (((site)->meta & (flag)) != 0)

struct slab_class record_slab = {.size = RECORD_SIZE, .enumerate = true};
struct slab_class wait_slab = {.size = WAIT_SIZE};

const char *task_name(const struct task *t)
{
    if (t->flags & TASK_THREAD)
        return "plain thread";
    if (t->extra && t->extra->name[0])
        return t->extra->name;
    return t->site ? t->site->name : "main";
}

void task_describe(const struct task *t, char *text, size_t size)
{
    snprintf(text, size, "%llu (%s)", (unsigned long long)record_id(t), task_name(t));
}

void task_describe_caller(char *text, size_t size)
{
    struct worker *w = worker_self();
    if (!w || w->self.current == &w->base)
        snprintf(text, size, "a plain thread");
    else if (!w->self.current->site)
        snprintf(text, size, "the main task");
    else
        snprintf(text, size, "task %llu (%s), started at %s:%d", (unsigned long long)mote_self(),
                 task_name(w->self.current), w->self.current->site->file, w->self.current->site->line);
}

/* A proc takes many at once: only uniqueness counts. */
static NOINLINE void take_ids(struct proc *p)
{
    p->id_next = atom_add_rlx(&rt.next_id, ID_BATCH); /* rlx: as above */
    p->id_end = p->id_next + ID_BATCH;
}

static inline uint64_t take_id(struct proc *p)
{
    if (UNLIKELY(!p))
        return atom_add_rlx(&rt.next_id, 1); /* rlx: as above */
    if (UNLIKELY(p->id_next == p->id_end))
        take_ids(p);
    return p->id_next++;
}

struct task_extra *task_make_extra(struct task *t)
{
    if (!t->extra)
        t->extra = calloc(1, sizeof *t->extra);
    return t->extra;
}

void task_free(struct proc *p, struct task *t)
{
    image_drop(t, p ? &p->blocks : NULL);
    if (UNLIKELY(t->extra != NULL))
        free(t->extra);
    t->extra = NULL;
    atom_store_rlx(&t->state, TASK_FREE); /* rlx: for reports */
    slab_put(&record_slab, p ? &p->records : NULL, t);
}

static void count_spawned(struct proc *p)
{
    if (p)
        atom_count(&p->n.spawned);
    else
        atom_add_rlx(&rt.shared_spawned, 1); /* rlx: a statistic */
}

/* The check behind "the one rule": no pointer among the arguments may lead into the caller's own copied stack. */
static void check_arguments(const struct mote__site *site, const intptr_t *args)
{
    unsigned pointers = MOTE__POINTERS(site->meta);
    for (unsigned i = 0; pointers; i++, pointers >>= 1)
        if (UNLIKELY((pointers & 1) && sched_is_own_stack((uint64_t)args[i]))) {
            char text[80];
            task_describe(sched_self(), text, sizeof text);
            msg_fatal(
                "%s:%d: argument %u of %s points into the stack of task %s, which other tasks must not use: pass it by "
                "value, allocate it, or start the caller by mote_go_pinned",
                site->file, site->line, i + 1, site->name, text);
        }
}

/* Fills in a record. args: as many as the site says; without one, 3. */
static inline void set_up(struct task *t, uint64_t id, const struct mote__site *site, void (*fn)(void),
                          const intptr_t *args, unsigned flags)
{
    t->site = site;
    t->mailbox = 0;
    t->wait_on = 0;
    t->extra = NULL;
    t->saved_errno = 0;
    t->id_low = (uint32_t)id;
    t->id_high = (uint16_t)(id >> 32);
    t->home = 0;
    t->image_class = 0;
    t->status = 0;
    t->flags = (uint8_t)flags;
    struct task_start *start = record_start(t);
    start->fn = fn;
    unsigned n = site ? MOTE__ARGS(site->meta) : 3;
    for (unsigned i = 0; i < n; i++)
        start->args[i] = args[i];
    atom_store_rlx(&t->state, TASK_NEW); /* rlx: for reports; the queue publishes the task */
}

static struct task *make_task(struct proc *p, const struct mote__site *site, void (*fn)(void), const intptr_t *args,
                              unsigned flags)
{
    struct task *t = slab_get(&record_slab, p ? &p->records : NULL);
    if (UNLIKELY(!t))
        return NULL;
    set_up(t, take_id(p), site, fn, args, flags);
    if ((flags & TASK_JOINABLE) || UNDER_ASAN || UNDER_TSAN) {
        if (!task_make_extra(t)) {
            task_free(p, t);
            return NULL;
        }
        t->extra->joinable = flags & TASK_JOINABLE;
    }
    return t;
}

static inline void set_owner(struct task *t, struct sched_owner *owner)
{
    struct task_start *start = record_start(t);
    start->owned = start->fn;
    start->fn = switch_enter_owned;
    t->mailbox = (uint64_t)(uintptr_t)owner;
}

static NOINLINE void let_others_run(struct proc *p)
{
    if (atom_load_rlx(&p->summons) & SUMMONS_SIMULATED) /* rlx: immutable then */
        sim_point();
    else
        switch_give_way();
}

/* N4 ends when another one spawns here. In a tree each node does, with the queue full of others' children: these are no crowd. */
static inline void note_spawner(struct proc *p, const struct task *self)
{
    if (UNLIKELY(p->spawner != self->id_low)) {
        p->spawner = self->id_low;
        p->crowd = 0;
        p->in_order = false;
    }
    p->crowd++;
}

/* The task that a new one has driven out of the next slot goes to its queue. A spawner that is far ahead of those who run its
 * tasks gives way: so a loop that starts a million short tasks keeps a few hundred records in the cache instead of a million in
 * memory. N4 begins then, if all of the queue is its own. */
static NOINLINE int queue_driven_out(struct worker *w, struct task *old)
{
    struct proc *p = w->proc;
    struct fresh *f = &p->fresh;
    note_spawner(p, w->self.current);
    if (UNLIKELY(atom_load_rlx(&old->state) != TASK_NEW || !fresh_push_owner(f, old))) /* rlx: ours */
        queue_push(p, old);
    idle_wake_one();
    if (UNLIKELY(fresh_length(f) >= f->capacity) && w->self.current != &w->base) {
        p->in_order = p->in_order || p->crowd >= f->capacity;
        let_others_run(p);
    }
    return 0;
}

/* Puts a new task where its proc looks first: the next slot, whose old content moves on to its queue. Returns 0. */
static inline int launch(struct worker *w, struct task *t)
{
    struct task *old = next_swap_owner(w->proc, t);
    return old ? queue_driven_out(w, old) : 0;
}

static void launch_from_outside(struct task *t)
{
    if (atom_load_rlx(&rt.watchers)) /* rlx: a late look tells a little less */
        debug_queued_outside(t);
    globq_push(&rt.global, t, t, 1);
    idle_wake_one();
}

/* What few tasks have. */
struct special {
    unsigned flags;
    const char *name;
    struct sched_owner *owner;
};

/* *handle is filled in before the task can run: after that the record may be another's, or gone with the runtime. */
static int spawn_inside(struct worker *w, const struct mote__site *site, void (*fn)(void), const intptr_t *args,
                        const struct special *special, mote_task **handle)
{
    unsigned flags = special->flags;
    if (UNLIKELY(atom_load_rlx(&rt.state) != RUNTIME_RUNNING)) { /* rlx: a late look refuses a little later */
        forked_tell();
        return -ESHUTDOWN;
    }
    if (w && !(w->self.current->flags & TASK_PINNED))
        check_arguments(site, args);
    struct proc *p = w ? w->proc : NULL;
    if (SITE_FLAG(site, MOTE__PINNED) || rt.pin_all)
        flags |= TASK_PINNED;
    if (UNLIKELY((flags & TASK_PINNED) && atom_load_rlx(&homes.none_left))) /* rlx: a hint, for a clear error early */
        return -ENOMEM;
    struct task *t = make_task(p, site, fn, args, flags);
    if (UNLIKELY(!t))
        return -ENOMEM;
    if (special->name && task_make_extra(t))
        snprintf(t->extra->name, sizeof t->extra->name, "%s", special->name);
    if (special->owner)
        set_owner(t, special->owner);
    count_spawned(p);
    /* That of a detached one is a handle that mote_join doesn't take. */
    *handle = flags & TASK_JOINABLE ? join_handle(t) : (mote_task *)t;
    if (w)
        launch(w, t);
    else
        launch_from_outside(t);
    return 0;
}

static int spawn(const struct mote__site *site, void (*fn)(void), const intptr_t *args, const struct special *special,
                 mote_task **handle)
{
    struct worker *w = worker_self();
    if (LIKELY(w != NULL))
        return spawn_inside(w, site, fn, args, special, handle);
    if (!runtime_enter())
        return -ESHUTDOWN;
    int error = spawn_inside(NULL, site, fn, args, special, handle);
    runtime_leave();
    return error;
}

static NOINLINE int go_carefully(const struct mote__site *site, void (*fn)(void), const intptr_t *args)
{
    mote_task *unused;
    return spawn(site, fn, args, &(struct special){0}, &unused);
}

/* Whether there is a record and a number at hand, and nothing unusual to be done. */
static ALWAYS_INLINE bool goes_quickly(const struct worker *w)
{
    return LIKELY(w && w->proc->records.first && w->proc->id_next != w->proc->id_end && !rt.pin_all &&
                  atom_load_rlx(&rt.state) == RUNTIME_RUNNING); /* rlx: a late look refuses a little later */
}

static ALWAYS_INLINE struct task *make_quickly(struct proc *p, const struct mote__site *site, void (*fn)(void),
                                               const intptr_t *args, unsigned flags)
{
    struct task *t = slab_pop(&p->records);
    set_up(t, p->id_next++, site, fn, args, flags);
    atom_count(&p->n.spawned);
    return t;
}

static ALWAYS_INLINE int go_quickly(struct worker *w, const struct mote__site *site, void (*fn)(void),
                                    const intptr_t *args, unsigned flags)
{
    return launch(w, make_quickly(w->proc, site, fn, args, flags));
}

static NOINLINE int go_pinned(struct worker *w, const struct mote__site *site, void (*fn)(void), const intptr_t *args)
{
    if (UNLIKELY(atom_load_rlx(&homes.none_left))) /* rlx: a hint, for a clear error early */
        return go_carefully(site, fn, args);
    return go_quickly(w, site, fn, args, TASK_PINNED);
}

static NOINLINE int go_with_pointers(struct worker *w, const struct mote__site *site, void (*fn)(void),
                                     const intptr_t *args)
{
    check_arguments(site, args);
    return SITE_FLAG(site, MOTE__PINNED) ? go_pinned(w, site, fn, args) : go_quickly(w, site, fn, args, 0);
}

/* The usual spawn: by a task, with a record and a number at hand. */
PUBLIC int mote__go(const struct mote__site *site, void (*fn)(void), const intptr_t *args)
{
    struct worker *w = worker_self();
    if (!goes_quickly(w))
        return go_carefully(site, fn, args);
    if (MOTE__POINTERS(site->meta) && !(w->self.current->flags & TASK_PINNED))
        return go_with_pointers(w, site, fn, args);
    if (SITE_FLAG(site, MOTE__PINNED))
        return go_pinned(w, site, fn, args);
    return go_quickly(w, site, fn, args, 0);
}

static NOINLINE int go_owned_carefully(const struct mote__site *site, void (*fn)(void), const intptr_t *args,
                                       struct sched_owner *owner)
{
    mote_task *unused;
    int error = spawn(site, fn, args, &(struct special){.owner = owner}, &unused);
    if (error < 0)
        owner->ended(owner, 0);
    return error;
}

static ALWAYS_INLINE int go_owned_quickly(struct worker *w, const struct mote__site *site, void (*fn)(void),
                                          const intptr_t *args, struct sched_owner *owner)
{
    struct task *t = make_quickly(w->proc, site, fn, args, 0);
    set_owner(t, owner);
    return launch(w, t);
}

static NOINLINE int go_owned_with_pointers(struct worker *w, const struct mote__site *site, void (*fn)(void),
                                           const intptr_t *args, struct sched_owner *owner)
{
    check_arguments(site, args);
    return go_owned_quickly(w, site, fn, args, owner);
}

int sched_go_owned(const struct mote__site *site, void (*fn)(void), const intptr_t *args, struct sched_owner *owner)
{
    struct worker *w = worker_self();
    if (!goes_quickly(w) || UNLIKELY(SITE_FLAG(site, MOTE__PINNED)))
        return go_owned_carefully(site, fn, args, owner);
    if (MOTE__POINTERS(site->meta) && !(w->self.current->flags & TASK_PINNED))
        return go_owned_with_pointers(w, site, fn, args, owner);
    return go_owned_quickly(w, site, fn, args, owner);
}

struct sched_owner *sched_own_owner(void)
{
    struct worker *w = worker_self();
    return w ? switch_owner(w->self.current) : NULL;
}

static struct mote_task *joinable(const struct mote__site *site, void (*fn)(void), const intptr_t *args, unsigned flags,
                                  const char *name)
{
    mote_task *handle;
    int error = spawn(site, fn, args, &(struct special){.flags = flags, .name = name}, &handle);
    if (error < 0) {
        errno = -error;
        return NULL;
    }
    return handle;
}

PUBLIC struct mote_task *mote__spawn(const struct mote__site *site, void (*fn)(void), const intptr_t *args)
{
    return joinable(site, fn, args, TASK_JOINABLE, NULL);
}

PUBLIC struct mote_task *mote__spawn_with(const struct mote_attr *attr, const struct mote__site *site, void (*fn)(void),
                                          const intptr_t *args)
{
    if (!attr)
        return joinable(site, fn, args, TASK_JOINABLE, NULL);
    unsigned flags = (attr->detached ? 0 : TASK_JOINABLE) | (attr->pinned ? TASK_PINNED : 0);
    return joinable(site, fn, args, flags, attr->name);
}

static void main_entry(int (*fn)(int, char **), intptr_t argc, char **argv) { rt.main_result = fn((int)argc, argv); }

int task_make_main(int (*fn)(int, char **), int argc, char **argv)
{
    const intptr_t args[] = {(intptr_t)fn, argc, (intptr_t)argv};
    struct task *t = make_task(NULL, NULL, (void (*)(void))main_entry, args, TASK_PINNED | TASK_MAIN);
    if (!t)
        return -ENOMEM;
    count_spawned(NULL);
    launch_from_outside(t);
    return 0;
}

void task_retire_rare(struct proc *p, struct task *t)
{
    if (t->flags & TASK_MAIN)
        runtime_main_ended();
#if UNDER_TSAN
    sanitizer_fiber_end(&t->extra->fiber);
#endif
    if (!(t->flags & TASK_JOINABLE) || join_publish_end(t))
        task_free(p, t);
}

static void discard_mailbox(struct task *t)
{
    struct mailbox_block *block = (struct mailbox_block *)(uintptr_t)t->mailbox;
    if (!block->class)
        free(block);
    else if (block->class > BLOCK_SLAB_CLASSES)
        block_put(NULL, block->class, block);
}

/* What a task that is discarded holds outside the slabs. */
void task_discard(void *object, void *arg)
{
    struct task *t = object;
    (void)arg;
    if (atom_load_rlx(&t->state) == TASK_FREE) /* rlx: nothing else runs */
        return;
    if (t->home != 0 && atom_load_rlx(&t->state) != TASK_DONE) /* rlx: as above */
        sanitizer_stack_discarded(t->sp, home_of(t)->top);
    if (t->flags & TASK_MAILBOX_BLOCK)
        discard_mailbox(t);
    if (t->image_class > BLOCK_SLAB_CLASSES)
        image_drop(t, NULL);
    free(t->extra);
}

PUBLIC uint64_t mote_self(void)
{
    struct worker *w = worker_self();
    return w && w->self.current != &w->base ? record_id(w->self.current) : 0;
}

PUBLIC void mote_set_name(const char *name)
{
    struct task *t = sched_self();
    if ((t->flags & TASK_THREAD) || !task_make_extra(t))
        return;
    snprintf(t->extra->name, sizeof t->extra->name, "%s", name ? name : "");
    t->extra->named_in = 0;
}

/* Counters of the procs, summed: no list of tasks that every spawn would have to lock. */
uint64_t task_count(void)
{
    uint64_t ended = 0, spawned = 0;
    uint32_t made = atom_load_acq(&rt.made);          /* [R made] pairs with make_procs */
    for (uint32_t i = 0; i < made; i++)               /* these first, so that the difference isn't negative */
        ended += atom_load_acq(&rt.proc[i]->n.ended); /* [E ended] pairs with task_retire */
    for (uint32_t i = 0; i < made; i++)
        spawned += atom_load_rlx(&rt.proc[i]->n.spawned); /* rlx: as above */
    spawned += atom_load_rlx(&rt.shared_spawned);         /* rlx: as above */
    return spawned - ended;
}

PUBLIC size_t mote_task_count(void)
{
    bool plain = !worker_self();
    if (plain && !runtime_enter())
        return 0;
    uint64_t n = task_count();
    if (plain)
        runtime_leave();
    return (size_t)n;
}
