/* SPDX-License-Identifier: MIT */
/* cond - conditions.
 * Job:    mote_cond_wait, _signal, _broadcast.
 * Holds:  CO1 the queue under the lock. Who waits unlocks its mutex while it holds the condition's lock, so nobody who has locked
 *         that since then can signal too early. CO2 who signals takes waiters out of the queue and, with the lock released, puts
 *         them into the queue of their mutex: there is no herd. The mutex is alive, for they are going to lock it. CO3 in the
 *         condition's queue a waiter's mailbox is the address of its mutex; in the mutex's, its wait_on is (MU4).
 * Why:    the queues are joined, not the tasks woken, so a million waiters are switched to once each.
 */
#include "base/msg.h"
#include "sync/mutex.h"

#include <mote/sync.h>

/* The public struct, as we see it. */
struct cond {
    struct lock lock;
    struct waitq waiters;
};
_Static_assert(sizeof(struct cond) <= sizeof(mote_cond), "mote_cond holds struct cond");

static struct mutex *mutex_of(const struct task *t) { return (struct mutex *)(uintptr_t)t->mailbox; }

static NOINLINE void park_and_lock(struct cond *c, struct task *self) { mutex_woken(sched_park(self, &c->lock, c)); }

PUBLIC void mote_cond_wait(mote_cond *cond, mote_mutex *mutex)
{
    struct cond *c = (struct cond *)cond;
    struct mutex *m = (struct mutex *)mutex;
    struct task *self = sched_self();
    sched_check_lent(c, "a condition");
    lock_take(&c->lock);
    self->mailbox = (uintptr_t)m;
    waitq_push(&c->waiters, self);
    mutex_unlock(m);
    park_and_lock(c, self);
}

/* Those at the front of the list that wait for the same mutex m. */
static struct waitq split_off(struct waitq *list, struct mutex *m)
{
    struct waitq same = {0};
    uint64_t since = mutex_since();
    while (list->first && mutex_of(list->first) == m) {
        struct task *t = waitq_pop(list);
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
    lock_take(&c->lock);
    struct task *t = waitq_pop(&c->waiters);
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
    lock_take(&c->lock);
    struct waitq list = waitq_take_all(&c->waiters);
    lock_drop(&c->lock);
    pass_on(list);
}
