/* SPDX-License-Identifier: MIT */
/* sim - a runtime with one worker, in which every choice is the seed's and time stands still while tasks run.
 * Job:    what worker.c, ready.c and panic.c call instead of their own, when SUMMONS_SIMULATED is set; the run itself.
 * Holds:  SI1 all ready tasks are in one list, oldest first, so that any of them can be chosen. They come there by way of the ring
 *         and the global queue, which are emptied at each choice; the next slot and the queue of new tasks stay empty.
 *         SI2 there are no other threads: no monitor, no thieves, and plain threads that come in stop the program. So nothing
 *         happens that isn't chosen. SI3 time moves when nothing is ready, to the earliest timer; and a little when the clock is
 *         looked at again and again, so that whoever waits by looking gets on.
 *         SI4 a task may be left where a call takes its first lock (lock_enter), when it has woken others, and when it has started
 *         one: with no lock held. The bias of locks is kept "active" meanwhile, which makes every quick path fail.
 */
#ifndef SCHED_SIM_H
#define SCHED_SIM_H

#include "sched/proc.h"
#include "sched/schedule.h"

struct sim_function {
    int (*result)(void *arg);
    void (*nothing)(void *arg); /* when the other is NULL */
};

/* Runs fn(arg) as the main task of a runtime of its own, on the calling thread. 0: *result is fn's, or -EDEADLK, -ECANCELED (a panic),
 * -ETIMEDOUT (too many looks); else it didn't begin: the errors of mote_run. */
int sim_run(const struct schedule_plan *plan, struct sim_function fn, void *arg, int *result);

/* The worker, on its own stack. NULL: the run is over. */
struct task *sim_find_work(struct proc *p);

/* The worker, on any stack. NULL: nothing is ready, or its own stack is wanted. */
struct task *sim_next(struct proc *p);

/* Any thread, with no lock of the library held: may let another task run first, if the caller is a task of a simulation. */
void sim_point(void);

uint32_t sim_random(uint32_t n);

/* The calling task is about to end by a panic that nothing has caught. False: no simulation, or a plain thread. */
bool sim_panicked(const struct task *self);

NORETURN COLD void sim_refuse_thread(void);

#endif
