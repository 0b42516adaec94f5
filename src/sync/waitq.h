/* SPDX-License-Identifier: MIT */
/* waitq - who waits for an object, first in, first out.
 * Job:    a list of records linked by next, under the object's lock.
 * Holds:  V1 `odd` says what may be in it besides tasks; when nothing, all can be made ready in constant time.
 *         V2 `last` means something only while `first` isn't NULL.
 * Not here: nodes, which stand in it for waits in several queues and for those with a deadline (selection.h).
 */
#ifndef SYNC_WAITQ_H
#define SYNC_WAITQ_H

#include "sched/sched.h"

enum waitq_odd {
    WAITQ_THREADS = 1, /* plain threads, or nodes of theirs */
    WAITQ_NODES = 2,
};

struct waitq {
    struct task *first, *last;
    uint32_t count;
    uint8_t odd; /* enum waitq_odd */
};

static inline void waitq_push(struct waitq *q, struct task *t)
{
    t->next = NULL;
    if (q->first) {
        q->last->next = t;
    } else {
        q->first = t;
        q->odd = 0;
    }
    q->last = t;
    q->count++;
    if (UNLIKELY(t->flags & TASK_THREAD))
        q->odd |= WAITQ_THREADS;
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
        q->odd |= WAITQ_THREADS;
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
    q->odd |= more.odd;
}

/* t is the first. */
static inline void waitq_drop(struct waitq *q, struct task *t)
{
    q->first = t->next;
    q->count--;
}

/* The same for who hasn't looked, where no nodes are; NULL when nobody waits. */
static inline struct task *waitq_pop(struct waitq *q)
{
    struct task *t = q->first;
    if (t)
        waitq_drop(q, t);
    return t;
}

#endif
