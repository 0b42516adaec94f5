/* SPDX-License-Identifier: MIT */
/* ring - one proc's events on their way into a trace.
 * Job:    the owner puts events in, a collector takes them out, in order and without a lock.
 * Holds:  RG1 0 <= head - tail <= RING_EVENTS; only the owner writes slots and head, only the collector tail. RG2 what finds no
 *         room is counted, and the next event that goes in is preceded by one that says how many were lost. The owner never
 *         waits. RG3 times do not decrease. RG4 the owner reads the clock, and puts, only in a section (ring_begin to
 *         ring_end). So a collector that reads the clock, passes the heavy barrier and then waits for whoever was in a section to
 *         leave it (ring_settled) has before it all events of all rings that are older than its clock: it can merge them by
 *         time, for good. RG5 the same pass, after `on` was set to 0, sees the last event.
 * Why:    a section is odd in a counter, not a flag: the collector waits for one to end, not for a moment without any.
 */
#ifndef DEBUG_RING_H
#define DEBUG_RING_H

#include "base/atomic.h"
#include "base/attr.h"

#include <stddef.h>

#ifndef RING_EVENTS
#define RING_EVENTS 65536u /* a power of two */
#endif

struct event {
    int64_t time;
    uint64_t what; /* kind, detail, task: see trace.h */
    uint64_t a, b;
};

struct ring {
    _Atomic uint64_t head;               /* owner writes */
    _Atomic uint32_t section;            /* owner writes: odd while it is in one */
    struct event *slots;                 /* owner; published by head. NULL: not yet */
    _Atomic uint64_t lost;               /* owner writes */
    uint64_t told;                       /* owner: how many of the lost ones an event has told of */
    _Atomic uint64_t tail CACHE_ALIGNED; /* collector writes */
} CACHE_ALIGNED;

/* False: nothing is wanted, and there is no section. asymmetric: the heavy barrier exists. */
static inline bool ring_begin(struct ring *r, const _Atomic uint32_t *on, bool asymmetric)
{
    uint32_t section = atom_load_rlx(&r->section) + 1; /* rlx: our own */
    if (LIKELY(asymmetric)) {
        atom_store_rlx(&r->section,
                       section); /* [G section] then look at `on` and the clock; the collector's barrier is heavy */
        atom_compiler_barrier();
    } else {
        atom_store_seq(&r->section, section); /* [G section] the same */
        atom_fence_seq();                     /* [G section] */
    }
    if (LIKELY(atom_load_acq(on))) /* [G on] pairs with who starts a trace: the ring as he has left it */
        return true;
    atom_store_rel(&r->section, section + 1); /* [G section] nothing was done */
    return false;
}

/* [G section] what was put -> the collector */
static inline void ring_end(struct ring *r)
{
    atom_store_rel(&r->section, atom_load_rlx(&r->section) + 1); /* [G section] rlx: our own */
}

/* In a section. lost_what: of the event that tells how many were lost. */
static inline void ring_put(struct ring *r, struct event e, uint64_t lost_what)
{
    uint64_t head = atom_load_rlx(&r->head), lost = atom_load_rlx(&r->lost); /* rlx: our own */
    uint64_t used = head - atom_load_acq(&r->tail);                          /* [G taken] pairs with ring_take */
    if (UNLIKELY(!r->slots || used > RING_EVENTS - 2)) {
        atom_store_rlx(&r->lost, lost + 1); /* rlx: read when it has settled */
        return;
    }
    if (UNLIKELY(lost != r->told)) {
        r->slots[head++ % RING_EVENTS] = (struct event){e.time, lost_what, lost - r->told, 0};
        r->told = lost;
    }
    r->slots[head % RING_EVENTS] = e;
    atom_store_rel(&r->head, head + 1); /* [G put] the slots -> ring_head */
}

/* The collector, after its barrier: whether who was in a section then has left it. *seen: 0 before the first call. */
static inline bool ring_settled(struct ring *r, uint32_t *seen)
{
    uint32_t section = atom_load_acq(&r->section); /* [G section] what was put in it */
    if (!*seen)
        *seen = section;
    return !(section & 1) || section != *seen;
}

/* The collector: there are events from tail to the result. */
static inline uint64_t ring_head(const struct ring *r) { return atom_load_acq(&r->head); } /* [G put] */

/* The collector has done with the events below `tail`. */
static inline void ring_take(struct ring *r, uint64_t tail)
{
    atom_store_rel(&r->tail, tail); /* [G taken] our reads -> the slots may be written again */
}

/* While nobody is in a section, and none can begin. */
static inline void ring_reset(struct ring *r)
{
    atom_store_rlx(&r->head, 0); /* rlx: published by [G on], all three */
    atom_store_rlx(&r->tail, 0); /* rlx: as above */
    atom_store_rlx(&r->lost, 0); /* rlx: as above */
    r->told = 0;
}

#endif
