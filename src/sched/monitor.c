/* SPDX-License-Identifier: MIT */
/* monitor - a thread that looks at all procs from outside, now and then.
 * Job:    what the procs leave undone for the sake of speed: it takes the next slot from a proc whose task doesn't park, wakes
 *         a sleeper when work lies in somebody's queues or a timer is due (D3), and sees which new task has waited long (N2).
 * Holds:  N4 a raid takes a task only if the slot's owner isn't at it: store raid, heavy barrier, look at busy. N5 while every
 *         worker sleeps the monitor sleeps too, without a timeout; whoever wakes up wakes it.
 * Why:    looking costs nothing to those who run. The pause doubles from 50 us to 2 ms while there is nothing to do, and is
 *         10 ms while nobody sleeps, for then there is nobody to wake.
 */
#include "base/os.h"
#include "sched/proc.h"

#include <errno.h>

#define PAUSE_MIN INT64_C(50000)
#define PAUSE_MAX INT64_C(2000000)
#define PAUSE_BUSY INT64_C(10000000)
#define QUIET_ROUNDS 10
#define BIAS_LOOKS 3
#define OLD INT64_C(10000000) /* ns that a new task waits before it is favoured */
#define GRANTS 1

/* What was seen of each proc at the last look. */
static struct {
    uint32_t tick;
    int64_t top; /* of its new tasks: stands still while the oldest waits */
    int64_t top_since;
} last[MAX_PROCS];

/* Takes what lies in p's next slot; NULL when it is empty or the owner is at it. */
static struct task *next_raid(struct proc *p)
{
    if (!atom_load_rlx(&p->next)) /* rlx: a hint */
        return NULL;
    if (!rt.asymmetric)
        return atom_swap_seq(&p->next, NULL); /* [N next] as in next_swap_owner */
    struct task *t = NULL;
    atom_or_seq(&p->summons, SUMMONS_RAID); /* [N raid] store raid, then look at busy; pairs with next_swap_owner */
    os_barrier_heavy();
    if (!atom_load_acq(&p->next_busy)) { /* [N raid] */
        t = atom_load_acq(&p->next);     /* [N next] pairs with next_swap_owner */
        atom_store_rlx(&p->next, NULL);  /* rlx: the next store releases it */
    }
    atom_and_seq(&p->summons, ~SUMMONS_RAID); /* [N raid] our stores -> the owner */
    return t;
}

/* N2: grants turns to p's oldest new tasks when the oldest has not changed for long. */
static void favour_oldest(struct proc *p)
{
    int64_t top = atom_load_rlx(&p->fresh.top), now = os_now(); /* rlx: only compared */
    if (top != last[p->number].top || !fresh_length(&p->fresh)) {
        last[p->number].top = top;
        last[p->number].top_since = now;
    } else if (now - last[p->number].top_since >= OLD) {
        last[p->number].top_since = now;
        atom_store_rlx(&p->grants, GRANTS); /* rlx: a number of turns, no protocol */
    }
}

/* One look at one proc. True: there was something to do. */
static bool look_at(struct proc *p)
{
    uint32_t tick = atom_load_rlx(&p->tick); /* rlx: only compared */
    bool still = tick == last[p->number].tick;
    last[p->number].tick = tick;
    favour_oldest(p);
    struct task *t = still ? next_raid(p) : NULL;
    if (t) {
        globq_push(&rt.global, t, t, 1);
        idle_wake_one();
        return true;
    }
    if (runq_length(&p->ring) || fresh_length(&p->fresh) || timers_earliest(&p->timers) <= os_now()) {
        idle_wake_one();
        return true;
    }
    return false;
}

static bool look_at_all(void)
{
    bool useful = false;
    uint32_t procs = atom_load_acq(&rt.made); /* [R made] those not in use may still have tasks */
    for (uint32_t i = 0; i < procs; i++)
        useful |= look_at(rt.proc[i]);
    if (globq_count(&rt.global))
        idle_wake_one();
    return useful;
}

/* The one worker that is awake, if it is one; NULL else. */
static struct worker *only_one_awake(void)
{
    struct worker *one = NULL;
    uint32_t made = atom_load_acq(&rt.made), awake = 0; /* [R made] pairs with make_procs */
    lock_take(&rt.idle.lock);
    for (uint32_t i = 0; i < made; i++)
        if (!rt.worker[i]->asleep && !rt.worker[i]->retired &&
            !atom_load_rlx(&rt.worker[i]->resting)) { /* rlx: a hint */
            one = rt.worker[i];
            awake++;
        }
    lock_drop(&rt.idle.lock);
    return awake == 1 ? one : NULL;
}

static uint64_t wakes(void)
{
    uint64_t n = 0;
    uint32_t procs = atom_load_acq(&rt.made); /* [R made] as above */
    for (uint32_t i = 0; i < procs; i++)
        n += atom_load_rlx(&rt.proc[i]->n.wakes); /* rlx: only compared */
    return n;
}

/* The bias goes to a worker that has been the only one awake for some looks in a row (base/lock.h). True: soon, perhaps. */
static bool consider_bias(void)
{
    static struct worker *last;
    static uint64_t last_wakes;
    static int looks;
    uint64_t now = wakes();
    bool free = rt.asymmetric && !atom_load_seq(&lock_bias_active); /* [L bias] only a hint */
    struct worker *one = free ? only_one_awake() : NULL;
    looks = one && one == last && now == last_wakes ? looks + 1 : 0;
    last = one;
    last_wakes = now;
    if (looks < BIAS_LOOKS)
        return one != NULL;
    lock_bias_begin(&one->self);
    return false;
}

/* [W monitor] the look after the announcement. All workers, not the procs in use: one whose proc has gone may still have a task
 * that spins, and another in its next slot. */
static bool all_asleep(void)
{
    uint32_t workers = atom_load_seq(&rt.live_workers);                                 /* [W monitor] */
    return atom_load_seq(&rt.idle.asleep) + atom_load_seq(&rt.idle.retired) >= workers; /* [W monitor] */
}

/* N5: announce, then look; pairs with monitor_wake. */
static void sleep_until_woken(void)
{
    atom_store_seq(&rt.monitor_asleep, 1); /* [W monitor] announce, then look at the workers */
    while (atom_load_seq(&rt.monitor_asleep) && all_asleep() &&
           atom_load_seq(&rt.state) != RUNTIME_ENDING) /* [W monitor] */
        os_futex_wait(&rt.monitor_asleep, 1, INT64_MAX);
    atom_store_seq(&rt.monitor_asleep, 0); /* [W monitor] awake again */
}

static void *monitor_main(void *arg)
{
    int64_t pause = PAUSE_MIN;
    int quiet = 0;
    while (atom_load_seq(&rt.state) != RUNTIME_ENDING) { /* seq: the end wakes us after storing it */
        _Atomic uint32_t never = 0;
        os_futex_wait(&never, 0, os_now() + pause);
        if (all_asleep()) {
            if (++quiet >= QUIET_ROUNDS) {
                sleep_until_woken();
                quiet = 0;
            }
            pause = PAUSE_MAX;
        } else if (atom_load_seq(&rt.idle.asleep) == 0) { /* seq: only a measure */
            look_at_all(); /* nobody to wake, but a task that polls finds what is raided */
            pause = consider_bias() ? PAUSE_MIN : PAUSE_BUSY;
        } else {
            quiet = 0;
            consider_bias();
            pause = look_at_all() ? PAUSE_MIN : pause * 2 > PAUSE_MAX ? PAUSE_MAX : pause * 2;
        }
    }
    return arg;
}

void monitor_wake(void)
{
    if (LIKELY(
            !atom_load_seq(&rt.monitor_asleep))) /* [W monitor] we are awake, now look; pairs with sleep_until_woken */
        return;
    atom_store_seq(&rt.monitor_asleep, 0); /* [W monitor] awake again */
    os_futex_wake(&rt.monitor_asleep, 1);
}

int monitor_start(void)
{
    if (rt.has_monitor)
        return 0;
    int error = pthread_create(&rt.monitor, NULL, monitor_main, NULL);
    rt.has_monitor = error == 0;
    return -error;
}

void monitor_stop(void)
{
    if (!rt.has_monitor)
        return;
    monitor_wake();
    pthread_join(rt.monitor, NULL);
    rt.has_monitor = false;
}
