/* SPDX-License-Identifier: MIT */
/* model_idle - work in the global queue against workers that go to sleep.
 * Checks: D1, D2, D4 of sched/idle.c: when nothing moves any more, everything that was published has been run, every worker
 *         sleeps, and nobody is counted as searching.
 * Not here: the procs' own queues (model_sched.c).
 */
#define WORKERS 2
#include "workers.h"

#define TASKS 3

static struct task task[TASKS];
static unsigned runs[TASKS];

bool steal_possible(void) { return false; }
void monitor_wake(void) {}
void monitor_tick(void) {}
void ready_chain(struct proc *p, struct task *first) { (void)p, (void)first; }
void queue_push(struct proc *p, struct task *t) { (void)p, (void)t; }

static struct task *take_global(void)
{
    uint64_t n;
    return globq_take(&rt.global, 1, &n);
}

/* As find_work does. */
static struct task *find_work(struct worker *w)
{
    for (;;) {
        struct task *t = take_global();
        if (!t && idle_start_search(w))
            t = take_global();
        if (t) {
            idle_end_search(w, true);
            return t;
        }
        idle_sleep(w);
    }
}

static void work(void)
{
    for (;;)
        runs[find_work(&worker[model_self()]) - task]++;
}

/* A worker that doesn't sleep for good at first: its time to trim has come. */
static void work_trimming(void)
{
    struct worker *w = &worker[model_self()];
    push(w);
    if (!unlist(w)) {
        await_token(w, INT64_MAX);
        atom_store_rlx(&w->token, 0);
        w->searching = true;
    }
    work();
}

static void publish(int i)
{
    globq_push(&rt.global, &task[i], &task[i], 1);
    idle_wake_one();
}

static void publish_one(void) { publish(0); }

static void publish_another(void) { publish(1); }

static void publish_both(void)
{
    publish(0);
    publish(1);
}

static void setup(void)
{
    workers_setup();
    memset(task, 0, sizeof task);
    memset(runs, 0, sizeof runs);
    for (int i = 0; i < WORKERS; i++)
        worker[i].trimmed = true;
}

static void check(void)
{
    MODEL_CHECK(!rt.global.first);
    MODEL_CHECK(runs[0] == 1 && runs[1] <= 1);
    MODEL_CHECK(rt.idle.searching == 0);
}

#define BASE .setup = setup, .check = check, .entered = workers_entered

static const struct model models[] = {
    {BASE, .name = "one_worker", .thread = {work, NULL, publish_both}, .sleepers = 1, .preemptions = 3,
     .mutants = MUTANT_SEQ},
    {BASE, .name = "two_publishers", .thread = {work, NULL, publish_one, publish_another}, .sleepers = 1,
     .preemptions = 2},
    {BASE, .name = "waker", .thread = {work_trimming, NULL, publish_one, idle_wake_one}, .sleepers = 1,
     .preemptions = 3},
    {BASE, .name = "two_workers", .thread = {work, work, publish_one}, .sleepers = 3, .preemptions = 2},
    {BASE, .name = "chance", .thread = {work, work_trimming, publish_one, publish_another}, .sleepers = 3,
     .random = 30000},
};

int main(int argc, char **argv) { return model_main(argc, argv, models, sizeof models / sizeof models[0]); }
