/* SPDX-License-Identifier: MIT */
/* mote/task.h - starting and stopping the runtime; tasks.
 *
 * A task is a C function that runs on a stack of its own, as cheap as a few hundred bytes. Tasks run on procs, as many as
 * there are processors to use, and change places only inside calls of this library ("may switch" below).
 *
 * The one rule: a task's locals are its own. While a task is parked its stack may be elsewhere, so another task must not
 * use a pointer to them. mote_go and the channels refuse such pointers; MOTEDEBUG=stackcheck=1 finds whoever follows
 * one all the same: run your tests with it. What tasks share lives on the heap, in globals, or on the stack of a pinned task
 * (mote_go_pinned; the main task is one).
 *
 * In C++ a task may throw and catch, but no call that may switch belongs into a catch block: what is caught there is kept for the
 * thread, not for the task.
 *
 * fork(2) copies one thread, so the runtime does not go along: in the child, call exec or _exit. Calls that need the runtime return
 * -ESHUTDOWN there and say so on stderr; a task that would wait stops the child with a message. No runtime can be started in it.
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
 * (procs=N,homes=N,max_blocked=N,max_stack=BYTES,queue=N,pinned=1,panic=task,sigquit=N,leaks=1,schedtrace=MS,trace=FILE,
 * stackcheck=N,seed=N,
 * separated by commas) override them, for mote_run as well; what else is in MOTEDEBUG is reported and ignored. */
typedef struct mote_config {
    int procs; /* how many tasks may run at once; 0: the processors in the affinity mask, cut to the cgroup's quota */
    /* Bytes that a task's stack may grow to; 0: 8 MiB. Rounded up to whole pages. Below lies a guard of 1 MiB, where an overflow is
     * found; code with larger frames wants gcc's and clang's -fstack-clash-protection. */
    size_t max_stack;
    int homes;       /* how many address ranges copied tasks share at most; 0: 1024. At least 2 */
    int queue;       /* slots in each proc's queues, a power of two from 2 to 256; 0: 256. For tests of rare paths */
    int max_blocked; /* how many workers that a task holds up, by a blocking call or a long computation, have others stand in
                       * for them at once (mote_blocking); 0: 512, at most 1024; -1: none */
    bool pinned;          /* give every task a home of its own: nothing is ever copied */
    bool panic_ends_task; /* a panic that nothing catches is reported and ends its task, not the program (mote_panic) */
    int sigquit; /* what SIGQUIT does, where the program has no handler for it: 0: all tasks are reported as by mote_dump, and
                  * the program ends; 1: it goes on; 2: nothing but what it always does */
    const char *trace; /* a file to write a trace to, from the beginning to the end: see mote_trace_start; NULL: none */
    int stackcheck; /* check mode, for tests. 1: a task's stack can be used by nobody else while the task doesn't run: an access, also
                     * by a system call, stops the program with a report of both tasks. Every task has a home of its own then,
                     * about 30,000 of them at most (vm.max_map_count), and each switch costs microseconds. 2: the same, but
                     * system calls are left alone (SIGSYS is not used). Not with pinned, nor under the checking tools */
    void (*on_deadlock)(void); /* called, once, when nothing can ever run again, instead of the report that ends the
                                * program; on a thread of the runtime, so it must not call mote_stop. NULL: none */
    bool leaks; /* when the program ends the runtime, the tasks that are left (mote_leaks) are reported on stderr */
    void (*on_leak)(
        size_t tasks); /* called then, instead of the report, if any are left; on the thread that ends the runtime,
                                    * and it may look at them, by mote_dump for one. NULL: none */
    int schedtrace; /* milliseconds from one line about the scheduler on stderr to the next; 0: none. Each line has the time since
                     * the start; the procs and how many workers sleep and search; tasks alive; those ready in the common queue
                     * and, in brackets, in each proc's own; what was done since the last line: switches, thefts, copies */
    uint64_t
        seed; /* of what is left to chance: which of several ready cases a select takes, from whom a proc steals. Not of who
                     * runs when on several procs: mote_sim_run does that. In MOTEDEBUG, mote_sim_explore runs this seed only */
} mote_config;

/* Runs main_fn(argc, argv) as the main task, which is pinned, with a runtime around it, and returns its result when it
 * returns. Tasks still alive then are discarded where they stand, as at the end of a Go program: their stacks and records
 * are freed, and nothing of them runs again. What they waited on (channels, mutexes, ...) may be freed, but not used any more. A task
 * that is in a call that blocks, or computes, is waited for as mote_stop says. The calling thread only waits meanwhile.
 * -EBUSY when a runtime runs already, -EINVAL for settings that make no sense, -ENOMEM, -EAGAIN when no more threads can be
 * started. Not to be called from a task. */
int mote_run(int (*main_fn)(int argc, char **argv), int argc, char **argv);

/* Starts the runtime in the background of a threaded program. config may be NULL. 0, or the errors of mote_run. */
int mote_start(const mote_config *config);

/* Refuses new tasks from now on (-ESHUTDOWN), waits until every task has ended or the deadline has passed, then stops.
 * Returns how many tasks had to be discarded: what they waited on (channels, wait groups) may be freed afterwards, before another
 * runtime starts, but not used any more. Plain threads that wait for one of them by mote_join, or by mote_group_wait and their
 * like, get -ESHUTDOWN; those that wait for something that it should have done, a mote_wg_done or a send, wait on. -ESHUTDOWN
 * when no runtime runs; -EBUSY when mote_run has started it and so will stop it; -EDEADLK when called from a task. A task that
 * runs without calling mote at the deadline is waited for one more second; then its worker and all of the runtime's memory are
 * left behind, and the result is -EBUSY: a runtime can't be started in this process again. */
int mote_stop(int64_t deadline);

/* mote_go(fn, args...): runs fn(args...) as a new task. Zero to six integer or pointer arguments, checked against fn's
 * prototype by the compiler, are passed by value; a floating, struct or union argument or result does not compile. fn's
 * parameters must be integers or pointers too, and one narrower than int wants an argument in its range. 0, -ENOMEM, or -ESHUTDOWN
 * when no runtime runs or it is stopping. Callable from tasks and plain threads. May switch: a task that starts others
 * faster than they run gives way to them now and then.
 * A pointer into the calling task's own copied stack stops the program: see "the one rule" above. What has a comma within braces
 * wants parentheses around it, here and in all macros: mote_go(fn, (&(struct job){1, 2})). */
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
 * plain thread blocks. 0; -EOWNERDEAD when a panic has ended the task (mote_config.panic_ends_task), which is joined then, too;
 * -EDEADLK for the calling task itself; -EINVAL for NULL or when somebody else is joining it;
 * -ESHUTDOWN when no runtime runs, or when it ends before the task does. */
int mote_join(mote_task *task, intptr_t *result);

/* The same until a deadline on mote_now's clock; -ETIMEDOUT leaves the task joinable. */
int mote_join_until(mote_task *task, intptr_t *result, int64_t deadline);

/* Gives up the right to join: the task is freed when it ends. NULL is ignored, and so is the call when no runtime runs. Stops the
 * program when somebody is joining the task. Never switches. */
void mote_detach(mote_task *task);

/* Lets other ready tasks run first. On a plain thread: sched_yield. */
void mote_yield(void);

/* mote_blocking(fn, args...): calls fn(args...), which may block for long in the system or in a library that knows nothing of mote:
 * meanwhile another thread runs tasks in the place of this one. Its value is what fn returns; any types will do. fn runs on the
 * caller's own stack, in the caller's thread, so the arguments may point to locals. From a plain thread it is just the call. errno is
 * what fn leaves. Args are evaluated within it. Never switches by itself.
 *
 * A call that blocks without this is noticed, too, as is a long computation, after about 10 ms, if other tasks wait: until then one
 * proc fewer serves them. It pays for what may take longer than some 10 us; a call may cost a microsecond or two, and threads that
 * it starts are kept for the next ones, and end when they were idle for 10 s. There are at most mote_config.max_blocked of them
 * beside the procs; if more tasks block than that, other tasks wait.
 *
 * - When the call returns the task goes on at once. So for a moment one task more runs than mote_procs() says, until one of the
 *   others parks or ends; and as long as a task computes for which another one runs, one more. That there is one proc doesn't
 *   keep tasks out of each other's way.
 * - A task keeps the address range of its stack meanwhile. Other tasks whose stacks are bound to the same one wait for it: few,
 *   unless there are many more tasks than mote_config.homes.
 * - What the task makes ready or starts meanwhile runs elsewhere at once. */
#define mote_blocking(...) MOTE__BLOCKING(__VA_ARGS__)

/* The same for what lies between the two calls, in one task. Sections may be nested; the outermost counts. A call within that may
 * switch ends the section, as do mote_exit and mote_panic: the rest is ordinary code, and its mote_blocking_end does nothing. Neither
 * switches, changes errno, or does anything on a plain thread. */
void mote_blocking_begin(void);
void mote_blocking_end(void);

/* Ends the calling task as if its function had returned (0, where someone joins it), after all deferred functions; a mote_once_do
 * that it is within counts as done. No mote_try stops it. In a function that was deferred, while a panic is under way: the panic
 * is over then. In the main task: ends mote_run with result 0. Stops the program when called on a plain thread. */
void mote_exit(void) __attribute__((noreturn));

/* Has fn(arg) called when the innermost mote_try that the caller is in ends, or else the task: by returning, by mote_exit, or by a
 * panic. Last in, first out. fn may do what a task may, defer more functions too, which come next. Those of a task that the end
 * of the runtime discards are not called. 0; -EINVAL when fn is NULL; -ENOMEM; -EPERM on a plain thread outside of any mote_try.
 * Never switches. */
int mote_defer(void (*fn)(void *arg), void *arg);

/* The length of a message, with the 0 at its end. */
#define MOTE_ERROR_MESSAGE 192

/* How many callers are noted at most. */
#define MOTE_ERROR_FRAMES 16

/* What mote_try caught. */
typedef struct mote_error {
    char message[MOTE_ERROR_MESSAGE]; /* of the panic; "..." at the end where it was too long */
    uint64_t task;                    /* the task that panicked, as mote_self counts; 0: a plain thread */
    int frames;                       /* entries of trace */
    void *trace[MOTE_ERROR_FRAMES];   /* where mote_panic was called from, the innermost caller first */
} mote_error;

/* For what should never happen, and where to return an error isn't possible: leaves the functions that are under way, up to the
 * innermost mote_try, which then returns. First it calls what was deferred since that mote_try. Without one it calls all that the
 * task has deferred, and then reports the message, the task and where it was on stderr and aborts the program, or, with
 * mote_config.panic_ends_task, ends the task, unless it is the main one or a plain thread. Memory that the functions had allocated
 * stays, and a mutex stays locked: defer what must be undone. A panic in a function that a panic calls takes its place: the rest of
 * the deferred functions is called, and the report names both. The message is cut to fit into a mote_error. Not for signal
 * handlers. */
void mote_panic(const char *format, ...) __attribute__((noreturn, __format__(__printf__, 1, 2)));

/* Calls fn(arg), then what was deferred in it. 0; -ECANCELED when a panic, in one or the other, has cut it short, which *error then
 * describes (error may be NULL, and is untouched otherwise); -ENOMEM: fn was not called. Floating-point rounding and the like
 * are as before. From tasks and plain threads. Doesn't switch itself. */
int mote_try(void (*fn)(void *arg), void *arg, mote_error *error);

/* Writes it to stderr, with the names of functions where they are known. */
void mote_error_print(const mote_error *error);

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
