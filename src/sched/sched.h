/* SPDX-License-Identifier: MIT */
/* sched - the waist: all that channels, locks, timers and I/O need of the scheduler.
 * Job:    park, ready, yield, spawn. Everything in src/sync and src/io is built on this header alone.
 * Holds:  S2 nobody reads or writes another task's stack: what is handed over goes through the task record's mailbox.
 *         S4 a task is visible to wakers only when it is wholly switched out: it parks with the object's lock held, and the
 *         next context on its worker releases the lock after sp is saved and the home released.
 * Callers: any thread, unless it says otherwise. A plain thread has a record too (TASK_THREAD) and blocks where a task parks.
 */
#ifndef SCHED_SCHED_H
#define SCHED_SCHED_H

#include "arch/switch.h"
#include "base/block.h"
#include "base/lock.h"
#include "base/record.h"
#include "base/self.h"

struct task *sched_thread_self(void);

/* The calling task's record, or the plain thread's. */
static inline struct task *sched_self(void)
{
    struct self *w = self_read();
    return LIKELY(w != NULL) ? w->current : sched_thread_self();
}

/* Waits until somebody makes self ready. The caller holds the lock of the object whose queue it has put self into; it is
 * released when self can be woken, and not taken again. wait_on is what reports name. Returns self, so that nobody need keep it. Switches; a plain
 * thread blocks. */
struct task *sched_park(struct task *self, struct lock *lock, const void *wait_on);

/* The first thing in a function that is marked SWITCH_RETURNS (arch/switch.h). */
static inline void sched_note_return(const void *address)
{
    struct self *w = self_read();
    if (LIKELY(w != NULL))
        w->left_at = address;
}

/* For a plain thread that has released its lock itself: true when it was made ready, false at the deadline. After false it can still be made
 * ready, and must then wait once more. */
bool sched_thread_wait(struct task *self, int64_t deadline);

/* Makes a parked task ready to run: soon, on this proc, if the caller is a task. Each park takes exactly one. Never switches. */
void sched_ready(struct task *t);

/* The same for a list of n parked tasks, none of them a plain thread's: in constant time. */
void sched_ready_list(struct task *first, struct task *last, uint64_t n);

/* What is to be done when the calling task calls mote_exit before sched_exit_pop: last in, first out. It lies on the task's own
 * stack, and nobody else looks at it. */
struct sched_exit_step {
    struct sched_exit_step *outer;
    void (*run)(struct sched_exit_step *step);
};
/* False on a plain thread, and when there is no memory: nothing will be done. Neither switches. */
bool sched_exit_push(struct sched_exit_step *step);
void sched_exit_pop(struct sched_exit_step *step);

struct timer;
/* Arms a timer on the caller's proc, or on any when the caller is a plain thread. -ENOMEM, -ESHUTDOWN. */
int sched_timer_add(struct timer *t);

/* For plain threads, around timer_cancel: meanwhile the runtime doesn't end. False: none runs, so no timer is armed. Waits while
 * one is ending: hold no lock. Nothing to do for tasks and for the functions of timers. */
bool sched_timers_hold(void);
void sched_timers_release(void);

/* Lets other ready tasks run first. */
void sched_yield_now(void);

/* One of 0 to n - 1, by chance: the same sequence on each proc in every run. */
uint32_t sched_random(uint32_t n);

/* Memory for what passes between tasks; NULL when there is none. Freed by any thread. */
void *sched_block_get(unsigned class);
void sched_block_put(unsigned class, void *block);

extern size_t sched_stack_size; /* bytes that a task's stack may grow to */
void sched_check_lent_slow(const void *at, const char *what);

/* Stops the program, with the task's name, when `at` lies on the calling task's own copied stack: `what` is lent to others. Only
 * what lies a stack's length above the present frame needs a closer look. */
static inline void sched_check_lent(const void *at, const char *what)
{
    char here; /* its address costs nothing; __builtin_frame_address makes the compiler set up a frame */
    if ((uintptr_t)at - (uintptr_t)&here >= sched_stack_size)
        return;
    struct self *w = self_read();
    if (UNLIKELY(w && !(w->current->flags & TASK_PINNED)))
        sched_check_lent_slow(at, what);
}

/* Whether a word that is handed to others points into the calling task's own copied stack. */
bool sched_is_own_stack(uint64_t word);

#endif
