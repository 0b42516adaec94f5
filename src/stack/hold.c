/* SPDX-License-Identifier: MIT */
/* hold - holding and releasing homes, but for what is usual.
 * Job:    see home.h for the protocol: the ways to hold a home in modes SHARED and WATCHED, biases, and who waits.
 * Holds:  S1, H1, H2.
 */
#include "stack/home.h"

#include "base/os.h"

/* Mode WATCHED. The task is bound to this home alone, and only its own worker wants it. Marked as deep, so that it isn't vacated
 * quickly, and the watch is told. */
static COLD bool acquire_watched(struct home *h)
{
    atom_store_rlx(&h->running, 1); /* rlx: nobody else looks at it */
    homes.watch->held(h);
    h->deep = true;
    return true;
}

/* After this, either its owner's holding shows as inside, or the owner sees that it isn't the owner any more; and it doesn't come late. */
static COLD void end_bias(struct home *h)
{
    lock_take(&homes.lock);
    uint16_t owner = atom_load_rlx(&h->bias); /* rlx: under the lock, unless its owner gives it up */
    if (owner) {
        atom_store_seq(&h->bias, HOME_TURNING); /* [H bias] pairs with acquire_biased and home_release_shared */
        os_barrier_heavy();
        for (unsigned tries = 0; atom_load_acq(&homes.of[owner]->trying); tries++) /* [H bias] as above */
            os_back_off(tries);
        atom_store_rel(&h->bias, 0); /* [H bias] the barrier has passed -> who looks next */
    }
    lock_drop(&homes.lock);
}

/* For who has the bias. */
static inline bool acquire_biased(struct home_cache *cache, struct home *h)
{
    if (atom_load_rlx(&h->inside) || atom_load_rlx(&h->word)) /* rlx: our own, or the other is about to end the bias */
        return false;
    atom_store_rlx(&cache->trying,
                   1); /* [H bias] store trying, then look at the bias; pairs with end_bias's heavy barrier */
    atom_compiler_barrier();
    bool ours = atom_load_acq(&h->bias) == cache->self; /* [H bias] */
    if (LIKELY(ours)) {
        atom_store_rlx(&h->inside, 1); /* [H bias] before the end of trying */
        h->by = BY_BIAS;
    }
    atom_store_rel(&cache->trying, 0); /* [H bias] inside -> end_bias */
    return ours;
}

/* Held by word. */
static inline void count_streak(struct home *h, uint16_t self)
{
    if (h->user != self) {
        h->user = self;
        h->streak = 0;
    } else if (self && homes.streak && ++h->streak >= homes.streak) {
        uint16_t nobody = 0; /* while one is being ended none begins: end_bias would overlook who uses it */
        h->streak = 0;
        atom_cas_seq(&h->bias, &nobody, self); /* [H bias] then the release by word looks; pairs with home_pend */
    }
}

/* A `running` that is seen here is a real holder of the private time, or the first half of a failed attempt. That attempt passes a fence
 * and tries again, so either it holds the home next or who does releases it later: a task left pending for it is found. So it is with
 * a `word` that is given back since a bias has begun meanwhile. */
static bool acquire_by_word(struct home *h, uint16_t self)
{
    for (;;) {
        uint16_t bias = atom_load_acq(&h->bias); /* [H bias] pairs with end_bias: the barrier has passed */
        if (UNLIKELY(bias && bias != self))
            end_bias(h);
        uint32_t free = 0;
        if (atom_load_acq(&h->running) || atom_load_acq(&h->inside) || /* [H release] pairs with the releases */
            !atom_cas_acq(&h->word, &free, 1))                         /* [H release] as above */
            return false;
        /* A bias may have begun since, by a release by word that our compare-and-swap has seen; and have ended again: then its owner
         * may be inside. */
        bias = atom_load_acq(&h->bias); /* [H bias] pairs with count_streak and end_bias */
        if (LIKELY(bias == self || (!bias && !atom_load_acq(&h->inside)))) /* [H bias] pairs with acquire_biased */
            break;
        atom_store_rel(&h->word, 0); /* [H release] nothing was done while it was set */
        atom_fence_seq();            /* [H pend] free, then try again; pairs with home_pend */
    }
    h->by = BY_WORD;
    count_streak(h, self);
    return true;
}

static inline bool acquire_shared(struct home_cache *cache, struct home *h)
{
    uint16_t self = cache->self;
    if (self && atom_load_rlx(&h->bias) == self && acquire_biased(cache, h)) /* rlx: looked at again inside */
        return true;
    return acquire_by_word(h, self);
}

bool home_acquire_slow(struct home_cache *cache, struct home *h)
{
    for (;;) {
        uint32_t mode = atom_load_acq(&homes.mode); /* [H turned] pairs with turn_mode */
        if (LIKELY(mode == HOME_SHARED))
            return acquire_shared(cache, h);
        if (mode == HOME_WATCHED)
            return acquire_watched(h);
        if (mode == HOME_PRIVATE && home_acquire_private(h))
            return true;
        lock_take(&homes.lock); /* until the mode has turned */
        lock_drop(&homes.lock);
    }
}

static struct task *reversed(struct task *newest)
{
    struct task *oldest = NULL;
    while (newest) {
        struct task *next = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    return oldest;
}

/* For who has just released it, and so may touch nothing of it but the pending list: the next holder may be there already. */
struct task *home_waiting(struct home *h)
{
    atom_fence_seq();                        /* [H pend] free, then look for waiters; pairs with home_pend */
    if (LIKELY(!atom_load_rlx(&h->pending))) /* rlx: after the fence */
        return NULL;
    return reversed(atom_swap_seq(&h->pending, NULL)); /* [H pend] their links -> us */
}

struct task *home_left(struct home *h)
{
    if (homes.watch)
        homes.watch->left(h);
    return home_waiting(h);
}

struct task *home_release_shared(struct home *h)
{
    if (h->by == BY_WORD) {
        atom_store_rel(&h->word, 0); /* [H release] the home's bytes and occupant -> the next holder */
        return home_waiting(h);
    }
    atom_store_rel(&h->inside, 0); /* [H release] as above */
    atom_compiler_barrier();
    uint16_t bias = atom_load_rlx(&h->bias); /* [H bias] pairs with end_bias, as in acquire_biased */
    return LIKELY(bias && bias != HOME_TURNING) ? NULL : home_waiting(h); /* nobody leaves a task while it is biased */
}

struct task *home_pend(struct home *h, struct task *t)
{
    struct task *newest = atom_load_rlx(&h->pending); /* rlx: the compare-and-swap checks it */
    do
        t->next = newest;
    while (!atom_cas_seq(&h->pending, &newest,
                         t));              /* [H pend] wait, then look whether it is free; t's link -> the taker */
    if (UNLIKELY(atom_load_seq(&h->bias))) /* [H bias] or its owner wouldn't look; pairs with count_streak */
        end_bias(h);
    if (atom_load_seq(&h->word) || atom_load_seq(&h->running) || atom_load_seq(&h->inside)) /* [H pend] */
        return NULL;
    return reversed(atom_swap_seq(&h->pending, NULL)); /* [H pend] whoever swaps has them all */
}

void home_cache_open(struct home_cache *cache, unsigned number)
{
    cache->window = number * HOME_WINDOW % homes.cap;
    if (number + 1 >= HOME_CACHES)
        return;
    cache->self = (uint16_t)(number + 1);
    homes.of[cache->self] = cache;
}

void home_give_up_biases(const struct home_cache *cache)
{
    unsigned copied = atom_load_acq(&homes.copied); /* [H made] pairs with make_group */
    for (unsigned i = 1; i <= copied; i++) {
        uint16_t bias = cache->self;
        atom_cas_rel(&homes.at[i].bias, &bias, 0); /* [H bias] it holds none of them; what it did there -> the next */
    }
}
