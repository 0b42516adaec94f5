/* SPDX-License-Identifier: MIT */
/* timer - calls that become due at a point in time.
 * Job:    see timer.h.
 * Holds:  M1-M5.
 * Why:    four children a node: half the depth of a binary heap, and siblings share a cache line, with all that is compared.
 */
#include "sched/timer.h"

#include "base/os.h"

#include <errno.h>
#include <stdlib.h>

#define ROOM_MIN 64

static _Atomic bool failing;

void timers_fail(bool fail) { atom_store_seq(&failing, fail); } /* seq: a test's switch */

void timers_init(struct timers *ts)
{
    *ts = (struct timers){0};
    atom_store_rlx(&ts->earliest, INT64_MAX); /* rlx: not shared yet */
}

static void leave_to_owner(struct timer *t)
{
    if (t->kind == TIMER_LOOSE) {
        atom_store_rlx(&t->fired, TIMER_DROPPED); /* rlx: for its function, in this thread */
        t->fire(t);
    } else if (t->kind == TIMER_KEPT) {
        timer_over(t);
    } else if (t->kind == TIMER_BLOCK) {
        free(t);
    }
}

void timers_close(struct timers *ts)
{
    for (uint32_t i = 0; i < ts->count; i++)
        leave_to_owner(ts->heap[i].timer);
    free(ts->heap);
    ts->heap = NULL;
    ts->count = ts->room = 0;
}

static void place(struct timers *ts, uint32_t i, struct timer_slot s)
{
    ts->heap[i] = s;
    s.timer->index = i;
}

static void sift_up(struct timers *ts, uint32_t i, struct timer_slot s)
{
    while (i > 0 && s.when < ts->heap[(i - 1) / 4].when) {
        place(ts, i, ts->heap[(i - 1) / 4]);
        i = (i - 1) / 4;
    }
    place(ts, i, s);
}

static uint32_t least_child(const struct timers *ts, uint32_t i)
{
    uint32_t first = 4 * i + 1, end = first + 4 < ts->count ? first + 4 : ts->count, least = first;
    for (uint32_t c = first + 1; c < end; c++)
        if (ts->heap[c].when < ts->heap[least].when)
            least = c;
    return least;
}

static void sift_down(struct timers *ts, uint32_t i, struct timer_slot s)
{
    while (4 * i + 1 < ts->count) {
        uint32_t c = least_child(ts, i);
        if (s.when <= ts->heap[c].when)
            break;
        place(ts, i, ts->heap[c]);
        i = c;
    }
    place(ts, i, s);
}

/* Who believes in a time that is too early looks in vain; only one that is too late must not be believed. */
static void note_earliest(struct timers *ts)
{
    int64_t when = ts->count ? ts->heap[0].when : INT64_MAX,
            before = atom_load_rlx(&ts->earliest); /* rlx: under the lock */
    if (when < before)
        atom_store_seq(&ts->earliest, when); /* [I sleep] as for globq_push */
    else if (when > before)
        atom_store_rlx(&ts->earliest, when); /* rlx: as above */
}

static int resize(struct timers *ts, uint32_t room)
{
    bool fail = atom_load_rlx(&failing); /* rlx: a test's switch */
    struct timer_slot *heap = fail ? NULL : realloc(ts->heap, room * sizeof *heap);
    if (!heap)
        return -ENOMEM;
    ts->heap = heap;
    ts->room = room;
    return 0;
}

/* A crowd has gone: the next one must be as large before the heap grows again. */
static inline void give_back(struct timers *ts)
{
    if (UNLIKELY(ts->room > ROOM_MIN && ts->count + ts->firing < ts->room / 8))
        (void)resize(ts, ts->room / 4);
}

static void remove_at(struct timers *ts, uint32_t i)
{
    struct timer_slot last = ts->heap[--ts->count];
    if (i == ts->count)
        ; /* it was the last itself */
    else if (i > 0 && last.when < ts->heap[(i - 1) / 4].when)
        sift_up(ts, i, last);
    else
        sift_down(ts, i, last);
    give_back(ts);
}

static int insert(struct timers *ts, struct timer *t)
{
    if (ts->count + ts->firing == ts->room && resize(ts, ts->room ? ts->room * 2 : ROOM_MIN) < 0)
        return -ENOMEM;
    atom_store_rlx(&t->in, ts); /* rlx: under the lock */
    sift_up(ts, ts->count++, (struct timer_slot){t->when, t});
    note_earliest(ts);
    return 0;
}

int timer_add(struct timers *ts, struct timer *t)
{
    atom_store_rlx(&t->fired, TIMER_ARMED); /* rlx: the lock publishes it */
    lock_take(&ts->lock);
    int error = insert(ts, t);
    lock_drop(&ts->lock);
    if (error < 0)
        atom_store_rlx(&t->fired, TIMER_OVER); /* rlx: nobody else has seen it */
    return error;
}

bool timer_cancel(struct timer *t)
{
    for (unsigned tries = 0; atom_load_acq(&t->fired) != TIMER_OVER; tries++) { /* [M fired] what it did -> us */
        struct timers *ts = atom_load_rlx(&t->in);                              /* rlx: checked under the lock */
        lock_take(&ts->lock);
        if (atom_load_rlx(&t->in) == ts && atom_load_rlx(&t->fired) == TIMER_ARMED) { /* rlx: under the lock */
            remove_at(ts, t->index);
            note_earliest(ts);
            atom_store_rlx(&t->fired, TIMER_OVER); /* rlx: as above */
            lock_drop(&ts->lock);
            return true;
        }
        lock_drop(&ts->lock);
        os_back_off(tries);
    }
    return false;
}

/* Its function has returned. */
static void end_kept(struct timers *ts, struct timer *t)
{
    lock_take(&ts->lock);
    ts->firing--;
    bool again = t->again;
    if (again) {
        t->again = false;
        insert(ts, t);                          /* M5 */
        atom_store_rlx(&t->fired, TIMER_ARMED); /* rlx: under the lock */
    }
    lock_drop(&ts->lock);
    if (!again)
        timer_over(t);
}

static void call_function(struct timers *ts, struct timer *t)
{
    unsigned kind = t->kind; /* a loose timer may be gone when its function returns */
    t->fire(t);
    if (kind == TIMER_KEPT)
        end_kept(ts, t);
    else if (kind != TIMER_LOOSE)
        timer_over(t);
}

/* Lock held, released. */
static void fire_at(struct timers *ts, uint32_t i)
{
    struct timer *t = ts->heap[i].timer;
    ts->firing += t->kind == TIMER_KEPT; /* M5: before the heap may shrink */
    remove_at(ts, i);
    note_earliest(ts);
    atom_store_rlx(&t->fired, TIMER_FIRING); /* rlx: under the lock */
    lock_drop(&ts->lock);
    call_function(ts, t);
}

int timers_run(struct timers *ts, int64_t now)
{
    int n = 0;
    while (timers_earliest(ts) <= now) {
        lock_take(&ts->lock);
        if (!ts->count || ts->heap[0].when > now) {
            lock_drop(&ts->lock);
            break;
        }
        fire_at(ts, 0);
        n++;
    }
    return n;
}

/* Ties stand together at the top of a heap. */
static uint32_t next_tie(const struct timers *ts, uint32_t i, uint32_t end)
{
    while (i < end && ts->heap[i].when > ts->heap[0].when)
        i++;
    return i;
}

uint32_t timers_ties(struct timers *ts, uint32_t max)
{
    uint32_t n = 0;
    lock_take(&ts->lock);
    uint32_t end = ts->count < max ? ts->count : max;
    for (uint32_t i = 0; (i = next_tie(ts, i, end)) < end; i++)
        n++;
    lock_drop(&ts->lock);
    return n;
}

void timers_fire(struct timers *ts, uint32_t i)
{
    uint32_t at = 0;
    lock_take(&ts->lock);
    while ((at = next_tie(ts, at, ts->count)) < ts->count && i > 0) {
        at++;
        i--;
    }
    if (at < ts->count)
        fire_at(ts, at);
    else
        lock_drop(&ts->lock);
}

int timers_move(struct timers *from, struct timers *to)
{
    int error = 0;
    lock_take(&from->lock);
    lock_take(&to->lock); /* order: whoever holds two has the spares' lock */
    while (!error && from->count) {
        struct timer *t = from->heap[from->count - 1].timer;
        error = insert(to, t);
        if (!error)
            from->count--;
    }
    give_back(from);
    note_earliest(from);
    lock_drop(&to->lock);
    lock_drop(&from->lock);
    return error;
}
