/* SPDX-License-Identifier: MIT */
/* globq - the queue that all procs share.
 * Job:    tasks from plain threads, overflow of the procs' own queues, crowds that one event wakes; first in, first out.
 * Holds:  G1 a list linked by next under the lock; count is its length. G2 it needs no memory, so nothing is ever lost.
 * Callers: anyone. The lock is a leaf: nothing is taken inside.
 */
#ifndef SCHED_GLOBQ_H
#define SCHED_GLOBQ_H

#include "base/lock.h"
#include "base/record.h"

struct globq {
    struct lock lock;
    _Atomic uint64_t count; /* lock; read by all as a hint */
    struct task *first;     /* lock */
    struct task *last;      /* lock */
};

/* Appends a list of n tasks. */
void globq_push(struct globq *q, struct task *first, struct task *last, uint64_t n);

/* Takes up to max tasks from the front, linked by next; *taken says how many. */
struct task *globq_take(struct globq *q, uint64_t max, uint64_t *taken);

static inline uint64_t globq_count(struct globq *q) { return atom_load_rlx(&q->count); } /* rlx: a hint */

#endif
