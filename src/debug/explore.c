/* SPDX-License-Identifier: MIT */
/* explore - simulations with one seed after another, until one fails.
 * Job:    mote_sim_run, mote_sim_explore, mote_sim_explore_with: run each in a copy of the process, find a short schedule that fails
 *         in the same way.
 * Holds:  EX1 nothing that a run does is seen by the next one: only the log and the result are shared with the copy. EX2 what is
 *         reported has been run: the last run made is the one with the schedule that is written down.
 * Why:    a schedule is made shorter by leaving choices out, halves first and single ones last (delta debugging: Zeller, Hildebrandt,
 *         "Simplifying and Isolating Failure-Inducing Input", 2002). Choices are known by their number, so to leave one out may
 *         give those behind it another meaning; what counts is that the run still fails.
 * Not here: the run itself (sched/sim.c), the choices (sched/schedule.c), the report (findings.c).
 */
#include "debug/explore.h"

#include "sched/config.h"
#include "sched/sim.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define MOST_LOOKS UINT64_C(10000000)
#define SECONDS 60
#define STEPS 32768     /* of a schedule that is to be made shorter */
#define SHORTENINGS 600 /* runs that this may take */

/* The copy writes, then we read. */
struct shared {
    bool ended;
    int error, result;
    struct schedule_log log;
    struct schedule_step step[STEPS];
};

static struct sim_function function_of(struct mote__sim_function fn)
{
    struct sim_function f = {0};
    if (fn.has_result)
        f.result = (int (*)(void *))fn.fn;
    else
        f.nothing = (void (*)(void *))fn.fn;
    return f;
}

PUBLIC int mote__sim_run(uint64_t seed, struct mote__sim_function fn, void *arg)
{
    struct schedule_log log = {.room = 0};
    struct schedule_plan plan = {.seed = seed, .most_looks = MOST_LOOKS, .log = &log};
    int result, error = sim_run(&plan, function_of(fn), arg, &result);
    return error < 0 ? error : result;
}

/* One run */

/* What the program does with them, a test's framework for example, is for the program itself, not for its copy. */
static void default_signals(void)
{
    static const int fatal[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGSYS, SIGABRT, SIGALRM};
    for (size_t i = 0; i < ARRAY_LENGTH(fatal); i++)
        signal(fatal[i], SIG_DFL);
}

static NORETURN void be_the_copy(struct search *s, const struct schedule_plan *plan)
{
    default_signals();
    alarm((unsigned)s->options.seconds);
    dup2(s->said, STDOUT_FILENO);
    dup2(s->said, STDERR_FILENO);
    s->shared->error = sim_run(plan, s->fn, s->arg, &s->shared->result);
    s->shared->ended = true;
    fflush(NULL);
    _exit(0);
}

static void name_result(struct outcome *o, int result)
{
    o->code = 0;
    if (result == 0) {
        o->end = MOTE_SIM_PASSED;
    } else if (result == -EDEADLK) {
        o->end = MOTE_SIM_DEADLOCK;
    } else if (result == -ECANCELED) {
        o->end = MOTE_SIM_PANIC;
    } else if (result == -ETIMEDOUT) {
        o->end = MOTE_SIM_ENDLESS;
    } else {
        o->end = MOTE_SIM_RESULT;
        o->code = result;
    }
}

/* How the copy has ended. A tool may have its own opinion of its exit status. */
static int judge(const struct shared *shared, int status, struct outcome *o)
{
    if (shared->ended && shared->error < 0)
        return shared->error;
    if (shared->ended) {
        name_result(o, shared->result);
        return 0;
    }
    o->end = WIFSIGNALED(status) ? MOTE_SIM_SIGNAL : MOTE_SIM_EXIT;
    o->code = WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
    return 0;
}

/* 0, or why it couldn't be run. */
static int run(struct search *s, struct schedule_plan *plan, struct outcome *o)
{
    struct shared *shared = s->shared;
    int status = 0;
    shared->ended = false;
    shared->log = (struct schedule_log){.room = STEPS, .step = shared->step};
    plan->log = &shared->log;
    if (ftruncate(s->said, 0) < 0 || lseek(s->said, 0, SEEK_SET) < 0)
        return -errno;
    fflush(NULL); /* or the copy would write it as well */
    pid_t copy = fork();
    if (copy < 0)
        return -EAGAIN;
    if (copy == 0)
        be_the_copy(s, plan);
    while (waitpid(copy, &status, 0) < 0 && errno == EINTR)
        continue;
    return judge(shared, status, o);
}

/* Shorter schedules */

/* Runs those of the steps that are not from `first` to `end`. True: it fails in the same way, and they are what the log says. */
static bool fails_without(struct search *s, uint32_t first, uint32_t end)
{
    struct schedule_plan plan = {.seed = s->seed,
                                 .most_looks = s->most_looks,
                                 .fixed = true,
                                 .steps = s->steps - (end - first),
                                 .step = s->trial};
    struct outcome o = {0};
    memcpy(s->trial, s->step, first * sizeof *s->step);
    memcpy(s->trial + first, s->step + end, (s->steps - end) * sizeof *s->step);
    if (s->tries++ >= SHORTENINGS || run(s, &plan, &o) < 0 || o.end != s->outcome.end || o.code != s->outcome.code ||
        s->shared->log.count > plan.steps)
        return false;
    s->steps = s->shared->log.count;
    memcpy(s->step, s->shared->step, s->steps * sizeof *s->step);
    return true;
}

/* Whether any of them could be left out. */
static bool leave_out(struct search *s, uint32_t many)
{
    bool any = false;
    for (uint32_t first = 0; first < s->steps;) {
        uint32_t end = many < s->steps - first ? first + many : s->steps;
        if (fails_without(s, first, end))
            any = true;
        else
            first = end;
    }
    return any;
}

static void shorten(struct search *s)
{
    if (s->steps && fails_without(s, 0, s->steps))
        return;
    for (uint32_t many = s->steps / 2; many > 1; many /= 2)
        leave_out(s, many);
    while (leave_out(s, 1))
        continue;
}

/* The last run, of which the report tells: EX2. What it has written is in s->said. */
static bool run_again(struct search *s)
{
    struct schedule_plan plan = {.seed = s->seed,
                                 .most_looks = s->most_looks,
                                 .fixed = s->shorter,
                                 .traced = true,
                                 .steps = s->steps,
                                 .step = s->step};
    struct outcome o = {0};
    if (run(s, &plan, &o) < 0 || o.end != s->outcome.end || o.code != s->outcome.code)
        return false;
    s->steps = s->shared->log.count;
    memcpy(s->step, s->shared->step, s->steps * sizeof *s->step);
    return true;
}

static void look_closer(struct search *s)
{
    s->schedule = s->shared->log.hash;
    s->choices = s->shared->log.choices;
    s->steps = s->shared->log.count;
    memcpy(s->step, s->shared->step, s->steps * sizeof *s->step);
    /* An endless loop takes its time, and each choice of it counts. */
    s->shorter = !s->shared->log.lost && s->outcome.end != MOTE_SIM_ENDLESS && !s->options.as_it_is;
    s->most_looks = s->shorter ? 10 * s->shared->log.looks + 1000 : s->most_looks;
    if (s->shorter)
        shorten(s);
    s->repeats = run_again(s);
}

/* The search */

static int search(struct search *s)
{
    for (s->runs = 1; s->runs <= s->options.runs; s->runs++) {
        s->seed = s->options.first_seed + (uint64_t)(s->runs - 1);
        struct schedule_plan plan = {.seed = s->seed, .most_looks = s->most_looks};
        int error = run(s, &plan, &s->outcome);
        if (error < 0)
            return error;
        if (s->outcome.end != MOTE_SIM_PASSED) {
            look_closer(s);
            return 1;
        }
    }
    return 0;
}

static int settle_options(struct search *s, const mote_sim_options *given)
{
    mote_config c;
    s->options = *given;
    if (s->options.runs < 1 || s->options.seconds < 0)
        return -EINVAL;
    int error = config_resolve(NULL, &c);
    if (error < 0)
        return error;
    if (c.seed) {
        s->options.first_seed = c.seed;
        s->options.runs = 1;
    }
    if (!s->options.first_seed)
        s->options.first_seed = 1;
    if (!s->options.seconds)
        s->options.seconds = SECONDS;
    s->most_looks = s->options.most_choices ? s->options.most_choices : MOST_LOOKS;
    return 0;
}

static int prepare(struct search *s)
{
    s->shared =
        mmap(NULL, sizeof *s->shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    s->step = malloc(STEPS * sizeof *s->step);
    s->trial = malloc(STEPS * sizeof *s->trial);
    s->said = memfd_create("simulation", MFD_CLOEXEC);
    return s->shared == MAP_FAILED || !s->step || !s->trial || s->said < 0 ? -ENOMEM : 0;
}

static void clean_up(struct search *s)
{
    if (s->shared != MAP_FAILED)
        munmap(s->shared, sizeof *s->shared);
    if (s->said >= 0)
        close(s->said);
    free(s->step);
    free(s->trial);
}

PUBLIC int mote__sim_explore_with(const mote_sim_options *options, struct mote__sim_function fn, void *arg,
                                  mote_sim_failure *failure)
{
    struct search s = {.fn = function_of(fn), .arg = arg};
    if (failure)
        *failure = (mote_sim_failure){.end = MOTE_SIM_PASSED};
    if (worker_self() || atom_load_seq(&rt.state) != RUNTIME_NONE) /* [R state] */
        return -EBUSY;
    int error = settle_options(&s, options);
    if (error < 0)
        return error;
    error = prepare(&s);
    int result = error < 0 ? error : search(&s);
    if (result == 1)
        findings_report(&s, failure);
    clean_up(&s);
    return result;
}

PUBLIC int mote__sim_explore(struct mote__sim_function fn, void *arg, int runs)
{
    const mote_sim_options options = {.runs = runs};
    return mote__sim_explore_with(&options, fn, arg, NULL);
}
