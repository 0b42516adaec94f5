/* SPDX-License-Identifier: MIT */
/* ready - putting tasks where a proc will find them.
 * Job:    the next slot, the ring, the fresh deque and the global queue, in that order of closeness.
 * Holds:  P2. Y1 a task made ready is in a queue, or in the next slot, before this returns. Y2 nothing here needs memory.
 * Why:    a single task in the next slot wakes nobody: it runs when the present one parks, mostly at once, and waking a worker
 *         for it would cost more than it takes. If the present one does not park soon, the monitor gives it to another.
 */
#include "base/os.h"
#include "sched/proc.h"

/* Half of a full ring moves to the global queue at once. */
static COLD void spill_ring(struct proc *p, struct task *t)
{
    struct task *last;
    uint32_t n;
    struct task *first = runq_halve_owner(&p->ring, &last, &n);
    if (first) {
        last->next = t;
        globq_push(&rt.global, first, t, n + 1);
    } else if (!runq_push_owner(&p->ring, t)) {
        globq_push(&rt.global, t, t, 1);
    }
}

void queue_push(struct proc *p, struct task *t)
{
    if (atom_load_rlx(&t->state) == TASK_NEW) { /* rlx: ours */
        if (UNLIKELY(!fresh_push_owner(&p->fresh, t)))
            globq_push(&rt.global, t, t, 1);
    } else if (UNLIKELY(!runq_push_owner(&p->ring, t))) {
        spill_ring(p, t);
    }
}

static struct task *swap_summoned(struct proc *p, struct task *t)
{
    if (atom_load_rlx(&p->summons) & SUMMONS_SIMULATED) { /* rlx: our own */
        atom_store_rlx(&p->next_busy, 0);                 /* rlx: nobody looks */
        return t;                                         /* sim.h: SI1 */
    }
    if (t && atom_load_rlx(&p->summons) & (SUMMONS_BLOCKING | SUMMONS_REPLACED)) { /* rlx: the first is our own (V3) */
        atom_store_rlx(&p->next_busy, 0);                                          /* rlx: nothing was touched */
        spare_publish(p, t);
        return NULL;
    }
    if (atom_load_rlx(&p->summons) & SUMMONS_ATOMIC) { /* rlx: immutable */
        atom_store_rlx(&p->next_busy, 0);              /* rlx: nobody looks at it then */
        return atom_swap_seq(&p->next, t);             /* [N next] the task -> a raider, and back */
    }
    for (unsigned tries = 0; atom_load_acq(&p->summons) & SUMMONS_RAID; tries++) /* [N raid] until he has done */
        os_back_off(tries);
    struct task *old = atom_load_rlx(&p->next); /* rlx: ours between busy and its end */
    atom_store_rel(&p->next, t);                /* [N next] the task -> next_raid */
    atom_store_rel(&p->next_busy, 0);           /* [N raid] */
    return old;
}

/* A task that a search has taken out of the next slot, and puts back, was ready before. */
COLD struct task *next_swap_summoned(struct proc *p, struct task *t)
{
    bool watched = proc_watched(p);
    if (watched && t && t != p->taken)
        debug_queued(p, t);
    struct task *old = swap_summoned(p, t);
    if (watched)
        p->taken = t ? NULL : old;
    return old;
}

static NOINLINE void make_way(struct proc *p, struct task *old)
{
    queue_push(p, old);
    idle_wake_one();
}

static inline void ready_next(struct proc *p, struct task *t)
{
    struct task *old = next_swap_owner(p, t);
    if (old)
        make_way(p, old);
}

void ready_on(struct proc *p, struct task *t) { ready_next(p, t); }

void ready_chain(struct proc *p, struct task *first)
{
    while (first) {
        struct task *next = first->next;
        queue_push(p, first);
        first = next;
    }
}

struct task *ready_batch(struct proc *p, uint64_t max)
{
    uint64_t n;
    struct task *first = globq_take(&rt.global, max, &n);
    if (!first)
        return NULL;
    rest_note_work(p);
    for (struct task *t = first->next, *next; t; t = next) {
        next = t->next;
        /* Woken crowds come here still marked as parked. */
        if (atom_load_rlx(&t->state) != TASK_NEW)  /* rlx: ours */
            atom_store_rlx(&t->state, TASK_READY); /* rlx: for reports */
        queue_push(p, t);
    }
    if (n > 1 || globq_count(&rt.global))
        idle_wake_one();
    return first;
}

/* By a plain thread. It counts as inside meanwhile, so that the end waits until it has let go of the idle list; and if the runtime
 * ends already, its tasks are discarded. */
static COLD void ready_from_outside(struct task *first, struct task *last, uint64_t n)
{
    if (!runtime_enter())
        return;
    if (atom_load_rlx(&rt.watchers)) /* rlx: a late look tells a little less */
        debug_queued_list(first, n);
    globq_push(&rt.global, first, last, n);
    idle_wake_one();
    runtime_leave();
}

void sched_ready(struct task *t)
{
    if (UNLIKELY(t->flags & TASK_THREAD)) {
        thread_ready(t);
        return;
    }
    atom_store_rlx(&t->state, TASK_READY); /* rlx: for reports */
    struct worker *w = worker_self();
    if (LIKELY(w != NULL)) {
        ready_next(w->proc, t);
        return;
    }
    ready_from_outside(t, t, 1);
}

void sched_ready_list(struct task *first, struct task *last, uint64_t n)
{
    if (UNLIKELY(!worker_self())) {
        ready_from_outside(first, last, n);
        return;
    }
    if (UNLIKELY(atom_load_rlx(&rt.watchers))) /* rlx: as above */
        debug_queued_list(first, n);
    globq_push(&rt.global, first, last, n);
    idle_wake_one();
}
