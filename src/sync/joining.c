/* SPDX-License-Identifier: MIT */
/* joining - joining a task for not longer than a context lasts.
 * Job:    mote_join_ctx.
 * Holds:  a selection of two nodes: one stands in the task for its joiner (sched/join.c, J6), one in the context's queue.
 */
#include "sync/limit.h"

#include <mote/task.h>

#define ENDED 0
#define CANCELLED 1

static const struct sched_joiner by_node = {.claim = selection_claim, .ready = selection_ready};

PUBLIC int mote_join_ctx(mote_ctx *ctx, mote_task *task, intptr_t *result)
{
    struct limit limit = limit_ctx(ctx);
    uint32_t runtime;
    int error = context_err(limit.ctx);
    if (error < 0)
        return error;
    if (limit_is_none(limit))
        return mote_join(task, result);
    struct selection *s = selection_new(sched_self(), 2);
    if (!s)
        return -ENOMEM;
    s->with_runtime = s->task->flags & TASK_THREAD;
    struct task *node = &s->nodes[ENDED].record;
    error = sched_join_begin(task, result, node, &by_node, &runtime);
    if (error == 1) {
        limit_watch(s, CANCELLED, limit.ctx);
        int winner = selection_wait(s, MOTE_FOREVER, wait_for(WAIT_JOIN, NULL));
        error = sched_join_end(task, result, node, winner == ENDED, runtime);
        if (winner != ENDED)
            error = winner == CANCELLED ? context_err(limit.ctx) : -ESHUTDOWN;
    }
    selection_free(s);
    return error;
}
