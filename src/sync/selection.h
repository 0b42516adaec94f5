/* SPDX-License-Identifier: MIT */
/* selection - a wait that can end in more than one way: in one of several queues, or at a deadline.
 * Job:    the block that stands for it, its nodes in the queues of channels, mutexes, contexts and so on, and the claim that
 *         decides.
 * Protocol:
 *         The task makes a selection, whose lock is held from the start. With the locks of all its objects held it puts a node
 *         into each queue, releases them, and parks on the selection's lock. A waker, who holds one object's lock, takes the
 *         first record out of the queue: if it is a node it must claim its selection (a compare-and-swap of `state`). When it
 *         fails, the node was a loser's: it is dropped, and the next one is tried. When it succeeds, the waker moves the
 *         element through the node's mailbox, releases the object's lock, waits until the selection's lock is free (the
 *         task is wholly switched out then), and makes the task ready. The deadline's timer claims in the same way. The task
 *         then takes what is left of its nodes out of their queues, and frees the block.
 * Holds:  G1 state leaves WAITING once; who does it, and nobody else, makes the task ready, exactly once.
 *         G2 the selection lives until its task has been made ready, and longer: the task takes each loser's object lock before it
 *            frees the block, so who holds such a lock may look at any node in the queue, claimed or not.
 *         G3 a node's next, prev and queue, and its mailbox until the claim, are its object's: under that lock.
 *         G4 prev is the record before a node unless the node is first. Only nodes leave a queue from the middle, so others
 *            need no prev. Who puts a record before the first one says so to that (selection_push_first).
 *         G5 the winner's object isn't touched after the wake-up; the losers' are, so they must live until the wait is over.
 *         G6 the selection's lock is taken once, by its making, and only waited for by others: no atomic operation is needed.
 *         G7 a plain thread may leave a queue, and so touch what stood before and behind its node, when a runtime has ended and
 *         its tasks
 *            have been discarded. So who ends it takes their records out of the queues where threads have nodes. Unless it is
 *            claimed it is held meanwhile: as long as nobody can claim it, the wait isn't over, and its objects live.
 *         S2: everything that others touch is in this block, none of it on the task's stack.
 * Rejected: a record for each queue with the task's own (the mailbox would be shared by objects under different locks);
 *         parking with the locks of all objects held (the next context would have to release thousands).
 */
#ifndef SYNC_SELECTION_H
#define SYNC_SELECTION_H

#include "sched/timer.h"
#include "sync/waitq.h"

/* Values of selection.state; the others are the number of the node that won, plus 1. */
#define SELECTION_WAITING 0u
#define SELECTION_TIMED_OUT UINT32_MAX
#define SELECTION_SHUT_DOWN (UINT32_MAX - 1)
#define SELECTION_HELD (UINT32_MAX - 2) /* G7: for a moment; then WAITING again */

/* What selection_wait returns but for numbers of nodes. */
#define SELECTION_LATE (-1)
#define SELECTION_SHUT (-2)

struct node {
    struct task
        record;        /* first: stands in the queue. next, mailbox, status and flags as in a task's, the rest unused */
    struct task *prev; /* G4; object's lock */
    struct selection *of; /* immutable */
    struct lock *lock;    /* immutable: the object's; NULL: the node isn't used */
    struct waitq *queue;  /* object's lock: where it stands; NULL: nowhere */
};

struct selection {
    union { /* first: what is left armed when the runtime stops is freed by its timer's address */
        struct timer timer;
        struct sched_watch watch; /* a plain thread's: G7 */
    };
    struct lock lock;       /* G6: held until the task is switched out */
    struct task *task;      /* immutable */
    _Atomic uint32_t state; /* who claims, once */
    uint16_t count;         /* immutable: nodes */
    uint8_t class;          /* immutable: of the block; 0: from malloc */
    bool timed : 1;         /* itself: the timer was armed */
    bool decided : 1;       /* itself: it has claimed it, so nobody will wake it */
    bool visits : 1;        /* itself: a plain thread that doesn't watch yet keeps the runtime from ending (G7) */
    bool with_runtime : 1;  /* itself: a plain thread's, which a runtime's end ends too, or that none runs */
    struct node nodes[];
};

/* For the calling task or thread: `self`. Nobody sees it yet. NULL when there is no memory. */
struct selection *selection_new(struct task *self, unsigned count);

/* Lets the deadline claim it; nothing to do without one, and for plain threads. -ENOMEM. */
int selection_arm(struct selection *s, int64_t deadline);

/* Puts node i at the end of a queue, whose lock is held and is `lock`. */
void selection_enter(struct selection *s, unsigned i, struct lock *lock, struct waitq *queue);

/* The same at the front. */
void selection_enter_first(struct selection *s, unsigned i, struct lock *lock, struct waitq *queue);

/* Claims it for node i, unless somebody has claimed it already, when it is armed or in a queue: then selection_wait doesn't
 * wait. */
void selection_decide(struct selection *s, unsigned i);

/* Waits until it is claimed, without any object's lock held, and takes the losing nodes out. The number of the node that won;
 * SELECTION_LATE: the deadline; SELECTION_SHUT. Switches. */
int selection_wait(struct selection *s, int64_t deadline, uint64_t wait_on);

/* Frees it, with what is in its mailboxes. */
void selection_free(struct selection *s);

/* For wakers, with the object's lock held: */

static inline bool selection_claim_as(struct selection *s, uint32_t state)
{
    uint32_t was = SELECTION_WAITING;
    while (!atom_cas_rlx(&s->state, &was, state)) { /* rlx: it decides, nothing else; elements go by the object's lock
                                                       and by making ready */
        if (LIKELY(was != SELECTION_HELD))
            return false;
        cpu_relax(); /* G7 */
        was = SELECTION_WAITING;
    }
    return true;
}

/* Whether the first record, which has just been taken out, is to be woken: G1. */
static inline bool selection_claim(struct task *first)
{
    struct node *n = (struct node *)first;
    if (!(first->flags & TASK_NODE))
        return true;
    n->queue = NULL;
    return selection_claim_as(n->of, (uint32_t)(n - n->of->nodes) + 1);
}

/* The first in line who is to be woken; NULL when there is none. */
static inline struct task *selection_pop(struct waitq *q)
{
    for (struct task *t; (t = q->first);) {
        waitq_drop(q, t);
        if (selection_claim(t))
            return t;
    }
    return NULL;
}

/* The task or thread that a record in a queue stands for. */
static inline struct task *selection_who(struct task *t)
{
    return t->flags & TASK_NODE ? ((struct node *)t)->of->task : t;
}

/* Gathers a record that was taken out and claimed, in a list for selection_ready_few. */
static inline void selection_gather(struct waitq *list, struct task *t)
{
    waitq_push(list, t);
    if (UNLIKELY(t->flags & TASK_NODE))
        list->odd |= WAITQ_NODES;
}

/* Puts a record to the front of a queue that may have nodes: G4. */
static inline void selection_push_first(struct waitq *q, struct task *t)
{
    if (UNLIKELY(q->first && q->first->flags & TASK_NODE))
        ((struct node *)q->first)->prev = t;
    waitq_push_front(q, t);
}

void selection_claim_each(struct waitq *q);

/* Takes all out who are to be woken. */
static inline struct waitq selection_take_all(struct waitq *q)
{
    struct waitq taken = *q;
    *q = (struct waitq){0};
    if (UNLIKELY(taken.odd & WAITQ_NODES))
        selection_claim_each(&taken);
    return taken;
}

/* For wakers, when they have released it: make ready who was taken out and claimed. */
void selection_ready(struct task *t);
void selection_ready_each(struct waitq taken);

static inline void selection_ready_all(struct waitq taken)
{
    if (!taken.first)
        return;
    if (LIKELY(!taken.odd))
        sched_ready_list(taken.first, taken.last, taken.count);
    else
        selection_ready_each(taken);
}

/* The same, with a single task made ready where it runs soonest. */
static inline void selection_ready_few(struct waitq taken)
{
    if (LIKELY(taken.count == 1 && !taken.odd))
        sched_ready(taken.first);
    else
        selection_ready_all(taken);
}

/* The task or thread behind a record that was taken out and claimed, when it is wholly switched out. No lock is held. */
struct task *selection_task(struct task *t);

/* Whether somebody waits, for objects that are freed: tasks that were discarded when the runtime stopped don't. */
bool selection_still_waits(const struct waitq *q);

#endif
