/* SPDX-License-Identifier: MIT */
/* steal - taking work from other procs.
 * Job:    choose victims in a random order, take half of a ring, else a burst of the oldest new tasks, else due timers.
 * Holds:  what is stolen is in the thief's own queues, or returned, before anything else happens (P2).
 * Why:    a random start with a stride coprime to the number of procs visits each victim once, without a list.
 */
#include "base/os.h"
#include "sched/proc.h"

#define ROUNDS 4
#define BURST 32

static uint32_t gcd(uint32_t a, uint32_t b) { return b ? gcd(b, a % b) : a; }

static void note_theft(struct proc *p, uint64_t n, const struct proc *victim)
{
    atom_count(&p->n.steals);
    atom_count_by(&p->n.stolen, n);
    rest_note_work(p);
    if (proc_watched(p))
        debug_steals(p, n, victim);
}

/* Half of the victim's new tasks, oldest first; one is returned. */
static struct task *steal_fresh(struct proc *p, struct proc *victim)
{
    int64_t want = (fresh_length(&victim->fresh) + 1) / 2;
    struct task *got = NULL, *t;
    uint64_t n = 0;
    for (; n < BURST && (int64_t)n < want && (t = fresh_steal(&victim->fresh)); n++) {
        if (got)
            queue_push(p, got);
        got = t;
    }
    if (n)
        note_theft(p, n, victim);
    return got;
}

/* The door is entered. */
static struct task *steal_queued(struct proc *p, struct proc *victim)
{
    /* runq_steal wants room: a timer that was run on the way may have filled our own ring. */
    uint32_t n = runq_length(&victim->ring) && !runq_length(&p->ring) ? runq_steal(&victim->ring, &p->ring) : 0;
    if (n) {
        note_theft(p, n, victim);
        return runq_pop_owner(&p->ring, false);
    }
    return fresh_length(&victim->fresh) ? steal_fresh(p, victim) : NULL;
}

static struct task *steal_from(struct proc *p, struct proc *victim)
{
    if (!runq_length(&victim->ring) && !fresh_length(&victim->fresh))
        return NULL;
    if (!door_enter(victim)) {
        os_back_off(0); /* who is inside may wait for this processor */
        return NULL;
    }
    struct task *t = steal_queued(p, victim);
    door_leave(victim);
    return t;
}

struct task *steal_work(struct worker *w)
{
    struct proc *p = w->proc;
    uint32_t procs = atom_load_acq(&rt.reach); /* [R made] pairs with extend; those not in use may still have tasks */
    for (int round = 0; round < ROUNDS && procs > 1; round++) {
        uint32_t at = random_next(&p->random) % procs, stride = random_next(&p->random) % procs;
        while (gcd(stride, procs) != 1)
            stride = (stride + 1) % procs;
        for (uint32_t i = 0; i < procs; i++, at = (at + stride) % procs) {
            struct proc *victim = rt.proc[at];
            if (victim == p)
                continue;
            struct task *t = steal_from(p, victim);
            if (t)
                return t;
            if (round == ROUNDS - 1 && timers_earliest(&victim->timers) != INT64_MAX) {
                int fired = timers_run(&victim->timers, os_now());
                timers_armed(victim); /* by their functions, perhaps */
                /* Its owner may have gone to sleep without the one that armed itself again. */
                if (fired && timers_earliest(&victim->timers) != INT64_MAX)
                    idle_wake(rt.worker[at]);
            }
        }
        struct task *t = worker_quick_next(w);
        if (t || runq_length(&p->ring) || fresh_length(&p->fresh)) /* runq_steal wants room in our own ring */
            return t;
        cpu_relax();
    }
    return NULL;
}

bool steal_possible(void)
{
    uint32_t procs = atom_load_acq(&rt.reach); /* [R made] as above */
    for (uint32_t i = 0; procs > 1 && i < procs; i++)
        if (runq_length(&rt.proc[i]->ring) || fresh_length(&rt.proc[i]->fresh))
            return true;
    return false;
}
