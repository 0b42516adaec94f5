/* SPDX-License-Identifier: MIT */
/* mote/debug.h - what the runtime is doing, in numbers. */
#ifndef MOTE_DEBUG_H
#define MOTE_DEBUG_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A snapshot of the whole runtime. Counters run since the runtime started; the sums over tasks are taken by
 * walking every record, so they cost time in proportion to the tasks and are exact only while nothing runs. */
struct mote_stats {
    int procs;               /* procs in use */
    uint64_t tasks;          /* tasks alive, the main task among them */
    uint64_t tasks_new;      /* of these: not yet started */
    uint64_t tasks_ready;    /* waiting for a proc */
    uint64_t tasks_running;  /* on a proc */
    uint64_t tasks_parked;   /* waiting for something else */
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

/* Fills *info. Anyone may call it; it never switches. 0, or -ESHUTDOWN when no runtime runs. */
int mote_stats(struct mote_stats *info);

/* The calling task's stack. */
struct mote_stack_info {
    size_t live;  /* bytes in use at the call */
    size_t image; /* capacity of the image that keeps them while another task uses the home; 0 when pinned */
    size_t limit; /* bytes that the stack may grow to */
    int pinned;   /* 1 when the task has a home of its own */
};

/* Fills *info. 0, or -EINVAL on a plain thread, which has no such stack. It never switches. */
int mote_stack_info(struct mote_stack_info *info);

#ifdef __cplusplus
}
#endif
#endif
