/* SPDX-License-Identifier: MIT */
/* spare - workers that stand in for those that a blocking call, or a long computation, holds up.
 * Job:    mote_blocking_begin and mote_blocking_end; see to it that as many workers as rt.procs says can run tasks, whatever the
 *         others' tasks are at.
 * Holds:  V1 a proc is in use when rt.procs counts it, or when it stands in for one. A worker is away when its task is in a
 *         blocking section, or stuck, and this was seen to: SUMMONS_REPLACED says so to the worker, `away` to others. Whenever the
 *         lock is free, rt.procs workers are in use and not away, or `missing` says how many fewer; never more.
 *         V2 only the owner begins and ends a section (SUMMONS_BLOCKING); it is made away under the lock, by itself or another,
 *         while it is in one, or while the monitor finds it stuck and awake. Only the owner takes its place again, under the lock: at
 *         the end of the section, or in its next search. So the section is over when its task calls what may switch.
 *         V3 nothing waits on the proc of a worker that is away by its own word, and nobody need look at it (AWAY_QUIET): at its
 *         begin it hands over what waits there; from then on what it makes ready goes to the global queue (next_swap_summoned);
 *         and who arms a timer there looks afterwards whether its owner is away. Until all that is done, and while one is
 *         stuck (it may be in the middle of a push), it is AWAY_WATCHED: the monitor empties it again and again.
 *         V4 a spare that is not needed any more is told by SUMMONS_ATTENTION, and retires in its next search, with nothing left on
 *         its proc. If it sleeps it does so when it is woken, unless it is needed again by then; who wakes it in vain for some
 *         work loses nothing, for then as many others as may run do, or are woken in its place.
 *         V5 threads are begun by the monitor alone, and end in retirement, when no timer is left on their proc, and the worker isn't
 *         away: it may have been in use again for a moment, and been given some, or found stuck. Who arms one there later sees
 *         that it isn't in use, and one that has no thread is never made away.
 * Why:    the proc stays with its worker, as every entry into the library relies on that. To take it away would cost an atomic
 *         operation at each of them; to have one more in use costs nothing until somebody blocks.
 * Order:  the lock comes after those of objects and before the idle list's, the timers' and the global queue's.
 * Not here: when a task counts as stuck (monitor.c).
 */
#include "base/os.h"
#include "sched/proc.h"

#include <mote/task.h>

#include <errno.h>

enum away { AWAY_NOT, AWAY_WATCHED, AWAY_QUIET };

static bool in_section(const struct proc *p)
{
    return atom_load_seq(&((struct proc *)p)->summons) & SUMMONS_BLOCKING; /* seq: with the others of this word */
}

/* Lock held, here and up to balance. */
static bool has_thread(uint32_t i) { return !atom_load_rlx(&rt.worker[i]->threadless); } /* rlx: under the lock */

static void count_away(struct proc *p)
{
    rt.spares.away[p->number] = AWAY_WATCHED;
    atom_add_seq(&rt.spares.count, 1); /* seq: rare, and a statistic */
}

/* V2. False: the section is over, or it is away already. */
static bool count_declared(struct proc *p)
{
    uint32_t summons = atom_load_seq(&p->summons); /* [V replaced] as below */
    do
        if ((summons & (SUMMONS_BLOCKING | SUMMONS_REPLACED)) != SUMMONS_BLOCKING)
            return false;
    while (!atom_cas_seq(&p->summons, &summons,
                         summons |
                             SUMMONS_REPLACED)); /* [V replaced] -> the section's end; [V timers] then they are moved */
    count_away(p);
    return true;
}

/* Those that are in use and can run tasks. */
static uint32_t count_here(uint32_t made)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < made; i++)
        if (proc_in_use(rt.proc[i]) && !rt.spares.away[i] && !count_declared(rt.proc[i]))
            n++;
    return n;
}

/* One that has a thread, if possible. */
static struct proc *find_free(uint32_t made)
{
    struct proc *threadless = NULL;
    uint32_t procs = atom_load_seq(&rt.procs), end = procs + rt.spares.most; /* [A attention] as in proc_in_use */
    for (uint32_t i = procs; i < made && i < end; i++) {
        struct proc *p = rt.proc[i];
        if (proc_in_use(p) || rt.spares.away[i] || in_section(p))
            continue;
        if (has_thread(i))
            return p;
        threadless = threadless ? threadless : p;
    }
    return threadless;
}

/* Before n may have tasks. */
static void extend(uint32_t n)
{
    if (n > atom_load_rlx(&rt.reach)) /* rlx: under the lock */
        atom_store_seq(&rt.reach, n); /* [R made] proc -> thieves */
}

static bool send_one(uint32_t made)
{
    struct proc *p = find_free(made);
    if (!p)
        return false;
    extend(p->number + 1);
    atom_store_seq(&rt.spares.stands_in[p->number], true); /* [A attention] before it looks whether it is in use */
    proc_summon(p);
    return true;
}

/* V4. Whoever has no thread yet goes first. */
static void call_back_one(uint32_t made)
{
    uint32_t one = made;
    for (uint32_t i = made; i-- > 0;)
        if (atom_load_rlx(&rt.spares.stands_in[i]) && !rt.spares.away[i]) { /* rlx: under the lock */
            one = one == made || !has_thread(i) ? i : one;
        }
    if (one == made)
        return;
    atom_store_seq(&rt.spares.stands_in[one], false);       /* [A attention] as above */
    atom_or_seq(&rt.proc[one]->summons, SUMMONS_ATTENTION); /* [A attention] the reason -> attend */
}

/* To a worker that will look at them. False: some are left. */
static bool give_timers(struct proc *p, uint32_t made)
{
    for (uint32_t i = 0; timers_earliest(&p->timers) != INT64_MAX; i++) {
        while (i < made && (!proc_in_use(rt.proc[i]) || rt.spares.away[i] || !has_thread(i) || rt.proc[i] == p))
            i++;
        if (i == made || timers_move(&p->timers, &rt.proc[i]->timers) < 0)
            return false;
        idle_wake(rt.worker[i]); /* it sleeps until its own */
    }
    return true;
}

/* V3 */
static void make_quiet(struct proc *p, uint32_t made)
{
    if (rt.spares.away[p->number] != AWAY_WATCHED || !in_section(p) || !give_timers(p, made))
        return;
    rt.spares.away[p->number] = AWAY_QUIET;
    atom_add_seq(&rt.spares.quiet, 1); /* [W monitor] as asleep */
}

/* What only the monitor can do: a thread is to begin, or somebody's timers have found no place. */
static bool is_urgent(uint32_t made)
{
    uint32_t end = atom_load_seq(&rt.procs) + rt.spares.most; /* seq: changed by who calls balance afterwards */
    if (rt.spares.missing && made < end)
        return true;
    for (uint32_t i = 0; i < made; i++)
        if (rt.spares.away[i] == AWAY_WATCHED ? in_section(rt.proc[i]) : !has_thread(i) && proc_in_use(rt.proc[i]))
            return true;
    return false;
}

/* V1 */
static void balance(void)
{
    uint32_t made = atom_load_acq(&rt.made), procs = atom_load_seq(&rt.procs); /* [R made] and seq: as above */
    if (atom_load_seq(&rt.state) >= RUNTIME_ENDING)                            /* seq: nobody is needed any more */
        return;
    uint32_t here = count_here(made);
    for (; here > procs; here--)
        call_back_one(made);
    while (here < procs && send_one(made))
        here++;
    rt.spares.missing = procs - here;
    for (uint32_t i = 0; i < made; i++)
        make_quiet(rt.proc[i], made);
    bool urgent = is_urgent(made);
    atom_store_seq(&rt.spares.urgent, urgent); /* [W monitor] then it is called */
    if (urgent)
        monitor_call();
}

void spare_recount(void)
{
    lock_take(&rt.spares.lock);
    extend(atom_load_seq(&rt.procs));                       /* seq: as above */
    for (uint32_t i = 0; i < atom_load_seq(&rt.procs); i++) /* seq: as above */
        atom_store_seq(&rt.spares.stands_in[i], false);     /* [A attention] it is in use by its number now */
    balance();
    lock_drop(&rt.spares.lock);
}

void spare_came_back(struct proc *p)
{
    uint32_t before =
        atom_and_seq(&p->summons, ~SUMMONS_BLOCKING); /* [V replaced] then nobody makes us away; or somebody has */
    rt.worker[p->number]->blocking = 0;
    if (!(before & SUMMONS_REPLACED))
        return;
    lock_take(&rt.spares.lock);
    atom_and_seq(&p->summons, ~SUMMONS_REPLACED); /* seq: ours, under the lock */
    if (rt.spares.away[p->number] == AWAY_QUIET)
        atom_sub_seq(&rt.spares.quiet, 1); /* [W monitor] awake, now look whether the monitor is */
    rt.spares.away[p->number] = AWAY_NOT;
    atom_sub_seq(&rt.spares.count, 1); /* seq: as in count_away */
    balance();
    lock_drop(&rt.spares.lock);
    monitor_wake();
}

void spare_retired(void)
{
    lock_take(&rt.spares.lock);
    lock_take(&rt.idle.lock);
    uint32_t n = atom_load_rlx(&rt.reach); /* rlx: under the lock */
    while (n > atom_load_seq(&rt.procs) && !proc_in_use(rt.proc[n - 1]) &&
           (rt.worker[n - 1]->retired || !has_thread(n - 1))) /* seq: as above */
        n--;
    atom_store_seq(&rt.reach, n); /* [R made] as in extend */
    lock_drop(&rt.idle.lock);
    lock_drop(&rt.spares.lock);
}

bool spare_retire(struct proc *p)
{
    lock_take(&rt.spares.lock);
    balance(); /* V4: perhaps somebody has begun a section since it was called back */
    bool retires = !proc_in_use(p);
    lock_drop(&rt.spares.lock);
    return retires;
}

static bool may_end(struct worker *w)
{
    if (!control_try())
        return false;
    lock_take(&rt.spares.lock);
    bool ends =
        !proc_in_use(w->proc) &&                          /* [V timers] not in use, now look */
        !rt.spares.away[w->proc->number] &&               /* V5: only itself can take its place again */
        timers_earliest(&w->proc->timers) == INT64_MAX && /* V4: it may have been in use meanwhile, and be it no more */
        atom_load_seq(&rt.state) < RUNTIME_ENDING;        /* seq: under control */
    if (ends)
        atom_store_rlx(&w->threadless, true); /* rlx: under the lock */
    lock_drop(&rt.spares.lock);
    if (ends) {
        w->own_thread = false;
        pthread_detach(w->thread);
    }
    control_drop();
    return ends;
}

/* A worker that may not end looks anew what it is to do: retire again, work, or leave since the runtime ends. */
bool spare_end_thread(struct worker *w)
{
    struct proc *p = w->proc;
    w->leaves = false;
    if (may_end(w))
        return true;
    atom_or_seq(&p->summons, SUMMONS_ATTENTION); /* [A attention] the reason -> attend */
    return false;
}

void spare_give_timers(struct proc *p)
{
    if (timers_earliest(&p->timers) == INT64_MAX)
        return;
    lock_take(&rt.spares.lock);
    if (!give_timers(p, atom_load_acq(&rt.made)) && rt.spares.away[p->number] == AWAY_QUIET) { /* [R made] as above */
        rt.spares.away[p->number] = AWAY_WATCHED;
        atom_sub_seq(&rt.spares.quiet, 1); /* [W monitor] as in spare_came_back */
    }
    balance();
    lock_drop(&rt.spares.lock);
    monitor_wake();
}

/* Who is in a section now counts as away: not only when the monitor looks. */
static void see_to_it(void)
{
    lock_take(&rt.spares.lock);
    balance();
    lock_drop(&rt.spares.lock);
}

/* Nobody would take what comes into a queue. */
static bool all_busy(void)
{
    return atom_load_rlx(&rt.idle.asleep) == 0 &&
           atom_load_rlx(&rt.idle.searching) == 0; /* rlx: else the monitor looks */
}

void spare_publish(struct proc *p, struct task *t)
{
    globq_push(&rt.global, t, t, 1);
    if (!(atom_load_rlx(&p->summons) & SUMMONS_REPLACED) && all_busy()) /* rlx: our own section */
        see_to_it();
    idle_wake_one();
}

static bool waits_here(struct proc *p)
{
    return atom_load_rlx(&p->next) || runq_length(&p->ring) || fresh_length(&p->fresh) || /* rlx: our own */
           timers_earliest(&p->timers) != INT64_MAX || globq_count(&rt.global);
}

/* [V replaced] in a section, then what waits here is handed over. */
static void enter(struct worker *w)
{
    struct proc *p = w->proc;
    uint32_t before = atom_or_seq(&p->summons, SUMMONS_BLOCKING); /* seq: then hand over */
    if (!waits_here(p) && !all_busy() && !(before & SUMMONS_REPLACED))
        return; /* the monitor will see it if it lasts */
    int saved = *w->errno_place;
    worker_hand_over(p);
    see_to_it();
    idle_wake_one();
    *w->errno_place = saved;
}

/* NULL also in a simulation, where nobody else could run meanwhile. */
static struct worker *calling_tasks(void)
{
    struct worker *w = worker_self();
    return w && w->self.current != &w->base && !runtime_simulated() ? w : NULL;
}

PUBLIC void mote_blocking_begin(void)
{
    struct worker *w = calling_tasks();
    if (w && w->blocking++ == 0)
        enter(w);
}

PUBLIC void mote_blocking_end(void)
{
    struct worker *w = calling_tasks();
    if (!w || w->blocking == 0 || --w->blocking > 0)
        return;
    int saved = *w->errno_place;
    spare_came_back(w->proc);
    *w->errno_place = saved;
}

PUBLIC void mote__blocking_end(char *section)
{
    (void)section;
    mote_blocking_end();
}

void spare_look(struct proc *p)
{
    uint32_t summons = atom_load_rlx(&p->summons) & (SUMMONS_BLOCKING | SUMMONS_REPLACED); /* rlx: looked at again */
    if (summons == SUMMONS_BLOCKING)
        see_to_it();
    else if (summons == SUMMONS_REPLACED)
        spare_drain(p);
}

bool spare_replace_stuck(struct worker *w)
{
    struct proc *p = w->proc;
    if (!rt.spares.most)
        return false;
    lock_take(&rt.spares.lock);
    lock_take(&rt.idle.lock); /* who is about to sleep sees it, or is seen asleep */
    bool stuck = proc_in_use(p) && !rt.spares.away[p->number] && !w->asleep && !w->retired &&
                 !atom_load_rlx(&w->threadless); /* rlx: under the lock */
    if (stuck) {
        atom_or_seq(&p->summons, SUMMONS_REPLACED); /* [V replaced] -> its next search; [V timers] as above */
        count_away(p);
    }
    lock_drop(&rt.idle.lock);
    balance();
    lock_drop(&rt.spares.lock);
    return stuck;
}

bool spare_wake_unused(void)
{
    bool some = false;
    lock_take(&rt.spares.lock);
    for (uint32_t i = atom_load_seq(&rt.procs), made = atom_load_acq(&rt.made); i < made;
         i++) /* [R made] and seq: as above */
        if (!proc_in_use(rt.proc[i]))
            some |= idle_wake(rt.worker[i]);
    lock_drop(&rt.spares.lock);
    return some;
}

static bool give_away(struct task *t)
{
    if (t)
        globq_push(&rt.global, t, t, 1);
    return t != NULL;
}

void spare_drain(struct proc *p)
{
    static struct runq loot; /* the monitor's own */
    loot.capacity = (uint32_t)rt.queue;
    bool some = give_away(next_raid(p));
    for (unsigned tries = 0; !door_enter(p); tries++)
        os_back_off(tries);
    while (give_away(fresh_steal(&p->fresh)))
        some = true;
    while (runq_steal(&p->ring, &loot))
        while (give_away(runq_pop_owner(&loot, false)))
            some = true;
    door_leave(p);
    spare_give_timers(p);
    if (some)
        idle_wake_one();
}

/* V5. Only in use because of number or need, so none is made in vain. */
static int begin_threads(void)
{
    uint32_t made = atom_load_acq(&rt.made); /* [R made] as above */
    int error = 0;
    for (uint32_t i = 0; !error && i < made; i++) {
        lock_take(&rt.spares.lock);
        bool wanted = !has_thread(i) && proc_in_use(rt.proc[i]);
        lock_drop(&rt.spares.lock);
        if (wanted)
            error = crew_start(rt.worker[i]);
    }
    return error;
}

void spare_keep_up(void)
{
    if (LIKELY(!atom_load_seq(&rt.spares.urgent)) || !control_take(RUNTIME_STOPPING)) /* [W monitor] */
        return;
    lock_take(&rt.spares.lock);
    balance();
    uint32_t made = atom_load_acq(&rt.made),
             most = atom_load_seq(&rt.procs) + rt.spares.most; /* [R made] seq: as above */
    uint32_t want = made + rt.spares.missing;
    lock_drop(&rt.spares.lock);
    if (want > made && made < most)
        (void)crew_make_up_to(want < most ? want : most); /* without memory: again at the next look */
    see_to_it();
    (void)begin_threads(); /* the same */
    see_to_it();
    control_drop();
}
