/* SPDX-License-Identifier: MIT */
/* mutex - one at a time, for sections that may wait.
 * Job:    mote_mutex_lock, _lock_until, _lock_ctx, _try_lock, _unlock; the queue that conditions move their waiters to.
 * Holds:  MU1 everything under the lock, whose release is the last use of the object by who unlocks. MU2 unlocking wakes at
 *         most one waiter to try again, and no other before that one has tried: `woken`. It is the oldest, and goes back to the
 *         front when somebody was quicker. MU3 who has been overtaken PASSES times, or waits for longer than PATIENCE, when its
 *         turn comes, has the mutex handed over: `owner` is never NULL in between, so nobody can be quicker. MU4 a waiter's
 *         status says which of the two it was: 0: handed over; -EAGAIN: try again. Its mailbox says how long it has waited, how
 *         often it was overtaken, its wait_on which mutex it is: who unlocks can see that, and nothing of it lies on the stack
 *         of a parked task. MU5 waiters with a limit stand in the queue by nodes, whose status and mailbox are MU4's. One that
 *         is woken to try again isn't waiting any more: it tries, whatever has become of its limit, and only then, `woken`
 *         cleared, may give up. So who gives up owes nobody anything: the mutex has an owner, or somebody else is on his way.
 * Why:    always to hand over costs a switch for every section as soon as two tasks meet; never to do it lets one that locks
 *         again and again keep the others out. A lock and an owner, not an atomic word of its own: it costs the same two
 *         read-modify-writes, none while it is biased, and a condition can move its waiters.
 */
#include "sync/mutex.h"

#include "base/msg.h"
#include "base/os.h"
#include "sync/limit.h"

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

NORETURN COLD void mutex_not_locked(void) { msg_fatal("mote_mutex_unlock: nobody has locked this mutex"); }

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

/* Self is in the queue. Nothing is kept across the park: see MU4. Calls itself by way of mutex_try_until_got, at most PASSES +
 * 1 times deep (MU3). */
static NOINLINE void park_and_get(struct mutex *m, struct task *self)
{
    mutex_woken(sched_park(self, &m->lock, wait_for(WAIT_MUTEX, m)));
}

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

/* Whether it was got; if not, the lock is held, and self must go to the front again or give up. */
static bool try_again(struct mutex *m, struct task *self, uint64_t *waited)
{
    lock_take(&m->lock);
    bool is_free = !m->owner || spin(m);
    m->woken = false;
    if (is_free)
        take(m, self);
    else
        *waited += (*waited & OVERTAKEN) < OVERTAKEN;
    return is_free;
}

NOINLINE void mutex_try_until_got(struct task *self)
{
    struct mutex *m = (struct mutex *)wait_object(self->wait_on);
    if (try_again(m, self, &self->mailbox))
        return;
    selection_push_first(&m->waiters, self);
    park_and_get(m, self);
}

static NOINLINE void lock_carefully(struct mutex *m)
{
    struct task *self = sched_self();
    lock_enter(&m->lock);
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

/* Somebody has it. MU5 */
static int wait_limited(struct mutex *m, struct task *self, struct limit limit)
{
    if (UNLIKELY(m->owner == self))
        locked_twice();
    if (spin(m)) {
        take(m, self);
        return 0;
    }
    struct waiting w = {
        .lock = &m->lock, .queue = &m->waiters, .mailbox = mutex_since(), .wait_on = wait_for(WAIT_MUTEX, m)};
    int error;
    while ((error = limit_wait(limit, &w)) == 0 && w.status != 0 && !try_again(m, self, &w.mailbox))
        w.first = true;
    return error;
}

static int lock_limited(mote_mutex *mutex, struct limit limit)
{
    struct mutex *m = (struct mutex *)mutex;
    struct task *self = sched_self();
    int error = context_err(limit.ctx);
    sched_check_lent(m, "a mutex");
    if (error < 0)
        return error;
    if (limit_is_none(limit)) {
        mote_mutex_lock(mutex);
        return 0;
    }
    lock_enter(&m->lock);
    if (m->owner)
        return wait_limited(m, self, limit);
    take(m, self);
    return 0;
}

PUBLIC int mote_mutex_lock_until(mote_mutex *mutex, int64_t deadline)
{
    return lock_limited(mutex, limit_until(deadline));
}

PUBLIC int mote_mutex_lock_ctx(mote_ctx *ctx, mote_mutex *mutex) { return lock_limited(mutex, limit_ctx(ctx)); }

PUBLIC int mote_mutex_try_lock(mote_mutex *mutex)
{
    struct mutex *m = (struct mutex *)mutex;
    struct task *self = sched_self();
    sched_check_lent(m, "a mutex");
    lock_enter(&m->lock);
    if (!m->owner) {
        take(m, self);
        return 0;
    }
    lock_drop(&m->lock);
    return -EAGAIN;
}

/* The mutex goes to its oldest waiter, or is free and that one is woken to try. All may have given up. */
static NOINLINE void wake_oldest(struct mutex *m)
{
    struct task *t = selection_pop(&m->waiters);
    bool handed = t && is_impatient(t);
    m->owner = handed ? selection_who(t) : NULL;
    m->woken = t && !handed;
    if (LIKELY(t != NULL))
        t->status = handed ? 0 : -EAGAIN;
    lock_drop(&m->lock);
    if (LIKELY(t != NULL))
        selection_ready(t);
}

static ALWAYS_INLINE void unlock(struct mutex *m)
{
    if (UNLIKELY(!m->owner))
        mutex_not_locked();
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

/* Not mutex_unlock, whose caller may hold a condition's lock. */
static NOINLINE void unlock_carefully(struct mutex *m)
{
    lock_enter(&m->lock);
    unlock(m);
    lock_left();
}

PUBLIC void mote_mutex_unlock(mote_mutex *mutex)
{
    struct mutex *m = (struct mutex *)mutex;
    if (LIKELY(lock_take_quickly(&m->lock)))
        unlock(m);
    else
        unlock_carefully(m);
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
