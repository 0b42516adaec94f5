/* SPDX-License-Identifier: MIT */
/* group - tasks that are waited for together, with the first error of any of them.
 * Job:    mote_group_go and its like, _go_until, _set_limit, _ctx, _cancel, _wait, _wait_until, _wait_ctx.
 * Holds:  GR1 everything under the lock, whose release is the last use of the group by a task that ends: a wait may have returned
 *         then. Before that the task counts (`running`), so nobody frees the group while it sets the error or cancels. GR2 a task
 *         counts from before it is made until its function has ended or it couldn't be made; who waits to start one is handed
 *         the place of one that ends, in order, and counts from then on. So somebody waits only while the limit is reached.
 *         Plain threads wait by nodes (limit.h), so that a runtime's end, which discards the tasks, ends their waits.
 *         GR3 who ends the last task, if somebody waits, or a wait that finds none, ends the round: takes error and context
 *         out of the group, cancels and frees the context, and gives the error to who waited. A late deadline has claimed
 *         its node before: then nobody waited, and the round goes on. GR4 a waiter's mailbox becomes the error; a woken waiter
 *         doesn't touch the group again. GR5 a context that others can see is cancelled if there was an error.
 * Why:    the context is made only for who asks, and error and count change under a lock as in wg.c, so a group costs a task as
 *         much as a wait group does. The task tells of its end by its owner (sched.h): that needs no block for the
 *         arguments and no frame of ours below the task's function, and mote_exit comes that way too.
 */
#include "base/msg.h"
#include "sync/limit.h"

#include <mote/group.h>

#include <errno.h>
#include <limits.h>

/* The public struct, as we see it. */
struct group {
    struct sched_owner owner;
    struct lock lock;
    mote_ctx *parent; /* the users': NULL: the background context */
    /* lock: */
    mote_ctx *ctx; /* of this round; NULL until somebody asks */
    uint32_t running;
    int limit;            /* below 1: none */
    int error;            /* of this round: 0 or the first */
    struct waitq waiters; /* for the end of the round */
    struct waitq held;    /* for a place (GR2) */
};
_Static_assert(sizeof(struct group) <= sizeof(mote_group), "mote_group holds struct group");

static struct group *group_of(mote_group *group)
{
    sched_check_lent(group, "a group");
    return (struct group *)group;
}

static bool is_full(const struct group *g) { return g->limit > 0 && g->running >= (uint32_t)g->limit; }

/* The end of a round */

struct round {
    mote_ctx *ctx;
    int error;
};

/* Lock held. */
static struct round take_round(struct group *g)
{
    struct round round = {g->ctx, g->error};
    g->ctx = NULL;
    g->error = 0;
    return round;
}

static void cancel_and_free(mote_ctx *ctx, int cause)
{
    if (!ctx)
        return;
    mote_ctx_cancel(ctx, cause);
    mote_ctx_free(ctx);
}

/* Lock held, released: nobody runs, and somebody waits, or has until his deadline. */
static NOINLINE void end_round(struct group *g)
{
    struct waitq taken = selection_take_all(&g->waiters);
    struct round round = {0};
    if (taken.first)
        round = take_round(g);
    for (struct task *t = taken.first; t; t = t->next)
        t->mailbox = (uint64_t)round.error;
    lock_drop(&g->lock);
    cancel_and_free(round.ctx, round.error);
    selection_ready_few(taken);
}

/* The end of a task */

/* Lock held, released. */
static ALWAYS_INLINE void give_up_place(struct group *g)
{
    if (--g->running == 0 && g->waiters.first)
        end_round(g);
    else
        lock_drop(&g->lock);
}

/* Lock held, released: somebody waits for a place, or has until a moment ago. */
static NOINLINE void hand_on(struct group *g)
{
    bool too_many = g->limit > 0 && g->running > (uint32_t)g->limit;
    struct task *t = too_many ? NULL : selection_pop(&g->held);
    if (UNLIKELY(!t)) {
        give_up_place(g);
        return;
    }
    lock_drop(&g->lock);
    selection_ready(t);
}

/* Lock held, released. */
static ALWAYS_INLINE void leave(struct group *g)
{
    if (UNLIKELY(g->held.first))
        hand_on(g);
    else
        give_up_place(g);
}

static NOINLINE void leave_carefully(struct group *g)
{
    lock_enter(&g->lock);
    leave(g);
}

/* Sets the error and cancels the context; false: there was one. The reference is for those who don't count. */
static bool fail(struct group *g, int error)
{
    lock_enter(&g->lock);
    bool first = g->error == 0;
    mote_ctx *ctx = NULL;
    if (first) {
        g->error = error;
        ctx = mote_ctx_ref(g->ctx);
    }
    lock_drop(&g->lock);
    cancel_and_free(ctx, error);
    return first;
}

static NOINLINE void fail_and_leave(struct group *g, intptr_t result)
{
    fail(g, result < INT_MIN ? INT_MIN : (int)result);
    leave_carefully(g);
}

/* In the task that ends, or in who couldn't start it. */
static void task_ended(struct sched_owner *owner, intptr_t result)
{
    struct group *g = (struct group *)owner;
    if (UNLIKELY(result < 0))
        fail_and_leave(g, result);
    else if (LIKELY(lock_take_quickly(&g->lock)))
        leave(g);
    else
        leave_carefully(g);
}

/* The start of a task */

/* Lock held, released. 0: self was handed a place (GR2). */
static int wait_for_place(struct group *g)
{
    struct waiting w = {.lock = &g->lock, .queue = &g->held, .wait_on = wait_for(WAIT_GROUP_PLACE, g)};
    struct task *self = sched_self();
    if (UNLIKELY(self->flags & TASK_THREAD))
        return limit_wait(limit_runtime(), &w);
    waitq_push(&g->held, self);
    sched_park(self, &g->lock, wait_for(WAIT_GROUP_PLACE, g));
    return 0;
}

/* Lock held, released. */
static ALWAYS_INLINE void enter(struct group *g)
{
    if (UNLIKELY(!g->owner.ended)) /* once, before there is a task that reads it without the lock */
        g->owner.ended = task_ended;
    g->running++;
    lock_drop(&g->lock);
}

/* Lock held, released. */
static NOINLINE int go_when_handed(struct group *g, const struct mote__site *site, void (*fn)(void),
                                   const intptr_t *args)
{
    int error = wait_for_place(g);
    return error < 0 ? error : sched_go_owned(site, fn, args, &g->owner);
}

/* Lock held, released. Tail calls only. */
static ALWAYS_INLINE int go(struct group *g, const struct mote__site *site, void (*fn)(void), const intptr_t *args)
{
    if (UNLIKELY(is_full(g)))
        return go_when_handed(g, site, fn, args);
    enter(g);
    return sched_go_owned(site, fn, args, &g->owner);
}

static NOINLINE int go_carefully(struct group *g, const struct mote__site *site, void (*fn)(void), const intptr_t *args)
{
    lock_enter(&g->lock);
    return go(g, site, fn, args);
}

PUBLIC int mote__group_go(mote_group *group, const struct mote__site *site, void (*fn)(void), const intptr_t *args)
{
    struct group *g = group_of(group);
    if (LIKELY(lock_take_quickly(&g->lock)))
        return go(g, site, fn, args);
    return go_carefully(g, site, fn, args);
}

PUBLIC int mote__group_try_go(mote_group *group, const struct mote__site *site, void (*fn)(void), const intptr_t *args)
{
    struct group *g = group_of(group);
    lock_enter(&g->lock);
    if (is_full(g)) {
        lock_drop(&g->lock);
        return -EAGAIN;
    }
    enter(g);
    return sched_go_owned(site, fn, args, &g->owner);
}

PUBLIC int mote__group_go_until(struct mote__group_place place, const struct mote__site *site, void (*fn)(void),
                                const intptr_t *args)
{
    struct group *g = group_of(place.group);
    struct waiting w = {.lock = &g->lock, .queue = &g->held, .wait_on = wait_for(WAIT_GROUP_PLACE, g)};
    struct limit limit = limit_until(place.deadline);
    limit.with_runtime = true; /* as wait_limited */
    lock_enter(&g->lock);
    if (is_full(g)) {
        int error = limit_wait(limit, &w); /* GR2: 0: handed a place */
        if (error < 0)
            return error;
    } else {
        enter(g);
    }
    return sched_go_owned(site, fn, args, &g->owner);
}

/* Waits */

static NORETURN COLD void waits_for_itself(void)
{
    msg_fatal("mote_group_wait by a task of the group: it would wait for itself for ever");
}

/* Lock held, released: the round is over. */
static int collect(struct group *g)
{
    struct round round = take_round(g);
    lock_drop(&g->lock);
    cancel_and_free(round.ctx, round.error);
    return round.error;
}

static int wait_limited(mote_group *group, struct limit limit)
{
    struct group *g = group_of(group);
    struct waiting w = {.lock = &g->lock, .queue = &g->waiters, .wait_on = wait_for(WAIT_GROUP_END, g)};
    int error = context_err(limit.ctx);
    if (error < 0)
        return error;
    limit.with_runtime = true; /* nobody else tells a plain thread of tasks that are discarded */
    lock_enter(&g->lock);
    if (g->running == 0)
        return collect(g);
    if (UNLIKELY(sched_own_owner() == &g->owner))
        waits_for_itself();
    error = limit_wait(limit, &w);
    return error < 0 ? error : (int)w.mailbox; /* GR4 */
}

PUBLIC int mote_group_wait(mote_group *group)
{
    struct task *self = sched_self();
    if (UNLIKELY(self->flags & TASK_THREAD))
        return wait_limited(group, limit_until(MOTE_FOREVER));
    struct group *g = group_of(group);
    lock_enter(&g->lock);
    if (g->running == 0)
        return collect(g);
    if (UNLIKELY(sched_own_owner() == &g->owner))
        waits_for_itself();
    waitq_push(&g->waiters, self);
    self = sched_park(self, &g->lock, wait_for(WAIT_GROUP_END, g));
    return (int)self->mailbox; /* GR4 */
}

static int wait_unless_forever(mote_group *group, struct limit limit)
{
    return limit_is_none(limit) ? mote_group_wait(group) : wait_limited(group, limit);
}

PUBLIC int mote_group_wait_until(mote_group *group, int64_t deadline)
{
    return wait_unless_forever(group, limit_until(deadline));
}

PUBLIC int mote_group_wait_ctx(mote_ctx *ctx, mote_group *group) { return wait_unless_forever(group, limit_ctx(ctx)); }

/* What is set */

PUBLIC void mote_group_init(mote_group *group, mote_ctx *parent)
{
    *group_of(group) = (struct group){.parent = parent};
}

PUBLIC void mote_group_set_limit(mote_group *group, int n)
{
    struct group *g = group_of(group);
    struct waitq started = {0};
    lock_take(&g->lock);
    g->limit = n;
    for (struct task *t; !is_full(g) && (t = selection_pop(&g->held)); g->running++)
        selection_gather(&started, t);
    lock_drop(&g->lock);
    selection_ready_few(started);
}

/* Puts made into the group if it has none, and the same error as made was cancelled for: GR5. */
static bool set_ctx(struct group *g, mote_ctx *made, int error)
{
    lock_take(&g->lock);
    bool fits = !g->ctx && g->error == error;
    if (fits)
        g->ctx = made;
    lock_drop(&g->lock);
    return fits;
}

PUBLIC mote_ctx *mote_group_ctx(mote_group *group)
{
    struct group *g = group_of(group);
    for (;;) {
        lock_take(&g->lock);
        mote_ctx *ctx = g->ctx;
        int error = g->error;
        lock_drop(&g->lock);
        if (ctx)
            return ctx;
        mote_ctx *made = mote_ctx_with_cancel(g->parent ? g->parent : mote_ctx_background());
        if (made && error)
            mote_ctx_cancel(made, error);
        if (!made || set_ctx(g, made, error))
            return made;
        mote_ctx_free(made); /* somebody was quicker, or an error came */
    }
}

PUBLIC int mote_group_cancel(mote_group *group, int cause)
{
    struct group *g = group_of(group);
    if (cause > 0)
        return -EINVAL;
    return fail(g, cause ? cause : -ECANCELED) ? 0 : -EALREADY;
}
