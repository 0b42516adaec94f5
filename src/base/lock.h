/* SPDX-License-Identifier: MIT */
/* lock - a word that one at a time holds, for short critical sections.
 * Job:    what guards channels, wait groups and the global lists. Zero is free, so it may lie in a zeroed user struct.
 * Holds:  L1 the holder never switches and never blocks while holding it, with one exception: a task that parks hands the
 *         held lock to the next context on its worker, which releases it (S4).
 * Why:    the release is a plain store. A futex mutex must exchange instead, which costs as much as taking the lock, and
 *         sections here are a few dozen instructions. Who waits long yields, then sleeps (os_back_off), so a preempted holder
 *         isn't starved, not even by spinners of higher priority.
 */
#ifndef BASE_LOCK_H
#define BASE_LOCK_H

#include "base/atomic.h"
#include "base/attr.h"

struct lock {
    _Atomic uint32_t word;
};

void lock_take_slow(struct lock *l);

static inline void lock_take(struct lock *l)
{
    uint32_t free = 0;
    if (UNLIKELY(!atom_cas_acq(&l->word, &free, 1))) /* [L lock] acquires what the last holder's release published */
        lock_take_slow(l);
}

static inline void lock_drop(struct lock *l)
{
    atom_store_rel(&l->word, 0); /* [L lock] the section's writes -> visible to the next holder */
}

#endif
