/* SPDX-License-Identifier: MIT */
/* block - memory in powers of two.
 * Job:    see block.h.
 * Holds:  K1, K2.
 */
#include "base/block.h"

#include "base/os.h"

struct slab_class block_slabs[BLOCK_SLAB_CLASSES] = {
    {.size = 256},  {.size = 512},  {.size = 1024},  {.size = 2048},
    {.size = 4096}, {.size = 8192}, {.size = 16384}, {.size = 32768},
};

static _Atomic int64_t bytes_shared;
static atomic_int fail_countdown;

void block_fail_after(int n) { atom_store_seq(&fail_countdown, n); } /* seq: a test's switch */

static bool injected_failure(void)
{
    int left = atom_load_rlx(&fail_countdown); /* rlx: a test's switch */
    if (LIKELY(left == 0))
        return false;
    if (left > 1)
        atom_store_rlx(&fail_countdown, left - 1); /* rlx: procs may race; the test wants "soon", not an exact count */
    return left == 1;
}

static void account(struct block_caches *caches, int64_t bytes)
{
    if (caches)
        atom_count_by(&caches->bytes, bytes);
    else
        atom_add_rlx(&bytes_shared, bytes); /* rlx: a statistic */
}

void *block_get(struct block_caches *caches, unsigned class)
{
    if (injected_failure() || class >= BLOCK_CLASSES)
        return NULL;
    void *block;
    if (class <= BLOCK_SLAB_CLASSES)
        block = slab_get(&block_slabs[class - 1], caches ? &caches->cache[class - 1] : NULL);
    else
        block = os_pages(block_size(class), 0);
    if (block)
        account(caches, (int64_t)block_size(class));
    return block;
}

void block_put(struct block_caches *caches, unsigned class, void *block)
{
    if (class <= BLOCK_SLAB_CLASSES)
        slab_put(&block_slabs[class - 1], caches ? &caches->cache[class - 1] : NULL, block);
    else
        os_release(block, block_size(class));
    account(caches, -(int64_t)block_size(class));
}

void block_flush(struct block_caches *caches)
{
    for (int i = 0; i < BLOCK_SLAB_CLASSES; i++)
        slab_flush(&block_slabs[i], &caches->cache[i], 0);
}

int64_t block_bytes_shared(void) { return atom_load_rlx(&bytes_shared); } /* rlx: a statistic */

void block_reset(void) { atom_store_rlx(&bytes_shared, 0); } /* rlx: nothing else runs */
