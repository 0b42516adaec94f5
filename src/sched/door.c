/* SPDX-License-Identifier: MIT */
/* door - who takes tasks from a proc's ring and its new tasks, beside its owner.
 * Job:    as long as nobody does, the owner takes them without read-modify-writes.
 * Holds:  DO1 others take from them only between door_enter and door_leave, one at a time for each proc. Who finds somebody inside goes
 *         elsewhere. DO2 the door is shut or open: p->shut. While it is shut nobody is inside, and the owner takes by plain stores:
 *         it says that it is at it (next_busy), then looks. Who comes opens the door, passes the heavy barrier, and waits until the owner
 *         isn't at it: from then on the owner has seen it open, and takes as one of many (runq.h, fresh.h). DO3 the owner shuts the door
 *         anew, as if it went in itself, when nobody has come for some thousand of its searches.
 * Why:    a read-modify-write costs 7 ns and waits for all stores before it, and a task is taken every 60; thefts are rare, and where they
 *         are not, the door stays open.
 */
#include "base/os.h"
#include "sched/proc.h"

bool door_enter(struct proc *p)
{
    uint32_t free = 0;
    if (!atom_cas_acq(&p->inside, &free, 1)) /* [N door] what the last one left */
        return false;
    atom_store_rlx(&p->visited, 1);       /* rlx: a hint */
    if (LIKELY(!atom_load_rlx(&p->shut))) /* rlx: changes only inside */
        return true;
    atom_store_seq(&p->shut, 0); /* [N door] then the barrier; pairs with take_queued */
    os_barrier_heavy();
    for (unsigned tries = 0; atom_load_acq(&p->next_busy); tries++) /* [N door] what the owner took -> us */
        os_back_off(tries);
    return true;
}

void door_leave(struct proc *p)
{
    atom_store_rel(&p->inside, 0); /* [N door] what we took -> the next, and the owner */
}

void door_shut(struct proc *p)
{
    uint32_t free = 0;
    if (atom_load_rlx(&p->shut) || !rt.asymmetric || runtime_simulated()) /* rlx: only its owner sets it */
        return;
    if (atom_load_rlx(&p->visited)) {   /* rlx: a hint */
        atom_store_rlx(&p->visited, 0); /* rlx: as above */
        return;
    }
    if (!atom_cas_acq(&p->inside, &free, 1)) /* [N door] what was taken by others -> us */
        return;
    atom_store_rlx(&p->shut, 1); /* rlx: the next store publishes it */
    door_leave(p);
}
