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
#define FEW 16
#define MEASURE_AGAIN 64 /* efforts that have paid, until what the others do alone is measured again */

/* Searches of all procs. */
static uint64_t count_all(void)
{
    uint64_t sum = 0;
    uint32_t reach = atom_load_acq(&rt.reach); /* [R made] pairs with extend */
    for (uint32_t i = 0; i < reach; i++)
        sum += atom_load_rlx(&rt.proc[i]->tick); /* rlx: only compared */
    return sum;
}

/* In a time that is long enough to tell; 1 at least. */
static uint64_t rate(uint64_t searches, int64_t ns) { return (searches << 20) / (uint64_t)ns + 1; }

/* Workers that are neither asleep nor at rest, this one among them; a guess. */
static uint32_t awake(void)
{
    uint32_t procs = atom_load_rlx(&rt.procs);                                        /* rlx: all of it only a guess */
    uint32_t away = atom_load_rlx(&rt.idle.asleep) + atom_load_rlx(&rt.idle.resting); /* rlx: as above */
    return procs > away ? procs - away : 0;
}

void rest_note_work(struct proc *p)
{
    if (p->effort.since || atom_load_rlx(&rt.alone)) /* rlx: a hint */
        return;
    p->effort.since = os_now();
    p->effort.all = count_all();
    p->effort.own = atom_load_rlx(&p->tick); /* rlx: our own */
}

/* What it did while others worked, too, tells something; and a few searches tell nothing. */
static bool tells(uint64_t own, uint64_t all) { return own >= FEW && all - own >= own / 4; }

/* It adds a quarter of a fair share at least. */
static bool was_of_use(struct effort *e, uint64_t with)
{
    uint32_t present = awake(), others = present > 1 ? present - 1 : 0;
    if (!e->without || !others || with < e->without + e->without / (4 * others))
        return false;
    return ++e->paid < MEASURE_AGAIN;
}

static void rest(struct worker *w, uint32_t summons, int64_t now)
{
    struct proc *p = w->proc;
    int64_t length = atom_load_rlx(&p->rest) * 2, timer = timers_earliest(&p->timers); /* rlx: our own */
    length = length < REST_MIN ? REST_MIN : length > REST_MAX ? REST_MAX : length;
    atom_store_rlx(&p->rest, length); /* rlx: our own */
    uint64_t before = count_all();
    atom_store_rlx(&w->resting, 1); /* rlx: for the monitor, a hint */
    os_futex_wait(&p->summons, summons, timer < now + length ? timer : now + length);
    atom_store_rlx(&w->resting, 0); /* rlx: as above */
    int64_t rested = os_now() - now;
    if (rested < REST_MIN / 2)
        return;
    p->effort.without = rate(count_all() - before, rested);
    p->effort.paid = 0;
}

bool rest_when_useless(struct worker *w)
{
    struct proc *p = w->proc;
    struct effort *e = &p->effort;
    if (!e->since)
        return false;
    int64_t now = os_now(), work = now - e->since;
    uint64_t own = atom_load_rlx(&p->tick) - e->own, all = count_all() - e->all; /* rlx: our own */
    e->since = 0;
    if (work >= (int64_t)own * atom_load_rlx(&rt.theft_pays)) { /* rlx: a setting */
        atom_store_rlx(&p->rest, 0);                            /* rlx: our own */
        return false;
    }
    if (!tells(own, all))
        return false;
    if (was_of_use(e, rate(all, work))) {
        atom_store_rlx(&p->rest, 0); /* rlx: our own */
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
