/* SPDX-License-Identifier: MIT */
/* rest - whether one more worker is of use.
 * Job:    to share tasks of some ten nanoseconds can make two processors slower than one: the lines of all that they have in common go
 *         to and fro. So a worker whose tasks are that short compares what all procs together get done while it works, and while it
 *         doesn't; and when it adds too little it rests for a while, longer every time, and tries again.
 * Holds:  RE1 one worker at least is neither asleep nor at rest, as far as a worker can see that begins to rest; and no rest is longer
 *         than REST_MAX, so what lies in a queue is late by that at most. RE2 a worker at rest counts neither as asleep nor as
 *         searching: nobody pays for waking it, and others are woken as if it were busy. It has no task of its own.
 *         RE3 what is done is counted in searches for a task (proc.tick) and tasks started; who computes for long, of its own or another's, counts as
 *         of use.
 * Callers: the worker itself, on its own stack.
 */
#ifndef SCHED_REST_H
#define SCHED_REST_H

#include "base/attr.h"

#include <stdbool.h>
#include <stdint.h>

struct proc;
struct worker;

/* Owner only. */
struct effort {
    int64_t since;     /* when it got work from elsewhere, after it had none; 0: it has none */
    uint64_t all, own; /* what was done until then: by all procs, by this one */
    uint64_t without;  /* what the others get done while this one rests, as `rate` has it; 0: it isn't known */
    unsigned paid;     /* how often it was of use since that was measured */
};

/* p has got tasks from elsewhere. */
void rest_note_work(struct proc *p);

/* It has none any more. Rests, if it was of no use. True: it has rested. */
bool rest_when_useless(struct worker *w);

#endif
