/* SPDX-License-Identifier: MIT */
/* waitq - who waits for an object, first in, first out.
 * Job:    a list of records linked by next, under the object's lock.
 * Holds:  V1 `threads` says whether a plain thread may be in it; when none is, all can be made ready in constant time.
 *         V2 `last` means something only while `first` isn't NULL.
 */
#ifndef SYNC_WAITQ_H
#define SYNC_WAITQ_H

#include "sched/sched.h"

struct waitq {
    struct task *first, *last;
    uint32_t count;
    bool threads;
};

static inline void waitq_push(struct waitq *q, struct task *t)
{
    t->next = NULL;
    if (q->first) {
        q->last->next = t;
    } else {
        q->first = t;
        q->threads = false;
    }
    q->last = t;
    q->count++;
    if (UNLIKELY(t->flags & TASK_THREAD))
        q->threads = true;
}

/* t is the first. */
static inline void waitq_drop(struct waitq *q, struct task *t)
{
    q->first = t->next;
    q->count--;
}

/* Makes everyone ready who was in the list; the caller took it out under the lock and has released that. */
static inline void waitq_ready_all(struct waitq taken)
{
    if (!taken.first)
        return;
    if (!taken.threads) {
        sched_ready_list(taken.first, taken.last, taken.count);
        return;
    }
    for (struct task *t = taken.first, *next; t; t = next) {
        next = t->next;
        sched_ready(t);
    }
}

#endif
