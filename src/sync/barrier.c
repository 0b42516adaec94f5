/* SPDX-License-Identifier: MIT */
/* barrier - so many wait for each other.
 * Job:    mote_barrier_init, _wait.
 * Holds:  BA1 everything under the lock. BA2 the last one takes the others out and begins the next round before it wakes them; its
 *         release of the lock is its last use of the object, and a woken one touches nothing.
 */
#include "base/msg.h"
#include "sync/waitq.h"

#include <mote/sync.h>

/* The public struct, as we see it. */
struct barrier {
    struct lock lock;
    uint32_t parties, arrived;
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
    if (b->arrived)
        somebody_waits();
    b->parties = parties;
    lock_drop(&b->lock);
}

/* Lock held, released. */
static NOINLINE int end_round(struct barrier *b)
{
    struct waitq taken = waitq_take_all(&b->waiters);
    b->arrived = 0;
    lock_drop(&b->lock);
    waitq_ready(taken);
    return 1;
}

PUBLIC int mote_barrier_wait(mote_barrier *barrier)
{
    struct barrier *b = (struct barrier *)barrier;
    struct task *self = sched_self();
    sched_check_lent(b, "a barrier");
    lock_take(&b->lock);
    if (UNLIKELY(b->parties == 0))
        no_parties(__func__);
    if (++b->arrived == b->parties)
        return end_round(b);
    waitq_push(&b->waiters, self);
    sched_park(self, &b->lock, b);
    return 0;
}
