/* SPDX-License-Identifier: MIT */
/* context - trees of contexts.
 * Job:    make, cancel and free them; done channels, deadlines, values, functions to call at cancellation.
 * Locking: one lock for each tree, that of its topmost context below the background one (`root`). It guards `first`, `last`,
 *         `previous`, `next`, `linked`, `hooks`, `waiters` and the changes of `cause`, `err` and `done` of all contexts of the
 *         tree. No other lock is taken under it, nobody is woken and nothing is called: cancelling first marks the whole
 *         subtree under the lock, and gathers those that somebody must be told of in a list, each with a reference; then,
 *         without the lock, it closes their channels, wakes who waits, cancels their timers and starts their functions. Both
 *         parts are loops over lists.
 * Holds:  X1 a child has a reference to its parent, so its ancestors, and the lock, live as long as it does. X2 a cancelled
 *         context has no children in its list and is in nobody's: who marks it takes it out, and puts its children behind
 *         those still to be marked. So err goes from 0 to something once, and each context is told of once, by who marked it.
 *         X3 a child is put into its parent's list only under the lock and while the parent isn't cancelled. X4 the references
 *         fall to 0 without the lock. A context that is marked then gets no new one (try_ref), is not told of, and isn't touched
 *         any more after the lock is released: its last owner takes the lock, to unlink it, before it frees it. X5 hooks belong to
 *         the lock until err is set, then to who set it. X6 a deadline's timer has no reference. The last owner cancels it and so
 *         waits for its function, which takes a reference or does nothing, and is over (timer_over) before it drops that.
 *         X7 waits that the context's cancelling ends have nodes in `waiters` (selection.h), whose owners have references to
 *         it; none comes when err is set, so who has marked it finds all that were there, or they have left.
 * Why:    a lock for each context, taken parent first, would let strangers in one tree work side by side, but then cancelling
 *         needs references to all children before it can go on to them, and two who cancel parent and child would have to
 *         wait for each other to be able to say that all are cancelled. Sections are a few instructions, but for cancelling.
 */
#include "sync/context.h"

#include "base/msg.h"
#include "base/os.h"

#include <mote/task.h>
#include <mote/time.h>

#include <errno.h>
#include <stdlib.h>

enum hook_state { HOOK_WAITS, HOOK_BEGUN, HOOK_STOPPED };

struct mote_ctx_hook {
    struct mote_ctx_hook *previous, *next; /* X5 */
    mote_ctx *ctx;                         /* immutable; a reference, if somebody can stop it */
    void (*function)(void *);              /* immutable */
    void *arg;                             /* immutable */
    _Atomic uint32_t refs;                 /* the context or the task, and who can stop it */
    _Atomic uint32_t state;                /* enum hook_state */
};

struct mote_ctx {
    mote_ctx *parent;                         /* immutable; NULL: the background context */
    mote_ctx *root;                           /* immutable */
    const void *key;                          /* immutable */
    void *value;                              /* immutable */
    int64_t deadline;                         /* immutable */
    bool timed;                               /* immutable: it is the start of a struct timed */
    bool linked;                              /* root's lock: in the parent's list */
    int cause;                                /* root's lock; immutable when err is set */
    _Atomic int err;                          /* root's lock; read by all */
    _Atomic uint32_t refs;                    /* owners, children, hooks with a handle */
    _Atomic(struct mote__chan *) done;        /* root's lock; read by all */
    mote_ctx *first, *last, *previous, *next; /* root's lock: children, siblings. X4: those to be told of */
    struct mote_ctx_hook *hooks, *last_hook;  /* X5 */
    struct waitq waiters;                     /* root's lock: X7 */
    bool waited;                              /* who marks it: somebody waits */
    struct lock lock;                         /* a root's */
};

struct timed {
    mote_ctx ctx;
    struct timer timer; /* TIMER_LOOSE */
};

static mote_ctx background = {.deadline = MOTE_FOREVER};

static void *fail(int error)
{
    errno = -error;
    return NULL;
}

static struct timer *timer_of(mote_ctx *c) { return &((struct timed *)c)->timer; }

/* Under the lock or by who has set it; others look for nothing that it publishes. */
static int err_of(const mote_ctx *c) { return atom_load_rlx(&c->err); } /* rlx: under the lock */

PUBLIC mote_ctx *mote_ctx_background(void) { return &background; }

/* References */

PUBLIC mote_ctx *mote_ctx_ref(mote_ctx *ctx)
{
    if (ctx && ctx != &background)
        atom_add_rlx(&ctx->refs, 1); /* rlx: the caller has a reference already */
    return ctx;
}

/* X4 */
static bool try_ref(mote_ctx *c)
{
    uint32_t refs = atom_load_rlx(&c->refs); /* rlx: the lock, or the timer, keeps the memory */
    while (refs > 0)
        if (atom_cas_rlx(&c->refs, &refs, refs + 1)) /* rlx: as above */
            return true;
    return false;
}

static void unlink_child(mote_ctx *c)
{
    mote_ctx *p = c->parent;
    if (!c->linked)
        return;
    *(c->previous ? &c->previous->next : &p->first) = c->next;
    *(c->next ? &c->next->previous : &p->last) = c->previous;
    c->linked = false;
}

static void link_child(mote_ctx *c)
{
    mote_ctx *p = c->parent;
    c->previous = p->last;
    c->next = NULL;
    *(p->last ? &p->last->next : &p->first) = c;
    p->last = c;
    c->linked = true;
}

static void hook_unref(struct mote_ctx_hook *h, uint32_t n)
{
    if (atom_sub_acq_rel(&h->refs, n) == n) /* [X refs] as below */
        free(h);
}

static void cancel_timer(mote_ctx *c)
{
    if (!c->timed || !sched_timers_hold())
        return;
    timer_cancel(timer_of(c));
    sched_timers_release();
}

static NORETURN COLD void somebody_waits(void)
{
    msg_fatal("mote_ctx_free: somebody still waits with this context: let each who does have a reference");
}

/* The last owner. */
static void destroy(mote_ctx *c)
{
    cancel_timer(c); /* X6 */
    if (c->root != c) {
        lock_take(&c->root->lock); /* X4: also when it isn't linked any more */
        unlink_child(c);
        lock_drop(&c->root->lock);
    }
    for (struct mote_ctx_hook *h = c->hooks, *next; h; h = next) {
        next = h->next;
        hook_unref(h, 1);
    }
    if (selection_still_waits(&c->waiters))
        somebody_waits();
    mote__chan_free(atom_load_rlx(&c->done)); /* rlx: nobody else is left */
    free(c);
}

PUBLIC void mote_ctx_free(mote_ctx *ctx)
{
    while (ctx && ctx != &background) {
        if (atom_sub_acq_rel(&ctx->refs, 1) > 1) /* [X refs] every owner's uses -> the last one's free, at both ends */
            return;
        mote_ctx *parent = ctx->parent;
        destroy(ctx);
        ctx = parent;
    }
}

/* Functions to call */

static void call(struct mote_ctx_hook *h)
{
    uint32_t waits = HOOK_WAITS;
    if (atom_cas_acq_rel(&h->state, &waits, HOOK_BEGUN)) /* [X begun] one of the two, call or stop */
        h->function(h->arg);
    hook_unref(h, 1);
}

/* in_place: the caller may wait. The other is a timer's function. */
static void start(struct mote_ctx_hook *h, bool in_place)
{
    int error;
    for (unsigned tries = 0; (error = mote_go(call, h)) == -ENOMEM && !in_place; tries++)
        os_back_off(tries); /* as procs do whose next task can't run for want of memory */
    if (error == 0)
        return;
    if (in_place)
        call(h);
    else
        hook_unref(h, 1);
}

/* Cancelling */

/* Lock held. Marks top and its descendants, and returns those that somebody must be told of, each with a reference, linked by
 * next. `next` links those still to be marked, too: a context's children go to the end. */
static mote_ctx *mark_all(mote_ctx *top, int err, int cause)
{
    mote_ctx *told = NULL, **told_end = &told, *last = top;
    unlink_child(top);
    top->next = NULL;
    for (mote_ctx *c = top, *next; c; c = next) {
        c->cause = cause;
        atom_store_rel(&c->err, err); /* [X cancelled] the cause -> mote_ctx_cause */
        c->linked = false;
        if (c->first) {
            last->next = c->first;
            last = c->last;
            c->first = c->last = NULL;
        }
        next = c->next;
        c->waited = c->waiters.first != NULL;
        bool wanted = c->hooks || c->timed || c->waited || atom_load_rlx(&c->done); /* rlx: under the lock */
        if (wanted && try_ref(c)) {
            *told_end = c;
            told_end = &c->next;
        }
    }
    *told_end = NULL;
    return told;
}

static void wake_waiters(mote_ctx *c)
{
    lock_take(&c->root->lock);
    struct waitq taken = selection_take_all(&c->waiters);
    lock_drop(&c->root->lock);
    selection_ready_each(taken);
}

/* firing: the context whose timer's function calls, or NULL. */
static void tell(mote_ctx *c, const mote_ctx *firing)
{
    struct mote__chan *done = atom_load_acq(&c->done); /* [X done] as in mote_ctx_done */
    if (done)
        mote__chan_close(done);
    if (c->waited)
        wake_waiters(c);
    if (c != firing)
        cancel_timer(c);
    struct mote_ctx_hook *h = c->hooks;
    c->hooks = NULL; /* X5 */
    for (struct mote_ctx_hook *next; h; h = next) {
        next = h->next;
        start(h, !firing);
    }
}

static int cancel(mote_ctx *ctx, int err, int cause, const mote_ctx *firing)
{
    lock_enter(&ctx->root->lock);
    if (err_of(ctx)) {
        lock_drop(&ctx->root->lock);
        return -EALREADY;
    }
    mote_ctx *told = mark_all(ctx, err, cause ? cause : err);
    lock_drop(&ctx->root->lock);
    for (mote_ctx *next; told; told = next) {
        next = told->next;
        tell(told, firing);
        mote_ctx_free(told);
    }
    lock_left();
    return 0;
}

PUBLIC int mote_ctx_cancel(mote_ctx *ctx, int cause)
{
    if (!ctx || ctx == &background || cause > 0)
        return -EINVAL;
    return cancel(ctx, -ECANCELED, cause, NULL);
}

/* X6 */
static void expire(struct timer *timer)
{
    mote_ctx *c = timer->arg;
    bool dropped = atom_load_rlx(&timer->fired) == TIMER_DROPPED; /* rlx: ours */
    if (dropped || !try_ref(c)) {
        timer_over(timer);
        return;
    }
    cancel(c, -ETIMEDOUT, 0, c);
    timer_over(timer);
    mote_ctx_free(c);
}

/* Making */

/* Visible to its ancestors from now on, which may have been cancelled meanwhile; so may c, by its deadline. */
static void join_tree(mote_ctx *c)
{
    mote_ctx *p = c->parent;
    if (p == &background)
        return;
    lock_take(&c->root->lock);
    if (!err_of(c) && !err_of(p)) {
        link_child(c);
    } else if (!err_of(c)) {
        c->cause = p->cause;
        atom_store_rel(&c->err, err_of(p)); /* [X cancelled] the cause -> mote_ctx_cause */
    }
    lock_drop(&c->root->lock);
}

static mote_ctx *make(mote_ctx *parent, bool timed)
{
    if (!parent)
        return fail(-EINVAL);
    mote_ctx *c = malloc(timed ? sizeof(struct timed) : sizeof *c);
    if (!c)
        return NULL;
    *c = (mote_ctx){.parent = mote_ctx_ref(parent),
                    .root = parent == &background ? c : parent->root,
                    .deadline = parent->deadline,
                    .timed = timed,
                    .refs = 1};
    return c;
}

PUBLIC mote_ctx *mote_ctx_with_cancel(mote_ctx *parent)
{
    mote_ctx *c = make(parent, false);
    if (c)
        join_tree(c);
    return c;
}

PUBLIC mote_ctx *mote_ctx_with_value(mote_ctx *parent, const void *key, void *value)
{
    sched_check_lent(value, "a context's value");
    mote_ctx *c = make(parent, false);
    if (!c)
        return NULL;
    c->key = key;
    c->value = value;
    join_tree(c);
    return c;
}

PUBLIC mote_ctx *mote_ctx_with_deadline(mote_ctx *parent, int64_t when)
{
    if (!parent || parent->deadline <= when)
        return mote_ctx_with_cancel(parent);
    mote_ctx *c = make(parent, true);
    if (!c)
        return NULL;
    c->deadline = when;
    *timer_of(c) = (struct timer){.when = when, .fire = expire, .arg = c, .kind = TIMER_LOOSE, .fired = TIMER_OVER};
    if (when > os_now()) {
        int error = sched_timer_add(timer_of(c)); /* before anybody may cancel it */
        if (error < 0) {
            mote_ctx_free(c);
            return fail(error);
        }
    } else {
        c->cause = -ETIMEDOUT;
        atom_store_rel(&c->err, -ETIMEDOUT); /* [X cancelled] the cause -> mote_ctx_cause */
    }
    join_tree(c);
    return c;
}

PUBLIC mote_ctx *mote_ctx_with_timeout(mote_ctx *parent, int64_t ns)
{
    int64_t now = os_now();
    return mote_ctx_with_deadline(parent, ns <= 0 ? now : ns > INT64_MAX - now ? INT64_MAX : now + ns);
}

/* Asking */

PUBLIC int mote_ctx_err(const mote_ctx *ctx) { return atom_load_acq(&ctx->err); } /* [X cancelled] as below */

PUBLIC int mote_ctx_cause(const mote_ctx *ctx)
{
    return atom_load_acq(&ctx->err) ? ctx->cause : 0; /* [X cancelled] pairs with mark_all */
}

PUBLIC int64_t mote_ctx_deadline(const mote_ctx *ctx) { return ctx->deadline; }

PUBLIC void *mote_ctx_value(const mote_ctx *ctx, const void *key)
{
    for (; ctx && ctx != &background; ctx = ctx->parent)
        if (ctx->key == key && key)
            return ctx->value;
    return NULL;
}

static NOINLINE struct mote__chan *make_done(mote_ctx *ctx)
{
    struct mote__chan *made = mote__chan_make(1, 0, false);
    if (!made)
        return NULL;
    lock_take(&ctx->root->lock);
    struct mote__chan *done = atom_load_rlx(&ctx->done); /* rlx: under the lock */
    bool late = err_of(ctx) != 0;
    if (!done && !late)
        atom_store_rel(&ctx->done, made); /* [X done] the channel -> who finds it without the lock */
    lock_drop(&ctx->root->lock);
    if (!done && !late)
        return made;
    if (!done) { /* cancelled, and nobody will close it: so before others see it */
        mote__chan_close(made);
        if (atom_cas_acq_rel(&ctx->done, &done, made)) /* [X done] as above */
            return made;
    }
    mote__chan_free(made);
    return done;
}

PUBLIC mote_done_chan mote_ctx_done(mote_ctx *ctx)
{
    if (ctx == &background)
        return NULL;
    struct mote__chan *done = atom_load_acq(&ctx->done); /* [X done] pairs with make_done */
    return (mote_done_chan)(LIKELY(done != NULL) ? done : make_done(ctx));
}

bool context_enter(mote_ctx *ctx, struct selection *s, unsigned i)
{
    lock_take(&ctx->root->lock);
    bool waits = !err_of(ctx);
    if (waits)
        selection_enter(s, i, &ctx->root->lock, &ctx->waiters);
    lock_drop(&ctx->root->lock);
    return waits;
}

/* False: it is cancelled. */
static bool add_hook(mote_ctx *ctx, struct mote_ctx_hook *h)
{
    lock_take(&ctx->root->lock);
    bool waits = !err_of(ctx);
    if (waits) {
        h->previous = ctx->hooks ? ctx->last_hook : NULL;
        *(h->previous ? &h->previous->next : &ctx->hooks) = h;
        ctx->last_hook = h;
    }
    lock_drop(&ctx->root->lock);
    return waits;
}

PUBLIC int mote_ctx_after_func(mote_ctx *ctx, void (*fn)(void *arg), void *arg, mote_ctx_hook **hook)
{
    sched_check_lent(arg, "the argument of a context's function");
    if (!ctx || !fn)
        return -EINVAL;
    struct mote_ctx_hook *h = malloc(sizeof *h);
    if (!h)
        return -ENOMEM;
    *h = (struct mote_ctx_hook){.ctx = ctx, .function = fn, .arg = arg, .refs = hook ? 2 : 1};
    if (hook) {
        mote_ctx_ref(ctx);
        *hook = h;
    }
    if (ctx == &background) {
        hook_unref(h, 1); /* never called */
        return 0;
    }
    if (!add_hook(ctx, h))
        start(h, true);
    return 0;
}

/* True: the context still had it. */
static bool remove_hook(struct mote_ctx_hook *h)
{
    mote_ctx *c = h->ctx;
    if (c == &background)
        return false;
    lock_take(&c->root->lock);
    bool waits = !err_of(c); /* X5 */
    if (waits) {
        *(h->previous ? &h->previous->next : &c->hooks) = h->next;
        *(h->next ? &h->next->previous : &c->last_hook) = h->previous;
    }
    lock_drop(&c->root->lock);
    return waits;
}

PUBLIC int mote_ctx_hook_stop(mote_ctx_hook *hook)
{
    if (!hook)
        return 0;
    uint32_t waits = HOOK_WAITS;
    bool off = atom_cas_acq_rel(&hook->state, &waits, HOOK_STOPPED); /* [X begun] one of the two, call or stop */
    mote_ctx *ctx = hook->ctx;
    hook_unref(hook, remove_hook(hook) ? 2 : 1);
    mote_ctx_free(ctx);
    return off;
}
