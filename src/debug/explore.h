/* SPDX-License-Identifier: MIT */
/* explore - a search for a schedule that fails.
 * Job:    what explore.c finds, for findings.c to write down.
 */
#ifndef DEBUG_EXPLORE_H
#define DEBUG_EXPLORE_H

#include "sched/sim.h"

#include <mote/sim.h>

struct outcome {
    enum mote_sim_end end;
    int code;
};

struct search {
    mote_sim_options options; /* without zeros */
    struct sim_function fn;
    void *arg;
    struct shared *shared;
    int said;                           /* a file: what the last run has written */
    struct schedule_step *step, *trial; /* the schedule, and one that is tried */
    uint32_t steps, tries;
    uint64_t seed, most_looks, schedule, choices;
    int runs;
    struct outcome outcome;
    bool shorter; /* it was looked for: the steps are all that differs from the default */
    bool repeats; /* the run with the schedule has failed in the same way */
};

/* Writes the report, unless the options say otherwise, and fills in *failure, if it isn't NULL. */
void findings_report(struct search *s, mote_sim_failure *failure);

#endif
