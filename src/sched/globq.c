/* SPDX-License-Identifier: MIT */
/* globq - the queue that all procs share.
 * Job:    see globq.h.
 * Holds:  G1, G2.
 */
#include "sched/globq.h"

#include "base/os.h"

#define TRIES 12
#define PAUSES 16
#define AHEAD 16 /* records */

/* It is held for less than a microsecond, but when a crowd is woken by every worker again and again: lock_take would pause for too
 * long at first. */
static void take_lock(struct globq *q)
{
    for (int i = 0; i < TRIES; i++) {
        if (lock_take_quickly(&q->lock))
            return;
        for (int k = 0; k < PAUSES; k++)
            cpu_relax();
    }
    lock_take(&q->lock);
}

void globq_push(struct globq *q, struct task *first, struct task *last, uint64_t n)
{
    last->next = NULL;
    take_lock(q);
    if (q->last)
        q->last->next = first;
    else
        q->first = first;
    q->last = last;
    atom_store_seq(&q->count,
                   atom_load_rlx(&q->count) + n); /* [I sleep] work, then look for sleepers; rlx: under the lock */
    lock_drop(&q->lock);
}

/* A crowd that was woken stands in the order in which it came: that of memory for what each proc has started (N4 of worker.c), whatever the
 * others have put in between. If not, nothing is lost. */
static inline void prefetch_ahead(const struct task *t) { __builtin_prefetch((const char *)t + AHEAD * RECORD_SIZE); }

struct task *globq_take(struct globq *q, uint64_t max, uint64_t *taken)
{
    *taken = 0;
    if (globq_count(q) == 0 || max == 0)
        return NULL;
    take_lock(q);
    struct task *first = q->first, *last = first;
    if (first) {
        uint64_t n = 1;
        for (; n < max && last->next; n++) {
            prefetch_ahead(last);
            last = last->next;
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
