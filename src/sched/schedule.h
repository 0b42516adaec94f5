/* SPDX-License-Identifier: MIT */
/* schedule - the choices that make up one run of a simulation.
 * Job:    draw each choice from the seed, or repeat those of a given schedule, and write down what was chosen.
 * Holds:  SC1 what is chosen follows from the plan and from what was to be chosen from, in order: from no address, no number of
 *         an earlier run, and no clock. SC2 alternative 0 is what happens by default, so a schedule is written down as those
 *         choices that were different, and a shorter one is a simpler one.
 * Callers: the worker of a simulation. One at a time.
 * Not here: what there is to choose from (sim.c), making schedules shorter (debug/explore.c).
 */
#ifndef SCHED_SCHEDULE_H
#define SCHED_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

struct mote__site;

#define SCHEDULE_FRAMES 12

enum schedule_kind {
    SCHEDULE_NEXT,  /* a task has left: who is next */
    SCHEDULE_POINT, /* a task could go on, or another one run first */
    SCHEDULE_TIMER, /* which of those due at the same time comes first */
    SCHEDULE_CHANCE /* sched_random: which case of a select goes ahead */
};

/* Who may be chosen. */
struct schedule_who {
    uint32_t task;                 /* counted from 1, the main task, in this run; 0: a timer */
    const struct mote__site *site; /* where it was started; NULL: the main task, or a timer */
};

/* A choice that was not the default. */
struct schedule_step {
    uint32_t at;         /* which of all choices */
    uint32_t chosen, of; /* alternatives */
    uint8_t kind;
    uint8_t frames;                     /* of trace */
    struct schedule_who self;           /* whose call made the choice necessary; at a point it would have gone on */
    struct schedule_who to, instead;    /* but for SCHEDULE_CHANCE */
    const void *trace[SCHEDULE_FRAMES]; /* where self was, when the plan wants it */
};

/* What happened in a run. */
struct schedule_log {
    uint64_t hash;              /* of all choices */
    uint64_t choices;           /* among two or more */
    uint64_t looks;             /* at what is next, choice or not */
    uint32_t room, count, lost; /* of steps: `lost` found no room */
    struct schedule_step *step;
};

struct schedule_plan {
    uint64_t seed;
    uint64_t most_looks; /* the run is ended when there have been more */
    bool fixed;          /* the steps' choices, and else the default; otherwise the seed's */
    bool traced;         /* the log's steps get a trace */
    uint32_t steps;
    const struct schedule_step *step;
    struct schedule_log *log;
};

void schedule_begin(const struct schedule_plan *plan);

/* One of n > 1 alternatives. who(i): the ith; NULL: they are all alike. self: see schedule_step. */
uint32_t schedule_choose(enum schedule_kind kind, uint32_t n, struct schedule_who (*who)(uint32_t i),
                         struct schedule_who self);

#endif
