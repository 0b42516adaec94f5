/* SPDX-License-Identifier: MIT */
/* thread - plain threads as waiters.
 * Job:    give a thread that isn't a worker a task record, so that channels and the like treat both alike; chance; and the list
 *         of those that want to know of a runtime's end.
 * Holds:  the record lies in thread-local storage, and stands in at most one queue, only while its thread waits in thread_park.
 *         The list's lock comes before those of objects.
 *         E2 rt.threads_waiting counts no thread whose token doesn't say WAITING: a thread counts itself after it has said so,
 *         and whoever gives the token takes it off the count.
 */
#include "base/os.h"
#include "sched/proc.h"
#include "sched/sim.h"

enum { TOKEN_NONE, TOKEN_GIVEN, TOKEN_WAITING };

struct thread_record {
    struct task task;
    struct task_extra extra; /* for its steps: steps.c */
    _Atomic uint32_t token;
    uint32_t random;
};

static __thread struct thread_record record;

/* Not inlined: the address must be this thread's (T1). */
NOINLINE struct task *sched_thread_self(void)
{
    if (!record.task.flags) /* they also say what is in the mailbox, across a park */
        record.task = (struct task){.flags = TASK_THREAD | TASK_PINNED | TASK_STEPS, .extra = &record.extra};
    return &record.task;
}

static _Atomic uint32_t waiting; /* threads in sched_thread_wait */

bool sched_threads_wait(void) { return atom_load_rlx(&waiting) > 0; } /* rlx: only misuse races */

void thread_wait_begins(void)
{
    atom_add_seq(&rt.thread_calls, 1);    /* [S stall] a move, then counted again */
    atom_add_seq(&rt.threads_waiting, 1); /* [S stall] */
    monitor_wake();                       /* perhaps this was the last that could have woken a task */
}

void thread_wait_ends(void) { atom_sub_seq(&rt.threads_waiting, 1); } /* [S stall] off the count, then it runs */

/* Without a deadline. */
static void wait_for_ever(struct thread_record *r)
{
    uint32_t none = TOKEN_NONE;
    if (!atom_cas_seq(&r->token, &none, TOKEN_WAITING)) /* [T token] as below */
        return;
    thread_wait_begins(); /* E2: not before; whoever wakes it meanwhile takes it off the count in advance */
    while (atom_load_acq(&r->token) == TOKEN_WAITING) /* [T token] pairs with thread_ready */
        os_futex_wait(&r->token, TOKEN_WAITING, INT64_MAX);
}

static bool wait_for_token(struct thread_record *r, int64_t deadline)
{
    if (deadline == INT64_MAX)
        wait_for_ever(r);
    while (!atom_load_acq(&r->token)) { /* [T token] pairs with thread_ready */
        if (os_now() >= deadline)
            return false;
        os_futex_wait(&r->token, TOKEN_NONE, deadline);
    }
    atom_store_rlx(&r->token, TOKEN_NONE); /* rlx: nobody stores before we wait again */
    return true;
}

bool sched_thread_wait(struct task *self, int64_t deadline)
{
    atom_add_rlx(&waiting, 1); /* rlx: as above */
    bool ready = wait_for_token((struct thread_record *)self, deadline);
    atom_sub_seq(&waiting, 1); /* seq: as good as any, rare */
    return ready;
}

struct task *thread_park(struct task *self, struct lock *lock)
{
    lock_drop(lock);
    sched_thread_wait(self, INT64_MAX);
    return self;
}

/* Not inlined: T1. */
static NOINLINE uint32_t thread_random(void)
{
    if (!record.random)
        record.random = (uint32_t)((uintptr_t)&record >> 4) | 1;
    return random_next(&record.random);
}

uint32_t sched_random(uint32_t n)
{
    struct worker *w = worker_self();
    if (w && UNLIKELY(atom_load_rlx(&w->proc->summons) & SUMMONS_SIMULATED)) /* rlx: immutable then */
        return sim_random(n);
    uint32_t word = w ? random_next(&w->proc->random) : thread_random();
    return (uint32_t)((uint64_t)word * n >> 32);
}

static struct {
    struct lock lock;
    struct sched_watch *first;
    bool runs; /* a runtime that has not told them of its end */
} watches;

bool sched_watch_begin(struct sched_watch *w)
{
    lock_take(&watches.lock);
    bool runs = watches.runs;
    w->previous = NULL;
    w->next = watches.first;
    if (w->next)
        w->next->previous = w;
    watches.first = w;
    lock_drop(&watches.lock);
    return runs;
}

void sched_watch_end(struct sched_watch *w)
{
    lock_take(&watches.lock);
    *(w->previous ? &w->previous->next : &watches.first) = w->next;
    if (w->next)
        w->next->previous = w->previous;
    lock_drop(&watches.lock);
}

/* A watch that is told stays in the list until its thread takes the lock. */
void thread_runtime_runs(bool runs)
{
    lock_take(&watches.lock);
    watches.runs = runs;
    for (struct sched_watch *w = watches.first; !runs && w; w = w->next)
        w->ended(w);
    lock_drop(&watches.lock);
}

void thread_ready(struct task *t)
{
    struct thread_record *r = (struct thread_record *)t;
    if (atom_swap_seq(&r->token, TOKEN_GIVEN) == TOKEN_WAITING) /* [T token] the mailbox -> the thread */
        thread_wait_ends();
    os_futex_wake(&r->token, 1); /* the thread may be gone by now: then this wakes nobody */
}
