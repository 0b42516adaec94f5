/* SPDX-License-Identifier: MIT */
/* worker - an OS thread that runs tasks.
 * Job:    choose what runs next: quickly, on the stack of the task that leaves (worker_quick_next), or thoroughly, on the
 *         worker's own stack (find_work).
 * Holds:  N1 at every fourth search the queues come before the next slot: a pair that talks to each other stays hot and
 *         starves nobody. N2 every 31st search is the global queue's turn; when the oldest new task has waited for 10 ms, as the
 *         monitor sees it, some of these turns are the oldest new tasks'. So none of them waits for ever. N3 woken tasks come
 *         before new ones, which would only add to what is half done, but for every fourth turn. N4 new tasks run newest first, but
 *         those of a task that has started more than the queue holds, and that start none themselves, run in the order in which they
 *         were started. That is the order of memory: when they are woken as a crowd, each is where the processor expects it.
 * Source: the order of search is Go's (findRunnable); newest first for new tasks is MassiveThreads'.
 * Not here: the switch itself (switch.c), victims (steal.c), sleeping (idle.c).
 */
#include "base/os.h"
#include "sched/polling.h"
#include "sched/proc.h"
#include "sched/sim.h"

#include <errno.h>

#define SLOW_SEARCH (SUMMONS_ATTENTION | SUMMONS_WATCHED | SUMMONS_SIMULATED | SUMMONS_BLOCKING | SUMMONS_REPLACED)
#define CROWD (RUNQ_MAX + FRESH_MAX) /* what the proc's own queues can hold: each of them was tried */
#define FAIR_TICKS 31
#ifndef DOOR_TICKS /* a model has others */
#define DOOR_TICKS 4096
#endif

static bool timer_due(struct proc *p)
{
    int64_t earliest = timers_earliest(&p->timers);
    return earliest != INT64_MAX && earliest <= os_now();
}

/* Both send a task to the worker's own stack, where it goes on at once if the proc is only watched. */
static bool worker_summoned(struct proc *p)
{
    return atom_load_rlx(&p->summons) & (SUMMONS_ATTENTION | SUMMONS_WATCHED); /* rlx: looked at again and again */
}

static bool is_fair_turn(const struct proc *p, uint64_t tick) { return (int32_t)((uint32_t)tick - p->fair_tick) >= 0; }

/* Timers and I/O go first, but only once in a fair turn: if there is always one due, the turn would never come. They are due until
 * find_work has seen to them; until then a search leaves tasks where they are. */
static bool goes_first(struct proc *p)
{
    return !p->timers_seen && (timer_due(p) || (polling_used() && polling_due()));
}

bool worker_wanted(struct proc *p)
{
    uint64_t tick = atom_load_rlx(&p->tick);                /* rlx: our own */
    return worker_summoned(p) || globq_count(&rt.global) || /* rlx: looked at again and again */
           (tick % 16 == 0 && timer_due(p)) || (is_fair_turn(p, tick) && goes_first(p));
}

static void prefetch_coming(struct runq *q)
{
    struct task *soon = runq_peek_owner(q, 0), *later = runq_peek_owner(q, 2);
    if (later)
        __builtin_prefetch(later);
    if (soon) {
        __builtin_prefetch(record_inline(soon));
        __builtin_prefetch((char *)record_inline(soon) + CACHE_LINE);
    }
}

/* An old new task is the root of a large branch: to start one now and then for fairness alone leaves thousands of branches half
 * done where a program forks and joins. Hence the monitor's leave. */
static struct task *take_oldest(struct proc *p)
{
    uint32_t grants = atom_load_rlx(&p->grants); /* rlx: a number of turns, no protocol */
    if (!grants || !(p->fair_oldest = !p->fair_oldest))
        return NULL;
    atom_store_rlx(&p->grants, grants - 1); /* rlx: as above */
    return fresh_length(&p->fresh) ? fresh_steal(&p->fresh) : NULL;
}

/* N4. Most likely it is the spawner that is alone in the global queue; but it may be another one. */
static bool spawner_can_wait(struct proc *p)
{
    bool can = p->in_order && p->left_out < FRESH_MAX / FAIR_TICKS && globq_count(&rt.global) == 1 &&
               fresh_length(&p->fresh) > p->fresh.capacity / 4;
    p->left_out = can ? p->left_out + 1 : 0;
    return can;
}

/* While the ring is long one at a time is enough: its tasks are in a near cache, those of a crowd in the global queue are not. Once it
 * is short it is filled again, from a crowd perhaps: the fewer are taken at once, the more often the lines of the queue, and of what
 * the crowd has in common, go from core to core. */
static struct task *take_share(struct proc *p)
{
    if (spawner_can_wait(p))
        return NULL;
    return ready_batch(p, runq_length(&p->ring) ? 1 : p->ring.capacity / 2);
}

/* N2 */
static struct task *fair_turn(struct proc *p, uint64_t tick)
{
    p->fair_tick = (uint32_t)tick + FAIR_TICKS;
    p->timers_seen = false;
    struct task *t = take_oldest(p);
    return t ? t : take_share(p);
}

/* N4 */
static inline struct task *take_fresh(struct proc *p, bool alone)
{
    if (LIKELY(!p->in_order))
        return fresh_pop_owner(&p->fresh, alone);
    struct task *t = fresh_pop_oldest_owner(&p->fresh, alone);
    if (!t)
        p->in_order = false;
    return t;
}

/* N3. While the door is shut (door.c) the queues are emptied without read-modify-writes. */
static ALWAYS_INLINE struct task *take_queued(struct proc *p)
{
    bool fresh_first = ++p->pops % 4 == 0;
    struct task *t = NULL;
    if (UNLIKELY(p->pops % DOOR_TICKS == 0))
        door_shut(p);
    atom_store_rlx(&p->next_busy, 1); /* [N door] store busy, look at the door; pairs with door_enter */
    atom_compiler_barrier();
    bool alone = atom_load_rlx(&p->shut); /* [N door] */
    if (fresh_first)
        t = take_fresh(p, alone);
    if (!t && (t = runq_pop_owner(&p->ring, alone)))
        prefetch_coming(&p->ring);
    if (!t && !fresh_first)
        t = take_fresh(p, alone);
    atom_store_rel(&p->next_busy, 0); /* [N door] what we took -> door_enter */
    return t;
}

/* N1. A new task in the next slot waits for woken ones only: the newest stays first. */
static struct task *take_before(struct proc *p, struct task *next)
{
    bool is_new = atom_load_rlx(&next->state) == TASK_NEW; /* rlx: ours */
    struct task *t = is_new ? runq_pop_owner(&p->ring, false) : take_queued(p);
    if (!t)
        return next;
    next_swap_owner(p, next);
    return t;
}

static NOINLINE struct task *take_next_slot(struct proc *p, uint64_t tick)
{
    struct task *next = next_swap_owner(p, NULL);
    if (next && tick % TURN == 0 && (runq_length(&p->ring) || fresh_length(&p->fresh)))
        return take_before(p, next);
    return next;
}

/* Of a watched proc tasks leave for the worker's own stack only: there is the one place where who watches sees what runs. The
 * search begins anew there, so this one isn't counted. A search is also the end of a section, and of having been replaced. */
static COLD bool goes_on(struct proc *p)
{
    struct worker *w = worker_self();
    bool watched = proc_watched(p);
    if (atom_load_rlx(&p->summons) & (SUMMONS_BLOCKING | SUMMONS_REPLACED)) /* rlx: our own, or looked at again */
        spare_came_back(p);
    if (watched && w->self.current != &w->base) {
        atom_store_rlx(&p->tick, atom_load_rlx(&p->tick) - 1); /* rlx: our own; the monitor only compares */
        debug_leaving(w);
        return false;
    }
    return !(atom_load_rlx(&p->summons) & SUMMONS_ATTENTION); /* rlx: looked at again and again */
}

struct task *worker_search(struct proc *p)
{
    struct task *t;
    uint64_t tick = atom_load_rlx(&p->tick);       /* rlx: our own */
    uint32_t summons = atom_load_rlx(&p->summons); /* rlx: looked at again and again */
    if (UNLIKELY(summons & SLOW_SEARCH)) {
        if (summons & SUMMONS_SIMULATED)
            return sim_next(p);
        if (!goes_on(p))
            return NULL;
    }
    if (UNLIKELY(is_fair_turn(p, tick))) {
        if (goes_first(p))
            return NULL;
        if ((t = fair_turn(p, tick)))
            return t;
    }
    if (atom_load_rlx(&p->next) && (t = take_next_slot(p, tick))) /* rlx: our own but for a raid, which empties it */
        return t;
    return take_queued(p);
}

uint64_t worker_hand_over(struct proc *p)
{
    struct task *first = NULL, **end = &first, *t, *last = NULL;
    uint64_t n = 0;
    while ((t = next_swap_owner(p, NULL)) || (t = runq_pop_owner(&p->ring, false)) ||
           (t = fresh_pop_owner(&p->fresh, false))) {
        *end = last = t;
        end = &t->next;
        n++;
    }
    if (n)
        globq_push(&rt.global, first, last, n);
    return n;
}

/* All that waits on this proc goes to the others. Timers for which there is no memory there stay (the next call tries again),
 * but not those that are due. */
static void hand_over(struct proc *p)
{
    timers_run(&p->timers, os_now());
    worker_hand_over(p);
    spare_give_timers(p);
    idle_wake_one();
}

/* Also when the runtime ends: either way its worker must not sleep. */
static bool in_use(const struct proc *p)
{
    return proc_in_use(p) ||
           atom_load_seq(&rt.state) >= RUNTIME_ENDING; /* [A attention] also when it was left behind */
}

/* Until it is in use again, a timer is due that nobody else could take, or its time has come. */
static void await_use(struct proc *p, int64_t until)
{
    uint32_t summons;
    while (!((summons = atom_load_acq(&p->summons)) & SUMMONS_ATTENTION) && /* [A attention] pairs with proc_summon */
           os_now() < until)
        os_futex_wait(&p->summons, summons, until);
    atom_and_seq(&p->summons, ~SUMMONS_ATTENTION); /* [A attention] as in attend */
}

/* This proc is not in use any more: its worker sleeps. Who was woken for some work leaves it to another. False: its thread is to
 * end, since it has slept for long. */
static bool retire(struct worker *w)
{
    struct proc *p = w->proc;
    slab_flush(&record_slab, &p->records, 0);
    slab_flush(&wait_slab, &p->waits, 0);
    block_flush(&p->blocks);
    home_cache_flush(&p->home_cache);
    idle_end_search(w, true);
    idle_set_retired(w, true);
    if (atom_load_seq(&p->summons) & SUMMONS_REPLACED) /* seq: not set any more once it has retired */
        spare_came_back(p);
    bool stays = true;
    int64_t end = os_now() + atom_load_rlx(&rt.spares.patience); /* rlx: a setting */
    while (stays && !in_use(p)) {
        hand_over(p);
        spare_retired();
        int64_t timer = timers_earliest(&p->timers);
        await_use(p, timer < end ? timer : end);
        if (os_now() < end)
            continue;
        stays = timer != INT64_MAX;
        end = os_now() + atom_load_rlx(&rt.spares.patience); /* rlx: as above */
    }
    idle_set_retired(w, false);
    w->leaves = !stays;
    return stays;
}

/* False: its thread is to end. */
static bool attend(struct worker *w)
{
    struct proc *p = w->proc;
    if (UNLIKELY(atom_load_rlx(&rt.forked))) /* rlx: set by this thread */
        forked_refuse();
    atom_and_seq(&p->summons, ~SUMMONS_ATTENTION);  /* [A attention] taken back before the reasons are looked at */
    if (atom_load_seq(&rt.state) >= RUNTIME_ENDING) /* [A attention] or it was left behind */
        return false;
    if (!proc_in_use(p) && spare_retire(p) && !retire(w))
        return false;
    return atom_load_seq(&rt.state) < RUNTIME_ENDING; /* [A attention] */
}

static struct task *take_global(struct proc *p)
{
    uint64_t share = globq_count(&rt.global) / atom_load_rlx(&rt.procs) + 1,
             half = p->ring.capacity / 2; /* rlx: a measure */
    return ready_batch(p, share < half ? share : half);
}

/* worker_quick_next may leave tasks where they are, when it wants the worker's own stack to look up first. */
static bool has_tasks(struct proc *p)
{
    return atom_load_rlx(&p->next) || runq_length(&p->ring) || fresh_length(&p->fresh); /* rlx: our own */
}

static void run_timers(struct proc *p)
{
    int n = timers_run(&p->timers, os_now());
    if (n && proc_watched(p))
        debug_timers(p, n);
}

static struct task *find_work(struct worker *w)
{
    struct proc *p = w->proc;
    for (;;) {
        uint32_t summons = atom_load_acq(&p->summons); /* [A attention] with proc_summon */
        if (UNLIKELY(summons & (SUMMONS_ATTENTION | SUMMONS_SIMULATED))) {
            if (summons & SUMMONS_SIMULATED)
                return sim_find_work(p);
            if (!attend(w))
                return NULL;
        }
        if (timer_due(p))
            run_timers(p);
        if (polling_used() && polling_due())
            polling_look(p);
        p->timers_seen = true;
        if (UNLIKELY(p->starved || p->crowded > CROWD)) {
            p->starved = false;
            os_back_off(UINT32_MAX);
        }
        struct task *t = worker_quick_next(w);
        if (!t && !has_tasks(p) && !w->searching && rest_when_useless(w)) /* a searcher must not rest (D2) */
            continue;
        if (!t && !has_tasks(p))
            t = take_global(p);
        if (!t && !has_tasks(p) && polling_used() && polling_look(p))
            continue;
        if (!t && !has_tasks(p) && idle_start_search(w))
            t = steal_work(w);
        if (!t && has_tasks(p))
            continue;
        if (t) {
            idle_end_search(w, true);
            w->trimmed = false;
            return t;
        }
        p->crowded = 0;
        idle_sleep(w);
    }
}

static struct task *take_handed(struct worker *w)
{
    struct task *t = w->handed;
    w->handed = NULL;
    if (proc_watched(w->proc))
        debug_left(w);
    return t ? t : find_work(w);
}

void worker_loop_watched(struct worker *w)
{
    struct task *t;
    while ((t = take_handed(w))) {
        debug_worker_busy(true);
        switch_run(w, t);
        debug_worker_busy(false);
    }
}

void worker_loop(struct worker *w)
{
    struct task *t;
    while ((t = take_handed(w)))
        switch_run(w, t);
}

int sched_timer_add(struct timer *t)
{
    struct worker *w = worker_self();
    int error;
    if (w) {
        error = timer_add(&w->proc->timers, t);
        timers_armed(w->proc);
        return error;
    }
    if (!runtime_enter())
        return -ESHUTDOWN;
    error = timer_add(&rt.proc[0]->timers, t);
    timers_armed(rt.proc[0]);
    idle_wake_all(); /* the one that sleeps until its earliest timer must look again */
    runtime_leave();
    return error;
}
