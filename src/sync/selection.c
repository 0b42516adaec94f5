/* SPDX-License-Identifier: MIT */
/* selection - a wait that can end in more than one way.
 * Job:    see selection.h, which tells the protocol.
 * Holds:  G1-G6.
 */
#include "sync/selection.h"

#include "sync/mailbox.h"

#include <mote/time.h>

_Static_assert(sizeof(struct selection) + 2 * sizeof(struct node) <= BLOCK_MIN,
               "the usual select fits the least block");

struct selection *selection_new(struct task *self, unsigned count, int64_t deadline)
{
    /* A plain thread may outlive the runtime and its blocks; what a timer belongs to comes from malloc (timers_close). */
    bool plain = (self->flags & TASK_THREAD) || deadline != MOTE_FOREVER;
    size_t bytes = sizeof(struct selection) + count * sizeof(struct node);
    unsigned class = plain ? 0 : block_class(bytes);
    struct selection *s = plain ? malloc(bytes) : sched_block_get(class);
    if (!s)
        return NULL;
    lock_init_held(&s->lock);
    s->task = self;
    atom_store_rlx(&s->state, SELECTION_WAITING); /* rlx: nobody sees it yet */
    s->count = (uint16_t)count;
    s->class = (uint8_t) class;
    s->timed = false;
    for (struct node *n = s->nodes; n < s->nodes + count; n++) {
        n->record.status = -EPIPE; /* as every waiter's: chan.c, C3 */
        n->record.flags = (uint8_t)(TASK_NODE | (self->flags & TASK_THREAD));
        n->of = s;
        n->lock = NULL;
        n->queue = NULL;
    }
    return s;
}

void selection_free(struct selection *s)
{
    for (struct node *n = s->nodes; n < s->nodes + s->count; n++)
        if (UNLIKELY(n->record.flags & TASK_MAILBOX_BLOCK))
            mailbox_take(&n->record, NULL);
    if (s->class)
        sched_block_put(s->class, s);
    else
        free(s);
}

void selection_ready(struct task *t)
{
    if (t->flags & TASK_NODE) {
        struct selection *s = ((struct node *)t)->of;
        lock_await(&s->lock); /* S4 */
        t = s->task;
    }
    sched_ready(t);
}

void selection_ready_each(struct waitq taken)
{
    for (struct task *t = taken.first, *next; t; t = next) {
        next = t->next;
        selection_ready(t);
    }
}

void selection_claim_each(struct waitq *q)
{
    struct task *t = q->first;
    *q = (struct waitq){.odd = q->odd};
    for (struct task *next; t; t = next) {
        next = t->next;
        if (!selection_claim(t))
            continue;
        t->next = NULL;
        if (q->first)
            q->last->next = t;
        else
            q->first = t;
        q->last = t;
        q->count++;
    }
}

void selection_enter(struct selection *s, unsigned i, struct lock *lock, struct waitq *q)
{
    struct node *n = &s->nodes[i];
    n->lock = lock;
    n->queue = q;
    n->prev = q->last; /* V2, G4: when it is first, that means nothing */
    waitq_push(q, &n->record);
    q->odd |= WAITQ_NODES;
}

/* From wherever it stands: G4. */
static void take_out(struct node *n)
{
    struct waitq *q = n->queue;
    struct task *next = n->record.next;
    if (q->first == &n->record)
        q->first = next;
    else
        n->prev->next = next;
    if (!next)
        q->last = n->prev;
    else if (next->flags & TASK_NODE)
        ((struct node *)next)->prev = n->prev;
    q->count--;
}

/* G2: with the lock taken once, nobody looks at the node any more. */
static void leave_queue(struct node *n)
{
    lock_take(n->lock);
    if (n->queue)
        take_out(n);
    lock_drop(n->lock);
}

static void on_deadline(struct timer *timer)
{
    struct selection *s = (struct selection *)timer;
    if (!selection_claim_as(s, SELECTION_TIMED_OUT))
        return;
    lock_await(&s->lock); /* S4 */
    sched_ready(s->task);
}

int selection_arm(struct selection *s, int64_t deadline)
{
    if (deadline == MOTE_FOREVER || (s->task->flags & TASK_THREAD))
        return 0;
    s->timer = (struct timer){.when = deadline, .fire = on_deadline};
    int error = sched_timer_add(&s->timer);
    s->timed = error == 0;
    return error;
}

/* A plain thread looks at the clock itself, so that it needs no runtime. */
static NOINLINE void wait_in_thread(struct selection *s, int64_t deadline)
{
    lock_drop(&s->lock);
    if (!sched_thread_wait(s->task, deadline) && !selection_claim_as(s, SELECTION_TIMED_OUT))
        sched_thread_wait(s->task, MOTE_FOREVER); /* somebody has claimed it, and is about to wake us */
}

int selection_wait(struct selection *s, int64_t deadline)
{
    if (UNLIKELY(s->task->flags & TASK_THREAD))
        wait_in_thread(s, deadline);
    else
        sched_park(s->task, &s->lock, s);
    uint32_t state = atom_load_rlx(&s->state); /* rlx: being made ready orders it */
    int winner = state == SELECTION_TIMED_OUT ? -1 : (int)state - 1;
    for (int i = 0; i < s->count; i++)
        if (i != winner && s->nodes[i].lock)
            leave_queue(&s->nodes[i]);
    if (s->timed)
        timer_cancel(&s->timer);
    return winner;
}
