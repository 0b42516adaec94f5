/* SPDX-License-Identifier: MIT */
/* sim - a runtime with one worker, in which every choice is the seed's and time stands still while tasks run.
 * Job:    see sim.h.
 * Holds:  SI1-SI4.
 * Why:    the worker is the calling thread: no thread is started, so a process can be copied before each run, and debuggers see one
 *         thread. Timers fire on the worker's own stack, as always; when that is chosen, attention is drawn as by others who want it.
 */
#include "sched/sim.h"

#include "base/msg.h"
#include "base/os.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BEGINNING INT64_C(1000000000000) /* ns: when a simulation begins, on its own clock */
#define STILL 10000                      /* looks at the clock until it moves */
#define STEP INT64_C(1000)               /* ns: how far, at first */
#define STEPS_ALIKE 64                   /* then twice as far */
#define TIES 21                          /* timers among which is looked for equal times: three levels of the heap */

static struct {
    struct proc *proc;
    const struct schedule_plan *plan;
    struct sim_function fn;
    void *arg;
    uint64_t first_id;
    struct task **ready; /* SI1: count of them from first on */
    size_t first, count, room;
    struct task *current; /* whose call a choice is made in; its number is 0 when it isn't a task */
    uint32_t offset;      /* alternatives before the ready tasks */
    bool goes_on, due;    /* what these are: the current task; the next timer */
    struct task *forced;  /* chosen at a point */
    bool to_base;         /* chosen: the next timer */
    bool over;
    int result; /* when it is over: 0: the main task's own */
    int64_t now, step;
    uint32_t looks; /* at this clock, at the same time */
} sim;

/* Time */

static void set_time(int64_t to)
{
    sim.now = to;
    sim.looks = 0;
    sim.step = STEP;
    monitor_tick();
}

static void look_at_clock(void)
{
    if (++sim.looks <= STILL)
        return;
    int64_t to = sim.now + sim.step, earliest = timers_earliest(&sim.proc->timers);
    if (sim.looks % STEPS_ALIKE == 0 && sim.step < INT64_MAX / 8)
        sim.step *= 2;
    if (to > earliest)
        to = earliest > sim.now ? earliest : sim.now;
    sim.now = to;
}

static bool is_worker(void)
{
    struct worker *w = worker_self();
    return w && w->proc == sim.proc;
}

/* 0: the caller has another clock. */
static int64_t clock_of_tasks(void)
{
    if (!is_worker())
        return 0;
    look_at_clock();
    return sim.now;
}

/* Ready tasks */

static void add(struct task *t)
{
    if (sim.first + sim.count == sim.room) {
        if (sim.first > sim.room / 2) {
            memmove(sim.ready, sim.ready + sim.first, sim.count * sizeof(struct task *));
            sim.first = 0;
        } else {
            sim.room = sim.room ? 2 * sim.room : 256;
            sim.ready = realloc(sim.ready, sim.room * sizeof(struct task *));
            if (!sim.ready)
                msg_fatal("no memory for a simulation");
        }
    }
    sim.ready[sim.first + sim.count++] = t;
}

/* What is shorter, before it or behind it, moves up. */
static struct task *take(size_t i)
{
    struct task **from = sim.ready + sim.first, *t = from[i];
    if (i < sim.count / 2)
        memmove(from + 1, from, i * sizeof(struct task *));
    else
        memmove(from + i, from + i + 1, (sim.count - i - 1) * sizeof(struct task *));
    sim.first += i < sim.count / 2;
    sim.count--;
    return t;
}

/* SI1 */
static void gather(struct proc *p)
{
    uint64_t n;
    for (struct task *t; (t = runq_pop_owner(&p->ring, false));)
        add(t);
    for (struct task *t = globq_take(&rt.global, UINT64_MAX, &n), *next; t; t = next) {
        next = t->next;
        if (atom_load_rlx(&t->state) != TASK_NEW)  /* rlx: ours */
            atom_store_rlx(&t->state, TASK_READY); /* rlx: for reports */
        add(t);
    }
}

/* The end */

static void end_run(int result)
{
    if (sim.over)
        return;
    sim.over = true;
    sim.result = result;
    atom_or_seq(&sim.proc->summons, SUMMONS_ATTENTION); /* seq: our own thread */
}

/* Deferred by the main task before all else: so the last that it does. */
static void end_of_main(void *arg)
{
    (void)arg;
    end_run(0);
}

bool sim_panicked(const struct task *self)
{
    if (!runtime_simulated() || self->flags & TASK_THREAD)
        return false;
    end_run(0);
    sim.result = -ECANCELED; /* also of the main task, which has run what was deferred */
    return true;
}

void sim_refuse_thread(void)
{
    msg_fatal("a plain thread calls into a simulation: no seed could make it do so again. Let a task do it");
}

/* Choices */

static struct schedule_who who_is(const struct task *t)
{
    if (!t || t == &worker_self()->base)
        return (struct schedule_who){0};
    return (struct schedule_who){(uint32_t)(record_id(t) - sim.first_id) + 1, t->site};
}

static struct schedule_who alternative(uint32_t i)
{
    if (i >= sim.offset)
        return who_is(sim.ready[sim.first + i - sim.offset]);
    return sim.goes_on && i == 0 ? who_is(sim.current) : (struct schedule_who){0};
}

/* False: the run is over. */
static bool count_look(void)
{
    look_at_clock();
    if (UNLIKELY(atom_load_rlx(&rt.forked))) /* rlx: set by this thread */
        forked_refuse();
    if (!sim.over && ++sim.plan->log->looks > sim.plan->most_looks) {
        debug_on_sim_end("a simulation that goes on and on");
        end_run(-ETIMEDOUT);
    }
    return !sim.over;
}

/* Which of: the current task going on, a timer that is due, the ready tasks. */
static uint32_t choose(struct proc *p, bool goes_on)
{
    sim.current = worker_self()->self.current;
    sim.goes_on = goes_on;
    sim.due = timers_earliest(&p->timers) <= sim.now;
    sim.offset = (uint32_t)sim.goes_on + sim.due;
    uint32_t n = sim.offset + (uint32_t)sim.count;
    return n < 2 ? 0 : schedule_choose(goes_on ? SCHEDULE_POINT : SCHEDULE_NEXT, n, alternative, who_is(sim.current));
}

static struct task *carry_out(struct proc *p, uint32_t i)
{
    if (i >= sim.offset)
        return sim.count ? take(i - sim.offset) : NULL;
    sim.to_base = true;
    atom_or_seq(&p->summons, SUMMONS_ATTENTION); /* seq: our own thread */
    return NULL;
}

struct task *sim_next(struct proc *p)
{
    struct task *t = sim.forced;
    sim.forced = NULL;
    if (t || sim.over || sim.to_base)
        return t;
    gather(p);
    return count_look() ? carry_out(p, choose(p, false)) : NULL;
}

void sim_point(void)
{
    if (!is_worker() || worker_self()->self.current == &worker_self()->base)
        return;
    struct proc *p = sim.proc;
    gather(p);
    uint32_t i = count_look() ? choose(p, true) : 0;
    if (!sim.over && i == 0)
        return;
    if (!sim.over)
        sim.forced = carry_out(p, i);
    sched_yield_now();
}

uint32_t sim_random(uint32_t n)
{
    return n < 2 ? 0 : schedule_choose(SCHEDULE_CHANCE, n, NULL, who_is(worker_self()->self.current));
}

static void fire_one(struct timers *ts)
{
    uint32_t n = timers_ties(ts, TIES);
    timers_fire(ts, n > 1 ? schedule_choose(SCHEDULE_TIMER, n, NULL, (struct schedule_who){0}) : 0);
    sim.looks = 0;
    sim.step = STEP;
}

/* Nothing is ready. */
static void move_on(struct proc *p)
{
    int64_t earliest = timers_earliest(&p->timers);
    if (earliest != INT64_MAX) {
        set_time(earliest);
        return;
    }
    debug_on_sim_end("all tasks are asleep - deadlock");
    end_run(-EDEADLK);
}

struct task *sim_find_work(struct proc *p)
{
    while (!sim.over) {
        struct task *t;
        atom_and_seq(&p->summons, ~SUMMONS_ATTENTION); /* seq: our own thread */
        if (sim.to_base)
            fire_one(&p->timers);
        sim.to_base = false;
        if ((t = sim_next(p)))
            return t;
        if (!sim.over && !sim.to_base)
            move_on(p);
    }
    return NULL;
}

/* The run */

static int main_task(int argc, char **argv)
{
    (void)argc, (void)argv;
    int error = mote_defer(end_of_main, NULL);
    if (error < 0)
        return error;
    if (sim.fn.result)
        return sim.fn.result(sim.arg);
    sim.fn.nothing(sim.arg);
    return 0;
}

static void begin(struct proc *p)
{
    sim.proc = p;
    sim.first_id = atom_load_seq(&rt.next_id);   /* seq: no worker runs yet, here and below */
    p->fresh.capacity = 0;                       /* SI1 */
    atom_or_seq(&p->summons, SUMMONS_SIMULATED); /* seq: as above */
    sim.now = BEGINNING;
    sim.step = STEP;
    schedule_begin(sim.plan);
    os_set_clock(clock_of_tasks);
    lock_points(sim_point);
}

static void end(void)
{
    lock_points(NULL);
    os_set_clock(NULL);
    free(sim.ready);
}

int sim_run(const struct schedule_plan *plan, struct sim_function fn, void *arg, int *result)
{
    static _Atomic uint32_t busy;
    uint32_t free = 0;
    if (!atom_cas_seq(&busy, &free, 1)) /* seq: rare */
        return -EBUSY;
    memset(&sim, 0, sizeof sim);
    sim.plan = plan;
    sim.fn = fn;
    sim.arg = arg;
    int error = runtime_simulate(begin, main_task, end);
    *result = sim.result ? sim.result : rt.main_result;
    memset(&sim, 0, sizeof sim);
    atom_store_seq(&busy, 0); /* seq: as above */
    return error;
}
