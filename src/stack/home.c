/* SPDX-License-Identifier: MIT */
/* home - address ranges where tasks' frames live while they run.
 * Job:    see home.h for the protocol and S1, H1-H4; how one is held is in hold.c.
 * Why:    homes are made in groups, one reservation and one madvise for all of a group, because a system call for each was a
 *         tenth of a cold launch. Tops are staggered by cache lines: with aligned ones the live frames of all homes fall on
 *         the same few sets of the first-level cache.
 * Rejected: one lock word with the pending list packed in (the release must then be a read-modify-write even when nobody ever
 *         shares a home).
 */
#include "stack/home.h"

#include "base/os.h"
#include "base/sanitizer.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>

#define PAGE ((size_t)4096)
#define GROUP 16
#define TRIM_PART 32 /* homes that are trimmed while others wait */

struct home_table homes;

static size_t stride(void) { return HOME_GUARD + homes.size; }

/* Where address space is limited, half of it is left for all else: records and images, and the program. */
static unsigned affordable(unsigned cap)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_AS, &limit) < 0 || limit.rlim_cur == RLIM_INFINITY)
        return cap;
    rlim_t most = limit.rlim_cur / 2 / stride();
    return most >= cap ? cap : most < 2 ? 2 : (unsigned)most;
}

int home_table_open(size_t max_stack, unsigned cap)
{
    homes.at = os_pages(sizeof(struct home) * (HOME_MAX + 1), 0);
    if (!homes.at)
        return -ENOMEM;
    homes.size = (max_stack + PAGE - 1) & -PAGE;
    homes.cap = affordable(cap);
    /* Without the asymmetric barrier there is no safe way out of PRIVATE, nor out of a bias. */
    homes.streak = os_barrier_ready() ? HOME_STREAK : 0;
    atom_store_seq(&homes.mode, os_barrier_ready() ? HOME_PRIVATE : HOME_SHARED); /* seq: no worker runs yet */
    return 0;
}

void home_table_watch(const struct home_watch *watch, unsigned cap)
{
    homes.watch = watch;
    homes.cap = cap;
    atom_store_seq(&homes.mode, HOME_WATCHED); /* seq: no worker runs yet */
}

/* Homes were reserved in groups that may have been cut short, so each goes on its own. */
static void release_range(unsigned first, unsigned last)
{
    for (unsigned i = first; i <= last; i++)
        os_release(homes.at[i].low - HOME_GUARD, stride());
}

void home_table_close(void)
{
    if (!homes.at)
        return;
    release_range(1, atom_load_rlx(&homes.copied));                       /* rlx: nothing else runs */
    release_range(HOME_MAX + 1 - atom_load_rlx(&homes.pinned), HOME_MAX); /* rlx: as above */
    os_release(homes.at, sizeof(struct home) * (HOME_MAX + 1));
    homes.at = NULL;
    homes.watch = NULL;
    memset(homes.of, 0, sizeof homes.of);
    homes.spare[0] = homes.spare[1] = NULL;
    atom_store_rlx(&homes.copied, 0); /* rlx: nothing else runs */
    atom_store_rlx(&homes.pinned, 0);
    atom_store_rlx(&homes.none_left, 0);
}

/* Sets one up in its slice of a reservation. */
static bool furnish(unsigned number, char *slice, bool pinned)
{
    struct home *h = &homes.at[number];
    bool closed = homes.watch && !pinned;
    if (!closed && os_commit(slice + HOME_GUARD, homes.size) < 0)
        return false;
    sanitizer_stack_made(slice + HOME_GUARD, homes.size);
    h->low = slice + HOME_GUARD;
    h->top = slice + stride() - (size_t)(number % 32) * CACHE_LINE;
    h->number = (uint16_t)number;
    h->pinned = pinned;
    h->lies = LIES_EMPTY;
    h->next_spare = homes.spare[pinned];
    homes.spare[pinned] = h;
    return true;
}

/* Table's lock held. Adds up to a group of homes to the spare list. */
static bool make_group(bool pinned)
{
    unsigned copied = atom_load_rlx(&homes.copied), fixed = atom_load_rlx(&homes.pinned); /* rlx: under the lock */
    unsigned room = pinned ? HOME_MAX - homes.cap - fixed : homes.cap - copied;
    unsigned want = room < GROUP ? room : GROUP;
    char *range = want ? os_reserve(stride() * want, PAGE) : NULL;
    if (!range && want > 1)
        range = os_reserve(stride() * (want = 1), PAGE);
    if (!range)
        return false;
    os_no_huge(range, stride() * want);
    unsigned made = 0;
    while (made < want &&
           furnish(pinned ? HOME_MAX - fixed - made : copied + made + 1, range + made * stride(), pinned))
        made++;
    os_release(made < want ? range + made * stride() : NULL, (want - made) * stride());
    if (pinned)
        atom_store_rel(&homes.pinned, fixed + made); /* [H made] fields of the homes -> home_of_guard */
    else
        atom_store_rel(&homes.copied, copied + made); /* [H made] fields of the homes -> take_shared, home_of_guard */
    return made > 0;
}

/* Moves homes from the table to the cache: a few, so that the lock is rare. */
static bool refill(struct home_cache *cache, bool pinned)
{
    lock_take(&homes.lock);
    bool found = homes.spare[pinned] || make_group(pinned);
    for (int i = 0; i < 4 && homes.spare[pinned]; i++) {
        struct home *h = homes.spare[pinned];
        homes.spare[pinned] = h->next_spare;
        h->lies = LIES_NOT;
        h->next_spare = cache->spare[pinned];
        cache->spare[pinned] = h;
        cache->count[pinned]++;
    }
    lock_drop(&homes.lock);
    return found;
}

/* Gives spare homes to the table, all but `keep`. */
static COLD void return_spares(struct home_cache *cache, bool pinned, unsigned keep)
{
    lock_take(&homes.lock);
    while (cache->count[pinned] > keep) {
        struct home *h = home_pop_spare(cache, pinned);
        h->lies = LIES_USED;
        h->next_spare = homes.spare[pinned];
        homes.spare[pinned] = h;
    }
    lock_drop(&homes.lock);
}

void home_cache_flush(struct home_cache *cache)
{
    return_spares(cache, false, 0);
    return_spares(cache, true, 0);
    home_give_up_biases(cache);
}

/* Table's lock held. After this, who acquired a home before shows running, and who comes later waits for the lock. */
static void turn_mode(enum home_mode mode)
{
    atom_store_seq(&homes.mode, HOME_CHANGING); /* [H mode] pairs with home_acquire and home_release */
    os_barrier_heavy();
    if (mode != HOME_CHANGING)
        atom_store_rel(&homes.mode, mode); /* [H turned] the barrier has passed -> home_acquire_slow */
}

/* The i-th home, counted round the table, if nobody holds it. */
static struct home *try_to_share(struct home_cache *cache, unsigned i)
{
    unsigned copied = atom_load_acq(&homes.copied); /* [H made] pairs with make_group */
    if (UNLIKELY(copied == 0))
        return NULL;
    struct home *h = &homes.at[1 + (i < copied ? i : i % copied)];
    return !atom_load_rlx(&h->word) && home_acquire(cache, h) ? h : NULL; /* rlx: spares the compare-and-swap */
}

/* A home that may have tasks: a vacated one, a new one, else the next in turn that nobody holds. Each proc turns round in
 * some homes of its own: their stacks stay in a near cache while thousands of tasks start. */
static struct home *take_shared(struct home_cache *cache)
{
    while (cache->hints) {
        struct home *h = &homes.at[cache->hint[--cache->hints]];
        if (home_acquire(cache, h))
            return h;
    }
    struct home *h;
    while ((h = home_pop_spare(cache, false)))
        if (home_acquire(cache, h))
            return h;
    if (atom_load_rlx(&homes.copied) < homes.cap) { /* rlx: a hint */
        refill(cache, false);
        while ((h = home_pop_spare(cache, false)))
            if (home_acquire(cache, h))
                return h;
    }
    for (unsigned i = 0; i < HOME_WINDOW; i++) {
        unsigned at = cache->window + cache->hand;
        cache->hand = (cache->hand + 1) % HOME_WINDOW;
        if ((h = try_to_share(cache, at)))
            return h;
    }
    unsigned copied = atom_load_acq(&homes.copied); /* [H made] pairs with make_group */
    for (unsigned i = 0; i < copied; i++)
        if ((h = try_to_share(cache, cache->window + i)))
            return h;
    return NULL;
}

static COLD struct home *take_watched(struct home_cache *cache)
{
    struct home *h = home_pop_spare(cache, false);
    if (!h && refill(cache, false))
        h = home_pop_spare(cache, false);
    if (!h) {
        homes.watch->none();
        return NULL;
    }
    return home_acquire(cache, h) ? h : NULL;
}

struct home *home_take_slow(struct home_cache *cache)
{
    while (atom_load_rlx(&homes.mode) != HOME_SHARED) { /* rlx: home_acquire looks again */
        if (UNLIKELY(homes.watch != NULL))
            return take_watched(cache);
        struct home *h = home_pop_spare(cache, false);
        if (h && home_acquire(cache, h))
            return h;
        if (h || refill(cache, false))
            continue;
        if (atom_load_rlx(&homes.copied) < 2) /* rlx: no memory even for the two that sharing needs */
            return NULL;
        lock_take(&homes.lock);
        if (atom_load_rlx(&homes.mode) != HOME_SHARED) /* rlx: under the lock */
            turn_mode(HOME_SHARED);
        lock_drop(&homes.lock);
    }
    return take_shared(cache);
}

struct home *home_take_pinned_slow(struct home_cache *cache)
{
    struct home *h = refill(cache, true) ? home_pop_spare(cache, true) : NULL;
    if (UNLIKELY(!h))
        atom_store_rlx(&homes.none_left, 1); /* rlx: a hint to those who spawn */
    return h;
}

struct task *home_vacate_slow(struct home_cache *cache, struct home *h)
{
    if (h->deep) {
        if (homes.watch && !h->pinned)
            homes.watch->vacated(h);
        home_trim(h, 0);
    }
    if (cache->count[h->pinned] >= HOME_CACHE_MAX)
        return_spares(cache, h->pinned, HOME_CACHE_MAX / 2);
    if (h->pinned) {
        home_push_spare(cache, h, true);
        atom_store_rlx(&homes.none_left, 0); /* rlx: a hint to those who spawn */
        return NULL;
    }
    h->occupant = NULL;
    h->empty = false;
    struct task *waiting = home_release(h);        /* first, as in home_vacate_quickly */
    if (atom_load_rlx(&homes.mode) != HOME_SHARED) /* rlx: never left; if it turns now the list is a hint */
        home_push_spare(cache, h, false);
    else
        cache->hint[cache->hints < ARRAY_LENGTH(cache->hint) ? cache->hints++ : 0] = h->number;
    return waiting;
}

void home_trim(struct home *h, size_t live)
{
    size_t keep = live + PAGE > HOME_KEEP ? live + PAGE : HOME_KEEP;
    char *end = (char *)((uintptr_t)(h->top - (keep < homes.size ? keep : homes.size)) & -(uintptr_t)PAGE);
    if (end > h->low)
        os_discard(h->low, (size_t)(end - h->low));
    h->deep = false;
}

void home_empty(struct home *h)
{
    os_discard(h->low, homes.size);
    h->deep = false;
    h->empty = true;
}

static size_t occupied(const struct home *h) { return h->occupant ? (size_t)(h->top - (char *)h->occupant->sp) : 0; }

/* Mode PRIVATE: turned to CHANGING for the time of the pass, so that nobody starts to hold a home. In parts, since who wants
 * to run a task waits meanwhile. */
static void trim_private_part(unsigned first, unsigned end)
{
    lock_take(&homes.lock);
    if (atom_load_rlx(&homes.mode) == HOME_PRIVATE) { /* rlx: under the lock */
        turn_mode(HOME_CHANGING);
        for (unsigned i = first; i < end && i <= atom_load_rlx(&homes.copied); i++) { /* rlx: under the lock */
            struct home *h = &homes.at[i];
            if (!atom_load_acq(&h->running)) /* [H release] pairs with home_release */
                home_trim(h, occupied(h));
        }
        atom_store_rel(&homes.mode, HOME_PRIVATE); /* [H turned] our reads of the occupants -> before they run again */
    }
    lock_drop(&homes.lock);
}

static void trim_private(void)
{
    /* rlx: a hint, here and below; a home that is made meanwhile need not be trimmed yet */
    for (unsigned i = 1; i <= atom_load_rlx(&homes.copied); i += TRIM_PART)
        if (atom_load_rlx(&homes.mode) == HOME_PRIVATE)
            trim_private_part(i, i + TRIM_PART);
}

/* Pinned homes that lie in the table are many more than the procs use: they are emptied wholly. */
static void empty_spare(void)
{
    for (unsigned i = 0; i < atom_load_rlx(&homes.pinned); i += TRIM_PART) { /* rlx: a hint */
        lock_take(&homes.lock);
        unsigned pinned = atom_load_rlx(&homes.pinned); /* rlx: under the lock */
        for (unsigned k = i; k < pinned && k < i + TRIM_PART; k++) {
            struct home *h = &homes.at[HOME_MAX - k];
            if (h->lies == LIES_USED)
                os_discard(h->low, homes.size);
            if (h->lies != LIES_NOT)
                h->lies = LIES_EMPTY;
        }
        lock_drop(&homes.lock);
    }
}

struct task *home_trim_idle(struct home_cache *cache, bool others, void (*empty)(struct home *h, void *arg), void *arg)
{
    struct task *waiting = NULL;
    trim_private();
    empty_spare();
    for (struct home *h = cache->spare[1]; h; h = h->next_spare)
        home_trim(h, 0);
    if (atom_load_acq(&homes.mode) != HOME_SHARED) /* [H turned] pairs with turn_mode */
        return NULL;
    unsigned copied = atom_load_acq(&homes.copied);      /* [H made] pairs with make_group */
    for (unsigned i = 1; i <= copied && !waiting; i++) { /* as soon as somebody waits, he goes first */
        struct home *h = &homes.at[i];
        uint16_t bias = atom_load_rlx(&h->bias); /* rlx: a hint */
        if ((bias && bias != cache->self && !others) || !home_acquire(cache, h))
            continue;
        if (h->occupant || !h->empty)
            empty(h, arg);
        waiting = home_release(h);
    }
    return waiting;
}

static bool guards(const struct home *h, const char *address)
{
    return h->low && address < h->low && address >= h->low - HOME_GUARD;
}

const struct home *home_of_address(const void *address)
{
    unsigned copied = homes.at ? atom_load_acq(&homes.copied) : 0; /* [H made] pairs with make_group */
    for (unsigned i = 1; i <= copied; i++)
        if ((uintptr_t)address - (uintptr_t)homes.at[i].low < homes.size)
            return &homes.at[i];
    return NULL;
}

const struct home *home_of_guard(const void *address)
{
    if (!homes.at)
        return NULL;
    unsigned copied = atom_load_acq(&homes.copied),
             fixed = atom_load_acq(&homes.pinned); /* [H made] pairs with make_group */
    for (unsigned i = 1; i <= copied; i++)
        if (guards(&homes.at[i], address))
            return &homes.at[i];
    for (unsigned i = 0; i < fixed; i++)
        if (guards(&homes.at[HOME_MAX - i], address))
            return &homes.at[HOME_MAX - i];
    return NULL;
}
