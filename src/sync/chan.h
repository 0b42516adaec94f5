/* SPDX-License-Identifier: MIT */
/* chan - what a channel is made of, for select.
 * Job:    the struct, and the two calls for who holds its lock already.
 * Not here: the rules (chan.c).
 */
#ifndef SYNC_CHAN_H
#define SYNC_CHAN_H

#include "sync/waitq.h"

struct mote__chan {
    struct lock lock;
    bool closed;            /* lock */
    bool pointers;          /* immutable: elements are pointers, to be checked */
    _Atomic uint32_t refs;  /* owners */
    size_t size;            /* immutable: of an element */
    size_t capacity;        /* immutable */
    size_t limit;           /* lock: elements that may be buffered: the capacity, 0 once it is closed */
    _Atomic size_t count;   /* lock; read by all */
    size_t head;            /* lock: where the oldest buffered element is */
    struct waitq senders;   /* lock */
    struct waitq receivers; /* lock */
    _Alignas(16) char buffer[];
};

/* As mote_try_send and mote_try_recv, with the lock held on entry and released on return. */
int chan_send_held(struct mote__chan *c, const void *value);
int chan_recv_held(struct mote__chan *c, void *to);
/* Takes the oldest element and throws it away. Whether there was one. */
bool chan_take_back(struct mote__chan *c);

/* Whether one of them would go ahead, unless all who wait on the other side turn out to be selections that are over. Lock held. */
static inline bool chan_can_send(struct mote__chan *c)
{
    return c->receivers.first || atom_load_rlx(&c->count) < c->limit || c->closed; /* rlx: under the lock */
}

static inline bool chan_can_recv(struct mote__chan *c)
{
    return atom_load_rlx(&c->count) || c->senders.first || c->closed; /* rlx: under the lock */
}

#endif
