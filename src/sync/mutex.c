/* SPDX-License-Identifier: MIT */
/* mutex - one at a time, for sections that may wait.
 * Job:    mote_mutex_lock, _try_lock, _unlock; the queue that conditions move their waiters to.
 * Holds:  MU1 everything under the lock, whose release is the last use of the object by who unlocks. MU2 unlocking wakes at
 *         most one waiter to try again, and no other before that one has tried: `woken`. It is the oldest, and goes back to the
 *         front when somebody was quicker. MU3 who has been overtaken PASSES times, or waits for longer than PATIENCE, when its turn
 *         comes, has the mutex handed over: `owner` is never NULL in between, so nobody can be quicker. MU4 a waiter's status says
 *         which of the two it was: 0: handed over; -EAGAIN: try again. Its mailbox says how long it has waited, how often it was
 *         overtaken, its wait_on which mutex it is: who unlocks can see that, and nothing of it lies on the stack of a parked task.
 * Why:    always to hand over costs a switch for every section as soon as two tasks meet; never to do it lets one that locks
 *         again and again keep the others out. A lock and an owner, not an atomic word of its own: it costs the same two
 *         read-modify-writes, none while it is biased, and a condition can move its waiters.
 */
#include "sync/mutex.h"

#include "base/msg.h"
#include "base/os.h"

#include <errno.h>

#define PASSES 4
#define PATIENCE INT64_C(1000000)
#ifndef MUTEX_SPINS
#define MUTEX_SPINS 4
#define MUTEX_PAUSES 64
#endif

/* A waiter's mailbox: since when, but for the last 8 bits, which count how often it was overtaken. */
#define OVERTAKEN UINT64_C(0xff)

uint64_t mutex_since(void) { return (uint64_t)os_now() & ~OVERTAKEN; }

static bool is_impatient(const struct task *t)
{
    uint64_t since = t->mailbox & ~OVERTAKEN;
    return (t->mailbox & OVERTAKEN) >= PASSES || (int64_t)((uint64_t)os_now() - since) > PATIENCE;
}

static NORETURN COLD void locked_twice(void)
{
    msg_fatal("mote_mutex_lock: the caller has locked this mutex already: it would wait for itself for ever");
}

static NORETURN COLD void not_locked(void) { msg_fatal("mote_mutex_unlock: nobody has locked this mutex"); }

/* In what follows the lock is held on entry, and released on return unless said otherwise. */

static ALWAYS_INLINE void take(struct mutex *m, struct task *self)
{
    m->owner = self;
    lock_drop(&m->lock);
}

/* Looks a few times more, if its owner may be running: somebody else is awake. Whether it is free; the lock is held either way. */
static bool spin(struct mutex *m)
{
    struct self *w = self_read();
    if (w && atom_load_rlx(&w->bias)) /* rlx: a hint */
        return false;
    for (int round = 0; m->owner && round < MUTEX_SPINS; round++) {
        lock_drop(&m->lock);
        for (int i = 0; i < MUTEX_PAUSES; i++)
            cpu_relax();
        lock_take(&m->lock);
    }
    return !m->owner;
}

/* Self is in the queue. Nothing is kept across the park: see MU4. Calls itself by way of mutex_try_until_got, at most PASSES + 1 times deep
 * (MU3). */
static NOINLINE void park_and_get(struct mutex *m, struct task *self) { mutex_woken(sched_park(self, &m->lock, m)); }

/* Somebody has it. */
static NOINLINE void wait_in_line(struct mutex *m, struct task *self)
{
    if (UNLIKELY(m->owner == self))
        locked_twice();
    if (spin(m)) {
        take(m, self);
        return;
    }
    mutex_adopt(m, self, mutex_since());
    waitq_push(&m->waiters, self);
    park_and_get(m, self);
}

/* Whether it was got; if not, self stands at the front again. */
static bool try_again(struct mutex *m, struct task *self)
{
    lock_take(&m->lock);
    bool is_free = !m->owner || spin(m);
    m->woken = false;
    if (is_free) {
        take(m, self);
        return true;
    }
    self->mailbox += (self->mailbox & OVERTAKEN) < OVERTAKEN;
    waitq_push_front(&m->waiters, self);
    return false;
}

NOINLINE void mutex_try_until_got(struct task *self)
{
    struct mutex *m = (struct mutex *)(uintptr_t)self->wait_on;
    if (!try_again(m, self))
        park_and_get(m, self);
}

static NOINLINE void lock_carefully(struct mutex *m)
{
    struct task *self = sched_self();
    lock_take(&m->lock);
    if (LIKELY(!m->owner))
        take(m, self);
    else
        wait_in_line(m, self);
}

PUBLIC void mote_mutex_lock(mote_mutex *mutex)
{
    struct mutex *m = (struct mutex *)mutex;
    struct self *w = self_read();
    sched_check_lent(m, "a mutex");
    if (UNLIKELY(!w || !lock_take_quickly(&m->lock)))
        lock_carefully(m);
    else if (LIKELY(!m->owner))
        take(m, w->current);
    else
        wait_in_line(m, w->current);
}

PUBLIC int mote_mutex_try_lock(mote_mutex *mutex)
{
    struct mutex *m = (struct mutex *)mutex;
    struct task *self = sched_self();
    sched_check_lent(m, "a mutex");
    lock_take(&m->lock);
    if (!m->owner) {
        take(m, self);
        return 0;
    }
    lock_drop(&m->lock);
    return -EAGAIN;
}

/* The mutex goes to its oldest waiter, or is free and that one is woken to try. */
static NOINLINE void wake_oldest(struct mutex *m)
{
    struct task *t = waitq_pop(&m->waiters);
    bool handed = is_impatient(t);
    m->owner = handed ? t : NULL;
    m->woken = !handed;
    t->status = handed ? 0 : -EAGAIN;
    lock_drop(&m->lock);
    sched_ready(t);
}

static ALWAYS_INLINE void unlock(struct mutex *m)
{
    if (UNLIKELY(!m->owner))
        not_locked();
    if (UNLIKELY(m->waiters.first && !m->woken)) {
        wake_oldest(m);
        return;
    }
    m->owner = NULL;
    lock_drop(&m->lock);
}

NOINLINE void mutex_unlock(struct mutex *m)
{
    lock_take(&m->lock);
    unlock(m);
}

PUBLIC void mote_mutex_unlock(mote_mutex *mutex)
{
    struct mutex *m = (struct mutex *)mutex;
    if (LIKELY(lock_take_quickly(&m->lock)))
        unlock(m);
    else
        mutex_unlock(m);
}

void mutex_enqueue(struct mutex *m, struct waitq list)
{
    lock_take(&m->lock);
    waitq_append(&m->waiters, list);
    if (m->owner || m->woken)
        lock_drop(&m->lock);
    else
        wake_oldest(m);
}
