/* SPDX-License-Identifier: MIT */
/* poller - descriptors in the runtime's epoll set that no task waits for by mote_wait_fd.
 * Job:    the seam for loops of other libraries: their backend descriptor is watched, level-triggered, and a function called.
 * Callers: src/io.
 */
#ifndef IO_POLLER_H
#define IO_POLLER_H

#include <stdbool.h>

struct poll_source {
    struct poll_source *next; /* the poller's */
    /* By who polls: a worker on its own stack, or the monitor. As long as the descriptor is readable it is called again and again,
     * by one thread at a time. It must not block or switch; it may make tasks ready. */
    void (*ready)(struct poll_source *source);
    bool (*waits)(struct poll_source *source); /* whether a task waits for it: sched_poller.waits */
    void (*ended)(struct poll_source *source); /* the runtime ends, and it is removed; nothing else runs */
};

/* While a runtime runs, until it ends. 0, or a negative errno. */
int poller_add_source(int fd, struct poll_source *source);

#endif
