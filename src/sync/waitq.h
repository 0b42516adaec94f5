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

/* Back to the front: it has been there before. */
static inline void waitq_push_front(struct waitq *q, struct task *t)
{
    if (!q->first) {
        waitq_push(q, t);
        return;
    }
    t->next = q->first;
    q->first = t;
    q->count++;
    if (UNLIKELY(t->flags & TASK_THREAD))
        q->threads = true;
}

/* Moves all of another list to the end. */
static inline void waitq_append(struct waitq *q, struct waitq more)
{
    if (!q->first) {
        *q = more;
        return;
    }
    q->last->next = more.first;
    q->last = more.last;
    q->count += more.count;
    q->threads |= more.threads;
}

/* Takes everybody out. */
static inline struct waitq waitq_take_all(struct waitq *q)
{
    struct waitq taken = *q;
    *q = (struct waitq){0};
    return taken;
}

/* t is the first. */
static inline void waitq_drop(struct waitq *q, struct task *t)
{
    q->first = t->next;
    q->count--;
}

/* The same for who hasn't looked; NULL when nobody waits. */
static inline struct task *waitq_pop(struct waitq *q)
{
    struct task *t = q->first;
    if (t)
        waitq_drop(q, t);
    return t;
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

/* The same, with a single one made ready where it runs soonest. */
static inline void waitq_ready(struct waitq taken)
{
    if (taken.count == 1)
        sched_ready(taken.first);
    else
        waitq_ready_all(taken);
}

#endif
