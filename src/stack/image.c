/* SPDX-License-Identifier: MIT */
/* image - the live bytes of a parked task while another task uses its home.
 * Job:    see image.h.
 * Holds:  S1, S3, S5, I1, I2.
 */
#include "stack/image.h"

#include <errno.h>
#include <string.h>

#define SMALL 2048 /* live bytes whose image is smaller than the page that they would keep */

_Static_assert(sizeof(struct image_note) <= RECORD_INLINE, "I3");

static char *image_bytes(struct task *t) { return t->image_class ? image_note(t)->block : record_inline(t); }

/* The class to keep so many live bytes in, given the present one: the same unless it is too small or mostly empty. */
static unsigned fitting_class(size_t live, unsigned now)
{
    size_t capacity = now ? block_size(now) : RECORD_INLINE;
    if (live <= capacity && (!now || live > capacity / 4))
        return now;
    return live <= RECORD_INLINE ? 0 : block_class(live);
}

/* Gives t an image of that class; its old contents are not kept. */
static int resize(struct task *t, unsigned class, struct block_caches *caches, struct image_counters *n)
{
    void *block = class ? block_get(caches, class) : NULL;
    if (class && !block)
        return -ENOMEM;
    bool grows = class > t->image_class;
    struct image_note note = {0};
    if (t->image_class)
        note = *image_note(t);
    note.block = block;
    note.growths += grows;
    atom_count(grows ? &n->grown : &n->cut);
    image_drop(t, caches);
    t->image_class = (uint8_t) class;
    if (class)
        *image_note(t) = note;
    return 0;
}

int image_out(struct home *h, struct block_caches *caches, struct image_counters *n)
{
    struct task *t = h->occupant;
    size_t live = (size_t)(h->top - (char *)t->sp);
    unsigned class = fitting_class(live, t->image_class);
    if (UNLIKELY(class != t->image_class) && resize(t, class, caches, n) < 0) {
        /* Cutting back may fail and be done without; growing may not. */
        if (live > image_capacity(t)) {
            atom_count(&n->failed);
            return -ENOMEM;
        }
    }
    if (t->image_class && live > image_note(t)->deepest)
        image_note(t)->deepest = live;
    memcpy(image_bytes(t), t->sp, live);
    h->occupant = NULL;
    h->empty = false;
    if (live > HOME_KEEP)
        home_trim(h, 0);
    atom_count(&n->out);
    return 0;
}

void image_in(struct home *h, struct task *t, struct image_counters *n)
{
    size_t live = (size_t)(h->top - (char *)t->sp);
    memcpy(t->sp, image_bytes(t), live);
    h->occupant = t;
    if (live > HOME_KEEP)
        h->deep = true;
    atom_count(&n->in);
}

bool image_empty(struct home *h, struct block_caches *caches, struct image_counters *n)
{
    size_t live = h->occupant ? (size_t)(h->top - (char *)h->occupant->sp) : 0;
    bool out = h->occupant && live <= SMALL && image_out(h, caches, n) == 0;
    if (h->occupant)
        home_trim(h, live);
    else
        home_empty(h);
    return out;
}

void image_drop(struct task *t, struct block_caches *caches)
{
    if (t->image_class)
        block_put(caches, t->image_class, image_note(t)->block);
    t->image_class = 0;
}
