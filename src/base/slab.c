/* SPDX-License-Identifier: MIT */
/* slab - objects of one size in 2 MiB chunks.
 * Job:    see slab.h. Chunks are cut from reserved arenas, numbered in a table, and kept as bare address space when empty.
 * Holds:  B1-B4. B5 the table only grows while a runtime lives, so slab_each needs no lock against the table itself.
 *         B6 a chunk that is wholly free is used last, from its beginning, and goes back to the system when nobody has needed it
 *         for a while.
 * Why:    a bit for each object says that it is free, so to take one doesn't touch it, and the lowest address is taken first: a list
 *         through the objects of a crowd that has gone was a miss of the cache for each.
 *         The first chunk of a class gets its pages as they are touched, so that a program with ten tasks doesn't pay for more;
 *         every later one in steps, by one call each: faults were most of the time of a million-task launch.
 *         Tried and left: huge pages, which a virtual machine often has to be given by its host first (a cold launch took three
 *         times as long); one list of free objects per class instead of per chunk (no chunk ever became empty again); giving
 *         chunks back at once (a program whose tasks come and go in crowds pays for their pages each time).
 */
#include "base/slab.h"

#include "base/os.h"

#include <stdint.h>
#include <string.h>

#define ARENA (SLAB_CHUNK * 32)
#define MAX_CHUNKS (1u << 18) /* 512 GiB */
#define STEP (SLAB_CHUNK / 8)

struct slab_chunk {
    struct slab_class *class;       /* its class lock, all of them */
    struct slab_chunk *next, *prev; /* in class->partial; next: in class->empty */
    unsigned free_count;
    unsigned from; /* words below have no bit */
    char *touched; /* where pages begin that may not be there */
    unsigned number;
    CACHE_ALIGNED uint64_t free[]; /* a bit for each object */
};

static struct {
    struct lock lock;
    _Atomic(struct slab_chunk *) *table; /* [number]: chunk in use, or NULL */
    char **place;                        /* [number]: its address, for good */
    unsigned *idle;                      /* numbers without a class: a stack */
    unsigned idle_count;
    _Atomic unsigned count; /* numbers given out */
    char *arena, *arena_end;
} pool;

_Static_assert(offsetof(struct slab_chunk, free) + SLAB_BITS <= SLAB_HEADER, "SLAB_HEADER");

const struct slab_walk slab_walk = {&pool.table, &pool.count, SLAB_CHUNK, SLAB_HEADER,
                                    offsetof(struct slab_chunk, class)};

static unsigned capacity(const struct slab_class *class)
{
    return (unsigned)((SLAB_CHUNK - SLAB_HEADER) / class->size);
}

static struct slab_chunk *chunk_of(void *object)
{
    return (struct slab_chunk *)((uintptr_t)object & -(uintptr_t)SLAB_CHUNK);
}

static char *object_at(const struct slab_class *class, struct slab_chunk *chunk, unsigned i)
{
    return (char *)chunk + SLAB_HEADER + (size_t)i * class->size;
}

static unsigned number_of(const struct slab_class *class, const struct slab_chunk *chunk, const void *object)
{
    return (unsigned)((uintptr_t)object - (uintptr_t)chunk - SLAB_HEADER) / class->size;
}

static void set_all_free(const struct slab_class *class, struct slab_chunk *chunk)
{
    unsigned n = capacity(class);
    chunk->free_count = n;
    chunk->from = 0;
    memset(chunk->free, 0xff, n / 64 * sizeof *chunk->free);
    if (n % 64)
        chunk->free[n / 64] = (UINT64_C(1) << n % 64) - 1;
}

/* The three tables in one range of address space; touched as they fill. */
static bool make_table(void)
{
    size_t bytes = MAX_CHUNKS * (sizeof *pool.table + sizeof *pool.place + sizeof *pool.idle);
    char *at = os_pages(bytes, 0);
    if (!at)
        return false;
    pool.table = (void *)at;
    pool.place = (void *)(at + MAX_CHUNKS * sizeof *pool.table);
    pool.idle = (void *)(at + MAX_CHUNKS * (sizeof *pool.table + sizeof *pool.place));
    return true;
}

/* Cuts the next chunk's address from an arena; a single chunk when no whole arena is to be had. */
static char *cut_chunk(void)
{
    if (pool.arena == pool.arena_end) {
        size_t size = ARENA;
        pool.arena = os_reserve(size, SLAB_CHUNK);
        if (!pool.arena)
            pool.arena = os_reserve(size = SLAB_CHUNK, SLAB_CHUNK);
        pool.arena_end = pool.arena ? pool.arena + size : NULL;
        if (!pool.arena)
            return NULL;
    }
    if (os_commit(pool.arena, SLAB_CHUNK) < 0)
        return NULL;
    char *at = pool.arena;
    pool.arena += SLAB_CHUNK;
    return at;
}

static struct slab_chunk *take_chunk(struct slab_class *class)
{
    struct slab_chunk *chunk = NULL;
    lock_take(&pool.lock);
    if (pool.table || make_table()) {
        unsigned number =
            pool.idle_count ? pool.idle[pool.idle_count - 1] : atom_load_rlx(&pool.count); /* rlx: under the lock */
        bool known = pool.idle_count > 0;
        char *at = known ? pool.place[number] : number < MAX_CHUNKS ? cut_chunk() : NULL;
        if (at) {
            chunk = (struct slab_chunk *)at;
            *chunk = (struct slab_chunk){
                .class = class, .touched = class->chunks > 0 ? at : at + SLAB_CHUNK, .number = number};
            set_all_free(class, chunk);
            pool.place[number] = at;
            /* [B chunk] the header -> slab_each, which also relies on the pages being zero. */
            atom_store_rel(&pool.table[number], chunk);
            if (known)
                pool.idle_count--;
            else
                atom_store_rel(&pool.count, number + 1); /* [B count] table entry -> slab_each */
        }
    }
    lock_drop(&pool.lock);
    return chunk;
}

static void drop_chunk(struct slab_chunk *chunk)
{
    unsigned number = chunk->number;
    atom_store_rlx(&pool.table[number], NULL); /* rlx: see slab_each for what a late reader finds */
    os_discard(chunk, SLAB_CHUNK);
    lock_take(&pool.lock);
    pool.idle[pool.idle_count++] = number;
    lock_drop(&pool.lock);
}

static void link_partial(struct slab_class *class, struct slab_chunk *chunk)
{
    chunk->prev = NULL;
    chunk->next = class->partial;
    if (chunk->next)
        chunk->next->prev = chunk;
    class->partial = chunk;
}

static void unlink_partial(struct slab_class *class, struct slab_chunk *chunk)
{
    if (chunk->next)
        chunk->next->prev = chunk->prev;
    if (chunk->prev)
        chunk->prev->next = chunk->next;
    else
        class->partial = chunk->next;
}

/* One object of a chunk that has one: that of the lowest address. *touch: where pages begin, STEP bytes of them, that may not be there:
 * the caller touches them when it has released the lock. */
static void *take_object(const struct slab_class *class, struct slab_chunk *chunk, char **touch)
{
    while (!chunk->free[chunk->from])
        chunk->from++;
    uint64_t *word = &chunk->free[chunk->from];
    char *object = object_at(class, chunk, chunk->from * 64 + (unsigned)__builtin_ctzll(*word));
    *word &= *word - 1;
    if (UNLIKELY(object + class->size > chunk->touched)) {
        *touch = chunk->touched;
        chunk->touched += STEP;
    }
    chunk->free_count--;
    return object;
}

static void put_object(struct slab_class *class, void *object)
{
    struct slab_chunk *chunk = chunk_of(object);
    unsigned i = number_of(class, chunk, object);
    chunk->free[i / 64] |= UINT64_C(1) << i % 64;
    chunk->from = i / 64 < chunk->from ? i / 64 : chunk->from;
    if (chunk->free_count++ == 0)
        link_partial(class, chunk);
    if (chunk->free_count < capacity(class))
        return;
    unlink_partial(class, chunk);
    chunk->next = class->empty;
    class->empty = chunk;
    atom_count(&class->spare);
}

/* Lock held: one that has a free object; NULL: no memory. */
static struct slab_chunk *some_chunk(struct slab_class *class, bool may_grow)
{
    struct slab_chunk *chunk = class->partial;
    if (chunk)
        return chunk;
    chunk = class->empty;
    if (chunk) {
        class->empty = chunk->next;
        unsigned spare = atom_load_rlx(&class->spare) - 1; /* rlx: under the lock, here and below */
        atom_store_rlx(&class->spare, spare);              /* rlx: as above */
        class->least = spare < class->least ? spare : class->least;
    } else if (may_grow && (chunk = take_chunk(class))) {
        class->chunks++;
    }
    if (chunk)
        link_partial(class, chunk);
    return chunk;
}

/* Lock held: up to `most` objects, in address order; and where to touch pages, NULL: nowhere. */
static unsigned take_objects(struct slab_class *class, void **taken, unsigned most, char **touch)
{
    unsigned n = 0;
    for (struct slab_chunk *chunk; n < most && !*touch && (chunk = some_chunk(class, n == 0)); n++) {
        taken[n] = take_object(class, chunk, touch);
        if (!chunk->free_count)
            unlink_partial(class, chunk);
    }
    return n;
}

/* Fetches half a cacheful and returns the first; with no cache, just one object. */
void *slab_refill(struct slab_class *class, struct slab_cache *cache)
{
    void *taken[SLAB_CACHE_MAX / 2];
    char *touch = NULL;
    lock_take(&class->lock);
    unsigned n = take_objects(class, taken, cache ? SLAB_CACHE_MAX / 2 : 1, &touch);
    lock_drop(&class->lock);
    if (touch)
        os_touch(touch, STEP);
    for (unsigned i = 1; i < n; i++)
        *(void **)taken[i - 1] = taken[i];
    if (n == 0)
        return NULL;
    if (n > 1)
        *(void **)taken[n - 1] = NULL;
    if (cache) {
        cache->first = n > 1 ? taken[1] : NULL;
        cache->count = n - 1;
    }
    return taken[0];
}

/* Gives the objects that were freed longest ago back to their chunks, all but `keep`. */
void slab_flush(struct slab_class *class, struct slab_cache *cache, unsigned keep)
{
    void **link = &cache->first;
    for (unsigned i = 0; i < keep && *link; i++)
        link = *link;
    void *object = *link;
    *link = NULL;
    if (cache->count > keep)
        cache->count = keep;
    lock_take(&class->lock);
    while (object) {
        void *next = *(void **)object;
        put_object(class, object);
        object = next;
    }
    lock_drop(&class->lock);
}

void slab_put_shared(struct slab_class *class, void *object)
{
    lock_take(&class->lock);
    put_object(class, object);
    lock_drop(&class->lock);
}

void slab_trim(struct slab_class *class, bool all)
{
    struct slab_chunk *dropped = NULL;
    if (atom_load_rlx(&class->spare) <= SLAB_SPARE_MAX) /* rlx: a hint; the lock would end a bias */
        return;
    lock_take(&class->lock);
    unsigned spare = atom_load_rlx(&class->spare); /* rlx: under the lock, here and below */
    for (unsigned n = all ? spare : class->least; n > SLAB_SPARE_MAX; n--) {
        struct slab_chunk *chunk = class->empty;
        class->empty = chunk->next;
        class->chunks--;
        spare--;
        chunk->next = dropped;
        dropped = chunk;
    }
    atom_store_rlx(&class->spare, spare); /* rlx: as above */
    class->least = spare;
    lock_drop(&class->lock);
    for (struct slab_chunk *next; dropped; dropped = next) {
        next = dropped->next;
        drop_chunk(dropped);
    }
}

/* A chunk that is dropped meanwhile reads as zero, which is what a free record looks like (B4); its address stays mapped. */
void slab_each(struct slab_class *class, void (*visit)(void *object, void *arg), void *arg)
{
    unsigned count = atom_load_acq(&pool.count); /* [B count] pairs with take_chunk */
    for (unsigned i = 0; i < count; i++) {
        struct slab_chunk *chunk = atom_load_acq(&pool.table[i]); /* [B chunk] pairs with take_chunk */
        if (!chunk || chunk->class != class)
            continue;
        char *end = (char *)chunk + SLAB_CHUNK - class->size;
        for (char *at = (char *)chunk + SLAB_HEADER; at <= end; at += class->size)
            visit(at, arg);
    }
}

void slab_release_all(struct slab_class **classes, int n)
{
    for (unsigned i = 0; i < atom_load_rlx(&pool.count); i++) /* rlx: nothing else runs */
        os_release(pool.place[i], SLAB_CHUNK);
    if (pool.arena)
        os_release(pool.arena, (size_t)(pool.arena_end - pool.arena));
    if (pool.table)
        os_release(pool.table, MAX_CHUNKS * (sizeof *pool.table + sizeof *pool.place + sizeof *pool.idle));
    pool.table = NULL;
    pool.idle_count = 0;
    pool.arena = pool.arena_end = NULL;
    atom_store_rlx(&pool.count, 0); /* rlx: nothing else runs */
    for (int i = 0; i < n; i++) {
        classes[i]->partial = classes[i]->empty = NULL;
        classes[i]->least = classes[i]->chunks = 0;
        atom_store_rlx(&classes[i]->spare, 0); /* rlx: nothing else runs */
    }
}
