/* SPDX-License-Identifier: MIT */
/* lock - the contended side.
 * Job: wait for the word to become free without hammering its cache line.
 * Why: the pauses double, so under contention the present holder gets several sections done while the line is his; measured
 *      on two cores this gives more sections a second than a fair hand-over.
 */
#include "base/lock.h"

#include "base/os.h"

#define SPIN_ROUNDS 7 /* 1 + 2 + ... + 64 pauses, some microseconds */

void lock_take_slow(struct lock *l)
{
    for (unsigned round = 0;; round++) {
        for (unsigned i = 0; round <= SPIN_ROUNDS && i < 1u << round; i++)
            cpu_relax();
        if (round > SPIN_ROUNDS)
            os_back_off(round - SPIN_ROUNDS);
        uint32_t free = 0;
        if (atom_load_rlx(&l->word) == 0 && /* rlx: only a hint before the compare-and-swap */
            atom_cas_acq(&l->word, &free, 1)) /* [L lock] as in lock_take */
            return;
    }
}
