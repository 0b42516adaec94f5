/* SPDX-License-Identifier: MIT */
/* wg - wait groups.
 * Job:    mote_wg_add, _done, _wait, _wait_until, _wait_ctx.
 * Holds:  WG1 everything under the lock. WG2 who brings the count to 0 takes all waiters out; his release of the lock is his last
 *         use of the object. WG3 who waits takes the lock even to see a count of 0: so the release of whoever made it 0 has
 *         happened, and the object may be freed. A woken waiter doesn't touch it again; one
 *         whose limit came does, so the object must outlive such a wait.
 * Why:    a lock, not an atomic counter: it costs the same read-modify-write, and none at all while it is biased (lock.h).
 */
#include "base/msg.h"
#include "sync/limit.h"

#include <mote/sync.h>

/* The public struct, as we see it. */
struct wg {
    struct lock lock;
    int32_t count;
    struct waitq waiters;
};
_Static_assert(sizeof(struct wg) <= sizeof(mote_wg), "mote_wg holds struct wg");

/* Lock held, released: the count has come to 0 and somebody waits (WG2). */
static NOINLINE void wake_all(struct wg *g)
{
    struct waitq taken = selection_take_all(&g->waiters);
    lock_drop(&g->lock);
    selection_ready_few(taken);
}

static NORETURN COLD void bad_count(void)
{
    msg_fatal("mote_wg_add: the count of the wait group is below zero or above 2^31 - 1: more were done than added?");
}

/* Lock held, released. */
static ALWAYS_INLINE void add(struct wg *g, int n)
{
    int64_t count = (int64_t)g->count + n;
    if (UNLIKELY((uint64_t)count > INT32_MAX))
        bad_count();
    g->count = (int32_t)count;
    if (count == 0 && g->waiters.first)
        wake_all(g);
    else
        lock_drop(&g->lock);
}

static NOINLINE void add_carefully(struct wg *g, int n)
{
    lock_enter(&g->lock);
    add(g, n);
    lock_left();
}

static ALWAYS_INLINE void check_and_add(mote_wg *wg, int n)
{
    struct wg *g = (struct wg *)wg;
    sched_check_lent(g, "a wait group");
    if (LIKELY(lock_take_quickly(&g->lock)))
        add(g, n);
    else
        add_carefully(g, n);
}

PUBLIC void mote_wg_add(mote_wg *wg, int n) { check_and_add(wg, n); }

PUBLIC void mote_wg_done(mote_wg *wg) { check_and_add(wg, -1); }

/* Lock held, released. */
static NOINLINE void park_to_wait(struct wg *g, struct task *self)
{
    waitq_push(&g->waiters, self);
    sched_park(self, &g->lock, wait_for(WAIT_WG, g));
}

static NOINLINE void wait_carefully(struct wg *g)
{
    lock_enter(&g->lock);
    if (g->count == 0)
        lock_drop(&g->lock);
    else
        park_to_wait(g, sched_self());
}

PUBLIC void mote_wg_wait(mote_wg *wg)
{
    struct wg *g = (struct wg *)wg;
    struct self *w = self_read();
    sched_check_lent(g, "a wait group");
    if (UNLIKELY(!w || !lock_take_quickly(&g->lock)))
        wait_carefully(g);
    else if (g->count == 0)
        lock_drop(&g->lock);
    else
        park_to_wait(g, w->current);
}

static int wait_limited(mote_wg *wg, struct limit limit)
{
    struct wg *g = (struct wg *)wg;
    struct waiting w = {.lock = &g->lock, .queue = &g->waiters, .wait_on = wait_for(WAIT_WG, g)};
    int error = context_err(limit.ctx);
    if (error < 0)
        return error;
    sched_check_lent(g, "a wait group");
    lock_enter(&g->lock);
    if (g->count > 0)
        return limit_wait(limit, &w);
    lock_drop(&g->lock);
    return 0;
}

PUBLIC int mote_wg_wait_until(mote_wg *wg, int64_t deadline) { return wait_limited(wg, limit_until(deadline)); }

PUBLIC int mote_wg_wait_ctx(mote_ctx *ctx, mote_wg *wg) { return wait_limited(wg, limit_ctx(ctx)); }
