/* SPDX-License-Identifier: MIT */
/* sem - weighted semaphores.
 * Job:    mote_sem_acquire, _acquire_until, _acquire_ctx, _try_acquire, _release.
 * Holds:  SE1 everything under the lock, whose release is the last use of the object by who releases units. SE2 first come, first
 *         served: while somebody waits, nobody else takes units. SE3 a waiter's mailbox is what it wants; who wakes it has taken
 *         that for it, so a woken waiter touches nothing. SE4 who gives up serves those that stood behind it.
 */
#include "base/msg.h"
#include "sync/limit.h"

#include <mote/sync.h>

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
    sched_park(self, &s->lock, wait_for(WAIT_SEM, s));
}

static NOINLINE void acquire_carefully(struct sem *s, int64_t n)
{
    lock_enter(&s->lock);
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
    lock_enter(&s->lock);
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
    struct task *t;
    while ((t = s->waiters.first) && s->units >= (int64_t)t->mailbox) {
        waitq_drop(&s->waiters, t);
        if (!selection_claim(t))
            continue;
        s->units -= (int64_t)t->mailbox;
        selection_gather(&served, t);
    }
    lock_drop(&s->lock);
    selection_ready_few(served);
}

static int acquire_limited(mote_sem *sem, int64_t n, struct limit limit, const char *call)
{
    struct sem *s = (struct sem *)sem;
    struct waiting w = {
        .lock = &s->lock, .queue = &s->waiters, .mailbox = (uint64_t)n, .wait_on = wait_for(WAIT_SEM, s)};
    int error = context_err(limit.ctx);
    sched_check_lent(s, "a semaphore");
    if (UNLIKELY(n < 0))
        bad_number(call, n);
    if (error < 0)
        return error;
    lock_enter(&s->lock);
    if (available(s, n)) {
        take(s, n);
        return 0;
    }
    error = limit_wait(limit, &w);
    if (error < 0) {
        lock_take(&s->lock);
        serve(s); /* SE4 */
    }
    return error;
}

PUBLIC int mote_sem_acquire_until(mote_sem *sem, int64_t n, int64_t deadline)
{
    return acquire_limited(sem, n, limit_until(deadline), __func__);
}

PUBLIC int mote_sem_acquire_ctx(mote_ctx *ctx, mote_sem *sem, int64_t n)
{
    return acquire_limited(sem, n, limit_ctx(ctx), __func__);
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
    lock_enter(&s->lock);
    release(s, n);
    lock_left();
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
