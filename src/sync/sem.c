/* SPDX-License-Identifier: MIT */
/* sem - weighted semaphores.
 * Job:    mote_sem_acquire, _try_acquire, _release.
 * Holds:  SE1 everything under the lock, whose release is the last use of the object by who releases units. SE2 first come, first
 *         served: while somebody waits, nobody else takes units. SE3 a waiter's mailbox is what it wants; who wakes it has taken
 *         that for it, so a woken waiter touches nothing.
 */
#include "base/msg.h"
#include "sync/waitq.h"

#include <mote/sync.h>

#include <errno.h>

/* The public struct, as we see it. */
struct sem {
    struct lock lock;
    int64_t units; /* free ones */
    struct waitq waiters;
};
_Static_assert(sizeof(struct sem) <= sizeof(mote_sem), "mote_sem holds struct sem");

static NORETURN COLD void bad_number(const char *call, int64_t n)
{
    msg_fatal("%s: %lld units: a negative number, or more than 2^63 - 1 in all", call, (long long)n);
}

static ALWAYS_INLINE bool available(const struct sem *s, int64_t n) { return s->units >= n && !s->waiters.first; }

static ALWAYS_INLINE void take(struct sem *s, int64_t n)
{
    s->units -= n;
    lock_drop(&s->lock);
}

static NOINLINE void wait_in_line(struct sem *s, struct task *self, int64_t n)
{
    self->mailbox = (uint64_t)n;
    waitq_push(&s->waiters, self);
    sched_park(self, &s->lock, s);
}

static NOINLINE void acquire_carefully(struct sem *s, int64_t n)
{
    lock_take(&s->lock);
    if (available(s, n))
        take(s, n);
    else
        wait_in_line(s, sched_self(), n);
}

PUBLIC void mote_sem_acquire(mote_sem *sem, int64_t n)
{
    struct sem *s = (struct sem *)sem;
    struct self *w = self_read();
    sched_check_lent(s, "a semaphore");
    if (UNLIKELY(n < 0))
        bad_number(__func__, n);
    if (UNLIKELY(!w || !lock_take_quickly(&s->lock)))
        acquire_carefully(s, n);
    else if (LIKELY(available(s, n)))
        take(s, n);
    else
        wait_in_line(s, w->current, n);
}

PUBLIC int mote_sem_try_acquire(mote_sem *sem, int64_t n)
{
    struct sem *s = (struct sem *)sem;
    sched_check_lent(s, "a semaphore");
    if (UNLIKELY(n < 0))
        bad_number(__func__, n);
    lock_take(&s->lock);
    if (available(s, n)) {
        take(s, n);
        return 0;
    }
    lock_drop(&s->lock);
    return -EAGAIN;
}

/* Lock held, released: serves waiters as far as the units go. */
static NOINLINE void serve(struct sem *s)
{
    struct waitq served = {0};
    while (s->waiters.first && s->units >= (int64_t)s->waiters.first->mailbox) {
        struct task *t = waitq_pop(&s->waiters);
        s->units -= (int64_t)t->mailbox;
        waitq_push(&served, t);
    }
    lock_drop(&s->lock);
    waitq_ready(served);
}

/* Lock held, released. */
static ALWAYS_INLINE void release(struct sem *s, int64_t n)
{
    if (UNLIKELY(n < 0 || n > INT64_MAX - s->units))
        bad_number("mote_sem_release", n);
    s->units += n;
    if (UNLIKELY(s->waiters.first))
        serve(s);
    else
        lock_drop(&s->lock);
}

static NOINLINE void release_carefully(struct sem *s, int64_t n)
{
    lock_take(&s->lock);
    release(s, n);
}

PUBLIC void mote_sem_release(mote_sem *sem, int64_t n)
{
    struct sem *s = (struct sem *)sem;
    sched_check_lent(s, "a semaphore");
    if (LIKELY(lock_take_quickly(&s->lock)))
        release(s, n);
    else
        release_carefully(s, n);
}
