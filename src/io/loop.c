/* SPDX-License-Identifier: MIT */
/* loop - libuv's loop, in the runtime's poller.
 * Job:    see loop.h.
 * Why:    libuv's loop is an epoll set with memory beside it, whose descriptor is readable when there is something to do. So it is
 *         one descriptor among the others in ours, and who polls runs it, without waiting in it. We use none of its timers: there
 *         is nothing else that it would have to be run for. It is never closed: a request that libuv's threads are at can't be
 *         taken back, and ends in a later runtime, or never.
 */
#ifdef MOTE_UV
#include "io/loop.h"

#include "base/attr.h"
#include "base/lock.h"
#include "io/poller.h"
#include "sched/sched.h"

#include <errno.h>
#include <stdbool.h>

#define WEAK __attribute__((weak))
extern WEAK __typeof__(uv_loop_init) uv_loop_init;
extern WEAK __typeof__(uv_run) uv_run;
extern WEAK __typeof__(uv_backend_fd) uv_backend_fd;

/* All under the lock. */
static struct lock lock;
static uv_loop_t loop;
static bool made;           /* once, for good */
static bool watched;        /* by the poller of this runtime */
static bool visits;         /* who has the lock is a plain thread */
static _Atomic int pending; /* changed under the lock, read by all */

static void on_ready(struct poll_source *source)
{
    (void)source;
    lock_take(&lock);
    uv_run(&loop, UV_RUN_NOWAIT);
    lock_drop(&lock);
}

static bool any_pending(struct poll_source *source)
{
    (void)source;
    return atom_load_seq(&pending) > 0; /* [S stall] looked at twice */
}

/* Nothing runs any more but this. */
static void on_end(struct poll_source *source)
{
    (void)source;
    lock_take(&lock);
    signal_forget();
    uv_run(&loop, UV_RUN_NOWAIT);
    watched = false;
    atom_store_seq(&pending, 0); /* seq: rare */
    lock_drop(&lock);
}

static struct poll_source source = {.ready = on_ready, .waits = any_pending, .ended = on_end};

/* Lock held. */
static int make(void)
{
    if (!made) {
        int error = uv_loop_init(&loop);
        if (error < 0)
            return error;
        made = true;
    }
    if (!watched) {
        int error = poller_add_source(uv_backend_fd(&loop), &source);
        if (error < 0)
            return error;
        watched = true;
    }
    return 0;
}

int loop_enter(uv_loop_t **out)
{
    bool plain = sched_self()->flags & TASK_THREAD;
    if (!uv_loop_init)
        return -ENOSYS;
    if (plain && !sched_visit())
        return -ESHUTDOWN;
    lock_take(&lock);
    visits = plain;
    sched_calls_begin();
    int error = make();
    if (error < 0)
        loop_leave();
    *out = &loop;
    return error;
}

void loop_leave(void)
{
    bool visited = visits;
    if (made)
        uv_run(&loop, UV_RUN_NOWAIT); /* libuv tells the kernel of new descriptors only then */
    sched_calls_end();
    lock_drop(&lock);
    if (visited)
        sched_visit_end();
}

/* Up before who asked waits, down after he was told. */
void loop_pending(int by) { atom_add_seq(&pending, by); } /* [S stall] */
#else
typedef int loop_is_off; /* C wants a declaration */
#endif
