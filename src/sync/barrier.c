/* SPDX-License-Identifier: MIT */
/* barrier - so many wait for each other.
 * Job:    mote_barrier_init, _wait, _wait_until.
 * Holds:  BA1 everything under the lock. BA2 the last one takes the others out and begins the next round before it wakes them; its
 *         release of the lock is its last use of the object, and a woken one touches nothing. BA3 who is in the queue has
 *         arrived: who gives up leaves the round by leaving that. One whose deadline has come, but whom the last one has taken
 *         out, is in the round that ended.
 */
#include "base/msg.h"
#include "sync/limit.h"

#include <mote/sync.h>

/* The public struct, as we see it. */
struct barrier {
    struct lock lock;
    uint32_t parties;
    struct waitq waiters;
};
_Static_assert(sizeof(struct barrier) <= sizeof(mote_barrier), "mote_barrier holds struct barrier");

static NORETURN COLD void no_parties(const char *call)
{
    msg_fatal("%s: a barrier for nobody: say for how many by MOTE_BARRIER or mote_barrier_init", call);
}

static NORETURN COLD void somebody_waits(void) { msg_fatal("mote_barrier_init: somebody waits at this barrier"); }

PUBLIC void mote_barrier_init(mote_barrier *barrier, uint32_t parties)
{
    struct barrier *b = (struct barrier *)barrier;
    sched_check_lent(b, "a barrier");
    if (parties == 0)
        no_parties(__func__);
    lock_take(&b->lock);
    if (b->waiters.first)
        somebody_waits();
    b->parties = parties;
    lock_drop(&b->lock);
}

/* Lock held, released. */
static NOINLINE int end_round(struct barrier *b)
{
    struct waitq taken = selection_take_all(&b->waiters);
    lock_drop(&b->lock);
    selection_ready_few(taken);
    return 1;
}

static ALWAYS_INLINE bool is_last(const struct barrier *b, const char *call)
{
    if (UNLIKELY(b->parties == 0))
        no_parties(call);
    return b->waiters.count + 1 == b->parties;
}

PUBLIC int mote_barrier_wait(mote_barrier *barrier)
{
    struct barrier *b = (struct barrier *)barrier;
    struct task *self = sched_self();
    sched_check_lent(b, "a barrier");
    lock_enter(&b->lock);
    if (is_last(b, __func__))
        return end_round(b);
    waitq_push(&b->waiters, self);
    sched_park(self, &b->lock, wait_for(WAIT_BARRIER, b));
    return 0;
}

PUBLIC int mote_barrier_wait_until(mote_barrier *barrier, int64_t deadline)
{
    struct barrier *b = (struct barrier *)barrier;
    struct waiting w = {.lock = &b->lock, .queue = &b->waiters, .wait_on = wait_for(WAIT_BARRIER, b)};
    sched_check_lent(b, "a barrier");
    lock_enter(&b->lock);
    if (is_last(b, __func__))
        return end_round(b);
    int error = limit_wait(limit_until(deadline), &w);
    return w.dropped ? 0 : error; /* BA3 */
}
