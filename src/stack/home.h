/* SPDX-License-Identifier: MIT */
/* home - address ranges where tasks' frames live while they run, and the right to use them.
 * Job:    make homes, lock them, leave tasks waiting on a held one, give their memory back.
 * Holds:  S1 who holds a home may use its memory, its occupant field and the images of the parked tasks bound to it; nobody
 *            else may.
 *         H1 a home is held when `word`, `running` or `inside` is not 0. H2 a task on a pending list is made ready by whoever finds the
 *         home free after it was put there: the holder on release or the task's own worker, never both, never neither.
 *         H3 while the mode is PRIVATE every copied home has one task bound to it. H4 a pinned home has one task for life and
 *         is used without holding it: its task is visible to wakers only when it is switched out (S4).
 * The protocol: an atomic read-modify-write costs 5 ns, half of what a whole switch may take, so homes are locked only when
 *         there is something to lock. Three modes of the whole table:
 *         PRIVATE  fewer tasks than homes, H3. To run its task a worker stores running=1, then looks at the mode; if still
 *                  PRIVATE, it holds the home. Plain stores: nobody else can want this home.
 *         CHANGING somebody turns the mode, or looks into all homes; who acquires waits for him on the table's lock. He stores
 *                  CHANGING, then passes the heavy barrier: from there on, either he sees running=1, or its owner saw CHANGING.
 *         SHARED   homes have several tasks. Acquiring is a look at `running`, which an acquisition of the private time may
 *                  still hold, and a compare-and-swap of word. Nobody starts to hold by `running` any more.
 *                  But a home that one proc has used often in a row is biased to that proc, which holds it by `inside`: trying, a
 *                  look at the bias, inside, plain stores again. Who else wants it ends the bias first, under the table's lock:
 *                  TURNING, the heavy barrier, then a wait until that proc isn't trying, so that nobody writes `inside` late. It
 *                  begins while its proc holds the home by word: that release still looks for waiters.
 *         WATCHED  check mode, from the beginning to the end: H3 holds, and the watch is told of all that is held and released.
 *                  Only the worker that runs a home's task ever wants it, so `running` is set without looking.
 *         Release stores 0 to both; in SHARED, unless the home is biased still, it passes a full fence and takes the pending list if there is
 *         one. Who fails to acquire pushes its task there, ends the bias if there is one by then, and looks at word and running
 *         again: one of the two sees the other.
 * Callers: workers. home_take_* and home_trim_idle take the table's lock for a moment; nothing here switches.
 * Not here: copying (image.h), which task comes next (sched/).
 */
#ifndef STACK_HOME_H
#define STACK_HOME_H

#include "base/lock.h"
#include "base/record.h"

enum home_mode { HOME_PRIVATE, HOME_CHANGING, HOME_SHARED, HOME_WATCHED };

/* Whether a home lies in the table's spare list, and whether it was used since it was emptied. */
enum home_lies { LIES_NOT, LIES_USED, LIES_EMPTY };

/* How a home is held. */
enum home_held { BY_RUNNING, BY_WORD, BY_BIAS };

struct home {
    _Atomic uint32_t word;          /* 1: held, taken by compare-and-swap */
    _Atomic uint32_t running;       /* 1: held, taken in mode PRIVATE */
    _Atomic(struct task *) pending; /* tasks that found it held, newest first */
    struct task *occupant;          /* S1: whose bytes are in it; NULL: nobody's */
    char *low;                      /* immutable: lowest usable address; the guard is below */
    char *top;                      /* immutable: 16-aligned */
    struct home *next_spare;        /* owner of the list it is in */
    uint16_t number;                /* immutable */
    bool pinned;                    /* immutable */
    uint8_t lies;                   /* table's lock: enum home_lies */
    uint8_t by;                     /* S1: enum home_held; not BY_RUNNING any more once it was held otherwise */
    bool deep;                      /* S1: more than HOME_KEEP of it was copied, so touched, since it was trimmed */
    bool empty;                     /* S1: all of its memory was given back, and nobody has left it since */
    uint16_t user;                  /* S1: who held it last by word (home_cache.self), */
    uint16_t streak;                /* and how often in a row */
    _Atomic uint16_t bias;          /* who has it (home_cache.self), HOME_TURNING; 0: nobody */
    _Atomic uint16_t inside;        /* 1: held, by who has the bias */
} CACHE_ALIGNED;

/* Who makes the memory of copied homes accessible while they are held. Called on another stack. */
struct home_watch {
    void (*held)(const struct home *h);
    void (*left)(const struct home *h);    /* it is released, and its task not yet visible to wakers (S4) */
    void (*vacated)(const struct home *h); /* its occupant has ended; `left` follows */
    void (*none)(void);                    /* a task can't start for want of homes: it is tried again later */
};

/* A mebibyte, as the kernel has below its stacks, for a frame that is larger may skip it; and an odd number of pages more, so that the
 * tops of homes, where all that is used lies, are spread over the sets of the second-level cache. */
#define HOME_GUARD ((size_t)(1024 + 17 * 4) << 10)
#define HOME_KEEP ((size_t)16 << 10) /* bytes below the top that are never given back */
#define HOME_MAX 65535
#define HOME_WINDOW 128 /* homes that a proc prefers for its new tasks, once all have tasks */

#define HOME_TURNING UINT16_MAX
#define HOME_CACHES 4096
#define HOME_STREAK 256 /* a bias that ends costs some microseconds, and spares ten nanoseconds each time */

struct home_table {
    struct home *at;       /* [1 .. HOME_MAX] */
    size_t size;           /* immutable while running: usable bytes of each */
    unsigned cap;          /* immutable while running: copied homes at most */
    unsigned streak;       /* the same: holdings in a row by word, after which a home is biased; 0: never */
    _Atomic uint32_t mode; /* enum home_mode */
    struct lock lock;
    _Atomic unsigned copied;            /* lock: how many there are, numbers 1 .. copied; read by all */
    _Atomic unsigned pinned;            /* lock: numbers HOME_MAX - pinned + 1 .. HOME_MAX */
    struct home *spare[2];              /* lock: vacated ones: [0] copied (mode PRIVATE only), [1] pinned */
    struct home_cache *of[HOME_CACHES]; /* [self]: stored before it uses any home */
    _Atomic uint32_t none_left;         /* no pinned home could be made, and none was vacated since */
    const struct home_watch *watch;     /* immutable while running; NULL: the mode is not WATCHED */
};
extern struct home_table homes;

/* One proc's vacated homes. */
struct home_cache {
    struct home *spare[2]; /* owner only, as in the table */
    unsigned count[2];
    uint16_t hint[4]; /* homes vacated last in mode SHARED: perhaps still without an occupant */
    unsigned hints;
    uint16_t self;           /* immutable: what stands for the proc in `bias`; 0: none is biased to it */
    _Atomic uint32_t trying; /* owner stores: it is about to hold a home by its bias */
    unsigned window;         /* immutable: where the homes begin among which it looks first for somebody else's */
    unsigned hand;           /* which of them is next */
};

/* 0 or -ENOMEM. */
int home_table_open(size_t max_stack, unsigned cap);
void home_table_close(void);

/* Right after home_table_open: the mode is WATCHED then, with up to `cap` copied homes, which are not accessible. */
void home_table_watch(const struct home_watch *watch, unsigned cap);

static inline struct home *home_of(const struct task *t) { return &homes.at[t->home]; }

/* The first half of home_acquire: false when the mode isn't PRIVATE. */
static inline bool home_acquire_private(struct home *h)
{
    if (UNLIKELY(atom_load_rlx(&homes.mode) != HOME_PRIVATE)) /* rlx: looked at again below */
        return false;
    atom_store_rlx(&h->running,
                   1); /* [H mode] store running, then look at the mode; pairs with turn_mode's heavy barrier */
    atom_compiler_barrier();
    if (LIKELY(atom_load_rlx(&homes.mode) == HOME_PRIVATE)) /* [H mode] */
        return true;
    atom_store_rel(&h->running, 0); /* [H release] nothing was done while it was set; see acquire_by_word */
    atom_fence_seq();               /* [H pend] free, then try again; pairs with home_pend */
    return false;
}

bool home_acquire_slow(struct home_cache *cache, struct home *h);

/* Tries to hold a copied home. */
static inline bool home_acquire(struct home_cache *cache, struct home *h)
{
    return LIKELY(home_acquire_private(h)) || home_acquire_slow(cache, h);
}

struct task *home_release_shared(struct home *h);
struct task *home_waiting(struct home *h);
struct task *home_left(struct home *h); /* tells the watch, then home_waiting */

/* Ends a holding that isn't by word. False: home_left must be called. */
static inline bool home_release_private(struct home *h)
{
    atom_store_rel(&h->running,
                   0); /* [H release] the home's bytes -> visible to the next holder; it isn't ours from here on */
    atom_compiler_barrier();
    return LIKELY(atom_load_rlx(&homes.mode) == HOME_PRIVATE); /* [H mode] pairs with turn_mode, as in home_acquire */
}

/* Ends the holding. Returns the tasks that waited for it, linked by next, oldest first: the caller makes them ready. */
static inline struct task *home_release(struct home *h)
{
    if (UNLIKELY(h->by != BY_RUNNING))
        return home_release_shared(h);
    return LIKELY(home_release_private(h)) ? NULL : home_left(h);
}

/* After home_acquire failed: leaves t waiting. Returns tasks that the caller must make ready, t among them, when the home
 * became free meanwhile; else NULL, and t is no longer the caller's. */
struct task *home_pend(struct home *h, struct task *t);

#define HOME_CACHE_MAX 64 /* spare homes a proc keeps of each kind */

struct home *home_take_slow(struct home_cache *cache);
struct home *home_take_pinned_slow(struct home_cache *cache);
struct task *home_vacate_slow(struct home_cache *cache, struct home *h);

static inline struct home *home_pop_spare(struct home_cache *cache, bool pinned)
{
    struct home *h = cache->spare[pinned];
    if (LIKELY(h != NULL)) {
        cache->spare[pinned] = h->next_spare;
        cache->count[pinned]--;
    }
    return h;
}

static inline void home_push_spare(struct home_cache *cache, struct home *h, bool pinned)
{
    h->next_spare = cache->spare[pinned];
    cache->spare[pinned] = h;
    cache->count[pinned]++;
}

/* A home for a copied task that starts, held, without an occupant or with one that must be copied out first. NULL when every
 * one of them is held, or when there is no memory and none to share. */
static inline struct home *home_take(struct home_cache *cache)
{
    struct home *h = home_pop_spare(cache, false);
    return LIKELY(h && home_acquire(cache, h)) ? h : home_take_slow(cache);
}

/* A home for a pinned task. NULL when there is no memory. */
static inline struct home *home_take_pinned(struct home_cache *cache)
{
    struct home *h = home_pop_spare(cache, true);
    return LIKELY(h != NULL) ? h : home_take_pinned_slow(cache);
}

/* Whether the usual way of vacating a home will do. In mode SHARED it won't; that mode is never left. */
static inline bool home_vacates_quickly(const struct home_cache *cache, const struct home *h)
{
    return LIKELY(!h->deep && cache->count[h->pinned] < HOME_CACHE_MAX &&
                  atom_load_rlx(&homes.mode) != HOME_SHARED && /* rlx: home_release looks again */
                  !atom_load_rlx(&homes.none_left));           /* rlx: a hint to those who spawn */
}

/* Released before it goes into the list: from there it may come to another proc at once. In mode PRIVATE nobody knows it before
 * that; in SHARED, if the mode has just turned, the list is a hint. False: home_left must be called. */
static inline bool home_vacate_quickly(struct home_cache *cache, struct home *h)
{
    bool quiet = true;
    if (!h->pinned) {
        h->occupant = NULL;
        quiet = home_release_private(h);
    }
    home_push_spare(cache, h, h->pinned);
    return quiet;
}

/* The home's task has ended: it is held, and nobody's bytes are in it. Returns what home_release would. */
static inline struct task *home_vacate(struct home_cache *cache, struct home *h)
{
    if (UNLIKELY(!home_vacates_quickly(cache, h)))
        return home_vacate_slow(cache, h);
    return LIKELY(home_vacate_quickly(cache, h)) ? NULL : home_left(h);
}

/* The proc is not in use any more: its spare homes are for others, and none is biased to it. */
void home_cache_flush(struct home_cache *cache);
void home_give_up_biases(const struct home_cache *cache);
/* A proc's, with another number than all others: from now on homes may be biased to it. */
void home_cache_open(struct home_cache *cache, unsigned number);

/* Gives back the memory below the live bytes of every copied home that nobody holds, and of spare pinned ones. In mode SHARED
 * `empty` sees to each, held, which isn't empty yet, until somebody waits for the one it was at. Returns what home_release
 * would. others: those that are biased to other procs, too, which would else see to them when they are idle themselves. */
struct task *home_trim_idle(struct home_cache *cache, bool others, void (*empty)(struct home *h, void *arg), void *arg);
/* The same for one home that the caller holds; `live` bytes below the top stay. */
void home_trim(struct home *h, size_t live);
/* The same wholly: it has no occupant. */
void home_empty(struct home *h);

/* The home whose guard contains this address; NULL. Reads immutable fields only: safe in a signal handler. */
const struct home *home_of_guard(const void *address);
/* The copied home whose memory contains it; NULL. The same. */
const struct home *home_of_address(const void *address);

#endif
