/* SPDX-License-Identifier: MIT */
/* limit - waits that end at a deadline, or when a context is cancelled.
 * Job:    see limit.h.
 * Holds:  LI1-LI3.
 */
#include "sync/limit.h"

#define IN_CONTEXT 1 /* the number of the context's node */

void limit_watch(struct selection *s, unsigned i, mote_ctx *ctx)
{
    if (ctx && ctx != mote_ctx_background() && !context_enter(ctx, s, i))
        selection_decide(s, i);
}

int limit_queue(struct limit limit, struct waiting *w)
{
    if (limit.deadline != MOTE_FOREVER && limit.deadline <= mote_now())
        return -ETIMEDOUT;
    struct selection *s = selection_new(sched_self(), limit.ctx ? 2 : 1);
    if (UNLIKELY(!s))
        return -ENOMEM;
    s->with_runtime = limit.with_runtime && s->task->flags & TASK_THREAD;
    int error = selection_arm(s, limit.deadline);
    if (UNLIKELY(error < 0)) {
        selection_free(s);
        return error;
    }
    limit_watch(s, IN_CONTEXT, limit.ctx);
    s->nodes[0].record.mailbox = w->mailbox;
    if (w->first)
        selection_enter_first(s, 0, w->lock, w->queue);
    else
        selection_enter(s, 0, w->lock, w->queue);
    w->selection = s;
    return 0;
}

int limit_finish(struct limit limit, struct waiting *w)
{
    struct selection *s = w->selection;
    int winner = selection_wait(s, limit.deadline, w->wait_on);
    w->status = s->nodes[0].record.status;
    w->mailbox = s->nodes[0].record.mailbox;
    w->dropped = !s->nodes[0].queue;
    selection_free(s);
    return winner == 0                ? 0
           : winner == IN_CONTEXT     ? context_err(limit.ctx)
           : winner == SELECTION_SHUT ? -ESHUTDOWN
                                      : -ETIMEDOUT;
}

int limit_wait(struct limit limit, struct waiting *w)
{
    if (limit_is_none(limit)) {
        struct task *self = sched_self();
        self->mailbox = w->mailbox;
        waitq_push(w->queue, self);
        sched_park(self, w->lock, w->wait_on);
        return 0;
    }
    int error = limit_queue(limit, w);
    lock_drop(w->lock);
    if (UNLIKELY(error == -ETIMEDOUT))
        limit_missed(limit);
    return error < 0 ? error : limit_finish(limit, w);
}
