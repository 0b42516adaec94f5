/* SPDX-License-Identifier: MIT */
/* model_monitor - the monitor's own sleep against workers that wake up, for a task or for want of anything to do.
 * Checks: N6 and N5 of sched/monitor.c: when nothing moves any more and a worker is not asleep, the monitor is not either. L2 and L4 of
 *         base/lock.h: the lock that the monitor looks under is held by one thread while the monitor moves the bias.
 */
#define WORKERS 2
#include "workers.h"

#include "sched/monitor.c"

#define LATER (MODEL_TRIM_AFTER + 1)

static struct task task;
static _Atomic uint32_t never; /* a long task waits for it */

bool steal_possible(void) { return false; }
uint64_t stall_moves(void) { return 0; }
void ready_chain(struct proc *p, struct task *first) { (void)p, (void)first; }
void queue_push(struct proc *p, struct task *t) { (void)p, (void)t; }
void spare_look(struct proc *p) { (void)p; }

/* Sleeps until there is a task, and runs it for ever. */
static void work(void)
{
    struct worker *w = &worker[model_self()];
    uint64_t n;
    while (!globq_take(&rt.global, 1, &n))
        idle_sleep(w);
    idle_end_search(w, true);
    os_futex_wait(&never, 0, INT64_MAX);
}

static void monitor(void)
{
    while (monitor_all_asleep())
        sleep_until_woken(INT64_MAX, 0);
}

static void publish(void)
{
    globq_push(&rt.global, &task, &task, 1);
    idle_wake_one();
}

static void pass_time_and_publish(void)
{
    atom_swap_seq(&model_now, LATER);
    publish();
}

/* The soloist falls asleep and wakes up at once. */
static void nap(void)
{
    push(&worker[0]);
    unlist(&worker[0]);
}

/* The other worker, with the idle lock. */
static void look_at_sleepers(void)
{
    lock_take(&rt.idle.lock);
    bool asleep = worker[0].asleep;
    model_point();
    MODEL_CHECK(worker[0].asleep == asleep); /* L2 of base/lock.h */
    lock_drop(&rt.idle.lock);
}

/* One look of consider_bias, and no patience. */
static void give_bias(void)
{
    lock_take(&rt.idle.lock); /* somebody's use of a lock ends the bias */
    lock_drop(&rt.idle.lock);
    struct worker *one = atom_load_seq(&lock_bias_active) ? NULL : monitor_only_one_awake();
    if (one)
        lock_bias_begin(&one->self);
}

/* One that came into use a moment ago hasn't stood still for long, however long it has not been looked at. */
static void look_at_a_new_one(void)
{
    look_at_all();
    atom_store_seq(&model_now, 1000 * STUCK_AFTER);
    atom_store_seq(&rt.reach, 2);
    look_at_all();
    int64_t stands = os_now() - last[0].since, begins = os_now() - last[1].since;
    MODEL_CHECK(stands >= STUCK_AFTER && begins < STUCK_AFTER);
    atom_store_seq(&model_now, 2000 * STUCK_AFTER);
    look_at_all();
    MODEL_CHECK(os_now() - last[1].since >= STUCK_AFTER);
    atom_store_seq(&rt.reach, 1); /* it retires, and comes again */
    look_at_all();
    atom_store_seq(&rt.reach, 2);
    look_at_all();
    MODEL_CHECK(os_now() - last[1].since < STUCK_AFTER);
}

static void setup(void)
{
    workers_setup();
    memset(&task, 0, sizeof task);
}

static void setup_bias(void)
{
    setup();
    lock_bias_begin(&worker[0].self);
}

static void setup_new_one(void)
{
    setup();
    memset(last, 0, sizeof last);
    this_look = 0;
    atom_store_seq(&rt.reach, 1);
}

static void check(void)
{
    MODEL_CHECK(!rt.global.first);
    MODEL_CHECK(monitor_all_asleep() || !rt.monitor_asleep);
}

#define BASE .setup = setup, .check = check, .entered = workers_entered, .sleepers = 7

static const struct model models[] = {
    {BASE, .name = "task", .thread = {work, work, monitor, publish}, .preemptions = 1, .mutants = MUTANT_SEQ},
    {BASE, .name = "trim", .thread = {work, work, monitor, pass_time_and_publish}, .preemptions = 1},
    {.name = "bias",
     .setup = setup_bias,
     .thread = {nap, look_at_sleepers, give_bias},
     .entered = workers_entered,
     .preemptions = 2,
     .mutants = MUTANT_HEAVY},
    {.name = "new_one", .setup = setup_new_one, .thread = {look_at_a_new_one}, .entered = workers_entered},
    {BASE, .name = "chance", .thread = {work, work, monitor, pass_time_and_publish}, .random = 30000},
};

int main(int argc, char **argv) { return model_main(argc, argv, models, sizeof models / sizeof models[0]); }
