/* SPDX-License-Identifier: MIT */
/* selection - a wait that can end in more than one way.
 * Job:    see selection.h, which tells the protocol.
 * Holds:  G1-G6.
 */
#include "sync/selection.h"

#include "base/os.h"
#include "sync/mailbox.h"

#include <mote/task.h>
#include <mote/time.h>

_Static_assert(sizeof(struct selection) + 2 * sizeof(struct node) <= BLOCK_MIN,
               "the usual select fits the least block");

struct selection *selection_new(struct task *self, unsigned count)
{
    bool plain = self->flags & TASK_THREAD; /* it may outlive the runtime and its blocks */
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
    s->timed = s->decided = s->with_runtime = false;
    s->visits = (self->flags & TASK_THREAD) && sched_visit();
    for (struct node *n = s->nodes; n < s->nodes + count; n++) {
        n->record.status = -EPIPE; /* as every waiter's: chan.c, C3 */
        n->record.flags = (uint8_t)(TASK_NODE | (self->flags & TASK_THREAD));
        n->of = s;
        n->lock = NULL;
        n->queue = NULL;
    }
    return s;
}

static void end_visit(struct selection *s)
{
    if (s->visits)
        sched_visit_end();
    s->visits = false;
}

void selection_free(struct selection *s)
{
    end_visit(s);
    for (struct node *n = s->nodes; n < s->nodes + s->count; n++)
        if (UNLIKELY(n->record.flags & TASK_MAILBOX_BLOCK))
            mailbox_take(&n->record, NULL);
    if (s->class)
        sched_block_put(s->class, s);
    else
        free(s);
}

struct task *selection_task(struct task *t)
{
    if (!(t->flags & TASK_NODE))
        return t;
    struct selection *s = ((struct node *)t)->of;
    lock_await(&s->lock); /* S4 */
    return s->task;
}

void selection_ready(struct task *t) { sched_ready(selection_task(t)); }

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

void selection_enter_first(struct selection *s, unsigned i, struct lock *lock, struct waitq *q)
{
    struct node *n = &s->nodes[i];
    n->lock = lock;
    n->queue = q;
    n->prev = NULL; /* V2, G4: means nothing until it isn't first any more */
    selection_push_first(q, &n->record);
    q->odd |= WAITQ_NODES;
}

/* `odd` remembers threads that have left. */
bool selection_still_waits(const struct waitq *q)
{
    return q->first && (mote_procs() > 0 || (q->odd & WAITQ_THREADS && sched_threads_wait()));
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

/* G7. The lock is held. */
static void drop_discarded(struct waitq *q)
{
    struct task *t = q->first;
    *q = (struct waitq){0};
    for (struct task *next; t; t = next) {
        next = t->next;
        if (!(t->flags & TASK_THREAD))
            continue;
        if (t->flags & TASK_NODE)
            ((struct node *)t)->prev = q->last;
        waitq_push(q, t);
        q->odd |= t->flags & TASK_NODE ? WAITQ_NODES : 0;
    }
}

/* The object lives. False: its lock is taken. */
static bool clean_queue(struct node *n)
{
    if (!lock_take_quickly(n->lock))
        return false;
    if (n->queue)
        drop_discarded(n->queue);
    lock_drop(n->lock);
    return true;
}

/* False: to be tried again: whoever has the lock may want to claim it, and we hold it. A winner's queue needs no cleaning, and
 * may be gone. */
static bool clean_unless_won(struct selection *s, unsigned i)
{
    if (selection_claim_as(s, SELECTION_HELD)) {
        bool cleaned = clean_queue(&s->nodes[i]);
        atom_store_rlx(&s->state, SELECTION_WAITING); /* rlx: as claims */
        return cleaned;
    }
    return atom_load_rlx(&s->state) == i + 1 || clean_queue(&s->nodes[i]); /* rlx: as claims */
}

static void clean_queues(struct sched_watch *watch)
{
    struct selection *s = (struct selection *)watch;
    for (unsigned i = 0; i < s->count; i++)
        for (unsigned tries = 0; s->nodes[i].lock && !clean_unless_won(s, i); tries++)
            os_back_off(tries);
}

static void end_with_runtime(struct sched_watch *watch)
{
    struct selection *s = (struct selection *)watch;
    clean_queues(watch);
    if (selection_claim_as(s, SELECTION_SHUT_DOWN))
        sched_ready(s->task);
}

/* A plain thread looks at the clock itself, so that it needs no runtime. */
static NOINLINE void wait_in_thread(struct selection *s, int64_t deadline)
{
    lock_drop(&s->lock);
    s->watch.ended = s->with_runtime ? end_with_runtime : clean_queues;
    bool shut = !sched_watch_begin(&s->watch) && s->with_runtime;
    end_visit(s);
    if (!sched_thread_wait(s->task, shut ? 0 : deadline) &&
        !selection_claim_as(s, shut ? SELECTION_SHUT_DOWN : SELECTION_TIMED_OUT))
        sched_thread_wait(s->task, MOTE_FOREVER); /* somebody has claimed it, and is about to wake us */
}

/* It may have been decided before: a select may name a context twice. */
void selection_decide(struct selection *s, unsigned i) { s->decided |= selection_claim_as(s, i + 1); }

int selection_wait(struct selection *s, int64_t deadline, uint64_t wait_on)
{
    if (UNLIKELY(s->task->flags & TASK_THREAD && !s->decided))
        wait_in_thread(s, deadline);
    else if (LIKELY(!s->decided))
        sched_park(s->task, &s->lock, wait_on);
    uint32_t state = atom_load_rlx(&s->state); /* rlx: being made ready orders it */
    int winner = state == SELECTION_TIMED_OUT   ? SELECTION_LATE
                 : state == SELECTION_SHUT_DOWN ? SELECTION_SHUT
                                                : (int)state - 1;
    for (int i = 0; i < s->count; i++)
        if (i != winner && s->nodes[i].lock)
            leave_queue(&s->nodes[i]);
    if (s->timed)
        timer_cancel(&s->timer);
    if (UNLIKELY(s->task->flags & TASK_THREAD && !s->decided))
        sched_watch_end(&s->watch);
    end_visit(s);
    return winner;
}
