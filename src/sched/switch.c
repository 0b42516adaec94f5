/* SPDX-License-Identifier: MIT */
/* switch - leaving one task for the next.
 * Job:    find the next task a home with its bytes in it, change stacks, and commit what the left task wanted.
 * Holds:  S1, S3, S4, S5.
 *         W1 a switch goes from stack to stack. Only when the next task's home is the one we stand on (S3), or nothing is at
 *         hand, does it go by way of the worker's own stack.
 *         W2 until the next context has run switch_arrived, `from` is neither in a queue nor visible to wakers.
 *         W3 between the choice of the next task and the switch nothing reads thread-local storage (T1).
 *         W4 a processor predicts a return by the calls that it has seen, and another task's were the last. So where a task
 *         leaves for another, nothing is called that won't return: a tail call instead (arch/switch.h, X4).
 * Not here: which task is next (worker.c).
 */
#include "arch/switch.h"
#include "base/msg.h"
#include "base/os.h"
#include "sched/proc.h"
#include "sched/result.h"

#include <mote/task.h>

#include <errno.h>
#include <stddef.h>

_Static_assert(offsetof(struct task, sp) == 8, "TASK_SP in arch/switch_*.S");
_Static_assert(offsetof(struct self, left_at) == 16, "SELF_LEFT_AT in arch/switch_*.S");
_Static_assert(offsetof(struct task_start, owned) == 56, "START_OWNED in arch/switch_*.S");
_Static_assert((int)offsetof(struct task, mailbox) - (int)sizeof(struct task) == -40, "START_OWNER in arch/switch_*.S");
_Static_assert(RECORD_SIZE % CACHE_LINE == 0, "R1");
_Static_assert(offsetof(struct worker, self) == 0, "T2");

/* What switch_arrived does for the task that was left; larger values are the address of a lock to release. */
enum after { AFTER_NOTHING, AFTER_YIELD, AFTER_GIVE_WAY, AFTER_END, AFTER_LOCK = 16 };

enum prepared {
    PREPARED,     /* its bytes are in place, its home is held */
    PREPARE_GONE, /* it waits for its home, or is in a queue again */
    PREPARE_OURS, /* it can only have the home that we stand on */
};

static struct sanitizer_fiber *fiber_of(struct worker *w, struct task *t)
{
    return t == &w->base ? &w->fiber : &t->extra->fiber;
}

/* No memory for a stack or an image: the task goes to the back of the common queue, to be tried again later (S5). */
static COLD enum prepared put_off(struct proc *p, struct task *t)
{
    p->starved = true;
    globq_push(&rt.global, t, t, 1);
    return PREPARE_GONE;
}

/* Every home is held, so one will be free soon: the task we stand on gives its own back, and t is tried again on the worker's
 * own stack. If it fails there too it goes to the back of the common queue, and we go on with others. It isn't left pending
 * on one of the homes: that one's holder may never call mote again. */
static COLD enum prepared find_crowded(struct proc *p, struct task *from, struct task *t)
{
    if (from->home != 0)
        return PREPARE_OURS;
    p->crowded++;
    globq_push(&rt.global, t, t, 1);
    return PREPARE_GONE;
}

static COLD enum prepared give_home_back(struct proc *p, struct home *h, struct task *t)
{
    ready_chain(p, home_release(h));
    return put_off(p, t);
}

/* watched is a constant: what isn't costs nothing. */
static ALWAYS_INLINE int copy_out(struct proc *p, struct home *h, bool watched)
{
    struct task *t = h->occupant;
    int error = image_out(h, &p->blocks, &p->n.images);
    if (watched && !error)
        debug_copy(p, t, true);
    return error;
}

static ALWAYS_INLINE enum prepared prepare_new_as(struct proc *p, struct task *from, struct task *t, bool watched)
{
    bool pinned = t->flags & TASK_PINNED;
    struct home *h = pinned ? home_take_pinned(&p->home_cache) : home_take(&p->home_cache);
    if (UNLIKELY(!h)) { /* with fewer than two homes it is for want of memory: see home_take */
        bool want = pinned || homes.watch || atom_load_rlx(&homes.copied) < 2; /* rlx: a hint */
        return want ? put_off(p, t) : find_crowded(p, from, t);
    }
    if (!pinned) {
        if (h->occupant && copy_out(p, h, watched) < 0)
            return give_home_back(p, h, t);
        h->occupant = t;
    }
    t->home = h->number;
    if (UNDER_ASAN || UNDER_TSAN)
        sanitizer_fiber_init(&t->extra->fiber, h->low, (size_t)(h->top - h->low));
    return PREPARED;
}

static NOINLINE enum prepared prepare_new(struct proc *p, struct task *from, struct task *t)
{
    return prepare_new_as(p, from, t, false);
}

static ALWAYS_INLINE enum prepared refill_home_as(struct proc *p, struct home *h, struct task *t, bool watched)
{
    if (h->occupant && copy_out(p, h, watched) < 0)
        return give_home_back(p, h, t);
    image_in(h, t, &p->n.images);
    if (watched)
        debug_copy(p, t, false);
    return PREPARED;
}

static NOINLINE enum prepared refill_home(struct proc *p, struct home *h, struct task *t)
{
    return refill_home_as(p, h, t, false);
}

static NOINLINE enum prepared leave_pending(struct proc *p, struct home *h, struct task *t)
{
    atom_count(&p->n.conflicts);
    ready_chain(p, home_pend(h, t));
    return PREPARE_GONE;
}

static inline enum prepared prepare(struct proc *p, struct task *from, struct task *t)
{
    if (t->flags & TASK_PINNED && LIKELY(t->home != 0))
        return PREPARED;
    if (UNLIKELY(t->home == 0))
        return prepare_new(p, from, t);
    if (UNLIKELY(t->home == from->home))
        return PREPARE_OURS;
    struct home *h = home_of(t);
    if (UNLIKELY(!home_acquire(&p->home_cache, h)))
        return leave_pending(p, h, t);
    if (UNLIKELY(h->occupant != t))
        return refill_home(p, h, t);
    return PREPARED;
}

/* prepare for the worker's own stack, of a watched proc. */
static COLD enum prepared prepare_watched(struct proc *p, struct task *from, struct task *t)
{
    if (t->home == 0)
        return prepare_new_as(p, from, t, true);
    struct home *h = home_of(t);
    if (t->flags & TASK_PINNED)
        return PREPARED;
    if (!home_acquire(&p->home_cache, h)) {
        debug_conflict(p, record_id(t));
        return leave_pending(p, h, t);
    }
    return h->occupant == t ? PREPARED : refill_home_as(p, h, t, true);
}

/* Holds the home of a started task if that is all there is to do; else nothing is held. In mode PRIVATE the home has no other
 * task (H3), so t's bytes are in it, and it isn't the one that we stand on. */
static inline bool stack_in_place(struct task *t)
{
    if (t->flags & TASK_PINNED)
        return true;
    struct home *h = home_of(t);
    if (UNLIKELY(!home_acquire_private(h)))
        return false;
    INVARIANT(h->occupant == t);
    return true;
}

/* W3 holds from here on. */
static inline struct task *go_to(struct worker *w, struct task *from, struct task *t, uintptr_t after)
{
    w->self.current = t;
    bool is_new = atom_load_rlx(&t->state) == TASK_NEW; /* rlx: ours */
    atom_store_rlx(&t->state, TASK_RUNNING);            /* rlx: for reports */
    if (UNDER_ASAN || UNDER_TSAN)
        sanitizer_leave(fiber_of(w, from), fiber_of(w, t), after == AFTER_END);
    if (is_new)
        return switch_start(from, after, home_of(t)->top, record_start(t));
    return switch_to(from, after, t->sp);
}

static inline struct task *go_to_base(struct worker *w, struct task *from, uintptr_t after)
{
    w->self.current = &w->base;
    if (UNDER_ASAN || UNDER_TSAN)
        sanitizer_leave(fiber_of(w, from), &w->fiber, after == AFTER_END);
    return switch_to(from, after, w->base.sp);
}

/* Leaves the current task for t or another one at hand, or for the worker's own stack. Returns `from`, like all that leave. */
static NOINLINE struct task *leave_for(struct worker *w, struct task *from, uintptr_t after, struct task *t)
{
    for (; t; t = worker_quick_next(w)) {
        enum prepared state = prepare(w->proc, from, t);
        if (LIKELY(state == PREPARED))
            return go_to(w, from, t, after);
        if (state == PREPARE_OURS) {
            w->handed = t;
            break;
        }
    }
    return go_to_base(w, from, after);
}

/* For a new task: the usual one gets a home that this proc has vacated. */
static NOINLINE struct task *leave_for_new(struct worker *w, struct task *from, uintptr_t after, struct task *t)
{
    struct home_cache *cache = &w->proc->home_cache;
    bool pinned = t->flags & TASK_PINNED;
    struct home *h = cache->spare[pinned];
    if (UNLIKELY(UNDER_ASAN || UNDER_TSAN || !h || (!pinned && !home_acquire_private(h))))
        return leave_for(w, from, after, t);
    home_pop_spare(cache, pinned);
    h->occupant = t; /* of a pinned one: only for reports */
    t->home = h->number;
    w->self.current = t;
    atom_store_rlx(&t->state, TASK_RUNNING); /* rlx: for reports */
    return switch_start(from, after, h->top, record_start(t));
}

static NOINLINE struct task *leave_searching(struct worker *w, struct task *from, uintptr_t after)
{
    return leave_for(w, from, after, worker_search(w->proc));
}

/* Only tail calls, so that nothing has to be saved here: the usual next task is in the next slot, started, and in its home. */
static inline struct task *leave(struct worker *w, struct task *from, uintptr_t after)
{
    from->saved_errno = *w->errno_place;
    struct task *t = worker_next_slot(w->proc);
    if (UNLIKELY(!t))
        return leave_searching(w, from, after);
    if (t->home == 0)
        return leave_for_new(w, from, after, t);
    if (UNLIKELY(!stack_in_place(t)))
        return leave_for(w, from, after, t);
    w->self.current = t;
    atom_store_rlx(&t->state, TASK_RUNNING); /* rlx: for reports */
    if (UNDER_ASAN || UNDER_TSAN)
        sanitizer_leave(fiber_of(w, from), fiber_of(w, t), false);
    return switch_to(from, after, t->sp);
}

static COLD void run_watched(struct worker *w, struct task *t)
{
    w->proc->taken = NULL;
    if (prepare_watched(w->proc, &w->base, t) != PREPARED)
        return;
    w->proc->crowded = 0;
    debug_runs(w, t);
    go_to(w, &w->base, t, AFTER_NOTHING);
}

void switch_run(struct worker *w, struct task *t)
{
    if (proc_watched(w->proc)) {
        run_watched(w, t);
        return;
    }
    if (prepare(w->proc, &w->base, t) != PREPARED)
        return;
    w->proc->crowded = 0;
    go_to(w, &w->base, t, AFTER_NOTHING);
}

/* What the left task wanted; its home is released. */
static NOINLINE struct task *commit(struct worker *w, struct task *from, uintptr_t after)
{
    if (after >= AFTER_LOCK)
        lock_drop((struct lock *)after);
    else if (after == AFTER_YIELD)
        queue_push(w->proc, from);
    else if (after == AFTER_GIVE_WAY)
        globq_push(&rt.global, from, from, 1);
    return w->self.current;
}

/* Its home is shared, or was when it was released: there may be somebody waiting for it. */
static NOINLINE struct task *commit_shared(struct worker *w, struct task *from, uintptr_t after, bool released)
{
    struct home *h = home_of(from);
    ready_chain(w->proc, released ? home_left(h) : home_release_shared(h));
    return commit(w, from, after);
}

static NOINLINE struct task *commit_end_carefully(struct worker *w, struct task *from)
{
    struct proc *p = w->proc;
    ready_chain(p, home_vacate(&p->home_cache, home_of(from)));
    task_retire(p, from);
    return w->self.current;
}

static NOINLINE struct task *commit_waiting(struct worker *w, struct home *h)
{
    ready_chain(w->proc, home_left(h));
    return w->self.current;
}

static NOINLINE struct task *commit_end(struct worker *w, struct task *from)
{
    struct proc *p = w->proc;
    struct home *h = home_of(from);
    if (UNLIKELY(!home_vacates_quickly(&p->home_cache, h) || !task_retires_quickly(p, from)))
        return commit_end_carefully(w, from);
    bool quiet = home_vacate_quickly(&p->home_cache, h);
    task_count_ended(p, from);
    task_put_record(p, from);
    return LIKELY(quiet) ? w->self.current : commit_waiting(w, h);
}

/* First thing on every stack that is switched to; `from` is wholly switched out now. Order: the home before the lock (S4).
 * Only tail calls: what is usual needs no frame. */
struct task *switch_arrived(struct task *from, uintptr_t after)
{
    struct worker *w = worker_self();
    struct task *self = w->self.current;
    if (UNDER_ASAN || UNDER_TSAN)
        sanitizer_arrive(fiber_of(w, self));
    *w->errno_place = self->saved_errno;
    if (UNLIKELY(after == AFTER_END))
        return commit_end(w, from);
    if (!(from->flags & TASK_PINNED)) {
        struct home *h = home_of(from);
        bool private = h->by == BY_RUNNING;
        if (UNLIKELY(!private || !home_release_private(h)))
            return commit_shared(w, from, after, private);
    }
    if (UNLIKELY(after < AFTER_LOCK))
        return commit(w, from, after);
    lock_drop((struct lock *)after);
    return self;
}

/* When the next task is a new one of the same kind, it takes over the stack as it is: no home to give back and none to take.
 * Not while others wait for this home: a stream of short tasks would keep it from them for ever. */
static bool can_restart(const struct task *from, const struct task *t)
{
    return !UNDER_ASAN && !UNDER_TSAN && t->home == 0 && ((t->flags ^ from->flags) & TASK_PINNED) == 0 &&
           !atom_load_rlx(&home_of(from)->pending); /* rlx: a late look costs one more task's time */
}

static inline void restart_in_place(struct worker *w, struct task *from, struct task *t)
{
    struct proc *p = w->proc;
    struct home *h = home_of(from);
    h->occupant = t;
    t->home = h->number;
    w->self.current = t;
    atom_store_rlx(&t->state, TASK_RUNNING); /* rlx: for reports */
    *w->errno_place = 0;
    task_retire(p, from);
    switch_restart(h->top, record_start(t));
}

/* W4: what ends a task is jumped to, never called. */
static NOINLINE void end_for(struct worker *w, struct task *self, struct task *t)
{
    for (; t; t = worker_quick_next(w)) {
        if (can_restart(self, t)) {
            restart_in_place(w, self, t);
            return;
        }
        enum prepared state = prepare(w->proc, self, t);
        if (state == PREPARED) {
            go_to(w, self, t, AFTER_END);
            return;
        }
        if (state == PREPARE_OURS) {
            w->handed = t;
            break;
        }
    }
    go_to_base(w, self, AFTER_END);
}

static NOINLINE void end_searching(struct worker *w, struct task *self)
{
    struct task *t = worker_search(w->proc);
    if (LIKELY(t && can_restart(self, t)))
        restart_in_place(w, self, t);
    else
        end_for(w, self, t);
}

/* As leave, for good. */
static inline void end(struct worker *w, struct task *self)
{
    struct task *t = worker_next_slot(w->proc);
    if (!t) {
        end_searching(w, self);
    } else if (t->home == 0 || UNDER_ASAN || UNDER_TSAN || !stack_in_place(t)) {
        end_for(w, self, t);
    } else {
        w->self.current = t;
        atom_store_rlx(&t->state, TASK_RUNNING); /* rlx: for reports */
        switch_to(self, AFTER_END, t->sp);
    }
}

/* What was deferred may switch, so the worker may be another one then. */
static NOINLINE void returned_with_steps(struct task *self, intptr_t result)
{
    steps_run_until(self->extra, NULL);
    self->mailbox = (uint64_t)widened(self, result);
    end(worker_self(), self);
}

static NOINLINE void returned_joinable(struct worker *w, struct task *self, intptr_t result)
{
    if (UNLIKELY(self->flags & TASK_STEPS)) {
        returned_with_steps(self, result);
        return;
    }
    self->mailbox = (uint64_t)widened(self, result);
    end(w, self);
}

void switch_returned(intptr_t result)
{
    struct worker *w = worker_self();
    struct task *self = w->self.current;
    if (UNLIKELY(self->flags & (TASK_JOINABLE | TASK_STEPS)))
        returned_joinable(w, self, result);
    else
        end(w, self);
}

void switch_end_task(int error)
{
    struct task *self = worker_self()->self.current;
    switch_tell_owner(self, error);
    struct worker *w = worker_self();
    self->mailbox = 0;
    sanitizer_abandon_frames();
    end(w, self);
    __builtin_unreachable();
}

struct task *sched_park(struct task *self, struct lock *lock, uint64_t wait_on)
{
    struct worker *w = worker_self();
    if (UNLIKELY(self->flags & TASK_THREAD))
        return thread_park(self, lock);
    self->wait_on = wait_since(wait_on, atom_load_rlx(&switch_ticks)); /* rlx: a time */
    atom_store_rlx(&self->state, TASK_PARKED);                         /* rlx: for reports */
    return leave(w, self, (uintptr_t)lock);
}

SWITCH_RETURNS void sched_yield_now(void)
{
    sched_note_return(__builtin_return_address(0));
    struct worker *w = worker_self();
    struct task *self = w->self.current;
    struct task *t;
    self->saved_errno = *w->errno_place;
    while ((t = worker_quick_next(w))) {
        enum prepared state = prepare(w->proc, self, t);
        if (state == PREPARE_GONE)
            continue;
        atom_store_rlx(&self->state, TASK_READY); /* rlx: for reports */
        if (LIKELY(state == PREPARED)) {
            go_to(w, self, t, AFTER_YIELD);
            return;
        }
        w->handed = t;
        go_to_base(w, self, AFTER_YIELD);
        return;
    }
    /* Alone it could go on; but others may wait for its home, and one of them may be whom it waits for. */
    bool home_wanted =
        !(self->flags & TASK_PINNED) && atom_load_rlx(&home_of(self)->pending); /* rlx: looked at again */
    if (!home_wanted && !worker_wanted(w->proc)) {
        *w->errno_place = self->saved_errno; /* what was tried above may have failed */
        return;
    }
    atom_store_rlx(&self->state, TASK_READY); /* rlx: for reports */
    go_to_base(w, self, AFTER_YIELD);
}

void switch_give_way(void)
{
    struct worker *w = worker_self();
    atom_store_rlx(&w->self.current->state, TASK_READY); /* rlx: for reports */
    leave(w, w->self.current, AFTER_GIVE_WAY);
}

PUBLIC void mote_yield(void)
{
    struct worker *w = worker_self();
    if (LIKELY(w && w->self.current != &w->base))
        sched_yield_now();
    else
        os_back_off(0);
}
