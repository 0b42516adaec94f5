/* SPDX-License-Identifier: MIT */
/* mutex - what conditions need of mutexes.
 * Job:    the struct, and moving waiters into its queue.
 * Holds:  MU1-MU4 of mutex.c.
 * Callers: cond.c.
 */
#ifndef SYNC_MUTEX_H
#define SYNC_MUTEX_H

#include "sync/selection.h"

#include <mote/sync.h>

/* The public struct, as we see it. All under the lock. */
struct mutex {
    struct lock lock;
    struct task *owner; /* a task or thread, never a node; NULL: free */
    struct waitq waiters;
    bool woken; /* one that was woken to try again is on its way (MU2) */
};
_Static_assert(sizeof(struct mutex) <= sizeof(mote_mutex), "mote_mutex holds struct mutex");

/* Gives it back; stops the program when nobody has it. */
void mutex_unlock(struct mutex *m);
NORETURN void mutex_not_locked(void);

/* How a parked task's waiting for the mutex begins, now (mutex_since): MU4. Then mutex_enqueue puts it, or a list of such, at the
 * end of the queue. It wakes as from a park in mutex_lock: mutex_woken is the next step. */
static inline void mutex_adopt(struct mutex *m, struct task *t, uint64_t since)
{
    t->mailbox = since;
    t->wait_on = (t->wait_on & WAIT_TIME_MASK) | wait_for(WAIT_MUTEX, m);
}
uint64_t mutex_since(void);
void mutex_enqueue(struct mutex *m, struct waitq list); /* not empty */

void mutex_try_until_got(struct task *self);

/* What a waiter does when it runs again: when it returns, the mutex that it waited for is self's. Switches. */
static inline void mutex_woken(struct task *self)
{
    if (UNLIKELY(self->status != 0))
        mutex_try_until_got(self);
}

#endif
