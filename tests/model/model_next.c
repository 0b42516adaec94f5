/* SPDX-License-Identifier: MIT */
/* model_next - the next slot: its owner against the monitor's raid.
 * Checks: P3, N4 of sched/proc.h and monitor.c: each task comes out once, with the heavy barrier and without.
 */
#include "base/lock.c"
#include "base/self.c"
#include "sched/monitor.c"
#include "sched/ready.c"

#include "explore.h"

#include <string.h>

#define TASKS 4

struct runtime rt;

void spare_publish(struct proc *p, struct task *t) { (void)p, (void)t; }

static struct proc proc;
static struct task task[TASKS];
static _Atomic uint32_t content[TASKS]; /* what a task's maker wrote before it put the task there */
static unsigned taken[TASKS];

static void take(struct task *t)
{
    if (!t)
        return;
    int i = (int)(t - task);
    MODEL_CHECK(taken[i] == 0);
    MODEL_CHECK(atom_load_rlx(&content[i]) == (uint32_t)i + 1);
    taken[i] = 1;
}

static void put(int i)
{
    atom_store_rlx(&content[i], (uint32_t)i + 1);
    take(next_swap_owner(&proc, &task[i]));
}

static void put_and_take(void)
{
    put(0);
    take(worker_next_slot(&proc));
}

static void put_and_replace(void)
{
    put(0);
    put(1);
    put(2);
    take(worker_next_slot(&proc));
    put(3);
    take(next_swap_owner(&proc, NULL));
}

static void raid(void) { take(next_raid(&proc)); }

static void raid_twice(void)
{
    raid();
    raid();
}

static void setup(void)
{
    memset(&proc, 0, sizeof proc);
    proc.fair_tick = 1000;
    memset(taken, 0, sizeof taken);
    memset(content, 0, sizeof content);
    rt.asymmetric = true;
}

static void setup_symmetric(void)
{
    setup();
    rt.asymmetric = false;
    proc.summons = SUMMONS_ATOMIC;
}

static void check(void)
{
    take(proc.next);
    MODEL_CHECK(taken[0] && (!content[1] || (taken[1] && taken[2] && taken[3])));
}

static const struct model models[] = {
    {.name = "small",
     .setup = setup,
     .thread = {put_and_take, raid},
     .check = check,
     .preemptions = MODEL_ALL,
     .mutants = MUTANT_HEAVY | MUTANT_RELEASE},
    {.name = "two_raids",
     .setup = setup,
     .thread = {put_and_replace, raid_twice},
     .check = check,
     .preemptions = 3,
     .mutants = MUTANT_HEAVY | MUTANT_RELEASE},
    {.name = "symmetric",
     .setup = setup_symmetric,
     .thread = {put_and_replace, raid_twice},
     .check = check,
     .preemptions = MODEL_ALL,
     .mutants = MUTANT_MODIFY},
};

int main(int argc, char **argv) { return model_main(argc, argv, models, sizeof models / sizeof models[0]); }
