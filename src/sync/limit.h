/* SPDX-License-Identifier: MIT */
/* limit - how long a wait may last: until a deadline, until a context is cancelled, or for ever.
 * Job:    the wait in one queue that has a limit: a selection of the queue's node, the deadline and the context.
 * Holds:  LI1 the claim of the selection decides between the queue and the limit; who was claimed by its object has what it waited
 *         for, also when the limit has come meanwhile. LI2 a wait that the limit ends has left the queue, under its lock, before
 *         limit_finish returns; what others do that stood behind it is its caller's affair. LI3 memory is wanted before anything is
 *         done, so -ENOMEM changes nothing.
 * Callers: the calls of sync/ that end in _until and _ctx.
 */
#ifndef SYNC_LIMIT_H
#define SYNC_LIMIT_H

#include "sync/context.h"

#include <mote/time.h>

#include <errno.h>

struct limit {
    int64_t deadline;
    mote_ctx *ctx;     /* NULL: none */
    bool with_runtime; /* for plain threads: also until the runtime ends; at once, when none runs */
};

static inline struct limit limit_until(int64_t deadline) { return (struct limit){.deadline = deadline}; }

static inline struct limit limit_ctx(mote_ctx *ctx)
{
    return (struct limit){.deadline = MOTE_FOREVER, .ctx = ctx == mote_ctx_background() ? NULL : ctx};
}

static inline struct limit limit_runtime(void)
{
    return (struct limit){.deadline = MOTE_FOREVER, .with_runtime = true};
}

static inline bool limit_is_none(struct limit l) { return l.deadline == MOTE_FOREVER && !l.ctx && !l.with_runtime; }

/* One wait. Lies on the caller's stack: nobody else looks at it. */
struct waiting {
    struct lock *lock;   /* the object's */
    struct waitq *queue; /* under that lock */
    uint64_t wait_on;    /* for reports */
    uint64_t mailbox;    /* for who wakes it; out: what that one left there */
    bool first;          /* goes to the front */
    int8_t status;       /* out: what who woke it has said; -EPIPE: nothing */
    bool
        dropped; /* out: somebody else took its place out of the queue, and did so before a 0 or later than the limit */
    struct selection *selection; /* between limit_queue and limit_finish */
};

/* Node i wins when the context is cancelled, or has been. NULL: never. */
void limit_watch(struct selection *s, unsigned i, mote_ctx *ctx);

/* Puts the caller into the queue; the lock is held, and stays so. -ETIMEDOUT: the deadline has passed; -ENOMEM; -ESHUTDOWN. */
int limit_queue(struct limit limit, struct waiting *w);

/* For who was told so, with the lock released: others get their turn all the same. A loop of waits that are shorter than the way to
 * them would have a worker to itself. Switches. */
static inline void limit_missed(struct limit limit)
{
    if (limit.deadline > 0)
        mote_yield();
}

/* Then, with the lock released: waits. 0; -ETIMEDOUT, -ECANCELED, -ESHUTDOWN as the limit has it. Switches. */
int limit_finish(struct limit limit, struct waiting *w);

/* Both, and the lock released in every case; without a limit an ordinary wait, which wants no memory and has no `out`. Switches. */
int limit_wait(struct limit limit, struct waiting *w);

#endif
