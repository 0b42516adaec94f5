/* SPDX-License-Identifier: MIT */
/* memory - what waits and what passes between tasks lies in.
 * Job:    blocks, and places for timers, from the caches of the calling task's proc; giving back what nobody needs.
 * Why:    it ends with the runtime, and so does what a discarded task would have freed.
 */
#include "sched/proc.h"

void memory_trim(bool all)
{
    slab_trim(&record_slab, all);
    slab_trim(&wait_slab, all);
    for (int i = 0; i < BLOCK_SLAB_CLASSES; i++)
        slab_trim(&block_slabs[i], all);
}

void *wait_get(void)
{
    struct worker *w = worker_self();
    return slab_get(&wait_slab, w ? &w->proc->waits : NULL);
}

void wait_put(void *wait)
{
    struct worker *w = worker_self();
    slab_put(&wait_slab, w ? &w->proc->waits : NULL, wait);
}

void *sched_block_get(unsigned class)
{
    struct worker *w = worker_self();
    return block_get(w ? &w->proc->blocks : NULL, class);
}

void sched_block_put(unsigned class, void *block)
{
    struct worker *w = worker_self();
    block_put(w ? &w->proc->blocks : NULL, class, block);
}
