/* SPDX-License-Identifier: MIT */
/* loop - libuv's loop, in the runtime's poller.
 * Job:    what libuv does for us, names, signals and child processes, goes by one loop, made when it is needed first.
 * Holds:  LO1 the loop and all its handles and requests are touched only with its lock held, callbacks included. A callback may
 *         make tasks ready, by channels; it never waits. LO2 handles and requests lie on the heap, never on a task's stack. LO3
 *         libuv's functions are weak, as libunwind's are: a program that is linked without it gets -ENOSYS. LO4 `pending` counts
 *         what may still wake a task; so such tasks are no deadlock.
 * Callers: src/io.
 */
#ifndef IO_LOOP_H
#define IO_LOOP_H

#ifdef MOTE_UV
#include <uv.h>

/* Takes the lock, with a loop. 0; -ENOSYS: no libuv; -ESHUTDOWN: no runtime, or another error: then nothing is held. Anyone. */
int loop_enter(uv_loop_t **loop);

/* What was begun is on its way; releases the lock. */
void loop_leave(void);

/* LO4. Lock held. */
void loop_pending(int by);

/* The runtime ends: called with the lock held, in an order that doesn't matter. */
void signal_forget(void);

#endif
#endif
