/* SPDX-License-Identifier: MIT */
/* model_spare - workers whose task blocks, by its own word or not; spares in their place; the way back; threads that end.
 * Checks: V1-V5 of sched/spare.c: whatever a blocked task waits for is done by the others, wherever it lay when the task began to block
 *         or came later; when nothing moves any more, every task has run once, as many procs are in use as should be, nobody counts
 *         as away, and all workers sleep.
 * How:    whole workers, as in model_sched.c. A task that blocks sleeps until the flag is up, in its worker's thread.
 */
#define WORKERS 3
#include "workers.h"

/* No thread is begun: all that there may be are there. */
#define pthread_create(thread, attr, fn, arg) ((void)(fn), EAGAIN)
#define pthread_detach(thread) ((void)0)
#include "sched/crew.c"
#include "sched/door.c"
#include "sched/fresh.c"
#include "sched/monitor.c"
#include "sched/ready.c"
#include "sched/runq.c"
#include "sched/runtime.c"
#include "sched/spare.c"
#include "sched/timer.c"
#include "sched/visit.c"
#include "sched/worker.c"

#define cpu_relax() ((void)0)
#include "sched/steal.c"
#undef cpu_relax

enum { BLOCKS, RAISES, STARTS_AND_BLOCKS, STUCK, PLAIN, TASKS };

static struct task task[TASKS];
static unsigned runs[TASKS];
static bool awaited[TASKS]; /* those that must have run in the end */
static _Atomic uint32_t flag, stuck;
static struct timer timer;
static int workers;

struct home_table homes;
int os_thread_id(void) { return 0; }
int guard_thread_enter(void **stack) { return *stack = NULL, 0; }
void guard_thread_leave(void *stack) { (void)stack; }
uint64_t stall_moves(void) { return 0; }
void debug_worker_start(void) {}
void debug_worker_stop(void) {}
void debug_worker_busy(bool busy) { (void)busy; }
struct task *sim_find_work(struct proc *p) { return (void)p, NULL; }
struct task *sim_next(struct proc *p) { return (void)p, NULL; }
void sim_refuse_thread(void) { abort(); }
void forked_tell(void) {}
void forked_refuse(void) {}
void home_cache_flush(struct home_cache *cache) { (void)cache; }
void home_cache_open(struct home_cache *cache, unsigned number) { (void)cache, (void)number; }
void rest_note_work(struct proc *p) { (void)p; }
bool rest_when_useless(struct worker *w) { return (void)w, false; }
void thread_ready(struct task *t) { (void)t; }

static void await_flag(void)
{
    while (!atom_load_seq(&flag))
        os_futex_wait(&flag, 0, INT64_MAX);
}

static void block(void)
{
    mote_blocking_begin();
    await_flag();
    mote_blocking_end();
}

void switch_run(struct worker *w, struct task *t)
{
    int i = (int)(t - task);
    MODEL_CHECK(runs[i]++ == 0);
    w->self.current = t;
    if (i == BLOCKS) {
        block();
    } else if (i == RAISES) {
        atom_store_seq(&flag, 1);
        os_futex_wake(&flag, WORKERS);
    } else if (i == STARTS_AND_BLOCKS) {
        mote_blocking_begin();
        sched_ready(&task[RAISES]);
        await_flag();
        mote_blocking_end();
    } else if (i == STUCK) {
        atom_store_seq(&stuck, 1);
        await_flag();
    }
    w->self.current = &w->base;
}

static void run_worker(void) { worker_loop(mote_self_worker); }

/* Until it isn't needed: then its thread ends. */
static void run_for_a_while(void)
{
    struct worker *w = mote_self_worker;
    do
        worker_loop(w);
    while (w->leaves && !spare_end_thread(w));
    if (atom_load_seq(&w->threadless))
        atom_sub_seq(&rt.live_workers, 1);
}

/* Worker 1 is in use for a moment, in which the monitor finds it stuck, be it or not. */
static void use_for_a_moment(void)
{
    set_procs(2);
    if (spare_replace_stuck(&worker[1]))
        spare_drain(&proc[1]);
    set_procs(1);
}

/* A plain thread. */
static void publish(void)
{
    globq_push(&rt.global, &task[RAISES], &task[RAISES], 1);
    idle_wake_one();
}

static void on_time(struct timer *t)
{
    (void)t;
    sched_ready(&task[RAISES]);
}

static void arm(void) { MODEL_CHECK(sched_timer_add(&timer) == 0); }

/* The monitor, with no patience. */
static void monitor(void)
{
    for (;;) {
        spare_keep_up();
        for (int i = 0; i < workers; i++)
            spare_look(&proc[i]);
        if (atom_load_seq(&stuck) && !atom_load_seq(&flag) && spare_replace_stuck(&worker[0]))
            spare_drain(&proc[0]);
        if (may_sleep())
            sleep_until_woken(INT64_MAX, 0);
        else
            os_back_off(0);
    }
}

/* Finds worker 0 stuck at any time first, be it or not. */
static void hasty_monitor(void)
{
    if (spare_replace_stuck(&worker[0]))
        spare_drain(&proc[0]);
    monitor();
}

static void put(int to, int i)
{
    awaited[i] = true;
    MODEL_CHECK(runq_push_owner(&proc[to].ring, &task[i]));
}

static void setup(int n)
{
    workers_setup();
    memset(task, 0, sizeof task);
    memset(runs, 0, sizeof runs);
    memset(awaited, 0, sizeof awaited);
    workers = n;
    flag = stuck = 0;
    model_now = 10;
    rt.procs = 1;
    rt.made = rt.reach = rt.live_workers = (uint32_t)n;
    rt.queue = 2;
    rt.spares.most = (uint32_t)n - 1;
    rt.spares.patience = INT64_MAX / 2;
    timer = (struct timer){.when = 5, .fire = on_time};
    for (unsigned i = 0; i < WORKERS; i++) {
        proc[i].random = i + 1;
        proc[i].fair_tick = 1000;
        proc[i].ring.capacity = 2;
        proc[i].fresh.capacity = 2;
        worker[i].trimmed = true;
        worker[i].errno_place = &errno;
        if (i >= 1)
            proc[i].summons = SUMMONS_ATTENTION;
    }
    for (int i = 0; i < TASKS; i++)
        task[i].state = TASK_READY;
}

/* The flag will be raised by a plain thread's task. */
static void setup_blocks(void)
{
    setup(2);
    put(0, BLOCKS);
    awaited[RAISES] = true;
}

/* By one that lies behind the one that blocks, and one more is there. */
static void setup_queue(void)
{
    setup(2);
    put(0, BLOCKS);
    put(0, RAISES);
    atom_store_rlx(&proc[0].next, &task[PLAIN]);
    awaited[PLAIN] = true;
}

static void setup_starts(void)
{
    setup(2);
    put(0, STARTS_AND_BLOCKS);
    awaited[RAISES] = true;
}

static void setup_stuck(void)
{
    setup(2);
    put(0, STUCK);
    put(0, RAISES);
}

/* The only proc, which takes from its queues as if there were no thief. */
static void setup_alone(void)
{
    setup_stuck();
    proc[0].shut = 1;
}

/* By a timer that is due. */
static void setup_timer(void)
{
    setup_blocks();
    timer_add(&proc[0].timers, &timer);
}

/* Both block: the third one is for the rest. */
static void setup_both(void)
{
    setup(3);
    rt.procs = 2;
    proc[1].summons = 0;
    put(0, BLOCKS);
    put(1, STUCK);
    awaited[RAISES] = true;
}

/* Worker 1 isn't needed. */
static void setup_ends(void)
{
    setup(2);
    rt.spares.patience = 0;
    put(0, PLAIN);
    worker[1].own_thread = true;
}

static void check(void)
{
    uint32_t n = 0;
    for (int i = 0; i < workers; i++) {
        struct proc *p = &proc[i];
        MODEL_CHECK(!p->next && !runq_length(&p->ring) && !fresh_length(&p->fresh) &&
                    timers_earliest(&p->timers) == INT64_MAX);
        MODEL_CHECK(!(p->summons & (SUMMONS_BLOCKING | SUMMONS_REPLACED)) && !rt.spares.away[i]);
        n += in_use(p);
    }
    MODEL_CHECK(n == rt.procs); /* V1 */
    MODEL_CHECK(!rt.global.first && rt.idle.searching == 0);
    MODEL_CHECK(rt.spares.count == 0 && rt.spares.quiet == 0);
    for (int i = 0; i < TASKS; i++)
        MODEL_CHECK(runs[i] == awaited[i]);
    MODEL_CHECK(monitor_all_asleep());
}

static void entered(int thread)
{
    workers_entered(thread);
    if (thread >= workers)
        mote_self_worker = NULL;
}

#define BASE .check = check, .entered = entered, .sleepers = 15

static const struct model models[] = {
    {BASE, .name = "blocks", .setup = setup_blocks, .thread = {run_worker, run_worker, publish}, .preemptions = 2,
     .mutants = MUTANT_MODIFY},
    {BASE, .name = "blocks_monitor", .setup = setup_blocks, .thread = {run_worker, run_worker, publish, monitor},
     .preemptions = 1},
    {BASE, .name = "queue", .setup = setup_queue, .thread = {run_worker, run_worker}, .preemptions = 2},
    {BASE, .name = "starts", .setup = setup_starts, .thread = {run_worker, run_worker, monitor}, .preemptions = 1},
    {BASE, .name = "stuck", .setup = setup_stuck, .thread = {run_worker, run_worker, monitor}, .preemptions = 1},
    {BASE, .name = "alone", .setup = setup_alone, .thread = {run_worker, run_worker, hasty_monitor}, .preemptions = 1},
    {BASE, .name = "hasty", .setup = setup_stuck, .thread = {run_worker, run_worker, hasty_monitor}, .random = 20000},
    {BASE, .name = "hasty_blocks", .setup = setup_blocks, .thread = {run_worker, run_worker, publish, hasty_monitor},
     .random = 20000},
    {BASE, .name = "timer", .setup = setup_timer, .thread = {run_worker, run_worker, monitor}, .preemptions = 1},
    {BASE, .name = "arm", .setup = setup_blocks, .thread = {run_worker, run_worker, arm, monitor}, .random = 20000},
    {BASE, .name = "both", .setup = setup_both, .thread = {run_worker, run_worker, run_worker, publish},
     .random = 20000},
    {BASE, .name = "ends", .setup = setup_ends, .thread = {run_worker, run_for_a_while, use_for_a_moment},
     .random = 20000},
};

int main(int argc, char **argv) { return model_main(argc, argv, models, sizeof models / sizeof models[0]); }
