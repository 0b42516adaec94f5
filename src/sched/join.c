/* SPDX-License-Identifier: MIT */
/* join - waiting for a task's end.
 * Job:    mote_join, mote_join_until, mote_detach, and the end's side of them.
 * Holds:  J1 a joinable task's record outlives the task until it is joined or detached: whoever comes second, the end or the
 *         joiner, frees it; extra->lock decides. J2 the end is published only when the task has left its stack (task_retire
 *         runs in the next context), so the joiner may free the record at once. J3 who clears extra->joiner makes it ready:
 *         the end or the deadline, never both. J4 a handle is the record's address with 22 bits of the task's number where
 *         addresses have none, so that one which was joined or detached before is recognised: its record is free, or it is
 *         another task's by now. Only misuse by two threads at the same moment can go unnoticed.
 *         J5 a plain thread is inside the runtime (runtime_enter) but for the time that it is parked: who wakes it enters for it.
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
    extra->joiner = NULL;
    extra->done = true;
    atom_store_rlx(&t->state, TASK_DONE); /* rlx: for reports */
    if (joiner) {
        joiner->status = 0;
        enter_for(joiner);
    }
    lock_drop(&extra->lock);
    if (joiner)
        sched_ready(joiner); /* t may be gone from here on */
    return detached;
}

/* Records lie at multiples of 64, below 2^48. */
#define TAG_BITS ((uintptr_t)0xffff << 48 | 63)

static uintptr_t tag_of(const struct task *t) { return ((uintptr_t)t->id_low << 42 | (t->id_low & 63)) & TAG_BITS; }

mote_task *join_handle(const struct task *t) { return (mote_task *)((uintptr_t)t | tag_of(t)); }

static NORETURN COLD void misused(const char *call)
{
    char text[80];
    task_describe(sched_self(), text, sizeof text);
    msg_fatal("%s by task %s: the task it is called for was joined or detached before: do one of the two, once", call,
              text);
}

/* The record behind a handle, 0: the caller calls leave_with later; stops the program if the handle is stale (J4). Not by t->flags, which the task itself changes: its
 * extra is there before it starts, and until it is freed. */
static int find(mote_task *task, const char *call, struct task **out)
{
    if (!task)
        return -EINVAL;
    if (!worker_self() && !runtime_enter()) /* the records end with the runtime; J5 */
        return -ESHUTDOWN;
    struct task *t = *out = (struct task *)((uintptr_t)task & ~TAG_BITS);
    bool same = join_handle(t) == task && atom_load_rlx(&t->state) != TASK_FREE; /* rlx: only misuse races */
    if (UNLIKELY(!same || !t->extra || !t->extra->joinable))
        misused(call);
    return 0;
}

/* Until who wakes self has entered for it. */
static void park_to_join(struct task *self, struct task *t)
{
    leave_with(self, 0);
    sched_park(self, &t->extra->lock, t);
}

/* What the end left, and the end of the record. */
static int collect(struct task *t, intptr_t *result)
{
    struct worker *w = worker_self();
    if (result)
        *result = (intptr_t)t->mailbox;
    task_free(w ? w->proc : NULL, t);
    return 0;
}

/* With the lock held: 1 when it has ended, 0 when self waits now, or an error; the lock is released unless 0. */
static int begin(struct task *t, struct task *self, const char *call)
{
    struct task_extra *extra = t->extra;
    if (UNLIKELY(extra->detached))
        misused(call);
    int state = extra->done ? 1 : extra->joiner ? -EINVAL : 0;
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
    lock_take(&t->extra->lock);
    state = begin(t, self, __func__);
    if (state < 0)
        return leave_with(self, state);
    if (state == 0)
        park_to_join(self, t);
    return leave_with(self, collect(t, result));
}

/* Lives on the heap: the deadline may fire while the joiner's stack is elsewhere (S2). */
struct timed_join {
    struct timer timer;
    struct task *target, *joiner;
};

static void on_deadline(struct timer *timer)
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
    struct timed_join *j = malloc(sizeof *j);
    if (!j)
        return leave_with(self, -ENOMEM);
    *j = (struct timed_join){.timer = {.when = deadline, .fire = on_deadline}, .target = t, .joiner = self};
    lock_take(&t->extra->lock);
    state = begin(t, self, __func__);
    if (state == 0) {
        self->status = 0;
        /* Lock order: extra, then the heap. The deadline takes extra's lock without the heap's. */
        int error = sched_timer_add(&j->timer);
        if (error < 0) {
            t->extra->joiner = NULL;
            lock_drop(&t->extra->lock);
            free(j);
            return leave_with(self, error);
        }
        park_to_join(self, t);
        timer_cancel(&j->timer);
        state = self->status < 0 ? self->status : 1;
    }
    free(j);
    return leave_with(self, state < 0 ? state : collect(t, result));
}

PUBLIC void mote_detach(mote_task *task)
{
    struct task *t;
    if (find(task, __func__, &t) < 0)
        return;
    lock_take(&t->extra->lock);
    if (UNLIKELY(t->extra->detached || t->extra->joiner))
        misused(__func__);
    bool done = t->extra->done;
    t->extra->detached = true;
    lock_drop(&t->extra->lock);
    if (done)
        collect(t, NULL);
    leave_with(sched_self(), 0);
}
