/* SPDX-License-Identifier: MIT */
/* chan - typed channels.
 * Job:    send and receive, waiting or not; close; references.
 * Holds:  C1 under the lock: receivers wait only while the buffer is empty and nobody waits to send; senders only while it is
 *            full. C2 elements are received in the order they were sent. C3 a waiter's status is -EPIPE from the start and
 *            becomes 0 with its element, so closing need not touch the waiters at all: a million are woken in constant time.
 *            Nodes are the exception (selection.h): each has to be claimed.
 *         C4 a woken waiter doesn't touch the channel: it may have been freed by then.
 *         S2 through mailbox.h.
 * Why:    the parts that park are functions of their own, with nothing to remember but the destination: their frames are what a
 *         parked task pays for.
 */
#include "sync/chan.h"

#include "base/msg.h"
#include "sync/mailbox.h"
#include "sync/selection.h"

#include <mote/chan.h>
#include <mote/task.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct lock no_channel; /* what waits on a null channel parks on */

PUBLIC struct mote__chan *mote__chan_make(size_t element_size, size_t capacity, bool pointers)
{
    size_t bytes;
    if (__builtin_mul_overflow(element_size, capacity, &bytes) || bytes > SIZE_MAX / 4 || capacity > SIZE_MAX / 4) {
        errno = EINVAL;
        return NULL;
    }
    struct mote__chan *c = malloc(sizeof *c + bytes);
    if (!c)
        return NULL;
    *c = (struct mote__chan){
        .pointers = pointers, .refs = 1, .size = element_size, .capacity = capacity, .limit = capacity};
    return c;
}

static NORETURN COLD void wait_for_ever(void)
{
    struct task *self = sched_self();
    for (;;) {
        lock_take(&no_channel);
        sched_park(self, &no_channel, wait_for(WAIT_NO_CHANNEL, NULL));
    }
}

static inline char *slot(struct mote__chan *c, size_t i) { return c->buffer + i * c->size; }

/* The common sizes, each a single move. False: nothing was done. */
static inline bool copy_quickly(void *to, const void *from, size_t size)
{
    if (LIKELY(size == 8))
        memcpy(to, from, 8);
    else if (size == 4)
        memcpy(to, from, 4);
    else
        return false;
    return true;
}

static inline size_t tail(const struct mote__chan *c, size_t count)
{
    size_t i = c->head + count;
    return i >= c->capacity ? i - c->capacity : i;
}

static inline int drop_and_return(struct mote__chan *c, int result)
{
    lock_drop(&c->lock);
    return result;
}

/* In what follows the channel's lock is held on entry, and released on return. The usual path of each function ends in a tail
 * call or has none: to save registers around calls that are rarely made would cost a sixth of the whole operation. */

static NOINLINE int hand_over_block(struct mote__chan *c, struct task *receiver, const void *value)
{
    int error = mailbox_put(receiver, value, c->size);
    if (UNLIKELY(error < 0))
        return drop_and_return(c, error);
    waitq_drop(&c->receivers, receiver);
    receiver->status = 0;
    lock_drop(&c->lock);
    sched_ready(receiver);
    return 0;
}

/* The receiver is first in line. */
static NOINLINE int hand_over(struct mote__chan *c, struct task *receiver, const void *value)
{
    if (UNLIKELY(!mailbox_put_quickly(receiver, value, c->size)))
        return hand_over_block(c, receiver, value);
    waitq_drop(&c->receivers, receiver);
    receiver->status = 0;
    lock_drop(&c->lock);
    sched_ready(receiver);
    return 0;
}

static NOINLINE int not_sent(struct task *self)
{
    mailbox_take(self, NULL);
    return -EPIPE;
}

/* The element is in the mailbox. */
static SWITCH_RETURNS NOINLINE int park_to_send(struct mote__chan *c, struct task *self)
{
    sched_note_return(__builtin_return_address(0));
    self->status = -EPIPE; /* C3 */
    waitq_push(&c->senders, self);
    self = sched_park(self, &c->lock, wait_for(WAIT_SEND, c));
    return LIKELY(self->status == 0) ? 0 : not_sent(self);
}

static NOINLINE int wait_to_send_block(struct mote__chan *c, const void *value)
{
    struct task *self = sched_self();
    int error = mailbox_put(self, value, c->size);
    return error < 0 ? drop_and_return(c, error) : park_to_send(c, self);
}

static NOINLINE int wait_to_send(struct mote__chan *c, const void *value)
{
    struct self *w = self_read(); /* NULL: a plain thread */
    if (LIKELY(w && mailbox_put_quickly(w->current, value, c->size)))
        return park_to_send(c, w->current);
    return wait_to_send_block(c, value);
}

static NOINLINE int send_buffered_block(struct mote__chan *c, const void *value, size_t count)
{
    memcpy(slot(c, tail(c, count)), value, c->size);
    atom_store_rlx(&c->count, count + 1); /* rlx: under the lock */
    return drop_and_return(c, 0);
}

static inline int send_buffered(struct mote__chan *c, const void *value, size_t count)
{
    if (UNLIKELY(!copy_quickly(slot(c, tail(c, count)), value, c->size)))
        return send_buffered_block(c, value, count);
    atom_store_rlx(&c->count, count + 1); /* rlx: under the lock */
    return drop_and_return(c, 0);
}

/* The first in line is a node: it, and more of them, may be of selections that are over (selection.h). The element goes into the
 * mailbox before the claim, which can't be taken back when there is no memory. */
static NOINLINE int hand_over_to_nodes(struct mote__chan *c, const void *value, bool waits)
{
    for (struct task *first; (first = c->receivers.first);) {
        int error = mailbox_put(first, value, c->size);
        if (UNLIKELY(error < 0))
            return drop_and_return(c, error);
        waitq_drop(&c->receivers, first);
        if (LIKELY(selection_claim(first))) {
            first->status = 0;
            lock_drop(&c->lock);
            selection_ready(first);
            return 0;
        }
    }
    size_t count = atom_load_rlx(&c->count); /* rlx: under the lock */
    if (count < c->limit)
        return send_buffered(c, value, count);
    return waits ? wait_to_send(c, value) : drop_and_return(c, -EAGAIN);
}

/* waits: whether it may wait. */
static ALWAYS_INLINE int send(struct mote__chan *c, const void *value, bool waits)
{
    struct task *receiver = c->receivers.first;
    if (receiver) { /* none once it is closed */
        if (UNLIKELY(receiver->flags & TASK_NODE))
            return hand_over_to_nodes(c, value, waits);
        return hand_over(c, receiver, value);
    }
    size_t count = atom_load_rlx(&c->count); /* rlx: under the lock */
    if (count < c->limit)
        return send_buffered(c, value, count);
    if (UNLIKELY(c->closed))
        return drop_and_return(c, -EPIPE);
    return waits ? wait_to_send(c, value) : drop_and_return(c, -EAGAIN);
}

/* From the start, with everything that is rare. */
static NOINLINE int send_carefully(struct mote__chan *c, const void *value)
{
    if (!c)
        wait_for_ever();
    if (c->pointers)
        sched_check_lent(*(void *const *)value, "an address sent through a channel");
    lock_enter(&c->lock);
    return send(c, value, true);
}

PUBLIC int mote__chan_send(struct mote__chan *c, const void *value)
{
    if (UNLIKELY(!c || c->pointers || !lock_take_quickly(&c->lock)))
        return send_carefully(c, value);
    return send(c, value, true);
}

int chan_send_held(struct mote__chan *c, const void *value) { return send(c, value, false); }

PUBLIC int mote__chan_try_send(struct mote__chan *c, const void *value)
{
    if (UNLIKELY(!c))
        return -EAGAIN;
    if (UNLIKELY(c->pointers))
        sched_check_lent(*(void *const *)value, "an address sent through a channel");
    lock_enter(&c->lock);
    return chan_send_held(c, value);
}

static NOINLINE int take_element(struct task *self, void *to)
{
    mailbox_take(self, to);
    return self->status;
}

/* The element arrives in the mailbox; the channel isn't touched afterwards (C4). A parked task's frames end here: only `to` is
 * kept across the park, and nothing that would make the frame larger is done in line. */
static SWITCH_RETURNS NOINLINE int park_to_receive(struct mote__chan *c, void *to, struct task *self)
{
    sched_note_return(__builtin_return_address(0));
    self->status = -EPIPE; /* C3 */
    waitq_push(&c->receivers, self);
    self = sched_park(self, &c->lock, wait_for(WAIT_RECV, c));
    if (UNLIKELY(!mailbox_take_quickly(self, to)))
        return take_element(self, to);
    return self->status;
}

static NOINLINE int wait_to_receive(struct mote__chan *c, void *to)
{
    struct task *self = sched_self();
    mailbox_clear(self, c->size); /* what *to becomes if the channel is closed */
    return park_to_receive(c, to, self);
}

static NOINLINE int receive_from_block(struct mote__chan *c, void *to, struct task *sender)
{
    mailbox_take(sender, to);
    sender->status = 0;
    lock_drop(&c->lock);
    sched_ready(sender);
    return 0;
}

/* From the sender that was first in line. */
static NOINLINE int receive_from(struct mote__chan *c, void *to, struct task *sender)
{
    waitq_drop(&c->senders, sender);
    if (UNLIKELY(!mailbox_take_quickly(sender, to)))
        return receive_from_block(c, to, sender);
    sender->status = 0;
    lock_drop(&c->lock);
    sched_ready(sender);
    return 0;
}

/* From a sender who was taken out of the line, task or node. */
static int receive_from_claimed(struct mote__chan *c, void *to, struct task *sender)
{
    mailbox_take(sender, to);
    sender->status = 0;
    lock_drop(&c->lock);
    selection_ready(sender);
    return 0;
}

/* The first in line is a node: it, and more of them, may be of selections that are over. */
static NOINLINE int receive_from_nodes(struct mote__chan *c, void *to, bool waits)
{
    struct task *sender = selection_pop(&c->senders);
    if (LIKELY(sender != NULL))
        return receive_from_claimed(c, to, sender);
    return waits ? wait_to_receive(c, to) : drop_and_return(c, -EAGAIN);
}

static NOINLINE int refill_from_nodes(struct mote__chan *c, size_t count)
{
    struct task *sender = selection_pop(&c->senders);
    if (LIKELY(sender != NULL))
        return receive_from_claimed(c, slot(c, tail(c, count - 1)), sender);
    atom_store_rlx(&c->count, count - 1); /* rlx: under the lock */
    return drop_and_return(c, 0);
}

/* A waiting sender's element takes the place that has become free, as the newest of them. */
static NOINLINE int refill(struct mote__chan *c, size_t count)
{
    struct task *sender = c->senders.first;
    if (UNLIKELY(sender->flags & TASK_NODE))
        return refill_from_nodes(c, count);
    return receive_from(c, slot(c, tail(c, count - 1)), sender);
}

static inline void advance(struct mote__chan *c)
{
    if (++c->head == c->capacity)
        c->head = 0;
}

static inline int end_receive(struct mote__chan *c, size_t count)
{
    advance(c);
    if (UNLIKELY(c->senders.first != NULL))
        return refill(c, count);
    atom_store_rlx(&c->count, count - 1); /* rlx: under the lock */
    return drop_and_return(c, 0);
}

static NOINLINE int receive_buffered_block(struct mote__chan *c, void *to, size_t count)
{
    if (to)
        memcpy(to, slot(c, c->head), c->size);
    return end_receive(c, count);
}

static NOINLINE int receive_closed(struct mote__chan *c, void *to)
{
    size_t size = c->size;
    lock_drop(&c->lock);
    if (to)
        memset(to, 0, size);
    return -EPIPE;
}

static ALWAYS_INLINE int receive(struct mote__chan *c, void *to, bool waits)
{
    size_t count = atom_load_rlx(&c->count); /* rlx: under the lock */
    if (count) {
        if (UNLIKELY(!to || !copy_quickly(to, slot(c, c->head), c->size)))
            return receive_buffered_block(c, to, count);
        return end_receive(c, count);
    }
    struct task *sender = c->senders.first;
    if (sender) {
        if (UNLIKELY(sender->flags & TASK_NODE))
            return receive_from_nodes(c, to, waits);
        return receive_from(c, to, sender);
    }
    if (UNLIKELY(c->closed))
        return receive_closed(c, to);
    return waits ? wait_to_receive(c, to) : drop_and_return(c, -EAGAIN);
}

static NOINLINE int receive_carefully(struct mote__chan *c, void *value)
{
    if (!c)
        wait_for_ever();
    lock_enter(&c->lock);
    return receive(c, value, true);
}

PUBLIC int mote__chan_recv(struct mote__chan *c, void *value)
{
    if (UNLIKELY(!c || !lock_take_quickly(&c->lock)))
        return receive_carefully(c, value);
    return receive(c, value, true);
}

int chan_recv_held(struct mote__chan *c, void *to) { return receive(c, to, false); }

bool chan_take_back(struct mote__chan *c)
{
    lock_take(&c->lock);
    return chan_recv_held(c, NULL) == 0;
}

PUBLIC int mote__chan_try_recv(struct mote__chan *c, void *value)
{
    if (UNLIKELY(!c))
        return -EAGAIN;
    lock_enter(&c->lock);
    return chan_recv_held(c, value);
}

PUBLIC int mote__chan_close(struct mote__chan *c)
{
    if (!c)
        return -EINVAL;
    lock_enter(&c->lock);
    if (c->closed) {
        lock_drop(&c->lock);
        return -EPIPE;
    }
    c->closed = true;
    c->limit = 0;
    struct waitq receivers = selection_take_all(&c->receivers), senders = selection_take_all(&c->senders);
    lock_drop(&c->lock);
    selection_ready_all(receivers);
    selection_ready_all(senders);
    lock_left();
    return 0;
}

PUBLIC size_t mote__chan_len(struct mote__chan *c) { return c ? atom_load_rlx(&c->count) : 0; } /* rlx: a snapshot */

PUBLIC size_t mote__chan_cap(struct mote__chan *c) { return c ? c->capacity : 0; }

PUBLIC struct mote__chan *mote__chan_ref(struct mote__chan *c)
{
    if (c)
        atom_add_rlx(&c->refs, 1); /* rlx: the caller has a reference already */
    return c;
}

PUBLIC void mote__chan_free(struct mote__chan *c)
{
    if (!c || atom_sub_acq_rel(&c->refs, 1) > 1) /* [C refs] every owner's uses -> the last one's free, at both ends */
        return;
    if (selection_still_waits(&c->senders) || selection_still_waits(&c->receivers))
        msg_fatal("mote_chan_free: somebody still waits on the channel: close it first, and let its users drop their "
                  "references");
    free(c);
}
