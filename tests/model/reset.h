/* SPDX-License-Identifier: MIT */
/* reset - back to the beginning, for a model's setup (E1 of explore.h).
 * Job:    who is the soloist, which lock.c keeps to itself; heaps of timers, whose memory is used again.
 * Callers: included once by a model, or by park.h or workers.h for it; it brings in the locks.
 */
#ifndef MODEL_RESET_H
#define MODEL_RESET_H

#include "base/lock.c"
#include "base/self.c"
#include "sched/timer.h"

static inline void reset_bias(void)
{
    lock_bias_active = turn = 0;
    owner = NULL;
}

static inline void reset_timers(struct timers *ts)
{
    *ts = (struct timers){.heap = ts->heap, .room = ts->room, .earliest = INT64_MAX};
}

#endif
