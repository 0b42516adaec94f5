/* SPDX-License-Identifier: MIT */
/* context - what waits need of contexts.
 * Job:    whether one is cancelled, and a place in its queue, which cancelling empties.
 * Holds:  the queue is under the tree's lock (context.c), a leaf: it may be taken with an object's lock held.
 * Callers: limit.c, select.c.
 */
#ifndef SYNC_CONTEXT_H
#define SYNC_CONTEXT_H

#include "sync/selection.h"

#include <mote/context.h>

/* mote_ctx_err, and 0 for NULL. */
static inline int context_err(const mote_ctx *ctx) { return ctx ? mote_ctx_err(ctx) : 0; }

/* Puts node i of a selection into the context's queue. False: it is cancelled already, and nothing was done. */
bool context_enter(mote_ctx *ctx, struct selection *s, unsigned i);

#endif
