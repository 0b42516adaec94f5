/* SPDX-License-Identifier: MIT */
/* timer - calls that become due at a point in time.
 * Job:    a 4-ary heap for each proc: add and cancel in O(log n), run what is due.
 * Holds:  M1 heap[i]->index == i for all armed timers. M2 earliest is heap[0]'s time, or INT64_MAX. M3 a timer's function
 *         runs once, without the heap's lock, and timer_cancel returns only when it won't run or has run. M4 a timer's
 *         memory is its owner's again after timer_cancel, and not before.
 * Callers: timer_add, timer_cancel: anyone but the timer's own function. timers_run: any worker, on its own stack.
 */
#ifndef SCHED_TIMER_H
#define SCHED_TIMER_H

#include "base/lock.h"

#include <stddef.h>
#include <stdint.h>

struct timers;

struct timer {
    int64_t when;
    void (*fire)(struct timer *t); /* must not block or switch; may make tasks ready */
    void *arg;
    _Atomic(struct timers *) in; /* both heaps' locks, in timers_move; else immutable */
    uint32_t index;              /* in->lock */
    _Atomic uint32_t fired;      /* 0 armed, 1 being fired, 2 over */
};

struct timers {
    struct lock lock;
    struct timer **heap;      /* lock */
    uint32_t count, room;     /* lock */
    _Atomic int64_t earliest; /* lock; read by all */
};

void timers_init(struct timers *ts);
/* Frees the heap and the timers left in it, each of which is the start of a block from malloc. */
void timers_close(struct timers *ts);

/* Arms t, with when, fire and arg set. -ENOMEM. */
int timer_add(struct timers *ts, struct timer *t);

/* Disarms it. True: it won't fire. False: it has fired, and its function has returned. */
bool timer_cancel(struct timer *t);

/* Fires all that are due at `now`. How many. */
int timers_run(struct timers *ts, int64_t now);

/* Moves all of them elsewhere; -ENOMEM leaves some. */
int timers_move(struct timers *from, struct timers *to);

/* Tests: while it is set no heap grows, for want of memory. */
void timers_fail(bool fail);

static inline int64_t timers_earliest(struct timers *ts) { return atom_load_rlx(&ts->earliest); } /* rlx: a hint */

#endif
