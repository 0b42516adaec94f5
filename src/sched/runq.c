/* SPDX-License-Identifier: MIT */
/* runq - the rare operations: taking half.
 * Job:    see runq.h.
 * Holds:  Q1-Q3.
 */
#include "sched/runq.h"

#include "base/msg.h"

struct task *runq_halve_owner(struct runq *q, struct task **last, uint32_t *count)
{
    uint32_t head = atom_load_acq(&q->head);               /* [Q taken] as in runq_pop_owner */
    uint32_t n = (atom_load_rlx(&q->tail) - head + 1) / 2; /* rlx: our own */
    struct task *batch[RUNQ_MAX / 2 + 1];
    for (uint32_t i = 0; i < n; i++)
        batch[i] = atom_load_rlx(&q->slot[(head + i) & (q->capacity - 1)]); /* rlx: we wrote it */
    if (n == 0 || !atom_cas_rel(&q->head, &head, head + n)) /* [Q taken] our reads of the slots -> before their reuse */
        return NULL;
    for (uint32_t i = 0; i + 1 < n; i++)
        batch[i]->next = batch[i + 1];
    batch[n - 1]->next = NULL;
    *last = batch[n - 1];
    *count = n;
    return batch[0];
}

uint32_t runq_steal(struct runq *from, struct runq *to)
{
    uint32_t to_tail = atom_load_rlx(&to->tail); /* rlx: our own */
    for (;;) {
        uint32_t head = atom_load_acq(&from->head); /* [Q taken] pairs with the other takers' cas */
        uint32_t tail =
            atom_load_acq(&from->tail); /* [Q publish] pairs with runq_push_owner: slots below it are valid */
        uint32_t n = tail - head;
        n -= n / 2;
        if (n == 0)
            return 0;
        if (n > from->capacity / 2) /* head and tail were not of one moment */
            continue;
        INVARIANT(n <= to->capacity - runq_length(to)); /* Q1: the caller sees to it that there is room */
        for (uint32_t i = 0; i < n; i++) {
            struct task *t =
                atom_load_rlx(&from->slot[(head + i) & (from->capacity - 1)]); /* rlx: the cas validates it */
            atom_store_rlx(&to->slot[(to_tail + i) & (to->capacity - 1)], t);  /* rlx: not published yet */
        }
        if (atom_cas_acq_rel(&from->head, &head, head + n)) { /* [Q taken] our reads -> before the slots' reuse */
            atom_store_rel(&to->tail, to_tail + n);           /* [Q publish] */
            return n;
        }
    }
}
