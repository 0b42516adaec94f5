/* SPDX-License-Identifier: MIT */
/* wg - wait groups.
 * Job:    mote_wg_add, _done, _wait.
 * Holds:  WG1 state: the count in the upper 32 bits, the number of waiters in the lower. WG2 who brings the count to 0 and
 *         finds no waiters doesn't touch the object again, so a waiter that sees 0 may free it. WG3 with waiters, the one who
 *         brings the count to 0 takes them all out under the lock; they touch nothing afterwards.
 *         WG4 a waiter counts itself by compare-and-swap only while the count is not 0, with the lock held until it parks.
 */
#include "base/msg.h"
#include "sync/waitq.h"

#include <mote/sync.h>

/* The public struct, as we see it. */
struct wg {
    _Atomic uint64_t state;
    struct lock lock;
    uint32_t threads; /* lock */
    struct task *first, *last; /* lock */
};
_Static_assert(sizeof(struct wg) == sizeof(mote_wg), "mote_wg holds struct wg");

#define ONE ((uint64_t)1 << 32)

static int64_t count_of(uint64_t state) { return (int64_t)state >> 32; }

static uint32_t waiters_of(uint64_t state) { return (uint32_t)state; }

/* WG3. The count may have risen again, when the group is used anew at once; the waiters of this round go on all the same. */
static NOINLINE void release_waiters(struct wg *g)
{
    lock_take(&g->lock);
    uint32_t n = waiters_of(atom_load_rlx(&g->state)); /* rlx: changes only under the lock */
    struct waitq taken = {g->first, g->last, n, g->threads};
    g->first = g->last = NULL;
    g->threads = 0;
    atom_sub_seq(&g->state, n); /* [WG zero] what was done -> a waiter that sees 0 without parking */
    lock_drop(&g->lock);
    if (taken.count == 1)
        sched_ready(taken.first);
    else
        waitq_ready_all(taken);
}

PUBLIC void mote_wg_add(mote_wg *wg, int n)
{
    struct wg *g = (struct wg *)wg;
    sched_check_lent(g, "a wait group");
    uint64_t delta = (uint64_t)(int64_t)n << 32;
    uint64_t state = atom_add_seq(&g->state, delta) + delta; /* [WG zero] what was done -> the waiters */
    if (UNLIKELY(count_of(state) < 0))
        msg_fatal("mote_wg_add: the count of the wait group is below zero or above 2^31 - 1: more were done than added?");
    if (count_of(state) == 0 && waiters_of(state))
        release_waiters(g);
}

PUBLIC void mote_wg_done(mote_wg *wg) { mote_wg_add(wg, -1); }

PUBLIC void mote_wg_wait(mote_wg *wg)
{
    struct wg *g = (struct wg *)wg;
    if (count_of(atom_load_acq(&g->state)) == 0) /* [WG zero] pairs with mote_wg_add */
        return;
    sched_check_lent(g, "a wait group");
    lock_take(&g->lock);
    uint64_t state = atom_load_acq(&g->state); /* [WG zero] */
    do {
        if (count_of(state) == 0) {
            lock_drop(&g->lock);
            return;
        }
    } while (!atom_cas_seq(&g->state, &state, state + 1)); /* [WG zero] WG4 */
    struct task *self = sched_self();
    struct waitq q = {g->first, g->last, 0, g->threads};
    waitq_push(&q, self);
    g->first = q.first, g->last = q.last, g->threads = q.threads;
    sched_park(self, &g->lock, g);
}
