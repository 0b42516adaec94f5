/* SPDX-License-Identifier: MIT */
/* block - memory in powers of two, from 256 bytes to gigabytes.
 * Job:    what stack images and large mailboxes are made of. Small classes come from slabs, large ones are ranges of pages.
 * Holds:  K1 a block's class says its size: block_size(class); class 0 is no block. K2 the `bytes` of all caches and
 *         block_bytes_shared add up to what is out.
 * Callers: with caches: the proc's owner. With NULL: anyone.
 */
#ifndef BASE_BLOCK_H
#define BASE_BLOCK_H

#include "base/slab.h"

#define BLOCK_MIN 256
#define BLOCK_SLAB_CLASSES 8 /* 256 bytes to 32 KiB */
#define BLOCK_CLASSES 40

struct block_caches {
    struct slab_cache cache[BLOCK_SLAB_CLASSES];
    _Atomic int64_t bytes; /* owner writes: bytes got less bytes put through here */
};

extern struct slab_class block_slabs[BLOCK_SLAB_CLASSES];

static inline size_t block_size(unsigned class) { return (size_t)BLOCK_MIN << (class - 1); }

/* The smallest class that holds so many bytes. */
static inline unsigned block_class(size_t bytes)
{
    return bytes <= BLOCK_MIN ? 1 : 64 - (unsigned)__builtin_clzl((bytes - 1) / BLOCK_MIN) + 1;
}

/* NULL when there is no memory. */
void *block_get(struct block_caches *caches, unsigned class);
void block_put(struct block_caches *caches, unsigned class, void *block);
void block_flush(struct block_caches *caches);

/* Bytes got less bytes put without caches. */
int64_t block_bytes_shared(void);
void block_reset(void);

/* Tests: the nth block_get from now on fails, and all after it; 0: none. */
void block_fail_after(int n);

#endif
