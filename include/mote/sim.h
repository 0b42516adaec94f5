/* SPDX-License-Identifier: MIT */
/* mote/sim.h - simulation: tests whose schedule is chosen, and can be chosen again.
 *
 * A simulation runs a function as the main task of a runtime of its own, on the calling thread and no other. Whatever depends on who
 * runs when is drawn from a number, the seed: which of the ready tasks is next, which case of a select goes ahead, which of
 * two timers that are due together comes first. So the same seed gives the same run, in every process.
 *
 * Tasks are left for others where they wait, yield, start a task, and at the beginning of most calls that send, receive, close,
 * lock, unlock, join, count or cancel, also of those that say that they never switch; some of these also at their end. Nowhere else:
 * what lies between two calls of the library happens at once, so a task that waits for a plain variable must yield.
 *
 * Time is virtual: mote_now stands still while tasks run, and when all of them wait it jumps to the earliest timer. An hour of
 * sleep takes microseconds and lasts exactly an hour. (So that a task which waits by looking at the clock gets on, it also moves
 * when it has been looked at 10,000 times, or as many tasks have run, at one moment.)
 *
 * What comes from outside doesn't come: nobody looks at descriptors, so a task that would wait for one (mote/io.h) waits for ever,
 * and there is neither a trace nor an answer to SIGQUIT.
 *
 * A function to simulate sets everything up anew: what it leaves in globals, the next run in the same process finds there. It must
 * not depend on anything else that differs from run to run: threads of its own (one that calls the library stops the program), the
 * time of day, addresses, mote_self, files that it changes.
 */
#ifndef MOTE_SIM_H
#define MOTE_SIM_H

#include <stddef.h>
#include <stdint.h>

#include <mote/detail.h>

#ifdef __cplusplus
extern "C" {
#endif

/* mote_sim_run(seed, fn, arg): runs fn(arg), an int (*)(void *) or a void (*)(void *), and returns its result, 0 for the latter; tasks
 * still alive then are discarded as by mote_run. -EDEADLK: nothing could ever run again; -ECANCELED: a panic that nothing has caught
 * (of a task that is not the main one: unless MOTEDEBUG=panic=task); -ETIMEDOUT: it went on for 10 million choices. These are
 * reported on stderr. Before anything was run: -EBUSY when a runtime runs already, or from a task; -EINVAL for settings in MOTEDEBUG
 * that make no sense; -ENOMEM. Where fn is to be told apart from these, let it return numbers above 0. Failed assertions, faults
 * and misuse of the library end the program, as ever. MOTE_PROCS and the like don't count; homes=N does. */
#define mote_sim_run(seed, fn, arg) mote__sim_run((seed), MOTE__SIM_FUNCTION(fn), (arg))

/* mote_sim_explore(fn, arg, runs): simulates fn(arg) with the seeds 1 to `runs`, each in a copy of the process (fork), until one
 * fails: fn doesn't return 0, or mote_sim_run would report something, or the process dies. Then it looks for a shorter schedule
 * that fails in the same way, and writes to stderr: the seed, what the run has said, and those few choices that make it fail. Who
 * runs otherwise is: the task that runs already, until it waits, and then the one that has been ready for longest.
 * 0: no run has failed. 1: one has. -EBUSY when a runtime runs, or from a task; -EINVAL when runs is below 1; -ENOMEM; -EAGAIN when
 * there can't be another process. With MOTEDEBUG=seed=N: that seed only. The calling process should have no other threads, or only
 * such as a copy can do without. */
#define mote_sim_explore(fn, arg, runs) mote__sim_explore(MOTE__SIM_FUNCTION(fn), (arg), (runs))

/* For mote_sim_explore_with; 0 is what mote_sim_explore does. */
typedef struct mote_sim_options {
    int runs;              /* how many; at least 1 */
    uint64_t first_seed;   /* 0: 1; the others follow */
    uint64_t most_choices; /* that a run may go on for; 0: 10 million */
    int seconds;           /* that it may take; 0: 60. For loops that call nothing */
    int quiet;             /* 1: write nothing */
    int as_it_is;          /* 1: look for no shorter schedule */
} mote_sim_options;

/* How a run has failed. */
enum mote_sim_end {
    MOTE_SIM_PASSED,
    MOTE_SIM_RESULT,   /* fn didn't return 0; code: its result */
    MOTE_SIM_DEADLOCK, /* nothing could ever run again */
    MOTE_SIM_PANIC,    /* nothing has caught it */
    MOTE_SIM_ENDLESS,  /* it went on for too many choices */
    MOTE_SIM_SIGNAL,   /* the process died; code: of which signal. SIGALRM: after too many seconds */
    MOTE_SIM_EXIT,     /* the process ended; code: its status */
};

/* What mote_sim_explore_with has found. */
typedef struct mote_sim_failure {
    enum mote_sim_end end;
    int code;
    int runs;          /* how many there were; the last one failed */
    uint64_t seed;     /* of that */
    uint64_t schedule; /* a digest of all choices of that: equal for the same schedule */
    uint64_t choices;  /* how many there were in it, between two or more; ENDLESS: all that most_choices counts */
    int steps;         /* how many of them the short schedule changes */
    char said[2000];   /* the beginning of what the run with the short schedule has written to stdout and stderr */
} mote_sim_failure;

/* mote_sim_explore_with(options, fn, arg, failure): the same; *failure says what was found (failure may be NULL). */
#define mote_sim_explore_with(options, fn, arg, failure)                                                               \
    mote__sim_explore_with((options), MOTE__SIM_FUNCTION(fn), (arg), (failure))

struct mote__sim_function {
    void (*fn)(void);
    int has_result;
};

int mote__sim_run(uint64_t seed, struct mote__sim_function fn, void *arg);
int mote__sim_explore(struct mote__sim_function fn, void *arg, int runs);
int mote__sim_explore_with(const mote_sim_options *options, struct mote__sim_function fn, void *arg,
                           mote_sim_failure *failure);

#ifdef __cplusplus
}

namespace mote_detail
{
inline mote__sim_function sim_function(int (*fn)(void *))
{
    mote__sim_function f = {(void (*)(void))fn, 1};
    return f;
}
inline mote__sim_function sim_function(void (*fn)(void *))
{
    mote__sim_function f = {(void (*)(void))fn, 0};
    return f;
}
} // namespace mote_detail
#define MOTE__SIM_FUNCTION(f) mote_detail::sim_function(f)
#else
#define MOTE__SIM_FUNCTION(f)                                                                                          \
    ((struct mote__sim_function){(void (*)(void))(f), _Generic((f), int (*)(void *) : 1, void (*)(void *) : 0)})
#endif
#endif
