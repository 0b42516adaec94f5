/* SPDX-License-Identifier: MIT */
/* lock - the contended side, and the bias.
 * Job:    wait for the word to become free without hammering its cache line; begin and end the bias.
 * Holds:  L1, L2. L3 one bias at a time: `owner` and lock_bias_active change under `turn`.
 *         L4 when a bias has ended, its soloist is not inside lock_take_solo with the bias seen: it would take back its solo when
 *            that is a new soloist's already. So the end waits for `trying` to be 0.
 * Why:    the first pause is long already, so under contention the present holder gets many sections done while the line is his:
 *         a fair hand-over moves the line for each of them. Measured on two cores: a message through a contended channel takes
 *         16 ns this way, 24 when the pauses begin with one and double.
 */
#include "base/lock.h"

#include "base/os.h"

#define SPIN_ROUNDS 2
#define FIRST_PAUSES 128u /* 128 + 256 + 512 pauses, some microseconds */

_Atomic uint32_t lock_bias_active;
void (*lock_when_hopeless)(void);
static _Atomic uint32_t turn; /* a lock of its own kind: the biased ones can't guard the bias */
static struct self *owner;

static void pause_longer(unsigned round)
{
    for (unsigned i = 0; round <= SPIN_ROUNDS && i < FIRST_PAUSES << round; i++)
        cpu_relax();
    if (round <= SPIN_ROUNDS)
        return;
    if (UNLIKELY(lock_when_hopeless != NULL))
        lock_when_hopeless();
    os_back_off(round - SPIN_ROUNDS);
}

static void take_word(_Atomic uint32_t *word)
{
    for (unsigned round = 0;; round++) {
        uint32_t free = 0;
        if (atom_load_rlx(word) == 0 &&   /* rlx: only a hint before the compare-and-swap */
            atom_cas_seq(word, &free, 1)) /* [L lock] as in lock_take */
            return;
        pause_longer(round);
    }
}

void lock_take_contended(struct lock *l) { take_word(&l->word); }

void lock_await_contended(struct lock *l)
{
    for (unsigned round = 0; atom_load_acq(&l->word); round++) /* [L lock] pairs with lock_drop */
        pause_longer(round);
}

/* The caller has word. The bias may have become his own since he looked: then there is nobody to expel, but perhaps the one before,
 * who still holds this lock. */
void lock_expel_soloist(struct lock *l)
{
    struct self *w = self_read();
    bool own = w && atom_load_rlx(&w->bias);      /* rlx: if it ends now, whoever ends it looks at our word */
    if (!own && atom_load_seq(&lock_bias_active)) /* [L bias] pairs with lock_bias_begin */
        lock_bias_end();
    for (unsigned round = 0; atom_load_acq(&l->solo); round++) /* [L lock] pairs with the soloist's lock_drop */
        pause_longer(round);
}

static _Atomic(void (*)(void)) point_of_calls;

/* The bias is said to be active, though nobody has it: so all that is quick gives up, and calls come here. */
void lock_points(void (*point)(void))
{
    atom_store_seq(&point_of_calls, point);             /* seq: rare */
    atom_store_seq(&lock_bias_active, point ? 1U : 0U); /* [L bias] only a hint */
}

/* The caller has word. */
void lock_enter_slowly(struct lock *l)
{
    void (*point)(void) = atom_load_acq(&point_of_calls); /* acq: as good as any, rare */
    if (LIKELY(!point)) {
        lock_expel_soloist(l);
        return;
    }
    atom_store_rel(&l->word, 0); /* [L lock] nothing was done */
    point();
    lock_take(l);
}

void lock_left_slowly(void)
{
    void (*point)(void) = atom_load_acq(&point_of_calls); /* acq: as above */
    if (point)
        point();
}

void lock_bias_begin(struct self *w)
{
    take_word(&turn);
    if (!owner) {
        owner = w;
        atom_store_seq(&lock_bias_active,
                       1);           /* [L bias] active, then the bias: who sees it can't be unseen by the others */
        atom_store_seq(&w->bias, 1); /* [L bias] as above */
    }
    atom_store_rel(&turn, 0); /* [L lock] owner -> the next */
}

void lock_bias_end(void)
{
    take_word(&turn);
    if (owner) {
        atom_store_seq(&owner->bias, 0); /* [L bias] then the barrier: pairs with lock_take_solo */
        os_barrier_heavy();
        for (unsigned round = 0; atom_load_acq(&owner->trying); round++) /* [L bias] L4; pairs with lock_take_solo */
            pause_longer(round);
        owner = NULL;
        atom_store_seq(&lock_bias_active, 0); /* [L bias] the barrier has passed -> who looks */
    }
    atom_store_rel(&turn, 0); /* [L lock] owner -> the next */
}
