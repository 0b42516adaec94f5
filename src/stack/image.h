/* SPDX-License-Identifier: MIT */
/* image - the live bytes of a parked task, kept while another task uses its home.
 * Job:    copy [sp, top) out of a home and back to the same addresses; grow and cut back the block that keeps them.
 * Holds:  S1 the caller holds the home. S3 the caller doesn't stand on it. S5 when the image can't grow, nothing has changed.
 *         I1 image_class 0: the bytes fit behind the record; else the block whose address is the inline image's first word.
 *         I2 a block is never more than four times what was last copied out into it, nor less.
 *         I3 while there is a block, struct image_note lies behind the record.
 * Not here: which home, and when (sched/switch.c).
 */
#ifndef STACK_IMAGE_H
#define STACK_IMAGE_H

#include "base/block.h"
#include "stack/home.h"

struct image_counters {
    _Atomic uint64_t out, in, grown, cut, failed; /* owner writes, all read */
};

/* Copies the occupant out; the home has none then. -ENOMEM: it still has. */
int image_out(struct home *h, struct block_caches *caches, struct image_counters *n);
/* Copies t in; the home must have no occupant. */
void image_in(struct home *h, struct task *t, struct image_counters *n);
/* For a home that stands idle: copies its occupant out, if that takes less than to leave it there, and gives the home's memory back; else
 * what lies below the live bytes. True: copied out. */
bool image_empty(struct home *h, struct block_caches *caches, struct image_counters *n);
/* Frees t's image: it has ended. */
void image_drop(struct task *t, struct block_caches *caches);

/* What lies behind the record while its image is a block. */
struct image_note {
    void *block;
    size_t deepest;   /* live bytes copied out, at most */
    uint64_t growths; /* since there is a block */
};

static inline struct image_note *image_note(struct task *t) { return t->image_class ? record_inline(t) : NULL; }

static inline size_t image_capacity(const struct task *t)
{
    return t->image_class ? block_size(t->image_class) : RECORD_INLINE;
}

#endif
