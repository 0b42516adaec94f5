/* SPDX-License-Identifier: MIT */
/* deadline - until when reads and writes of a descriptor may wait.
 * Job:    mote_set_deadline, and the timer that ends the waits.
 * Holds:  D9 of desc.h. T1 who has set `arming` is the only one that sets the timer; its function may set it again itself.
 *         T2 `armed` is never later than the earliest deadline of a side where somebody waits, or somebody is on his way to arm it.
 * Why:    the usual deadline is set anew for each request, and hardly ever comes: the timer fires once in as long as a deadline is
 *         away, sees that it has been put off, and arms itself again. Only an earlier one has to take the timer back.
 */
#include "io/desc.h"

#include <errno.h>
#include <fcntl.h>

struct timers_chunk {
    struct timer timer[DESC_CHUNK];
};
static _Atomic(struct timers_chunk *) chunks[DESC_CHUNKS];

/* NULL: no memory. */
static struct timer *timer_of(int fd)
{
    _Atomic(struct timers_chunk *) *at = &chunks[fd / DESC_CHUNK];
    struct timers_chunk *chunk = atom_load_acq(at), *made; /* [D timers] pairs with the swap below */
    if (!chunk && (made = os_pages(sizeof *made, 4096))) {
        if (atom_cas_acq_rel(at, &chunk, made)) /* [D timers] zeroed pages -> the load above */
            chunk = made;
        else
            os_release(made, sizeof *made);
    }
    return chunk ? &chunk->timer[fd % DESC_CHUNK] : NULL;
}

/* Lock held: of the sides where somebody waits, or, with all, of both. 0: none. */
static int64_t earliest(const struct desc *d, bool all)
{
    int64_t when = 0;
    for (int i = 0; i < 2; i++) {
        int64_t deadline = atom_load_rlx(&d->side[i].deadline); /* rlx: under the lock */
        if (deadline && (all || d->side[i].queue.first) && (!when || deadline < when))
            when = deadline;
    }
    return when;
}

static void on_deadline(struct timer *t)
{
    struct desc *d = t->arg;
    struct waitq taken[2] = {0};
    lock_take(&d->lock);
    for (int i = 0; i < 2; i++)
        if (desc_is_late(&d->side[i]))
            taken[i] = desc_take(&d->side[i], -ETIMEDOUT);
    d->armed = earliest(d, false);
    if (d->armed) { /* T1: who is about to set it takes this back first */
        t->when = d->armed;
        t->again = true;
    }
    lock_drop(&d->lock);
    for (int i = 0; i < 2; i++)
        selection_ready_all(taken[i]);
}

/* T1. Somebody else may be at it: then waits for him. False: there is nothing to do any more. */
static bool begin_arming(struct desc *d)
{
    for (unsigned tries = 0;; tries++) {
        lock_take(&d->lock);
        int64_t when = earliest(d, true);
        bool wanted = when && (!d->armed || d->armed > when), busy = d->arming;
        if (wanted && !busy)
            d->arming = true;
        lock_drop(&d->lock);
        if (!wanted || !busy)
            return wanted;
        os_back_off(tries);
    }
}

/* T2: `armed` is said before the timer can fire, and say something else. */
static int64_t say_armed(struct desc *d)
{
    lock_take(&d->lock);
    int64_t when = d->armed = earliest(d, true);
    lock_drop(&d->lock);
    return when;
}

/* Without memory for the timer nobody may wait who has a deadline: some may have begun to since it was said to be armed (T2). */
static int end_arming(struct desc *d, int error)
{
    struct waitq taken[2] = {0};
    lock_take(&d->lock);
    bool tells = desc_begin_telling(d);
    d->arming = false;
    if (error < 0)
        d->armed = 0;
    for (int i = 0; i < 2 && error < 0; i++)
        if (atom_load_rlx(&d->side[i].deadline)) /* rlx: under the lock */
            taken[i] = desc_take(&d->side[i], error);
    lock_drop(&d->lock);
    desc_tell(taken, tells);
    return error;
}

int desc_arm(struct desc *d, int fd)
{
    struct timer *t = timer_of(fd);
    if (!t)
        return -ENOMEM;
    if (!begin_arming(d))
        return 0;
    if (t->fire) /* it has been set before */
        timer_cancel(t);
    int64_t when = say_armed(d);
    *t = (struct timer){.when = when, .fire = on_deadline, .arg = d, .kind = TIMER_KEPT};
    atom_store_rlx(&t->fired, TIMER_OVER); /* rlx: nobody else has it */
    return end_arming(d, when ? sched_timer_add(t) : 0);
}

/* Who waits waits on, until the new one. A plain thread can't arm a timer without a runtime, but then no task waits. */
static int arm_for_waiters(struct desc *d, int fd)
{
    if (!sched_timers_hold())
        return 0;
    int error = desc_arm(d, fd);
    sched_timers_release();
    return error;
}

/* Then it is open. */
static bool is_ours(const struct desc *d)
{
    enum desc_kind kind = desc_kind_of(d);
    return kind != DESC_FOREIGN && kind != DESC_CLOSING;
}

PUBLIC int mote_set_deadline(int fd, unsigned sides, int64_t when)
{
    if (!sides || sides & ~(unsigned)(MOTE_READ | MOTE_WRITE))
        return -EINVAL;
    struct desc *d = desc_find(fd);
    if ((!d || !is_ours(d)) && fcntl(fd, F_GETFD) < 0)
        return -errno;
    if (!d && !(d = desc_get(fd)))
        return desc_error(fd);
    struct waitq taken[2] = {0};
    bool wanted = false;
    lock_take(&d->lock);
    bool tells = desc_begin_telling(d);
    for (unsigned i = 0; i < 2; i++) {
        struct side *s = &d->side[i];
        if (!(sides & 1u << i))
            continue;
        atom_store_rlx(&s->deadline, when == MOTE_FOREVER ? 0 : when < 1 ? 1 : when); /* rlx: under the lock */
        if (desc_is_late(s))
            taken[i] = desc_take(s, -ETIMEDOUT);
        wanted |= s->queue.first != NULL;
    }
    wanted = wanted && when != MOTE_FOREVER && !(d->armed && d->armed <= when);
    plain_tell(d->plain);
    lock_drop(&d->lock);
    desc_tell(taken, tells);
    return wanted ? arm_for_waiters(d, fd) : 0;
}
