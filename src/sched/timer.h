/* SPDX-License-Identifier: MIT */
/* timer - calls that become due at a point in time.
 * Job:    a 4-ary heap for each proc: add and cancel in O(log n), run what is due.
 * Holds:  M1 heap[i]->index == i for all armed timers. M2 earliest is heap[0]'s time, or INT64_MAX. M3 a timer's function
 *         runs once each time it is armed, without the heap's lock, and timer_cancel returns only when it won't run or has
 *         run. M4 a timer's memory is its owner's again after timer_cancel, and not before. M5 count + firing <= room: a kept
 *         timer that is armed again by its own function needs no memory.
 * Callers: timer_add, timer_cancel: anyone but the timer's own function. timers_run: any worker, on its own stack.
 */
#ifndef SCHED_TIMER_H
#define SCHED_TIMER_H

#include "base/lock.h"

#include <stddef.h>
#include <stdint.h>

struct timers;

enum timer_state { TIMER_ARMED, TIMER_FIRING, TIMER_OVER, TIMER_DROPPED };

/* Who owns the memory. */
enum timer_kind {
    TIMER_POOLED, /* it lies in memory of the runtime, and ends with it */
    TIMER_BLOCK,  /* it is the start of a block from malloc, which is freed when the runtime ends */
    TIMER_KEPT,   /* it outlives the runtime, which at its end only says TIMER_OVER. Its function may arm it again */
    TIMER_LOOSE, /* its function's, which calls timer_over or frees it. At the end of the runtime that is called, too, with
                    the state TIMER_DROPPED: then it must do no more than that */
};

struct timer {
    int64_t when;
    void (*fire)(struct timer *t); /* must not block or switch; may make tasks ready, and start them */
    void *arg;
    _Atomic(struct timers *) in; /* both heaps' locks, in timers_move; else immutable */
    uint32_t index;              /* in->lock */
    _Atomic uint8_t fired;       /* enum timer_state */
    uint8_t kind;                /* immutable while armed */
    bool again;                  /* its function: arm it again, at `when`; TIMER_KEPT only */
};

/* The time is here, too: to compare it must not fetch the timer. */
struct timer_slot {
    int64_t when; /* timer->when */
    struct timer *timer;
};

struct timers {
    struct lock lock;
    struct timer_slot *heap;      /* lock */
    uint32_t count, room, firing; /* lock; the last: kept timers whose function runs */
    _Atomic int64_t earliest;     /* lock; read by all */
};

void timers_init(struct timers *ts);
/* Frees the heap, and the timers left in it as their kinds say. */
void timers_close(struct timers *ts);

/* Arms t, with when, fire and arg set. -ENOMEM. */
int timer_add(struct timers *ts, struct timer *t);

/* Disarms it. True: it won't fire. False: it isn't armed: it has fired, and its function has returned. A plain thread calls it
 * between sched_timers_hold and sched_timers_release. */
bool timer_cancel(struct timer *t);

/* For the function of a loose timer: it is not touched any more, so who cancels it may free it. */
static inline void timer_over(struct timer *t)
{
    atom_store_rel(&t->fired, TIMER_OVER); /* [M fired] what the function did -> timer_cancel */
}

/* Fires all that are due at `now`. How many. */
int timers_run(struct timers *ts, int64_t now);

/* For simulations, when one is due: how many of the first max entries of the heap are due as early as the earliest; and fires
 * the ith of these. */
uint32_t timers_ties(struct timers *ts, uint32_t max);
void timers_fire(struct timers *ts, uint32_t i);

/* Moves all of them elsewhere; -ENOMEM leaves some. */
int timers_move(struct timers *from, struct timers *to);

/* Tests: while it is set no heap grows, for want of memory. */
void timers_fail(bool fail);

static inline int64_t timers_earliest(struct timers *ts) { return atom_load_rlx(&ts->earliest); } /* rlx: a hint */

#endif
