/* SPDX-License-Identifier: MIT */
/* mote/context.h - contexts: telling everything that works on one thing to stop.
 *
 * A context belongs to a request, a connection, a job. Whoever works on a part of it gets a child of its own. When a context is
 * cancelled, by a call or because its deadline has passed, so are all its descendants, and their done channels are closed.
 *
 *     mote_ctx *ctx = mote_ctx_with_timeout(parent, 5 * MOTE_S);
 *     ...
 *     mote_recv(mote_ctx_done(ctx), NULL);    // waits until it is cancelled
 *     mote_ctx_free(ctx);
 *
 * Contexts are counted references: who makes one, or takes a reference by mote_ctx_ref, drops it by mote_ctx_free. A child keeps
 * its ancestors alive. Freeing doesn't cancel. Every call may be made by tasks and plain threads, at any time, together with any
 * other, and none of them switches but those that say so.
 */
#ifndef MOTE_CONTEXT_H
#define MOTE_CONTEXT_H

#include <stdint.h>

#include <mote/chan.h>
#include <mote/sync.h>
#include <mote/task.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A context: cancelled or not, with a deadline, and values that its descendants see. */
typedef struct mote_ctx mote_ctx;

/* What a done channel is. Nothing is ever sent through it. */
typedef mote_chan(char) mote_done_chan;

/* The context that all others descend from. It can't be cancelled, has no deadline, and need not be freed. */
mote_ctx *mote_ctx_background(void);

/* A new child of parent, cancelled at once if parent is cancelled. NULL with errno: ENOMEM; EINVAL when parent is NULL, so that an
 * error may be passed on unchecked. */
mote_ctx *mote_ctx_with_cancel(mote_ctx *parent);

/* The same, cancelled with -ETIMEDOUT when `ns` nanoseconds have passed, or at `when` on mote_now's clock, unless parent's deadline
 * is earlier. When that time has come already it is cancelled at once. Also ESHUTDOWN: no runtime runs. A runtime that ends takes
 * its timer with it: then it isn't cancelled any more by the deadline. */
mote_ctx *mote_ctx_with_timeout(mote_ctx *parent, int64_t ns);
mote_ctx *mote_ctx_with_deadline(mote_ctx *parent, int64_t when);

/* A child that answers mote_ctx_value(ctx, key) with value. Keys are compared as addresses: take that of a static variable. What
 * value points to must live as long as the context; a value in the caller's own copied stack stops the program. */
mote_ctx *mote_ctx_with_value(mote_ctx *parent, const void *key, void *value);

/* Cancels the context and all its descendants. cause is a negative errno for mote_ctx_cause, or 0. When it returns all of them are
 * cancelled. In time linear in their number. 0; -EALREADY when it was cancelled before, with nothing changed; -EINVAL for the
 * background context, NULL, and a cause above 0. May switch when functions are to be called (mote_ctx_after_func). */
int mote_ctx_cancel(mote_ctx *ctx, int cause);

/* The channel that is closed when the context is cancelled, made when it is asked for first. Valid as long as the context, or as
 * a reference that the caller takes. A null channel, which blocks for ever: for the background context; with errno ENOMEM when
 * there is no memory. */
mote_done_chan mote_ctx_done(mote_ctx *ctx);

/* 0 while it isn't cancelled; then -ETIMEDOUT, if a deadline did it, or -ECANCELED. */
int mote_ctx_err(const mote_ctx *ctx);

/* 0 while it isn't cancelled; then the cause given for it or for the ancestor that it was cancelled with, or else mote_ctx_err. */
int mote_ctx_cause(const mote_ctx *ctx);

/* The earliest deadline among it and its ancestors at the time it was made; MOTE_FOREVER: none. */
int64_t mote_ctx_deadline(const mote_ctx *ctx);

/* The value that it or its nearest ancestor was given for key; NULL: none. Takes a step for each ancestor. */
void *mote_ctx_value(const mote_ctx *ctx, const void *key);

/* Waiting with a context: the calls of their names in mote/chan.h, mote/time.h, mote/sync.h and mote/task.h, but for not longer
 * than until the context is cancelled. A context that is cancelled already comes first: then nothing is done. Otherwise what can be
 * done at once is done. Besides what those calls return: the context's error (mote_ctx_err), -ECANCELED or -ETIMEDOUT, with
 * nothing done; -ENOMEM. A null context is the background context. The caller has a reference to the context until the call has
 * returned. After a wait that was cut short the object is used until the call has returned: whoever frees it waits for that too.
 * They may switch; plain threads block. */

/* A case of a select: it is ready when the context is cancelled; never, for the background context and NULL. Its status is the
 * context's error. Needs no memory but the select's. */
#define MOTE_DONE(ctx) MOTE__CASE(MOTE__CASE_DONE, NULL, (void *)MOTE__AS_POINTER(mote_ctx, ctx))

/* mote_send, mote_recv */
#define mote_send_ctx(ctx, c, ...)                                                                                     \
    __extension__({                                                                                                    \
        mote_ctx *mote__ctx = (ctx);                                                                                   \
        MOTE__ELEMENT(c) mote__value = (__VA_ARGS__);                                                                  \
        mote__chan_send_ctx(mote__ctx, MOTE__CHAN(c), &mote__value);                                                   \
    })
#define mote_recv_ctx(ctx, c, ptr)                                                                                     \
    __extension__({                                                                                                    \
        mote_ctx *mote__ctx = (ctx);                                                                                   \
        MOTE__ELEMENT(c) *mote__pointer = (ptr);                                                                       \
        mote__chan_recv_ctx(mote__ctx, MOTE__CHAN(c), mote__pointer);                                                  \
    })
int mote__chan_send_ctx(mote_ctx *ctx, struct mote__chan *c, const void *value);
int mote__chan_recv_ctx(mote_ctx *ctx, struct mote__chan *c, void *value);

/* mote_sleep: 0 when the time has passed. */
int mote_sleep_ctx(mote_ctx *ctx, int64_t ns);

/* mote_wg_wait */
int mote_wg_wait_ctx(mote_ctx *ctx, mote_wg *wg);

/* mote_mutex_lock */
int mote_mutex_lock_ctx(mote_ctx *ctx, mote_mutex *mutex);

/* mote_cond_wait. The mutex is the caller's again in every case, as with mote_cond_wait_until. */
int mote_cond_wait_ctx(mote_ctx *ctx, mote_cond *cond, mote_mutex *mutex);

/* mote_sem_acquire */
int mote_sem_acquire_ctx(mote_ctx *ctx, mote_sem *sem, int64_t n);

/* mote_join: the task stays joinable when the context was cancelled first, and *result is as it was. */
int mote_join_ctx(mote_ctx *ctx, mote_task *task, intptr_t *result);

/* What is to be called at cancellation, to take it back. */
typedef struct mote_ctx_hook mote_ctx_hook;

/* Has fn(arg) called once the context is cancelled: in a task of its own; if none can be started, because the runtime stops
 * or none runs, by the caller of mote_ctx_cancel: so it must not end its task, by mote_exit or a panic. At once if it is
 * cancelled already. Never, when the context is freed before, or the runtime is stopping and a deadline cancels. If hook
 * isn't NULL, *hook must be given to mote_ctx_hook_stop, once, which then also frees it; until then it keeps the context
 * alive. arg must not point into the caller's own copied stack: that stops the program. 0; -ENOMEM; -EINVAL when ctx or fn is
 * NULL. */
int mote_ctx_after_func(mote_ctx *ctx, void (*fn)(void *arg), void *arg, mote_ctx_hook **hook);

/* 1: the function won't be called. 0: it has begun, and may still run. NULL is ignored: 0. */
int mote_ctx_hook_stop(mote_ctx_hook *hook);

/* One more reference, for another owner; returns ctx. */
mote_ctx *mote_ctx_ref(mote_ctx *ctx);

/* Drops a reference; the last one frees the context. Nobody may wait on its done channel, or with it, then: that stops the
 * program. After mote_stop has discarded tasks that waited with it, it may be freed, but not cancelled any more. NULL is
 * ignored. */
void mote_ctx_free(mote_ctx *ctx);

#ifdef __cplusplus
}
#endif
#endif
