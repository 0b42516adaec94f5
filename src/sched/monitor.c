/* SPDX-License-Identifier: MIT */
/* monitor - a thread that looks at all procs from outside, now and then.
 * Job:    what the procs leave undone for the sake of speed: it takes the next slot from a proc whose task doesn't park, wakes
 *         a sleeper when work lies in somebody's queues or a timer is due (D3), and sees which new task has waited long (N2).
 *         It also finds workers that a task holds up while others wait, and has them replaced (spare.c).
 * Holds:  N4 a raid takes a task only if the slot's owner isn't at it: store raid, heavy barrier, look at busy. N5 while every
 *         worker sleeps the monitor sleeps too, without a timeout; whoever wakes up wakes it.
 *         N6 when work waits and no worker is free for it, a proc whose tick has stood still for 10 ms gets a spare in its place.
 * Why:    looking costs nothing to those who run. The pause doubles from 50 us to 2 ms while there is nothing to do, and is
 *         10 ms while nobody sleeps, for then there is nobody to wake.
 */
#include "base/os.h"
#include "sched/polling.h"
#include "sched/proc.h"

#include <errno.h>

#define PAUSE_MIN INT64_C(50000)
#define PAUSE_MAX INT64_C(2000000)
#define PAUSE_BUSY INT64_C(10000000)
#define QUIET_ROUNDS 10
#define TRIM_EVERY INT64_C(250000000)
#define BIAS_LOOKS 3
#define OLD INT64_C(10000000) /* ns that a new task waits before it is favoured */
#define GRANTS 1

#define STUCK_AFTER INT64_C(10000000) /* ns that a task may go without calling mote while others wait */
#define STUCK_DOUBLINGS 7

/* What was seen of each proc at the last look. */
static struct {
    uint64_t tick;
    uint64_t look; /* when it was looked at */
    int64_t since; /* that it stands still */
    int64_t top;   /* of its new tasks: stands still while the oldest waits */
    int64_t top_since;
} last[MAX_WORKERS];
static uint64_t this_look; /* they are counted */

struct task *next_raid(struct proc *p)
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
    uint64_t tick = atom_load_rlx(&p->tick); /* rlx: only compared */
    bool still = tick == last[p->number].tick;
    bool seen = last[p->number].look + 1 == this_look; /* a spare that has just begun hasn't stood still before */
    last[p->number].tick = tick;
    last[p->number].look = this_look;
    if (!still || !seen || !proc_in_use(p))
        last[p->number].since = os_now();
    if (still)
        spare_look(p);
    favour_oldest(p);
    struct task *t = still ? next_raid(p) : NULL;
    if (t) {
        if (atom_load_rlx(&rt.watchers)) /* rlx: a late look tells a little less */
            debug_raid(p, t);
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
    uint32_t procs = atom_load_acq(&rt.reach); /* [R made] those not in use may still have tasks */
    this_look++;
    for (uint32_t i = 0; i < procs; i++)
        useful |= look_at(rt.proc[i]);
    if (globq_count(&rt.global))
        idle_wake_one();
    return useful;
}

static bool work_waits(void)
{
    uint32_t made = atom_load_acq(&rt.reach); /* [R made] as above */
    for (uint32_t i = 0; i < made; i++) {
        struct proc *p = rt.proc[i];
        if (runq_length(&p->ring) || fresh_length(&p->fresh) || timers_earliest(&p->timers) <= os_now())
            return true;
    }
    return globq_count(&rt.global) > 0;
}

/* Whether the thread has been replaced for being stuck, and computes. */
static bool computes(struct worker *w)
{
    uint32_t summons = atom_load_rlx(&w->proc->summons); /* rlx: a look now and then */
    return (summons & (SUMMONS_REPLACED | SUMMONS_BLOCKING)) == SUMMONS_REPLACED &&
           os_thread_runs(atom_load_rlx(&w->tid)); /* rlx: a hint */
}

static uint32_t count_computing(void)
{
    uint32_t made = atom_load_acq(&rt.made), n = 0; /* [R made] as above */
    for (uint32_t i = 0; i < made; i++)
        n += computes(rt.worker[i]);
    return n;
}

/* N6. While more compute already than there are procs, the next one is given the longer: long tasks, one after the other, would
 * else all run at once in the end. */
static int64_t patience(uint32_t computing)
{
    uint32_t procs = atom_load_rlx(&rt.procs), over = computing > procs ? computing - procs : 0; /* rlx: a measure */
    return STUCK_AFTER << (over < STUCK_DOUBLINGS ? over : STUCK_DOUBLINGS);
}

/* N6. Nobody sleeps, or looks for work. */
static void look_for_stuck(void)
{
    if (idle_has_hands() || !work_waits())
        return;
    int64_t now = os_now();
    uint32_t made = atom_load_acq(&rt.made), computing = count_computing(); /* [R made] as above */
    for (uint32_t i = 0; i < made; i++) {
        struct worker *w = rt.worker[i];
        int64_t still = now - last[i].since;
        if (still < STUCK_AFTER || atom_load_rlx(&w->proc->summons) & SUMMONS_REPLACED) /* rlx: looked at again */
            continue;
        bool busy = os_thread_runs(atom_load_rlx(&w->tid)); /* rlx: a hint */
        if ((busy && still < patience(computing)) || !spare_replace_stuck(w))
            continue;
        computing += busy;
        spare_drain(w->proc);
    }
}

struct worker *monitor_only_one_awake(void)
{
    struct worker *one = NULL;
    uint32_t made = atom_load_acq(&rt.made), awake = 0; /* [R made] pairs with make_procs */
    lock_take(&rt.idle.lock);
    for (uint32_t i = 0; i < made; i++)
        if (!rt.worker[i]->asleep && !rt.worker[i]->retired && !atom_load_rlx(&rt.worker[i]->threadless) &&
            !atom_load_rlx(&rt.worker[i]->resting)) { /* rlx: hints */
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
    struct worker *one = free ? monitor_only_one_awake() : NULL;
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
bool monitor_all_asleep(void)
{
    uint32_t workers = atom_load_seq(&rt.live_workers);                                 /* [W monitor] */
    return atom_load_seq(&rt.idle.asleep) + atom_load_seq(&rt.idle.retired) >= workers; /* [W monitor] */
}

/* Those whose place was taken in a blocking section need no look, and wake us when they are back (V3 of spare.c). */
static bool may_sleep(void)
{
    uint32_t workers = atom_load_seq(&rt.live_workers); /* [W monitor] */
    return !atom_load_seq(&rt.spares.urgent) &&         /* [W monitor] */
           atom_load_seq(&rt.idle.asleep) + atom_load_seq(&rt.idle.retired) + atom_load_seq(&rt.spares.quiet) >=
               workers; /* [W monitor] */
}

/* N5: announce, then look; pairs with monitor_wake. Not if something has moved since `moves` was counted: a worker that came and went
 * during the look for a deadlock has spoilt that look, and nothing might ever cause another. */
static void sleep_until_woken(int64_t until, uint64_t moves)
{
    atom_store_seq(&rt.monitor_asleep, 1); /* [W monitor] announce, then look at the workers */
    while (atom_load_seq(&rt.monitor_asleep) && may_sleep() && !atom_load_seq(&rt.quit_asked) &&
           atom_load_seq(&rt.state) != RUNTIME_ENDING && os_now() < until && stall_moves() == moves) /* [W monitor] */
        os_futex_wait(&rt.monitor_asleep, 1, until);
    atom_store_seq(&rt.monitor_asleep, 0); /* [W monitor] awake again */
}

/* Once: whoever gave a function to be told goes on with the program as it is. */
static void tell_of_stall(void)
{
    if (rt.stall_told || !stalled())
        return;
    rt.stall_told = true;
    debug_on_stall();
}

_Atomic uint32_t switch_ticks;

void monitor_tick(void)
{
    atom_store_rlx(&switch_ticks, (uint32_t)(os_now() / WAIT_TICK) & WAIT_TICKS_MASK); /* rlx: a time */
}

static void *monitor_main(void *arg)
{
    int64_t pause = PAUSE_MIN, look, trim_at = 0;
    int quiet = 0;
    while (atom_load_seq(&rt.state) != RUNTIME_ENDING) { /* seq: the end wakes us after storing it */
        os_futex_wait(&rt.monitor_called, 0, os_now() + pause);
        atom_store_seq(&rt.monitor_called, 0); /* [W monitor] then look */
        monitor_tick();
        look = debug_on_look(os_now());
        if (UNLIKELY(atom_load_seq(&rt.quit_asked))) /* [W monitor] */
            debug_on_quit();
        polling_watch();
        spare_keep_up();
        if (os_now() >= trim_at) {
            memory_trim(false);
            trim_at = os_now() + TRIM_EVERY;
        }
        if (may_sleep()) {
            if (++quiet >= QUIET_ROUNDS && spare_wake_unused()) {
                quiet = 0;
            } else if (quiet >= QUIET_ROUNDS) {
                uint64_t moves = stall_moves();
                tell_of_stall();
                sleep_until_woken(look, moves);
                quiet = 0;
            }
            pause = PAUSE_MAX;
        } else if (atom_load_seq(&rt.idle.asleep) == 0) { /* seq: only a measure */
            look_at_all(); /* nobody to wake, but a task that polls finds what is raided */
            look_for_stuck();
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

void monitor_call(void)
{
    atom_store_seq(&rt.monitor_called, 1); /* [W monitor] what it is called for -> its look */
    os_futex_wake(&rt.monitor_called, 1);
    monitor_wake();
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
