/* SPDX-License-Identifier: MIT */
/* mote/sync.h - waiting for others.
 *
 * These objects are plain structs, valid when zeroed, and need no destroy call. Tasks and plain threads may use them alike.
 * Keep them where every user may reach them: on the heap, in a global, or on the stack of a pinned task or plain thread. One
 * that lies on the calling task's copied stack stops the program with a message.
 */
#ifndef MOTE_SYNC_H
#define MOTE_SYNC_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Counts things that are under way; waiters go on when none is left. */
typedef struct mote_wg {
    uint64_t mote__lock;
    int32_t mote__count;
    uint32_t mote__spare;
    void *mote__first, *mote__last; /* who waits */
    uint32_t mote__waiters, mote__threads;
} mote_wg;

/* Adds n, which may be negative. A count below zero, or above 2^31 - 1, stops the program. When the count comes to 0, who
 * waits goes on. The last use of the object by those who are done: it may be freed as soon as a wait has returned. Add before
 * the task that is counted starts. Never switches. */
void mote_wg_add(mote_wg *wg, int n);

/* mote_wg_add(wg, -1) */
void mote_wg_done(mote_wg *wg);

/* Waits until the count is 0. May switch; a plain thread blocks. */
void mote_wg_wait(mote_wg *wg);

#ifdef __cplusplus
}
#endif
#endif
