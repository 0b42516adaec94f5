/* SPDX-License-Identifier: MIT */
/* model_sched - whole workers: their queues, timers, stealing, sleeping, and a change of the number of procs.
 * Checks: P2 of sched/proc.h, Q1 of runq.h, N2 of worker.c, D1-D4 of idle.c: every task runs once; when nothing moves any more,
 *         all queues are empty, all workers asleep, and nobody is counted as searching.
 * How:    everything in src/sched but the switch: running a task is a call of switch_run, which notes it, and makes its children
 *         ready if it has any.
 */
#define WORKERS 3 /* two of them in most models */
#include "workers.h"

#include "sched/crew.c"
#include "sched/door.c"
#include "sched/fresh.c"
#include "sched/ready.c"
#include "sched/runq.c"
#include "sched/runtime.c"
#include "sched/spare.c"
#include "sched/timer.c"
#include "sched/visit.c"
#define DOOR_TICKS 2
#include "sched/worker.c"

/* A thief pauses between its rounds, but waits for nothing. */
#define cpu_relax() ((void)0)
#include "sched/steal.c"
#undef cpu_relax

#define TASKS 8

static struct task task[TASKS];
static unsigned runs[TASKS];
static int children[TASKS]; /* how many of the tasks behind it a task starts */
static int yields[TASKS];   /* how often it goes to the back of the queue first */
static int fair_after;      /* the task after which task 1 must have run; -1: none */
static int made;
static struct timer timer[3];

/* What is left out. Functions that nothing here calls are not even linked. */
void home_cache_flush(struct home_cache *cache) { (void)cache; }
void home_cache_open(struct home_cache *cache, unsigned number) { (void)cache, (void)number; }
void rest_note_work(struct proc *p) { (void)p; }
bool rest_when_useless(struct worker *w) { return (void)w, false; }
void monitor_wake(void) {}
void monitor_call(void) {}
void monitor_tick(void) {}
void thread_ready(struct task *t) { (void)t; }
void forked_tell(void) {}
void forked_refuse(void) {}
struct task *sim_find_work(struct proc *p) { return (void)p, NULL; }
struct task *sim_next(struct proc *p) { return (void)p, NULL; }
void sim_refuse_thread(void) { abort(); }

static void publish_one(void)
{
    struct task *t = &task[made++];
    globq_push(&rt.global, t, t, 1);
    idle_wake_one();
}

void switch_run(struct worker *w, struct task *t)
{
    int i = (int)(t - task);
    MODEL_CHECK(i >= 0 && i < made && runs[i] == 0);
    if (yields[i] > 0) {
        if (--yields[i] == 2 * FAIR_TICKS)
            publish_one();
        queue_push(w->proc, t);
        return;
    }
    runs[i] = 1;
    if (i == fair_after)
        MODEL_CHECK(runs[1]); /* N2 */
    for (int n = 0; n < children[i]; n++) {
        struct task *child = &task[made++];
        child->state = TASK_NEW;
        ready_on(w->proc, child);
    }
    MODEL_CHECK(runq_length(&w->proc->ring) <= w->proc->ring.capacity);
}

static void run_worker(void) { worker_loop(mote_self_worker); }

/* As mote_set_procs(2) on a plain thread, which then goes on as the new worker's. */
static void add_proc(void)
{
    mote_self_worker = NULL;
    set_procs(2);
    mote_self_worker = &worker[1];
    worker_loop(&worker[1]);
}

/* The only proc's owner, until it has no new tasks. */
static void run_fresh(void)
{
    while (fresh_length(&proc[0].fresh)) {
        struct task *t = worker_quick_next(&worker[0]);
        if (t)
            switch_run(&worker[0], t);
        else
            atom_and_seq(&proc[0].summons, ~SUMMONS_ATTENTION);
    }
}

/* As add_proc, with nothing in mind but the new tasks. The owner may shut the door in between (DO3). */
static void add_thief(void)
{
    mote_self_worker = NULL;
    set_procs(2);
    mote_self_worker = &worker[1];
    for (int i = 0; i < 2; i++) {
        if (!door_enter(&proc[0]))
            continue;
        struct task *t = fresh_steal(&proc[0].fresh);
        door_leave(&proc[0]);
        if (t)
            switch_run(&worker[1], t);
    }
}

static void pass_time(void) { atom_swap_seq(&model_now, 10); }

/* A plain thread's tasks. */
static void publish(void)
{
    publish_one();
    publish_one();
}

static void put_in_ring(int worker_number, int n)
{
    for (; n > 0; n--)
        MODEL_CHECK(runq_push_owner(&proc[worker_number].ring, &task[made++]));
}

static void on_time(struct timer *t) { (void)t; }

static void on_time_ready(struct timer *t) { sched_ready(t->arg); }

/* Worker 2 makes tasks ready before it looks for some. */
static void push_and_run(void)
{
    put_in_ring(2, 2);
    run_worker();
}

static void setup(void)
{
    workers_setup();
    memset(task, 0, sizeof task);
    memset(runs, 0, sizeof runs);
    memset(children, 0, sizeof children);
    memset(yields, 0, sizeof yields);
    made = 0;
    fair_after = -1;
    rt.procs = 2;
    for (unsigned i = 0; i < WORKERS; i++) {
        proc[i].random = i + 1;
        proc[i].fair_tick = 1000;
        proc[i].ring.capacity = 2;
        proc[i].fresh.capacity = 2;
    }
    for (int i = 0; i < TASKS; i++)
        task[i].state = TASK_READY;
}

/* One task that starts more than the queues hold. */
static void setup_fork(void)
{
    setup();
    children[0] = 4;
    atom_store_rlx(&proc[0].next, &task[made++]);
}

static void setup_alone(void)
{
    setup();
    rt.procs = 1;
    proc[0].shut = 1;
    put_in_ring(0, 2);
}

static void put_fresh(int n)
{
    setup();
    rt.procs = 1;
    for (int i = 0; i < n; i++) {
        task[made].state = TASK_NEW;
        fresh_push_owner(&proc[0].fresh, &task[made++]);
    }
}

static void setup_alone_fresh(void)
{
    put_fresh(2);
    proc[0].shut = 1;
}

/* It stands open, and is shut sooner or later. */
static void setup_door(void)
{
    put_fresh(2);
    proc[0].pops = DOOR_TICKS - 1;
}

static void run_and_shut(void)
{
    run_fresh();
    door_shut(&proc[0]);
    door_shut(&proc[0]);
}

/* A timer of proc 0 becomes due at a moment when its queues are full; worker 1 runs a long task. */
static void setup_due(void)
{
    setup();
    put_in_ring(0, 2);
    put_in_ring(1, 2);
    proc[0].fair_tick = 1;
    timer[0] = (struct timer){.when = 5, .fire = on_time};
    timer_add(&proc[0].timers, &timer[0]);
}

/* The same with a task in the next slot, and worker 1 awake. */
static void setup_due_next(void)
{
    setup();
    atom_store_rlx(&proc[0].next, &task[made++]);
    proc[0].fair_tick = 1;
    timer[0] = (struct timer){.when = 5, .fire = on_time};
    timer_add(&proc[0].timers, &timer[0]);
}

/* Worker 0 finds worker 1's timers due, and then worker 2's tasks. */
static void setup_timers(void)
{
    setup();
    rt.procs = 3;
    for (int i = 0; i < 3; i++) {
        timer[i] = (struct timer){.when = 0, .fire = on_time_ready, .arg = &task[made++]};
        timer_add(&proc[1].timers, &timer[i]);
    }
}

/* A task that yields again and again; one comes into the global queue meanwhile, and should get its turn. */
static void setup_fair(void)
{
    setup();
    rt.procs = 1;
    proc[0].fair_tick = 3;
    put_in_ring(0, 1);
    yields[0] = 3 * FAIR_TICKS;
    fair_after = 0;
}

static void set_again(void) { set_procs(1); }

/* Two procs become one. */
static void shrink(void) { set_procs(1); }

static void shrink_and_grow(void)
{
    set_procs(1);
    set_procs(2);
}

static void setup_shrink(void)
{
    setup();
    put_in_ring(0, 1);
    put_in_ring(1, 2);
}

/* A kept timer that is due, of a proc whose worker is about to sleep; its function puts it off, as that of a descriptor whose
 * deadline was moved does. It must fire again when that time has come. */
static unsigned fired;
static void on_time_put_off(struct timer *t)
{
    if (++fired == 1) {
        t->when = 5;
        t->again = true;
    }
}

static void setup_put_off(void)
{
    setup();
    fired = 0;
    worker[0].trimmed = worker[1].trimmed = true;
    timer[0] = (struct timer){.when = 0, .fire = on_time_put_off, .kind = TIMER_KEPT};
    timer_add(&proc[1].timers, &timer[0]);
}

static void check(void);
static void check_put_off(void)
{
    check();
    MODEL_CHECK(fired == 2);
}

static void check(void)
{
    for (int i = 0; i < WORKERS; i++)
        MODEL_CHECK(!proc[i].next && !runq_length(&proc[i].ring) && !fresh_length(&proc[i].fresh));
    MODEL_CHECK(!rt.global.first);
    for (int i = 0; i < made; i++)
        MODEL_CHECK(runs[i] == 1);
    MODEL_CHECK(rt.idle.searching == 0);
}

#define BASE .check = check, .entered = workers_entered, .sleepers = 7

static const struct model models[] = {
    {BASE, .name = "fork", .setup = setup_fork, .thread = {run_worker, run_worker}, .preemptions = 2},
    {BASE, .name = "fork_chance", .setup = setup_fork, .thread = {run_worker, run_worker, publish}, .random = 10000},
    {BASE, .name = "publish", .setup = setup, .thread = {run_worker, run_worker, publish}, .preemptions = 1,
     .mutants = MUTANT_SEQ},
    {BASE, .name = "alone", .setup = setup_alone, .thread = {run_worker, add_proc}, .preemptions = 2},
    {BASE, .name = "alone_fresh", .setup = setup_alone_fresh, .thread = {run_fresh, add_thief}, .preemptions = 3},
    {BASE, .name = "door", .setup = setup_door, .thread = {run_and_shut, add_thief}, .preemptions = 3,
     .mutants = MUTANT_HEAVY},
    {BASE, .name = "due", .setup = setup_due, .thread = {run_worker, NULL, pass_time}, .preemptions = 2},
    {BASE, .name = "due_next", .setup = setup_due_next, .thread = {run_worker, run_worker, NULL, pass_time},
     .random = 20000},
    {BASE, .name = "timers", .setup = setup_timers, .thread = {run_worker, NULL, push_and_run}, .preemptions = 1},
    {BASE, .name = "timers_chance", .setup = setup_timers, .thread = {run_worker, NULL, push_and_run}, .random = 10000},
    {.check = check_put_off,
     .entered = workers_entered,
     .sleepers = 7,
     .name = "put_off",
     .setup = setup_put_off,
     .thread = {run_worker, run_worker, NULL, pass_time},
     .preemptions = 2},
    {BASE, .name = "fair", .setup = setup_fair, .thread = {run_worker, NULL, NULL, set_again}, .preemptions = 1},
    {BASE, .name = "shrink", .setup = setup_shrink, .thread = {run_worker, run_worker, NULL, shrink}, .preemptions = 1},
    {BASE, .name = "shrink_and_grow", .setup = setup_shrink, .thread = {run_worker, run_worker, NULL, shrink_and_grow},
     .random = 20000},
};

int main(int argc, char **argv) { return model_main(argc, argv, models, sizeof models / sizeof models[0]); }
