/* SPDX-License-Identifier: MIT */
/* model_polling - workers that wait for I/O, against what comes from it, from other threads, and from the monitor.
 * Checks: PO1-PO3 of sched/polling.c, with D4 of idle.c: when nothing moves any more, everything that came has been run, and one of
 *         the workers that sleep waits for I/O.
 * The kernel: a word with what has happened since somebody last looked. Its edges go to who polls, once.
 */
#define WORKERS 2
#include "workers.h"

#define TASKS 3
#define IO 1u
#define INTERRUPT 2u

static struct task task[TASKS]; /* the last one comes from I/O */
static unsigned runs[TASKS];
static struct task *own[WORKERS]; /* a proc's own queue */
static _Atomic uint32_t kernel;
static bool polls;

bool steal_possible(void) { return false; }
void monitor_wake(void) {}
void monitor_tick(void) {}
void ready_chain(struct proc *p, struct task *first) { (void)p, (void)first; }

void queue_push(struct proc *p, struct task *t)
{
    t->next = own[p->number];
    own[p->number] = t;
}

static bool take_events(struct task **first)
{
    uint32_t seen = atom_swap_seq(&kernel, 0);
    *first = seen & IO ? &task[TASKS - 1] : NULL;
    return seen != 0;
}

static bool model_poll(int64_t deadline, struct task **first)
{
    MODEL_CHECK(!polls); /* PO1 */
    polls = true;
    model_point();
    if (!take_events(first) && deadline) {
        os_futex_wait(&kernel, 0, deadline);
        take_events(first);
    }
    polls = false;
    return *first != NULL;
}

static void happen(uint32_t what)
{
    atom_or_seq(&kernel, what);
    os_futex_wake(&kernel, 1);
}

static void model_interrupt(void) { happen(INTERRUPT); }
static bool nobody(void) { return false; }
static void nothing(void) {}
static const struct sched_poller poller = {model_poll, model_interrupt, nobody, nothing};

static struct task *take_own(struct worker *w)
{
    struct task *t = own[w->proc->number];
    if (t)
        own[w->proc->number] = t->next;
    return t;
}

static struct task *take(struct worker *w)
{
    uint64_t n;
    struct task *t = take_own(w);
    return t ? t : globq_take(&rt.global, 1, &n);
}

/* As find_work does. */
static struct task *find_work(struct worker *w)
{
    for (;;) {
        struct task *t = take(w);
        if (!t && polling_look(w->proc))
            continue;
        if (!t && idle_start_search(w))
            t = take(w);
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

/* One that sleeps at once. */
static void work_from_sleep(void)
{
    idle_sleep(&worker[model_self()]);
    work();
}

static void publish(int i)
{
    globq_push(&rt.global, &task[i], &task[i], 1);
    idle_wake_one();
}

static void publish_one(void) { publish(0); }
static void publish_both(void)
{
    publish(0);
    publish(1);
}
static void bring_io(void) { happen(IO); }
static void bring_io_and_publish(void)
{
    happen(IO);
    publish(0);
}

/* The monitor finds that nobody has looked for long. */
static void watch(void)
{
    atom_swap_seq(&model_now, NEGLECTED);
    polling_watch();
}

static void setup(void)
{
    workers_setup();
    memset(task, 0, sizeof task);
    memset(runs, 0, sizeof runs);
    memset(own, 0, sizeof own);
    for (int i = 0; i < TASKS; i++)
        task[i].state = TASK_PARKED;
    for (int i = 0; i < WORKERS; i++)
        worker[i].trimmed = true;
    kernel = 0;
    polls = false;
    rt.polling.poller = &poller;
}

static void check(void)
{
    MODEL_CHECK(!rt.global.first && kernel == 0 && !own[0] && !own[1]);
    MODEL_CHECK(runs[0] <= 1 && runs[1] <= 1 && runs[TASKS - 1] <= 1);
    MODEL_CHECK(rt.idle.searching == 0);
    MODEL_CHECK(rt.polling.held == 1 && polls); /* PO2 */
}

static void check_io(void)
{
    check();
    MODEL_CHECK(runs[TASKS - 1] == 1);
}

static void check_one(void)
{
    check();
    MODEL_CHECK(runs[0] == 1);
}

static void check_both(void)
{
    check_one();
    MODEL_CHECK(runs[TASKS - 1] == 1);
}

#define BASE .setup = setup, .entered = workers_entered

static const struct model models[] = {
    {BASE, .name = "wake_one", .check = check_one, .thread = {work, NULL, publish_both}, .sleepers = 1,
     .preemptions = 3},
    {BASE, .name = "io", .check = check_io, .thread = {work, NULL, bring_io}, .sleepers = 1, .preemptions = 3},
    {BASE, .name = "io_and_wake", .check = check_both, .thread = {work_from_sleep, NULL, bring_io, publish_one},
     .sleepers = 1, .preemptions = 2, .mutants = MUTANT_SEQ | MUTANT_MODIFY},
    {BASE, .name = "two", .check = check_both, .thread = {work_from_sleep, work_from_sleep, bring_io_and_publish},
     .sleepers = 3, .preemptions = 1},
    {BASE, .name = "monitor", .check = check_io, .thread = {work, NULL, watch, bring_io}, .sleepers = 1,
     .preemptions = 2, .mutants = MUTANT_SEQ | MUTANT_MODIFY},
    {BASE, .name = "chance", .check = check_both, .thread = {work, work, bring_io_and_publish, watch}, .sleepers = 3,
     .random = 60000},
};

int main(int argc, char **argv) { return model_main(argc, argv, models, sizeof models / sizeof models[0]); }
