/* SPDX-License-Identifier: MIT */
/* fresh - one proc's tasks that have not run yet: newest first for the owner, or oldest first (N4), oldest first for thieves.
 * Job:    what makes fork-join cheap: the owner goes down its own branch while all else still fits in the cache, and a thief
 *         gets the largest branch there is.
 * Holds:  F1 0 <= bottom - top <= capacity between operations. F2 only the owner writes slots and bottom. F3 top only grows.
 * Callers: *_owner: the worker that holds the proc. fresh_steal: any worker.
 * Source: Chase and Lev, "Dynamic circular work-stealing deque", 2005; orders after Le, Pop, Cohen, Nardelli, 2013. Bounded.
 */
#ifndef SCHED_FRESH_H
#define SCHED_FRESH_H

#include "base/record.h"

#define FRESH_MAX 256

struct fresh {
    CACHE_ALIGNED _Atomic int64_t top;    /* everyone. Apart: thieves write here */
    CACHE_ALIGNED _Atomic int64_t bottom; /* owner writes */
    int64_t capacity;                     /* immutable: a power of two, at most FRESH_MAX */
    _Atomic(struct task *) slot[FRESH_MAX];
};

static inline int64_t fresh_length(const struct fresh *f)
{
    int64_t top = atom_load_rlx((_Atomic int64_t *)&f->top); /* rlx: a hint */
    int64_t n = atom_load_rlx((_Atomic int64_t *)&f->bottom) - top;
    return n > 0 ? n : 0;
}

/* False when it is full. */
static inline bool fresh_push_owner(struct fresh *f, struct task *t)
{
    int64_t bottom = atom_load_rlx(&f->bottom); /* rlx: our own */
    int64_t top = atom_load_acq(&f->top); /* [F taken] pairs with fresh_steal's cas: it has read the slots below it */
    if (UNLIKELY(bottom - top >= f->capacity))
        return false;
    atom_store_rlx(&f->slot[bottom & (f->capacity - 1)], t); /* rlx: published by the next store */
    atom_store_rel(&f->bottom, bottom + 1);                  /* [F publish] slot and task -> visible to fresh_steal */
    return true;
}

/* The newest; NULL when there is none. alone: no thief comes meanwhile (door.c). */
static inline struct task *fresh_pop_owner(struct fresh *f, bool alone)
{
    int64_t bottom = atom_load_rlx(&f->bottom) - 1; /* rlx: our own */
    if (bottom < atom_load_rlx(&f->top))            /* rlx: top only grows (F3), so empty is empty */
        return NULL;
    atom_store_rlx(&f->bottom, bottom); /* rlx: the fence orders it */
    if (!alone)
        atom_fence_seq(); /* [F last] claim the newest, then look at top; pairs with fresh_steal */
    else
        atom_compiler_barrier();
    int64_t top = atom_load_rlx(&f->top); /* rlx: after the fence */
    struct task *t = NULL;
    if (top <= bottom) {
        t = atom_load_rlx(&f->slot[bottom & (f->capacity - 1)]); /* rlx: we wrote it */
        if (top < bottom)
            return t;
        if (!atom_cas_seq(&f->top, &top, top + 1)) /* [F last] one left: whoever moves top has it */
            t = NULL;
    }
    atom_store_rlx(&f->bottom, bottom + 1); /* rlx: an empty deque has nothing to publish */
    return t;
}

/* The oldest, for the owner; NULL when there is none. It isn't at the other end meanwhile, so what lies below its bottom is contended at
 * the top alone. */
static inline struct task *fresh_pop_oldest_owner(struct fresh *f, bool alone)
{
    int64_t top = atom_load_acq(&f->top), bottom = atom_load_rlx(&f->bottom); /* [F taken] as in push; rlx: our own */
    while (top < bottom) {
        struct task *t = atom_load_rlx(&f->slot[top & (f->capacity - 1)]); /* rlx: we wrote it */
        if (alone)
            atom_store_rlx(&f->top, top + 1);              /* rlx: nobody else looks */
        if (alone || atom_cas_seq(&f->top, &top, top + 1)) /* [F taken] [F last] */
            return t;
    }
    return NULL;
}

/* The oldest; NULL when there is none or another taker was faster. */
struct task *fresh_steal(struct fresh *f);

#endif
