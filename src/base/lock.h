/* SPDX-License-Identifier: MIT */
/* lock - a word that one at a time holds, for short critical sections; biased to the one worker that is awake, if so.
 * Job:    what guards channels, wait groups and the common lists. Zero is free, so it may lie in a zeroed user struct.
 * Holds:  L1 the holder never switches and never blocks while holding it, with one exception: a task that parks hands the
 *            held lock to the next context on its worker, which releases it (S4). So a lock is released by the thread that
 *            took it.
 *         L2 a lock is held when `word` or `solo` is 1, and by one thread: `by_solo` says which of the two it set.
 * The bias: an atomic read-modify-write costs 5 ns, more than all the rest of a channel operation. While one worker has been
 *         the only one awake for some milliseconds (sched/monitor.c decides), it is the soloist: it takes locks by plain stores:
 *         trying, a look at its bias, solo, a look at word. Everybody else takes word by compare-and-swap and then looks
 *         whether there is a soloist: if so, and it isn't he himself by now, he ends the bias first, by clearing it, passing the heavy barrier and waiting until
 *         the soloist isn't trying; after that either he sees solo=1, or the soloist will see that the bias is over. Whoever has
 *         word waits until solo is 0.
 *         Ending it costs 10 us, which the monitor's patience makes rare. It may begin at any time: the soloist looks at word.
 * Why:    the release is a plain store. A futex mutex must exchange instead, which costs as much as taking the lock, and
 *         sections here are a few dozen instructions. Who waits long yields, then sleeps (os_back_off), so a preempted holder
 *         isn't starved, not even by spinners of higher priority.
 */
#ifndef BASE_LOCK_H
#define BASE_LOCK_H

#include "base/atomic.h"
#include "base/attr.h"
#include "base/self.h"

struct lock {
    _Atomic uint32_t word;
    _Atomic uint8_t solo; /* the soloist stores, all look */
    uint8_t by_solo;      /* holder only */
};

extern _Atomic uint32_t lock_bias_active; /* somebody's bias is on, or is being ended */

/* Called, if it is set, where a lock isn't free for long: it may stop the program when its holder isn't there any more. */
extern void (*lock_when_hopeless)(void);

void lock_take_contended(struct lock *l);
void lock_expel_soloist(struct lock *l);
void lock_enter_slowly(struct lock *l);
void lock_left_slowly(void);
void lock_await_contended(struct lock *l);
void lock_bias_begin(struct self *w);
void lock_bias_end(void);

/* From now on point() is called, without a lock, wherever lock_enter takes one, and by lock_left; and nothing is quick. Only while no
 * worker runs. NULL: no more. */
void lock_points(void (*point)(void));

/* The soloist's way. False: the bias is over, or somebody has word. */
static inline bool lock_take_solo(struct lock *l, struct self *w)
{
    bool taken = false;
    atom_store_rlx(&w->trying,
                   1); /* [L bias] store trying, then look at bias; pairs with lock_bias_end's heavy barrier */
    atom_compiler_barrier();
    /* [L bias] before word; from here to the end of trying the bias can't end. [L lock] The soloist before us may still be in the
     * section, by solo as well: then we wait for him as everybody does. */
    if (LIKELY(atom_load_acq(&w->bias)) && LIKELY(!atom_load_acq(&l->solo))) {
        atom_store_rlx(&l->solo, 1); /* [L bias] store solo, then look at word; pairs as above */
        atom_compiler_barrier();
        taken = LIKELY(!atom_load_acq(&l->word)); /* [L bias] [L lock] */
        if (LIKELY(taken))
            l->by_solo = 1;
        else
            atom_store_rel(&l->solo, 0); /* [L lock] nothing was done */
    }
    atom_store_rel(&w->trying, 0); /* [L bias] solo -> lock_bias_end, and who called it */
    return taken;
}

static inline void lock_take(struct lock *l)
{
    struct self *w = self_read();
    if (w && atom_load_rlx(&w->bias) && LIKELY(lock_take_solo(l, w))) /* rlx: looked at again inside */
        return;
    uint32_t free = 0;
    if (UNLIKELY(!atom_cas_seq(&l->word, &free,
                               1))) /* [L lock] the last holder's writes; [L bias] then look for a soloist */
        lock_take_contended(l);
    if (UNLIKELY(atom_load_seq(&lock_bias_active) || atom_load_acq(&l->solo))) /* [L bias] [L lock] */
        lock_expel_soloist(l);
    l->by_solo = 0;
}

/* The same for the first lock that a call takes: here a simulation may let another task run first (lock_points). The caller holds no
 * other lock, and keeps nothing that a switch would spoil. */
static inline void lock_enter(struct lock *l)
{
    struct self *w = self_read();
    if (w && atom_load_rlx(&w->bias) && LIKELY(lock_take_solo(l, w))) /* rlx: looked at again inside */
        return;
    uint32_t free = 0;
    if (UNLIKELY(!atom_cas_seq(&l->word, &free, 1))) /* [L lock] [L bias] as in lock_take */
        lock_take_contended(l);
    if (UNLIKELY(atom_load_seq(&lock_bias_active) || atom_load_acq(&l->solo))) /* [L bias] [L lock] */
        lock_enter_slowly(l);
    l->by_solo = 0;
}

/* When a call has let go of its lock and may have woken somebody: another such place. Only where time is no matter. */
static inline void lock_left(void)
{
    if (UNLIKELY(atom_load_seq(&lock_bias_active))) /* [L bias] only a hint */
        lock_left_slowly();
}

/* The same if it goes at once; false leaves everything to lock_take. For callers whose straight path has no calls in it: what a
 * call would make the compiler save costs as much as the lock. */
static inline bool lock_take_quickly(struct lock *l)
{
    struct self *w = self_read();
    if (w && atom_load_rlx(&w->bias)) /* rlx: looked at again inside */
        return lock_take_solo(l, w);
    uint32_t free = 0;
    if (UNLIKELY(!atom_cas_seq(&l->word, &free, 1))) /* [L lock] [L bias] as in lock_take */
        return false;
    if (UNLIKELY(atom_load_seq(&lock_bias_active) || atom_load_acq(&l->solo))) { /* [L bias] [L lock] */
        atom_store_rel(&l->word, 0);                                             /* [L lock] nothing was done */
        return false;
    }
    l->by_solo = 0;
    return true;
}

/* A lock that nobody else sees yet, held from the start. */
static inline void lock_init_held(struct lock *l)
{
    atom_store_rlx(&l->word, 1); /* rlx: publishing it is the caller's affair */
    atom_store_rlx(&l->solo, 0); /* rlx: the same */
    l->by_solo = 0;
}

/* Waits until it is free, without taking it: for a lock that lock_init_held began and nobody ever takes. */
static inline void lock_await(struct lock *l)
{
    if (UNLIKELY(atom_load_acq(&l->word))) /* [L lock] the section's writes */
        lock_await_contended(l);
}

static inline void lock_drop(struct lock *l)
{
    if (l->by_solo)
        atom_store_rel(&l->solo, 0); /* [L lock] the section's writes -> visible to the next holder */
    else
        atom_store_rel(&l->word, 0); /* [L lock] the same */
}

#endif
