/* SPDX-License-Identifier: MIT */
/* join - waiting for a task's end.
 * Job:    mote_join, mote_join_until, mote_detach, the task's side of mote_join_ctx (sync/joining.c), and the end's side of them.
 * Holds:  J1 a joinable task's record outlives the task until it is joined or detached: whoever comes second, the end or the
 *         joiner, frees it; extra->lock decides. J2 the end is published only when the task has left its stack (task_retire
 *         runs in the next context), so the joiner may free the record at once. J3 who clears extra->joiner makes it ready:
 *         the end or the deadline, never both. J4 a handle is the record's address with 22 bits of the task's number where
 *         addresses have none, so that one which was joined or detached before is recognised: its record is free, or it is
 *         another task's by now. Only misuse by two threads at the same moment can go unnoticed.
 *         J5 a plain thread is inside the runtime (runtime_enter) but for the time that it is parked: who wakes it enters for it.
 *         J6 a joiner that is a node (sched.h) is claimed, and stays where it is when that fails: so nobody else joins the
 *         task, and it lives, until the caller has taken the node away.
 *         J7 when the runtime ends first, a plain thread that waits is woken with -ESHUTDOWN, not inside, and touches nothing
 *         of the task any more.
 */
#include "base/msg.h"
#include "sched/proc.h"

#include <mote/time.h>

#include <errno.h>
#include <stdlib.h>

/* J5. Who calls is inside the runtime, so it doesn't end before the joiner has left. */
static void enter_for(const struct task *joiner)
{
    if (joiner->flags & TASK_THREAD)
        atom_add_seq(&rt.visitors, 1); /* [R visit] as in runtime_enter */
}

static int leave_with(const struct task *self, int result)
{
    if (self->flags & TASK_THREAD)
        runtime_leave();
    return result;
}

bool join_publish_end(struct task *t)
{
    struct task_extra *extra = t->extra;
    lock_take(&extra->lock);
    bool detached = extra->detached;
    struct task *joiner = extra->joiner;
    void (*ready)(struct task *) = NULL; /* of a node */
    extra->done = true;
    atom_store_rlx(&t->state, TASK_DONE); /* rlx: for reports */
    if (UNLIKELY(joiner && joiner->flags & TASK_NODE)) {
        ready = extra->how->ready;
        if (!extra->how->claim(joiner))
            joiner = NULL; /* J6 */
    }
    if (joiner) {
        extra->joiner = NULL;
        joiner->status = 0;
        enter_for(joiner);
    }
    lock_drop(&extra->lock);
    if (joiner && UNLIKELY(ready != NULL))
        ready(joiner); /* t may be gone from here on */
    else if (joiner)
        sched_ready(joiner);
    return detached;
}

/* Records lie at multiples of 64, below 2^48. */
#define TAG_BITS ((uintptr_t)0xffff << 48 | 63)

static uintptr_t tag_of(const struct task *t) { return ((uintptr_t)t->id_low << 42 | (t->id_low & 63)) & TAG_BITS; }

static struct task *record_of(mote_task *task) { return (struct task *)((uintptr_t)task & ~TAG_BITS); }

mote_task *join_handle(const struct task *t) { return (mote_task *)((uintptr_t)t | tag_of(t)); }

static NORETURN COLD void misused(const char *call)
{
    char text[80];
    task_describe(sched_self(), text, sizeof text);
    msg_fatal("%s by task %s: the task it is called for was joined or detached before: do one of the two, once", call,
              text);
}

/* The record behind a handle; stops the program if the handle is stale (J4). After 0 the caller is inside the runtime, and ends
 * with leave_with (J5). Looks at the extra, which is there before the task starts and until it is freed, not at t->flags, which the
 * task itself changes. */
static int find(mote_task *task, const char *call, struct task **out)
{
    if (!task)
        return -EINVAL;
    if (!worker_self() && !runtime_enter()) /* the records end with the runtime; J5 */
        return -ESHUTDOWN;
    struct task *t = *out = record_of(task);
    bool same = join_handle(t) == task && atom_load_rlx(&t->state) != TASK_FREE; /* rlx: only misuse races */
    if (UNLIKELY(!same || !t->extra || !t->extra->joinable))
        misused(call);
    return 0;
}

/* J7. On the thread's own stack. */
struct join_watch {
    struct sched_watch watch;
    struct task *target, *joiner;
};

static void runtime_ended(struct sched_watch *watch)
{
    struct join_watch *j = (struct join_watch *)watch;
    struct task_extra *extra = j->target->extra;
    lock_take(&extra->lock);
    bool waits = extra->joiner == j->joiner;
    if (waits) {
        extra->joiner = NULL;
        j->joiner->status = -ESHUTDOWN;
    }
    lock_drop(&extra->lock);
    if (waits)
        sched_ready(j->joiner);
}

/* The lock is taken anew: that of the list comes first. */
static NOINLINE void park_thread(struct task *self, struct task *t)
{
    struct join_watch j = {.watch = {.ended = runtime_ended}, .target = t, .joiner = self};
    lock_drop(&t->extra->lock);
    sched_watch_begin(&j.watch);
    runtime_leave();
    sched_thread_wait(self, MOTE_FOREVER);
    sched_watch_end(&j.watch);
}

/* Until who wakes self has entered for it (J5), or the runtime has ended: then self's status says so (J7). */
static void park_to_join(struct task *self, struct task *t)
{
    if (UNLIKELY(self->flags & TASK_THREAD))
        park_thread(self, t);
    else
        sched_park(self, &t->extra->lock, wait_for(WAIT_JOIN, t));
}

/* What the end left, and the end of the record. */
static int collect(struct task *t, intptr_t *result)
{
    struct worker *w = worker_self();
    int ended = t->extra->panicked ? -EOWNERDEAD : 0;
    if (result)
        *result = (intptr_t)t->mailbox;
    task_free(w ? w->proc : NULL, t);
    return ended;
}

/* With the lock held: 1 when it has ended, 0 when self waits now, or an error; the lock is released unless 0. */
static int begin(struct task *t, struct task *self, const char *call)
{
    struct task_extra *extra = t->extra;
    if (UNLIKELY(extra->detached))
        misused(call);
    int state = extra->joiner ? -EINVAL : extra->done ? 1 : 0; /* J6 */
    if (state == 0)
        extra->joiner = self;
    else
        lock_drop(&extra->lock);
    return state;
}

PUBLIC int mote_join(mote_task *task, intptr_t *result)
{
    struct task *t, *self = sched_self();
    int state = find(task, __func__, &t);
    if (state < 0)
        return state;
    if (t == self)
        return -EDEADLK;
    lock_enter(&t->extra->lock);
    state = begin(t, self, __func__);
    if (state < 0)
        return leave_with(self, state);
    if (state == 0) {
        park_to_join(self, t);
        if (UNLIKELY(self->status == -ESHUTDOWN))
            return -ESHUTDOWN; /* J7 */
    }
    return leave_with(self, collect(t, result));
}

int sched_join_begin(mote_task *task, intptr_t *result, struct task *node, const struct sched_joiner *how,
                     uint32_t *runtime)
{
    struct task *t, *self = sched_self();
    int state = find(task, "mote_join_ctx", &t);
    if (state < 0)
        return state;
    if (t == self)
        return -EDEADLK;
    lock_enter(&t->extra->lock);
    state = begin(t, node, "mote_join_ctx");
    if (state != 0)
        return leave_with(self, state < 0 ? state : collect(t, result));
    t->extra->how = how;
    *runtime = rt.epoch;
    lock_drop(&t->extra->lock);
    return leave_with(self, 1);
}

int sched_join_end(mote_task *task, intptr_t *result, struct task *node, bool ended, uint32_t runtime)
{
    struct task *t = record_of(task), *self = sched_self();
    if (ended)
        return leave_with(self, collect(t, result));
    if (!sched_timers_hold()) /* J5. While it ends, tasks may still look at the node */
        return 0;
    if (rt.epoch == runtime) {
        lock_take(&t->extra->lock);
        if (t->extra->joiner == node)
            t->extra->joiner = NULL;
        lock_drop(&t->extra->lock);
    }
    sched_timers_release();
    return 0;
}

/* Not on the joiner's stack, which may be elsewhere when the deadline fires (S2). A plain thread may outlive the runtime and its
 * memory. */
struct timed_join {
    struct timer timer;
    struct task *target, *joiner;
};

_Static_assert(sizeof(struct timed_join) <= WAIT_SIZE, "wait_get");

static void give_up_joining(struct timer *timer)
{
    struct timed_join *j = (struct timed_join *)timer;
    struct task_extra *extra = j->target->extra;
    lock_take(&extra->lock);
    bool waits = extra->joiner == j->joiner;
    if (waits) {
        extra->joiner = NULL;
        j->joiner->status = -ETIMEDOUT;
        enter_for(j->joiner);
    }
    lock_drop(&extra->lock);
    if (waits)
        sched_ready(j->joiner);
}

static struct timed_join *timed_join_new(struct task *self)
{
    bool plain = self->flags & TASK_THREAD;
    struct timed_join *j = plain ? malloc(sizeof *j) : wait_get();
    if (j)
        *j = (struct timed_join){
            .timer = {.fire = give_up_joining, .kind = plain ? TIMER_BLOCK : TIMER_POOLED},
            .joiner = self,
        };
    return j;
}

static void timed_join_free(struct timed_join *j)
{
    if (j->timer.kind == TIMER_BLOCK)
        free(j);
    else
        wait_put(j);
}

PUBLIC int mote_join_until(mote_task *task, intptr_t *result, int64_t deadline)
{
    if (deadline == MOTE_FOREVER)
        return mote_join(task, result);
    struct task *t, *self = sched_self();
    int state = find(task, __func__, &t);
    if (state < 0)
        return state;
    if (t == self)
        return -EDEADLK;
    struct timed_join *j = timed_join_new(self);
    if (!j)
        return leave_with(self, -ENOMEM);
    j->timer.when = deadline;
    j->target = t;
    lock_enter(&t->extra->lock);
    state = begin(t, self, __func__);
    if (state == 0) {
        self->status = 0;
        /* Lock order: extra, then the heap. The deadline takes extra's lock without the heap's. */
        int error = sched_timer_add(&j->timer);
        if (error < 0) {
            t->extra->joiner = NULL;
            lock_drop(&t->extra->lock);
            timed_join_free(j);
            return leave_with(self, error);
        }
        park_to_join(self, t);
        if (UNLIKELY(self->status == -ESHUTDOWN))
            return -ESHUTDOWN; /* J7; its timer, which hasn't fired, ends with the runtime, and with it j */
        timer_cancel(&j->timer);
        state = self->status < 0 ? self->status : 1;
    }
    timed_join_free(j);
    return leave_with(self, state < 0 ? state : collect(t, result));
}

PUBLIC void mote_detach(mote_task *task)
{
    struct task *t;
    if (find(task, __func__, &t) < 0)
        return;
    lock_enter(&t->extra->lock);
    if (UNLIKELY(t->extra->detached || t->extra->joiner))
        misused(__func__);
    bool done = t->extra->done;
    t->extra->detached = true;
    lock_drop(&t->extra->lock);
    if (done)
        collect(t, NULL);
    leave_with(sched_self(), 0);
}
