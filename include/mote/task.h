/* SPDX-License-Identifier: MIT */
/* mote/task.h - starting and stopping the runtime; tasks.
 *
 * A task is a C function that runs on a stack of its own, as cheap as a few hundred bytes. Tasks run on procs, as many as
 * there are processors to use, and change places only inside calls of this library ("may switch" below).
 *
 * The one rule: a task's locals are its own. While a task is parked its stack may be elsewhere, so another task must not
 * use a pointer to them. mote_go and the channels refuse such pointers. What tasks share lives on the heap, in globals,
 * or on the stack of a pinned task (mote_go_pinned; the main task is one).
 *
 * errno is kept for each task. A function that reads errno after a call which may switch should not have read it before
 * that call in the same function: compilers may reuse the address, which belongs to the thread of that time.
 */
#ifndef MOTE_TASK_H
#define MOTE_TASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mote/detail.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A joinable task. Only mote_spawn hands it out; it is valid until mote_join or mote_detach, or until the runtime stops. Using it
 * again after that is a bug in the program, and stops it. Not an address. */
typedef struct mote_task mote_task;

/* Settings for mote_start; all zero means the defaults. The environment variables MOTE_PROCS (a number) and MOTEDEBUG
 * (procs=N,homes=N,max_stack=BYTES,queue=N,pinned=1, separated by commas) override them, for mote_run as well; what else is in
 * MOTEDEBUG is reported and ignored. */
typedef struct mote_config {
    int procs; /* how many tasks may run at once; 0: the processors in the affinity mask, cut to the cgroup's quota */
    size_t max_stack; /* bytes that a task's stack may grow to; 0: 8 MiB. Rounded up to whole pages */
    int homes;        /* how many address ranges copied tasks share at most; 0: 1024. At least 2 */
    int queue;        /* slots in each proc's queues, a power of two from 2 to 256; 0: 256. For tests of rare paths */
    bool pinned;      /* give every task a home of its own: nothing is ever copied */
} mote_config;

/* Runs main_fn(argc, argv) as the main task, which is pinned, with a runtime around it, and returns its result when it
 * returns. Tasks still alive then are discarded where they stand, as at the end of a Go program: their stacks and records
 * are freed, and nothing of them runs again. The calling thread only waits meanwhile.
 * -EBUSY when a runtime runs already, -EINVAL for settings that make no sense, -ENOMEM, -EAGAIN when no more threads can be
 * started. Not to be called from a task. */
int mote_run(int (*main_fn)(int argc, char **argv), int argc, char **argv);

/* Starts the runtime in the background of a threaded program. config may be NULL. 0, or the errors of mote_run. */
int mote_start(const mote_config *config);

/* Refuses new tasks from now on (-ESHUTDOWN), waits until every task has ended or the deadline has passed, then stops.
 * Returns how many tasks had to be discarded: what they waited on (channels, wait groups) may be freed afterwards, but
 * not used any more. -ESHUTDOWN when no runtime runs; -EBUSY when mote_run has started it and so will stop it; -EDEADLK when
 * called from a task. A task that runs without calling mote at the deadline is waited for one more second; then its worker and all of the runtime's
 * memory are left behind, and the result is -EBUSY: a runtime can't be started in this process again. */
int mote_stop(int64_t deadline);

/* mote_go(fn, args...): runs fn(args...) as a new task. Zero to six integer or pointer arguments, checked against fn's
 * prototype by the compiler, are passed by value; a floating, struct or union argument or result does not compile. fn's
 * parameters must be integers or pointers too, and one narrower than int wants an argument in its range. 0, -ENOMEM, or -ESHUTDOWN
 * when no runtime runs or it is stopping. Callable from tasks and plain threads. May switch: a task that starts others
 * faster than they run gives way to them now and then.
 * A pointer into the calling task's own copied stack stops the program: see "the one rule" above. */
#define mote_go(...) MOTE__SPAWN(mote__go, 0, __VA_ARGS__)

/* The same with a home of its own: other tasks may be lent pointers to its locals. Costs 8 KB or more of memory each. */
#define mote_go_pinned(...) MOTE__SPAWN(mote__go, MOTE__PINNED, __VA_ARGS__)

/* The same as mote_go, but returns a task to join; NULL with errno set on failure. */
#define mote_spawn(...) MOTE__SPAWN(mote__spawn, 0, __VA_ARGS__)

/* How mote_spawn_with starts a task; all zero is what mote_spawn does. */
typedef struct mote_attr {
    const char *name; /* for reports; copied; NULL: the function's name */
    bool pinned;      /* as mote_go_pinned */
    bool detached;    /* not to be joined: the pointer returned says only that the task was started */
} mote_attr;

/* mote_spawn_with(&attr, fn, args...) */
#define mote_spawn_with(attr, ...) MOTE__SPAWN_WITH(attr, __VA_ARGS__)

/* Waits until the task has ended and frees it. *result (result may be NULL) becomes what its function returned, widened
 * as C does, or 0 for a void function or after mote_exit. Each task can be joined once, by one caller. May switch; a
 * plain thread blocks. 0; -EDEADLK for the calling task itself; -EINVAL for NULL or when somebody else is joining it;
 * -ESHUTDOWN when no runtime runs. */
int mote_join(mote_task *task, intptr_t *result);

/* The same until a deadline on mote_now's clock; -ETIMEDOUT leaves the task joinable. */
int mote_join_until(mote_task *task, intptr_t *result, int64_t deadline);

/* Gives up the right to join: the task is freed when it ends. NULL is ignored, and so is the call when no runtime runs. Stops the
 * program when somebody is joining the task. Never switches. */
void mote_detach(mote_task *task);

/* Lets other ready tasks run first. On a plain thread: sched_yield. */
void mote_yield(void);

/* Ends the calling task as if its function had returned (0, where someone joins it); a mote_once_do that it is within counts as
 * done. In the main task: ends mote_run with result 0. Stops the program when called on a plain thread. */
void mote_exit(void) __attribute__((noreturn));

/* How many tasks can run at once; 0 when no runtime runs. */
int mote_procs(void);

/* Changes that while the runtime runs, from any thread or task: 1 to 1024. Procs that go leave their tasks to the others.
 * 0, -EINVAL, -ENOMEM, -EAGAIN when no more threads can be started, -ESHUTDOWN; after an error there are as many as before.
 * Never switches. */
int mote_set_procs(int procs);

/* Tasks alive, started or not, the main task among them. Exact while nothing runs. */
size_t mote_task_count(void);

/* The calling task's number, unique in the life of the process and never 0; 0 on a plain thread. */
uint64_t mote_self(void);

/* Names the calling task in reports; the text is copied, at most 31 bytes of it. NULL takes the name back. Does nothing on
 * a plain thread or when there is no memory. */
void mote_set_name(const char *name);

#ifdef __cplusplus
}
#endif
#endif
