/* SPDX-License-Identifier: MIT */
/* globq - the queue that all procs share.
 * Job:    see globq.h.
 * Holds:  G1, G2.
 */
#include "sched/globq.h"

void globq_push(struct globq *q, struct task *first, struct task *last, uint64_t n)
{
    last->next = NULL;
    lock_take(&q->lock);
    if (q->last)
        q->last->next = first;
    else
        q->first = first;
    q->last = last;
    atom_store_seq(&q->count,
                   atom_load_rlx(&q->count) + n); /* [I sleep] work, then look for sleepers; rlx: under the lock */
    lock_drop(&q->lock);
}

struct task *globq_take(struct globq *q, uint64_t max, uint64_t *taken)
{
    *taken = 0;
    if (globq_count(q) == 0 || max == 0)
        return NULL;
    lock_take(&q->lock);
    struct task *first = q->first, *last = first;
    if (first) {
        uint64_t n = 1;
        for (; n < max && last->next; n++) {
            last = last->next;
            __builtin_prefetch(last->next);
        }
        q->first = last->next;
        if (!q->first)
            q->last = NULL;
        last->next = NULL;
        atom_store_rlx(&q->count, atom_load_rlx(&q->count) - n); /* rlx: under the lock */
        *taken = n;
    }
    lock_drop(&q->lock);
    return first;
}
