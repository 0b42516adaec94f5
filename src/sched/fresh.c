/* SPDX-License-Identifier: MIT */
/* fresh - the thieves' side.
 * Job:    see fresh.h.
 * Holds:  F1-F3.
 */
#include "sched/fresh.h"

struct task *fresh_steal(struct fresh *f)
{
    int64_t top = atom_load_acq(&f->top);       /* [F taken] pairs with the other takers' cas */
    atom_fence_seq();                           /* [F last] top, then bottom; pairs with fresh_pop_owner */
    int64_t bottom = atom_load_acq(&f->bottom); /* [F publish] pairs with fresh_push_owner: slots below it are valid */
    if (top >= bottom)
        return NULL;
    struct task *t = atom_load_rlx(&f->slot[top & (f->capacity - 1)]); /* rlx: the cas validates it */
    return atom_cas_seq(&f->top, &top, top + 1) ? t : NULL;            /* [F taken] [F last] */
}
