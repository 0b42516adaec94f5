/* SPDX-License-Identifier: MIT */
/* runq - one proc's queue of woken and yielding tasks, first in, first out.
 * Job:    the owner pushes at the tail; owner and thieves take at the head by compare-and-swap.
 * Holds:  Q1 0 <= tail - head <= capacity. Q2 only the owner writes slots and tail. Q3 a slot in [head, tail) doesn't change.
 * Callers: *_owner: the worker that holds the proc. runq_steal: any worker, into its own queue. None blocks.
 * Source: the local run queue of Go's scheduler.
 * Not here: choosing a victim (steal.c), waking anyone (idle.c).
 */
#ifndef SCHED_RUNQ_H
#define SCHED_RUNQ_H

#include "base/record.h"

#define RUNQ_MAX 256

struct runq {
    CACHE_ALIGNED _Atomic uint32_t head; /* everyone: moved by compare-and-swap. Apart: thieves write here */
    CACHE_ALIGNED _Atomic uint32_t tail; /* owner writes */
    uint32_t capacity;                   /* immutable: a power of two, at most RUNQ_MAX */
    _Atomic(struct task *) slot[RUNQ_MAX];
};

static inline uint32_t runq_length(const struct runq *q)
{
    uint32_t head =
        atom_load_rlx((_Atomic uint32_t *)&q->head); /* rlx: a hint; head first, so never negative for the owner */
    return atom_load_rlx((_Atomic uint32_t *)&q->tail) - head;
}

/* False when it is full. */
static inline bool runq_push_owner(struct runq *q, struct task *t)
{
    uint32_t tail = atom_load_rlx(&q->tail); /* rlx: our own */
    uint32_t head =
        atom_load_acq(&q->head); /* [Q taken] pairs with the takers' cas: they have read the slots below it */
    if (UNLIKELY(tail - head >= q->capacity))
        return false;
    atom_store_rlx(&q->slot[tail & (q->capacity - 1)], t); /* rlx: published by the next store */
    atom_store_rel(&q->tail, tail + 1);                    /* [Q publish] slot and task -> visible to runq_steal */
    return true;
}

/* NULL when it is empty. alone: no thief comes meanwhile (door.c). */
static inline struct task *runq_pop_owner(struct runq *q, bool alone)
{
    uint32_t head = atom_load_acq(&q->head); /* [Q taken] after a thief's cas; nothing to read from him but the index */
    uint32_t tail = atom_load_rlx(&q->tail); /* rlx: our own */
    while (head != tail) {
        struct task *t = atom_load_rlx(&q->slot[head & (q->capacity - 1)]); /* rlx: we wrote it */
        if (alone)
            atom_store_rlx(&q->head, head + 1);               /* rlx: nobody else looks */
        if (alone || atom_cas_rel(&q->head, &head, head + 1)) /* [Q taken] our read of the slot -> before its reuse */
            return t;
    }
    return NULL;
}

/* The task that the owner will take after the next one, or NULL: for prefetching. */
static inline struct task *runq_peek_owner(struct runq *q, uint32_t ahead)
{
    uint32_t head = atom_load_rlx(&q->head); /* rlx: a hint */
    return atom_load_rlx(&q->tail) - head > ahead ? atom_load_rlx(&q->slot[(head + ahead) & (q->capacity - 1)]) : NULL;
}

/* Takes the older half out, linked by next; *last and *count describe it. NULL when a thief was faster. */
struct task *runq_halve_owner(struct runq *q, struct task **last, uint32_t *count);

/* Moves half of `from`, at least one, into `to`, which the caller owns and which has room for it. How many were moved. */
uint32_t runq_steal(struct runq *from, struct runq *to);

#endif
