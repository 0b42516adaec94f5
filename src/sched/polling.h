/* SPDX-License-Identifier: MIT */
/* polling - who looks for I/O, and when.
 * Job:    the calls of workers that look for work, or go to sleep, and of the monitor.
 * Holds:  PO1-PO4 of polling.c.
 * Callers: src/sched. Who brings the poller itself: sched_poll_by, in sched.h.
 */
#ifndef SCHED_POLLING_H
#define SCHED_POLLING_H

#include "sched/proc.h"

static inline bool polling_used(void) { return atom_load_rlx(&rt.polling.poller) != NULL; } /* rlx: looked at again */
bool polling_due(void);                                 /* it has been put off for long */
bool polling_look(struct proc *p);                      /* the caller holds p. True: something has happened */
void polling_found(struct proc *p, struct task *first); /* the caller holds p: queues a list of parked tasks */
bool polling_begin_sleep(struct worker *w);
bool polling_sleep(struct worker *w, int64_t deadline, struct task **found);
void polling_interrupt(void);
void polling_watch(void);     /* the monitor's look */
bool polling_forgotten(void); /* somebody should poll, and nobody does */
bool polling_waits(void);     /* a task waits for I/O */
void polling_end(void);

#endif
