/* SPDX-License-Identifier: MIT */
/* mote/debug.h - what the runtime is doing: every task, numbers, and a trace. */
#ifndef MOTE_DEBUG_H
#define MOTE_DEBUG_H

#include <stddef.h>
#include <stdint.h>

#include <mote/sim.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A snapshot of the whole runtime. Counters run since the runtime started; the sums over tasks are taken by
 * walking every record, so they cost time in proportion to the tasks and are exact only while nothing runs. */
struct mote_stats {
    int procs;              /* procs in use */
    int workers;            /* threads that run tasks */
    int workers_asleep;     /* of these: for want of work */
    int workers_blocked;    /* held up by their tasks while others stand in for them (mote_blocking) */
    int workers_searching;  /* looking for work, or woken to do so */
    int workers_spare;      /* kept for the next time that others are blocked; the rest of `workers` runs tasks */
    uint64_t tasks;         /* tasks alive, the main task among them */
    uint64_t tasks_new;     /* of these: not yet started */
    uint64_t tasks_ready;   /* waiting for a proc */
    uint64_t tasks_running; /* on a proc */
    uint64_t tasks_parked;  /* waiting for something else */
    uint64_t tasks_ended;   /* not alive any more, and not joined yet; not in `tasks` */
    uint64_t queued;        /* in the queue that all procs share */
    uint64_t
        switches; /* times that a proc looked for a task to run: at each park, yield and end of one, and some more */
    uint64_t spawned;        /* tasks started since the runtime began */
    uint64_t steals;         /* times that a proc took tasks from another one */
    uint64_t stolen;         /* tasks taken that way */
    uint64_t sleeps;         /* times that a worker went to sleep */
    uint64_t wakes;          /* times that a sleeping worker was woken */
    uint64_t homes;          /* homes made for copied tasks */
    uint64_t homes_pinned;   /* homes made for pinned tasks */
    uint64_t home_conflicts; /* times that a task found its home held by another proc */
    uint64_t copies_out;     /* stacks copied from home to image */
    uint64_t copies_in;      /* stacks copied from image to home */
    uint64_t image_failures; /* copies out that found no memory and were given up */
    uint64_t image_grows;    /* images made larger */
    uint64_t image_shrinks;  /* images cut back */
    uint64_t image_bytes;    /* held by images outside the records at present */
    uint64_t live_bytes;     /* sum over parked tasks of the stack bytes in use */
};

/* For mote_dump: backtraces are addresses, without the names of functions and their lines, which take memory from the heap. */
#define MOTE_DUMP_PLAIN 1u

/* Writes every task to fd: its number, name or function, state, what it waits for and how long (to an eighth of a second), where
 * it was started, and its backtrace. Of a select its first four cases are told, of a mutex also who holds it. Tasks that were
 * started at one place, have the same state and backtrace and wait for the same kind of thing are counted together: then what they
 * wait for is told as far as it is the same for all, and up to three of their names. The most frequent come first. Where a task is
 * that runs on another processor is asked by SIGURG, if the program has no handler for it and the task doesn't block it; what has
 * no such answer within 20 ms has no backtrace. One deeper than 16 KB has only the upper part of it. The program goes on meanwhile,
 * so each task is shown as it was at some moment of the call. flags: 0 or MOTE_DUMP_PLAIN, with which it may also be called in the
 * handler of a signal that came in the middle of malloc. Anyone may call it; it takes no lock of the library's. 0; -EINVAL for
 * other flags; -ESHUTDOWN when no runtime runs; -ENOMEM; the errors of write(2), when not all could be written. Never switches. */
int mote_dump(int fd, unsigned flags);

/* Writes what happens from now on to a file, which it makes or empties; %p in its name becomes the process's number, %% a %. Perfetto
 * (ui.perfetto.dev), chrome://tracing and examples/trace_view.html show it: which task runs on which proc, why it stops and what it
 * waits for, who makes it ready, stacks that are copied, tasks that are stolen, workers that sleep. The format is Chrome's (JSON).
 * Each proc notes its events in memory, 2 MiB of it, and a thread writes them out; events that come faster than that are dropped
 * and counted, and the file says where. A task's switch takes some 100 ns more meanwhile. MOTEDEBUG=trace=FILE and
 * mote_config.trace do it from the beginning of a runtime to its end. The trace also ends, whole, with the runtime, with exit,
 * with the report of a deadlock, and, if it can, with that of a crash. 0; -EBUSY when one is under way, and in a simulation; -ESHUTDOWN when no
 * runtime runs; -EINVAL for NULL; -ENOMEM; -EAGAIN when no thread can be started; the errors of open(2). From tasks and plain
 * threads; never switches. */
int mote_trace_start(const char *path);

/* Ends the trace: all that has happened before the call is in the file then. Returns how many events were dropped; -EINVAL when
 * no trace is under way; the errors of write(2) when the file isn't complete. Never switches, but may block its thread for some
 * milliseconds. */
int mote_trace_stop(void);

/* Fills *info. Anyone may call it; it never switches. 0, or -ESHUTDOWN when no runtime runs. */
int mote_stats(struct mote_stats *info);

/* What a proc does. */
enum mote_proc_state {
    MOTE_PROC_UNUSED,    /* mote_set_procs has made fewer of them, or it was needed only while others were blocked */
    MOTE_PROC_ASLEEP,    /* nothing to do */
    MOTE_PROC_SEARCHING, /* looking for a task */
    MOTE_PROC_RUNNING,   /* running one */
};

/* One proc. Counters as in mote_stats. */
struct mote_proc_stats {
    int number; /* from 0 */
    enum mote_proc_state state;
    uint64_t task;         /* number of the task that runs; 0: none */
    char name[32];         /* its name or function, perhaps cut; "" for none */
    uint64_t queued_new;   /* tasks in its own queues that have not yet started */
    uint64_t queued_ready; /* others there, and the one that runs next, if there is one */
    uint64_t timers;       /* armed */
    uint64_t switches, spawned, ended, steals, stolen, sleeps, wakes, home_conflicts, copies_out, copies_in;
};

/* Fills info[0 .. n - 1] as far as there are so many procs. Returns how many there are, in use or not; -ESHUTDOWN when no runtime
 * runs. Each number is of a moment of its own. Anyone may call it; it never switches, and costs little. */
int mote_proc_stats(struct mote_proc_stats *info, int n);

/* How many tasks are left over: alive, but for the caller and the main task, or ended and neither joined nor detached. First it
 * waits, up to a second, until none of them can run at once; then, if there are any, it reports them on stderr, as
 * mote_dump does. After the runtime's end: how many were discarded by it. Anyone may call it. May switch. */
size_t mote_leaks(void);

/* For tests: if mote_leaks finds any, the test fails here: on a plain thread by cmocka's fail(), where the program is linked with
 * it; else the program is stopped. */
#define mote_assert_no_leaks() mote__assert_no_leaks(__FILE__, __LINE__)
void mote__assert_no_leaks(const char *file, int line);

/* The calling task's stack. */
struct mote_stack_info {
    size_t live;      /* bytes in use at the call */
    size_t image;     /* capacity of the image that keeps them while another task uses the home; 0 when pinned */
    size_t limit;     /* bytes that the stack may grow to */
    size_t deepest;   /* most bytes in use when anybody looked: at these calls, and whenever the stack was copied out */
    uint64_t growths; /* times that the image was made larger */
    int pinned;       /* 1 when the task has a home of its own */
};

/* Fills *info. What was deepest is kept from the first call on; before that, it may be forgotten when an image is given up. 0, or
 * -EINVAL on a plain thread, which has no such stack. It never switches. */
int mote_stack_info(struct mote_stack_info *info);

#ifdef __cplusplus
}
#endif
#endif
