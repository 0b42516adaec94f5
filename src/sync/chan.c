/* SPDX-License-Identifier: MIT */
/* chan - typed channels.
 * Job:    send and receive, waiting or not; close; references.
 * Holds:  C1 under the lock: receivers wait only while the buffer is empty and nobody waits to send; senders only while it is
 *            full. C2 elements are received in the order they were sent. C3 a waiter's status is -EPIPE from the start and
 *            becomes 0 with its element, so closing need not touch the waiters at all: a million are woken in constant time.
 *         C4 a woken waiter doesn't touch the channel: it may have been freed by then.
 *         S2 through mailbox.h.
 * Why:    the parts that park are functions of their own, with nothing to remember but the destination: their frames are what a
 *         parked task pays for.
 */
#include "base/msg.h"
#include "sync/mailbox.h"
#include "sync/waitq.h"

#include <mote/chan.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct mote__chan {
    struct lock lock;
    bool closed;            /* lock */
    bool pointers;          /* immutable: elements are pointers, to be checked */
    _Atomic uint32_t refs;  /* owners */
    size_t size;            /* immutable: of an element */
    size_t capacity;        /* immutable */
    _Atomic size_t count;   /* lock; read by all */
    size_t head;            /* lock: where the oldest buffered element is */
    struct waitq senders;   /* lock */
    struct waitq receivers; /* lock */
    _Alignas(16) char buffer[];
};

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
    *c = (struct mote__chan){.pointers = pointers, .refs = 1, .size = element_size, .capacity = capacity};
    return c;
}

static NORETURN COLD void wait_for_ever(void)
{
    struct task *self = sched_self();
    for (;;) {
        lock_take(&no_channel);
        sched_park(self, &no_channel, NULL);
    }
}

static inline char *slot(struct mote__chan *c, size_t i) { return c->buffer + i * c->size; }

/* Constant sizes let the compiler use single moves for the common ones. */
static inline void copy(void *to, const void *from, size_t size)
{
    if (LIKELY(size == 8))
        memcpy(to, from, 8);
    else if (size == 4)
        memcpy(to, from, 4);
    else
        memcpy(to, from, size);
}

static inline size_t tail(const struct mote__chan *c, size_t count)
{
    size_t i = c->head + count;
    return i >= c->capacity ? i - c->capacity : i;
}

/* Lock held, receiver first in line. The lock is released. */
static int hand_over(struct mote__chan *c, struct task *receiver, const void *value)
{
    int error = mailbox_put(receiver, value, c->size);
    if (UNLIKELY(error < 0)) {
        lock_drop(&c->lock);
        return error;
    }
    waitq_pop(&c->receivers);
    receiver->status = 0;
    lock_drop(&c->lock);
    sched_ready(receiver);
    return 0;
}

/* Lock held, the element in the mailbox. */
static NOINLINE int park_to_send(struct mote__chan *c, struct task *self)
{
    self->status = -EPIPE; /* C3 */
    waitq_push(&c->senders, self);
    sched_park(self, &c->lock, c);
    self = sched_self();
    if (LIKELY(self->status == 0))
        return 0;
    mailbox_take(self, NULL);
    return -EPIPE;
}

static inline int wait_to_send(struct mote__chan *c, const void *value)
{
    struct task *self = sched_self();
    int error = mailbox_put(self, value, c->size);
    if (LIKELY(error == 0))
        return park_to_send(c, self);
    lock_drop(&c->lock);
    return error;
}

/* Lock held; released. waits: whether it may wait. */
static inline int send(struct mote__chan *c, const void *value, bool waits)
{
    if (UNLIKELY(c->closed)) {
        lock_drop(&c->lock);
        return -EPIPE;
    }
    if (c->receivers.first)
        return hand_over(c, c->receivers.first, value);
    size_t count = atom_load_rlx(&c->count); /* rlx: under the lock */
    if (count < c->capacity) {
        copy(slot(c, tail(c, count)), value, c->size);
        atom_store_rlx(&c->count, count + 1); /* rlx: under the lock */
        lock_drop(&c->lock);
        return 0;
    }
    if (waits)
        return wait_to_send(c, value);
    lock_drop(&c->lock);
    return -EAGAIN;
}

/* The same, with the lock not taken yet, and everything that is rare. */
static NOINLINE int send_carefully(struct mote__chan *c, const void *value)
{
    if (!c)
        wait_for_ever();
    if (c->pointers)
        sched_check_lent(*(void *const *)value, "an address sent through a channel");
    lock_take(&c->lock);
    return send(c, value, true);
}

PUBLIC int mote__chan_send(struct mote__chan *c, const void *value)
{
    if (UNLIKELY(!c || c->pointers || !lock_take_quickly(&c->lock)))
        return send_carefully(c, value);
    return send(c, value, true);
}

PUBLIC int mote__chan_try_send(struct mote__chan *c, const void *value)
{
    if (UNLIKELY(!c))
        return -EAGAIN;
    if (UNLIKELY(c->pointers))
        sched_check_lent(*(void *const *)value, "an address sent through a channel");
    lock_take(&c->lock);
    return send(c, value, false);
}

static NOINLINE int take_element(struct task *self, void *to)
{
    mailbox_take(self, to);
    return self->status;
}

/* Lock held. The element arrives in the mailbox; the channel isn't touched afterwards (C4). A parked task's frames end here:
 * only `to` is kept across the park, and nothing that would make the frame larger is done in line. */
static NOINLINE int park_to_receive(struct mote__chan *c, void *to, struct task *self)
{
    self->status = -EPIPE; /* C3 */
    waitq_push(&c->receivers, self);
    sched_park(self, &c->lock, c);
    self = sched_self();
    if (UNLIKELY(!(self->flags & TASK_MAILBOX_WORD)))
        return take_element(self, to);
    if (to)
        memcpy(to, &self->mailbox, 8);
    return self->status;
}

static inline int wait_to_receive(struct mote__chan *c, void *to)
{
    struct task *self = sched_self();
    mailbox_clear(self, c->size, to); /* what *to becomes if the channel is closed */
    return park_to_receive(c, to, self);
}

/* Lock held, the buffer not empty; the lock is released. A waiting sender's element takes the free place. */
static inline int receive_buffered(struct mote__chan *c, void *to, size_t count)
{
    if (to)
        copy(to, slot(c, c->head), c->size);
    if (++c->head == c->capacity)
        c->head = 0;
    struct task *sender = waitq_pop(&c->senders);
    if (UNLIKELY(sender != NULL)) {
        mailbox_take(sender, slot(c, tail(c, count - 1)));
        sender->status = 0;
        lock_drop(&c->lock);
        sched_ready(sender);
        return 0;
    }
    atom_store_rlx(&c->count, count - 1); /* rlx: under the lock */
    lock_drop(&c->lock);
    return 0;
}

static inline int receive(struct mote__chan *c, void *to, bool waits)
{
    size_t count = atom_load_rlx(&c->count); /* rlx: under the lock */
    if (count)
        return receive_buffered(c, to, count);
    struct task *sender = waitq_pop(&c->senders);
    if (sender) {
        mailbox_take(sender, to);
        sender->status = 0;
        lock_drop(&c->lock);
        sched_ready(sender);
        return 0;
    }
    if (!c->closed && waits)
        return wait_to_receive(c, to);
    int status = c->closed ? -EPIPE : -EAGAIN;
    size_t size = c->size;
    lock_drop(&c->lock);
    if (to && status == -EPIPE)
        memset(to, 0, size);
    return status;
}

static NOINLINE int receive_carefully(struct mote__chan *c, void *value)
{
    if (!c)
        wait_for_ever();
    lock_take(&c->lock);
    return receive(c, value, true);
}

PUBLIC int mote__chan_recv(struct mote__chan *c, void *value)
{
    if (UNLIKELY(!c || !lock_take_quickly(&c->lock)))
        return receive_carefully(c, value);
    return receive(c, value, true);
}

PUBLIC int mote__chan_try_recv(struct mote__chan *c, void *value)
{
    if (UNLIKELY(!c))
        return -EAGAIN;
    lock_take(&c->lock);
    return receive(c, value, false);
}

PUBLIC int mote__chan_close(struct mote__chan *c)
{
    if (!c)
        return -EINVAL;
    lock_take(&c->lock);
    if (c->closed) {
        lock_drop(&c->lock);
        return -EPIPE;
    }
    c->closed = true;
    struct waitq senders = c->senders, receivers = c->receivers;
    c->senders = c->receivers = (struct waitq){0};
    lock_drop(&c->lock);
    waitq_ready_all(receivers);
    waitq_ready_all(senders);
    return 0;
}

PUBLIC size_t mote__chan_len(struct mote__chan *c) { return c ? atom_load_rlx(&c->count) : 0; } /* rlx: a snapshot */

PUBLIC size_t mote__chan_cap(struct mote__chan *c) { return c ? c->capacity : 0; }

PUBLIC void mote__chan_ref(struct mote__chan *c)
{
    if (c)
        atom_add_rlx(&c->refs, 1); /* rlx: the caller has a reference already */
}

PUBLIC void mote__chan_free(struct mote__chan *c)
{
    if (!c || atom_sub_acq_rel(&c->refs, 1) > 1) /* [C refs] every owner's uses -> the last one's free, at both ends */
        return;
    if (c->senders.first || c->receivers.first)
        msg_fatal("mote_chan_free: somebody still waits on the channel: close it first, and let its users drop their "
                  "references");
    free(c);
}
