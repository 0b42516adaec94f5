/* SPDX-License-Identifier: MIT */
/* cond - conditions.
 * Job:    mote_cond_wait, _wait_until, _wait_ctx, _signal, _broadcast.
 * Holds:  CO1 the queue under the lock. Who waits unlocks its mutex while it holds the condition's lock, so nobody who has locked
 *         that since then can signal too early. CO2 who signals takes waiters out of the queue and, with the lock released, puts
 *         them into the queue of their mutex: there is no herd. The mutex is alive, for they are going to lock it. CO3 in the
 *         condition's queue a waiter's mailbox is the address of its mutex; in the mutex's, its wait_on is (MU4).
 *         CO4 a waiter with a limit stands in the condition's queue by a node. Who signals claims it, and then moves the task or
 *         thread itself to the mutex's queue, once it is switched out, and as any other: its limit has no say any more.
 * Why:    the queues are joined, not the tasks woken, so a million waiters are switched to once each.
 */
#include "base/msg.h"
#include "sync/limit.h"
#include "sync/mutex.h"

#include <mote/sync.h>

/* The public struct, as we see it. */
struct cond {
    struct lock lock;
    struct waitq waiters;
};
_Static_assert(sizeof(struct cond) <= sizeof(mote_cond), "mote_cond holds struct cond");

static struct mutex *mutex_of(const struct task *t) { return (struct mutex *)(uintptr_t)t->mailbox; }

static NOINLINE void park_and_lock(struct cond *c, struct task *self)
{
    mutex_woken(sched_park(self, &c->lock, wait_for(WAIT_COND, c)));
}

PUBLIC void mote_cond_wait(mote_cond *cond, mote_mutex *mutex)
{
    struct cond *c = (struct cond *)cond;
    struct mutex *m = (struct mutex *)mutex;
    struct task *self = sched_self();
    sched_check_lent(c, "a condition");
    lock_enter(&c->lock);
    self->mailbox = (uintptr_t)m;
    waitq_push(&c->waiters, self);
    mutex_unlock(m);
    park_and_lock(c, self);
}

static int wait_and_relock(mote_cond *cond, mote_mutex *mutex, struct limit limit)
{
    struct cond *c = (struct cond *)cond;
    struct waiting w = {
        .lock = &c->lock, .queue = &c->waiters, .mailbox = (uintptr_t)mutex, .wait_on = wait_for(WAIT_COND, c)};
    int error = context_err(limit.ctx);
    sched_check_lent(c, "a condition");
    if (UNLIKELY(!((const struct mutex *)mutex)->owner)) /* the caller's, or it is free; also when the limit is over */
        mutex_not_locked();
    if (error < 0)
        return error;
    if (limit_is_none(limit)) {
        mote_cond_wait(cond, mutex);
        return 0;
    }
    lock_enter(&c->lock);
    error = limit_queue(limit, &w);
    if (error == 0)
        mutex_unlock((struct mutex *)mutex);
    lock_drop(&c->lock);
    if (error == -ETIMEDOUT)
        limit_missed(limit);
    if (error < 0)
        return error;
    error = limit_finish(limit, &w);
    if (error < 0)
        mote_mutex_lock(mutex);
    else
        mutex_woken(sched_self());
    return error;
}

PUBLIC int mote_cond_wait_until(mote_cond *cond, mote_mutex *mutex, int64_t deadline)
{
    return wait_and_relock(cond, mutex, limit_until(deadline));
}

PUBLIC int mote_cond_wait_ctx(mote_ctx *ctx, mote_cond *cond, mote_mutex *mutex)
{
    return wait_and_relock(cond, mutex, limit_ctx(ctx));
}

/* Those at the front of the list that wait for the same mutex m. */
static struct waitq split_off(struct waitq *list, struct mutex *m)
{
    struct waitq same = {0};
    uint64_t since = mutex_since();
    while (list->first && mutex_of(list->first) == m) {
        struct task *t = selection_task(waitq_pop(list)); /* CO4 */
        mutex_adopt(m, t, since);
        waitq_push(&same, t);
    }
    return same;
}

/* Out of the condition's queue, its lock released. */
static void pass_on(struct waitq list)
{
    while (list.first) {
        struct mutex *m = mutex_of(list.first);
        mutex_enqueue(m, split_off(&list, m));
    }
}

PUBLIC void mote_cond_signal(mote_cond *cond)
{
    struct cond *c = (struct cond *)cond;
    struct waitq one = {0};
    sched_check_lent(c, "a condition");
    lock_enter(&c->lock);
    struct task *t = selection_pop(&c->waiters);
    lock_drop(&c->lock);
    if (t) {
        waitq_push(&one, t);
        pass_on(one);
    }
}

PUBLIC void mote_cond_broadcast(mote_cond *cond)
{
    struct cond *c = (struct cond *)cond;
    sched_check_lent(c, "a condition");
    lock_enter(&c->lock);
    struct waitq list = selection_take_all(&c->waiters);
    lock_drop(&c->lock);
    pass_on(list);
}
