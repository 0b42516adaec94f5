/* SPDX-License-Identifier: MIT */
/* clock - timers and tickers for users.
 * Job:    mote_after, mote_timer_*, mote_ticker_*, mote_sleep_ctx.
 * Holds:  T1 c->lock orders those who set and stop; the timer's function doesn't take it, for timer_cancel waits for that
 *         function under it. T2 nothing of an old setting can be observed: when timer_cancel has returned, the function has
 *         returned, so what it sent is in the channel, where it is taken back, or was received before; and a task that it
 *         started compares `setting` before it calls the user. T3 a task that was started has a reference.
 * Why:    a user's function runs in a task, for timers fire on a worker's own stack, where nobody may wait.
 */
#include "base/os.h"
#include "sched/sched.h"
#include "sched/timer.h"
#include "sync/chan.h"

#include <mote/context.h>
#include <mote/task.h>
#include <mote/time.h>

#include <errno.h>
#include <stdlib.h>

#define RETRY (1 * MOTE_MS) /* when there was no memory for a task */

struct mote_timer {
    struct timer timer; /* first; TIMER_KEPT */
    struct lock lock;
    _Atomic uint32_t refs;
    uint32_t setting;         /* lock: changes with every setting and when one has happened or is taken back */
    bool pending;             /* lock: set, and the function hasn't begun */
    int64_t period;           /* lock, and only while not armed: 0 for a timer */
    struct mote__chan *chan;  /* immutable; NULL: a function */
    void (*function)(void *); /* immutable */
    void *arg;                /* immutable */
};

static int64_t from_now(int64_t ns)
{
    int64_t now = os_now();
    return ns <= 0 ? now : ns > INT64_MAX - now ? INT64_MAX : now + ns;
}

static void *fail(int error)
{
    errno = -error;
    return NULL;
}

static void unref(struct mote_timer *c)
{
    if (atom_sub_acq_rel(&c->refs, 1) > 1) /* [K refs] every owner's uses -> the last one's free, at both ends */
        return;
    mote__chan_free(c->chan);
    free(c);
}

PUBLIC int mote_sleep_ctx(mote_ctx *ctx, int64_t ns)
{
    mote_case cancelled = MOTE_DONE(ctx);
    if (!ctx || ns <= 0)
        return ctx && mote_ctx_err(ctx) ? mote_ctx_err(ctx) : mote_sleep(ns);
    int result = mote_select_n(&cancelled, 1, from_now(ns));
    return result == 0 ? cancelled.status : result == -ETIMEDOUT ? 0 : result;
}

/* What happens; on a worker's own stack, or at the end of the runtime not at all. */

static void send_time(struct mote__chan *chan)
{
    int64_t now = os_now();
    mote__chan_try_send(chan, &now); /* full: a tick that nobody was there for */
}

static void on_time(struct timer *timer) { send_time(((struct mote_timer *)timer)->chan); }

static void on_tick(struct timer *timer)
{
    struct mote_timer *c = (struct mote_timer *)timer;
    send_time(c->chan);
    int64_t late = os_now() - timer->when, missed = late > 0 ? late / c->period : 0;
    if (__builtin_add_overflow(timer->when, (missed + 1) * c->period, &timer->when))
        timer->when = INT64_MAX;
    timer->again = true;
}

static void call(struct mote_timer *c, uint32_t setting)
{
    lock_take(&c->lock);
    bool mine = c->setting == setting; /* T2 */
    if (mine)
        c->pending = false;
    lock_drop(&c->lock);
    if (mine)
        c->function(c->arg);
    unref(c);
}

static void on_time_call(struct timer *timer)
{
    struct mote_timer *c = (struct mote_timer *)timer;
    atom_add_rlx(&c->refs, 1); /* rlx: whoever armed it has one */
    int error = mote_go(call, c, c->setting);
    if (error == 0)
        return;
    atom_sub_acq_rel(&c->refs, 1); /* [K refs] never the last */
    if (error == -ENOMEM) {
        timer->when = os_now() + RETRY;
        timer->again = true;
    }
}

/* Lock held. As mote_timer_stop. */
static bool disarm(struct mote_timer *c)
{
    bool off = timer_cancel(&c->timer);
    c->setting++;
    if (c->chan) {
        off |= chan_take_back(c->chan);
    } else {
        off = c->pending;
        c->pending = false;
    }
    return off;
}

static int set(struct mote_timer *c, int64_t ns, int64_t period)
{
    if (!sched_timers_hold())
        return -ESHUTDOWN;
    lock_enter(&c->lock);
    int was = disarm(c);
    c->timer.when = from_now(ns);
    c->period = period;
    int error = sched_timer_add(&c->timer);
    c->pending = error == 0;
    lock_drop(&c->lock);
    sched_timers_release();
    return error < 0 ? error : was;
}

/* Without a runtime nothing is set, but what was sent before may still lie there. */
static int stop(struct mote_timer *c)
{
    if (!sched_timers_hold())
        return c->chan && mote__chan_try_recv(c->chan, NULL) == 0;
    lock_enter(&c->lock);
    int was = disarm(c);
    lock_drop(&c->lock);
    sched_timers_release();
    return was;
}

static struct mote_timer *make(void (*fire)(struct timer *), int64_t ns, int64_t period, void (*fn)(void *), void *arg)
{
    struct mote_timer *c = malloc(sizeof *c);
    if (!c)
        return NULL;
    *c = (struct mote_timer){
        .timer = {.fire = fire, .kind = TIMER_KEPT, .fired = TIMER_OVER}, .refs = 1, .function = fn, .arg = arg};
    if (!fn && !(c->chan = mote__chan_make(sizeof(int64_t), 1, false))) {
        free(c);
        return NULL;
    }
    int error = set(c, ns, period);
    if (error < 0) {
        unref(c);
        return fail(error);
    }
    return c;
}

PUBLIC mote_timer *mote_timer_make(int64_t ns) { return make(on_time, ns, 0, NULL, NULL); }

PUBLIC mote_timer *mote_timer_make_func(int64_t ns, void (*fn)(void *arg), void *arg)
{
    sched_check_lent(arg, "the argument of a timer's function");
    return fn ? make(on_time_call, ns, 0, fn, arg) : fail(-EINVAL);
}

PUBLIC mote_time_chan mote_timer_chan(mote_timer *timer) { return (mote_time_chan)timer->chan; }

PUBLIC int mote_timer_stop(mote_timer *timer) { return stop(timer); }

PUBLIC int mote_timer_reset(mote_timer *timer, int64_t ns) { return set(timer, ns, 0); }

PUBLIC void mote_timer_free(mote_timer *timer)
{
    if (!timer)
        return;
    stop(timer);
    unref(timer);
}

/* A ticker is a timer with a period. */
static struct mote_timer *timer_of(mote_ticker *ticker) { return (struct mote_timer *)ticker; }

PUBLIC mote_ticker *mote_ticker_make(int64_t ns)
{
    return (mote_ticker *)(ns > 0 ? make(on_tick, ns, ns, NULL, NULL) : fail(-EINVAL));
}

PUBLIC mote_time_chan mote_ticker_chan(mote_ticker *ticker) { return mote_timer_chan(timer_of(ticker)); }

PUBLIC void mote_ticker_stop(mote_ticker *ticker) { stop(timer_of(ticker)); }

PUBLIC int mote_ticker_reset(mote_ticker *ticker, int64_t ns)
{
    if (ns <= 0)
        return -EINVAL;
    int was = set(timer_of(ticker), ns, ns);
    return was < 0 ? was : 0;
}

PUBLIC void mote_ticker_free(mote_ticker *ticker) { mote_timer_free(timer_of(ticker)); }

/* A timer that nobody can stop, with a reference to the channel: both are gone when it has fired. */
struct after {
    struct timer timer;
    struct mote__chan *chan;
};

static void on_after(struct timer *timer)
{
    struct after *a = (struct after *)timer;
    if (atom_load_rlx(&timer->fired) != TIMER_DROPPED) /* rlx: ours */
        send_time(a->chan);
    mote__chan_free(a->chan);
    free(a);
}

PUBLIC mote_time_chan mote_after(int64_t ns)
{
    struct after *a = malloc(sizeof *a);
    struct mote__chan *c = mote__chan_make(sizeof(int64_t), 1, false);
    int error = -ENOMEM;
    if (a && c) {
        *a = (struct after){.timer = {.when = from_now(ns), .fire = on_after, .kind = TIMER_LOOSE}, .chan = c};
        mote__chan_ref(c);
        error = sched_timer_add(&a->timer); /* from now on it may be gone */
        if (error == 0)
            return (mote_time_chan)c;
        mote__chan_free(c);
    }
    mote__chan_free(c);
    free(a);
    return (mote_time_chan)fail(error);
}
