/* SPDX-License-Identifier: MIT */
/* slab - objects of one size, packed into 2 MiB chunks that go back to the system when they are empty.
 * Job:    memory for task records, stack images and mailboxes: no header per object, in address order from an empty chunk.
 * Holds:  B1 an object's chunk is found by masking its address. B2 a chunk's free + handed-out objects = its capacity.
 *         B3 an object is in a cache, free in its chunk, or with a user: one of them. B4 the first word of an object in a cache
 *         links it; the rest of a free one keeps what its last user left, or zero.
 * Callers: slab_get/slab_put with a cache: its owner only, no lock. Without (NULL): anyone. Neither blocks for long.
 * Not here: what objects mean. The task record relies on B4: its state says "free" while it is in a list.
 */
#ifndef BASE_SLAB_H
#define BASE_SLAB_H

#include "base/lock.h"

#include <stddef.h>
#include <stdint.h>

#define SLAB_CHUNK ((size_t)2 << 20)
#define SLAB_MIN ((size_t)64)
#define SLAB_BITS (SLAB_CHUNK / SLAB_MIN / 8)
#define SLAB_HEADER (128 + SLAB_BITS) /* bytes of a chunk before its objects */
#define SLAB_CACHE_MAX 128            /* objects a cache holds before it gives half of them back */
#define SLAB_SPARE_MAX 2              /* wholly free chunks that a class keeps */

struct slab_chunk;

struct slab_class {
    uint32_t size;  /* immutable: bytes per object, a multiple of 16, SLAB_MIN or more */
    bool enumerate; /* immutable: slab_each visits this class */
    struct lock lock;
    struct slab_chunk *partial; /* lock: chunks with a free object, but for those that are wholly free */
    struct slab_chunk *empty;   /* lock: those */
    _Atomic unsigned spare;     /* lock; read by all: how many of them */
    unsigned least;             /* lock: at least so many since slab_trim was called last */
    unsigned chunks;            /* lock: all of them */
};

struct slab_cache {
    void *first;    /* owner only */
    unsigned count; /* owner only */
};

void *slab_refill(struct slab_class *class, struct slab_cache *cache);
void slab_flush(struct slab_class *class, struct slab_cache *cache, unsigned keep);
void slab_put_shared(struct slab_class *class, void *object);

/* For callers that have looked whether there is one. */
static inline void *slab_pop(struct slab_cache *cache)
{
    void *object = cache->first;
    cache->first = *(void **)object;
    cache->count--;
    return object;
}

/* For callers that have looked whether there is room: count is below SLAB_CACHE_MAX. */
static inline void slab_push(struct slab_cache *cache, void *object)
{
    *(void **)object = cache->first;
    cache->first = object;
    cache->count++;
}

/* Gives wholly free chunks back to the system, but for SLAB_SPARE_MAX: all, or those that nobody has needed since the last call. */
void slab_trim(struct slab_class *class, bool all);

/* NULL when there is no memory. */
static inline void *slab_get(struct slab_class *class, struct slab_cache *cache)
{
    if (UNLIKELY(!cache || !cache->first))
        return slab_refill(class, cache);
    return slab_pop(cache);
}

static inline void slab_put(struct slab_class *class, struct slab_cache *cache, void *object)
{
    if (UNLIKELY(!cache)) {
        slab_put_shared(class, object);
        return;
    }
    slab_push(cache, object);
    if (UNLIKELY(cache->count > SLAB_CACHE_MAX))
        slab_flush(class, cache, SLAB_CACHE_MAX / 2);
}

/* Calls visit for every object of the enumerated class, free or not, in address order by chunk. Objects may come and go
 * meanwhile; chunks don't: the caller must be inside the runtime's life. */
void slab_each(struct slab_class *class, void (*visit)(void *object, void *arg), void *arg);

/* Where who looks from outside, or into a core file, finds what slab_each finds: src/debug/layout.c. */
struct slab_walk {
    const void *table, *count; /* addresses of the variables */
    uint64_t chunk, header, class_at;
};
extern const struct slab_walk slab_walk;

/* Ends all classes at once: every object is gone. Nothing else may run. */
void slab_release_all(struct slab_class **classes, int n);

#endif
