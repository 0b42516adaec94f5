/* SPDX-License-Identifier: MIT */
/* rest - whether one more worker is of use.
 * Job:    see rest.h.
 * Holds:  RE1-RE3.
 * Why:    a fixed time for each task that makes sharing worth while can't be right: what it costs to share depends on what the tasks have
 *         in common, and what it brings on how many processors there are.
 */
#include "sched/rest.h"

#include "base/os.h"
#include "sched/proc.h"

#define REST_MIN INT64_C(100000) /* ns */
#define REST_MAX INT64_C(2000000)
#define REST_LONG INT64_C(800000) /* in which a bias pays for its end */
#define FEW 16
#define MEASURE_AGAIN 64 /* efforts that have paid, until what the others do alone is measured again */

/* What a proc has got done: searches, and the tasks that it has started, which a long loop does without a search. */
static uint64_t done_by(const struct proc *p)
{
    return atom_load_rlx((_Atomic uint64_t *)&p->tick) +     /* rlx: only compared */
           atom_load_rlx((_Atomic uint64_t *)&p->n.spawned); /* rlx: as above */
}

static uint64_t done_by_all(void)
{
    uint64_t sum = 0;
    uint32_t made = atom_load_acq(&rt.made); /* [R made] pairs with extend; all of them, so that the sum never falls */
    for (uint32_t i = 0; i < made; i++)
        sum += done_by(rt.proc[i]);
    return sum;
}

/* In a time that is long enough to tell; 1 at least. */
static uint64_t rate(uint64_t done, int64_t ns) { return (done << 20) / (uint64_t)ns + 1; }

/* Workers that are neither asleep nor at rest, this one among them; a guess. */
static uint32_t awake(void)
{
    uint32_t procs = atom_load_rlx(&rt.procs);                                        /* rlx: all of it only a guess */
    uint32_t away = atom_load_rlx(&rt.idle.asleep) + atom_load_rlx(&rt.idle.resting); /* rlx: as above */
    return procs > away ? procs - away : 0;
}

void rest_note_work(struct proc *p)
{
    if (p->effort.since || atom_load_rlx(&rt.procs) == 1) /* rlx: a hint */
        return;
    p->effort.since = os_now();
    p->effort.all = done_by_all();
    p->effort.own = done_by(p);
}

/* It adds a quarter of a fair share at least. The little that it got may tell nothing of that, but to be woken for as little would cost
 * others more. */
static bool was_of_use(struct effort *e, uint64_t own, uint64_t all, int64_t work)
{
    uint32_t present = awake(), others = present > 1 ? present - 1 : 0;
    if (all - own < own / 4) /* they do nothing */
        return true;
    if (own < FEW || !e->without || !others || rate(all, work) < e->without + e->without / (UINT64_C(4) * others))
        return false;
    return ++e->paid < MEASURE_AGAIN;
}

/* Locks cost the one that is left least when they are biased to it (base/lock.h), and its bias lasts at least until we are back. */
static void favour_last(void)
{
    struct worker *one =
        rt.asymmetric && !atom_load_seq(&lock_bias_active) ? monitor_only_one_awake() : NULL; /* [L bias] a hint */
    if (one)
        lock_bias_begin(&one->self);
}

static void rest(struct worker *w, uint32_t summons, int64_t now)
{
    struct proc *p = w->proc;
    int64_t length = atom_load_rlx(&p->rest) * 2, timer = timers_earliest(&p->timers); /* rlx: our own */
    length = length < REST_MIN ? REST_MIN : length > REST_MAX ? REST_MAX : length;
    atom_store_rlx(&p->rest, length); /* rlx: our own */
    uint64_t before = done_by_all();
    atom_store_rlx(&w->resting, 1); /* rlx: for the monitor, a hint */
    if (length >= REST_LONG)
        favour_last();
    os_futex_wait(&p->summons, summons, timer < now + length ? timer : now + length);
    atom_store_rlx(&w->resting, 0); /* rlx: as above */
    int64_t rested = os_now() - now;
    if (rested < REST_MIN / 2)
        return;
    p->effort.without = rate(done_by_all() - before, rested);
    p->effort.paid = 0;
}

bool rest_when_useless(struct worker *w)
{
    struct proc *p = w->proc;
    struct effort *e = &p->effort;
    if (!e->since)
        return false;
    int64_t now = os_now(), work = now - e->since;
    uint64_t own = done_by(p) - e->own, all = done_by_all() - e->all;
    e->since = 0;
    if (work >= (int64_t)own * atom_load_rlx(&rt.theft_pays) || was_of_use(e, own, all, work)) { /* rlx: a setting */
        atom_store_rlx(&p->rest, 0);                                                             /* rlx: our own */
        return false;
    }
    uint32_t summons = atom_load_acq(&p->summons); /* [A attention] as in find_work */
    if (summons & SUMMONS_ATTENTION)
        return true;
    atom_add_seq(&rt.idle.resting, 1); /* seq: then look who is left */
    if (awake() > 0)
        rest(w, summons, now);
    atom_sub_seq(&rt.idle.resting, 1); /* seq: as above */
    return true;
}
