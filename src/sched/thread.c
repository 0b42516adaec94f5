/* SPDX-License-Identifier: MIT */
/* thread - plain threads as waiters.
 * Job:    give a thread that isn't a worker a task record, so that channels and the like treat both alike; and chance.
 * Holds:  the record lies in thread-local storage, and stands in at most one queue, only while its thread waits in thread_park.
 */
#include "base/os.h"
#include "sched/proc.h"

struct thread_record {
    struct task task;
    _Atomic uint32_t token;
    uint32_t random;
};

static __thread struct thread_record record;

/* Not inlined: the address must be this thread's (T1). */
NOINLINE struct task *sched_thread_self(void)
{
    if (!record.task.flags) /* they also say what is in the mailbox, across a park */
        record.task.flags = TASK_THREAD | TASK_PINNED;
    return &record.task;
}

bool sched_thread_wait(struct task *self, int64_t deadline)
{
    struct thread_record *r = (struct thread_record *)self;
    while (!atom_load_acq(&r->token)) { /* [T token] pairs with thread_ready */
        if (deadline != INT64_MAX && os_now() >= deadline)
            return false;
        os_futex_wait(&r->token, 0, deadline);
    }
    atom_store_rlx(&r->token, 0); /* rlx: nobody stores before we wait again */
    return true;
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
    uint32_t word = w ? random_next(&w->proc->random) : thread_random();
    return (uint32_t)((uint64_t)word * n >> 32);
}

void thread_ready(struct task *t)
{
    struct thread_record *r = (struct thread_record *)t;
    atom_store_rel(&r->token, 1); /* [T token] the mailbox -> the thread */
    os_futex_wake(&r->token, 1);  /* the thread may be gone by now: then this wakes nobody */
}
