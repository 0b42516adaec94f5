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
 * released when self can be woken, and not taken again. wait_on (wait_for, base/record.h) is what reports name. Returns self,
 * so that nobody need keep it. Switches; a plain thread blocks. */
struct task *sched_park(struct task *self, struct lock *lock, uint64_t wait_on);

/* The first thing in a function that is marked SWITCH_RETURNS (arch/switch.h). */
static inline void sched_note_return(const void *address)
{
    struct self *w = self_read();
    if (LIKELY(w != NULL))
        w->left_at = address;
}

/* For a plain thread that has released its lock itself: true when it was made ready, false at the deadline. After false it can
 * still be made ready, and must then wait once more. */
bool sched_thread_wait(struct task *self, int64_t deadline);

/* Whether any plain thread waits. */
bool sched_threads_wait(void);

/* A plain thread's wait that the end of a runtime concerns. `ended` is called by who ends it, when no task runs any more, and
 * before what was the tasks' is freed; it takes no lock but those of objects, and may make the thread ready. */
struct sched_watch {
    struct sched_watch *next, *previous;
    void (*ended)(struct sched_watch *watch);
};
/* Before the thread waits, and when it has. Whether a runtime runs, which may end. */
bool sched_watch_begin(struct sched_watch *watch);
void sched_watch_end(struct sched_watch *watch);

/* For plain threads: keeps a runtime from ending until the watch has begun. False: there is none, and nothing to release. */
bool sched_visit(void);
void sched_visit_end(void);

/* Around calls of other libraries that install signal handlers, while a runtime runs: check mode sees what they ask of the kernel,
 * also for a plain thread. */
void sched_calls_begin(void);
void sched_calls_end(void);

/* Makes a parked task ready to run: soon, on this proc, if the caller is a task. Each park takes exactly one. Never switches. */
void sched_ready(struct task *t);

/* The same for a list of n parked tasks, none of them a plain thread's: in constant time. */
void sched_ready_list(struct task *first, struct task *last, uint64_t n);

/* What is to be done when mote_exit or a panic leaves the caller's frame before sched_exit_pop: last in, first out. It lies on the
 * task's own stack, and nobody else looks at it. */
struct sched_exit_step {
    struct sched_exit_step *outer;
    void (*run)(struct sched_exit_step *step);
};
/* False when there is no memory: nothing will be done, and there is nothing to pop. Neither switches. */
bool sched_exit_push(struct sched_exit_step *step);
void sched_exit_pop(struct sched_exit_step *step);

/* A join that something else may end, too: `node` stands in the joined task for the caller (sync/joining.c). When the task ends,
 * claim says under its lock whether that ends the wait; then, without it, ready wakes who waits. */
struct sched_joiner {
    bool (*claim)(struct task *node);
    void (*ready)(struct task *node);
};
struct mote_task;
/* 1: the node stands there, and *runtime says in which runtime; else what mote_join would have returned. */
int sched_join_begin(struct mote_task *task, intptr_t *result, struct task *node, const struct sched_joiner *how,
                     uint32_t *runtime);
/* The wait is over. ended: the task's end has claimed it: what mote_join returns; else 0, and the task can be joined anew. */
int sched_join_end(struct mote_task *task, intptr_t *result, struct task *node, bool ended, uint32_t runtime);

/* Who is told when a task ends that was started for it: by `ended`, in the task itself, which may wait there. result is what
 * its function returned, widened as C does; 0 for a void function or after mote_exit; -EOWNERDEAD after a panic that has ended
 * the task. */
struct sched_owner {
    void (*ended)(struct sched_owner *owner, intptr_t result);
};
struct mote__site;
/* As mote_go, for an owner, at a site with MOTE__OWNED: 0, -ENOMEM, -ESHUTDOWN. When none was started the owner has been told
 * all the same, with 0, so a caller may end with this call. */
int sched_go_owned(const struct mote__site *site, void (*fn)(void), const intptr_t *args, struct sched_owner *owner);

/* The calling task's; NULL: it has none, or the caller is a plain thread. */
struct sched_owner *sched_own_owner(void);

struct timer;
/* Arms a timer on the caller's proc, or on any when the caller is a plain thread. -ENOMEM, -ESHUTDOWN. */
int sched_timer_add(struct timer *t);

/* For plain threads, around timer_cancel and the like: meanwhile the runtime doesn't end. False: none runs, so no timer is
 * armed. Waits while one is ending: hold no lock. Nothing to do for tasks and for the functions of timers. */
bool sched_timers_hold(void);
void sched_timers_release(void);

/* Who knows of things outside of the program that tasks wait for: I/O. One thread at a time calls poll, never with a lock held;
 * it is no task, but a worker on its own stack, or the monitor. See sched/polling.c. */
struct sched_poller {
    /* Waits until something happens, the deadline has come (0: only looks), or somebody calls interrupt, also before; or for no
     * reason. *first: parked tasks that are to be made ready, linked by next; NULL: none. True: something has happened. */
    bool (*poll)(int64_t deadline, struct task **first);
    void (*interrupt)(void);
    bool (*waits)(void); /* whether any task waits for it; nothing runs meanwhile, or the answer is a guess */
    void (*forget)(
        void); /* the runtime ends: its tasks don't wait any more; poll isn't called until the next sched_poll_by */
};
/* From now on until the runtime ends. A task calls it, perhaps more than once. */
void sched_poll_by(const struct sched_poller *poller);

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
