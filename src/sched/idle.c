/* SPDX-License-Identifier: MIT */
/* idle - workers that look for work, and workers that sleep.
 * Job:    wake one worker when there is work for it, and nobody otherwise; put workers to sleep without losing work.
 * Holds:  D1 whoever publishes work in the global queue or a timer, and then sees nobody asleep, is seen by every worker that
 *         goes to sleep: publish; fence; look at `asleep` - announce sleep; fence; look at the work.
 *         D2 `searching` counts workers that look for work, and woken ones on their way: while it is not 0 nobody else is
 *         woken; the last of them to find work wakes another, and the last to find none looks once more after it has said so.
 *         D3 work in a proc's own queues needs no fence: its owner is awake and runs it himself, so a wake that is missed costs
 *         parallelism, until the monitor looks (2 ms at most), and never progress.
 *         D4 a sleeping worker is in the list, or has a token coming: whoever takes it off the list stores the token.
 *         One of those that sleep waits for I/O instead of its futex: polling.c tells who.
 * Source: Go's scheduler, "Worker thread parking/unparking".
 */
#include "base/os.h"
#include "sched/polling.h"
#include "sched/proc.h"

#include <stdlib.h>

static void push(struct worker *w)
{
    lock_take(&rt.idle.lock);
    w->next_asleep = rt.idle.first;
    rt.idle.first = w;
    w->asleep = true;
    atom_add_seq(&rt.idle.asleep, 1); /* [I sleep] announce, then look for work */
    lock_drop(&rt.idle.lock);
}

static struct worker *pop(void)
{
    lock_take(&rt.idle.lock);
    struct worker **link = &rt.idle.first;
    if (*link && (*link)->next_asleep && atom_load_rlx(&(*link)->token) == WAKE_POLLS) /* rlx: only a better choice */
        link = &(*link)->next_asleep; /* who waits for I/O is woken last */
    struct worker *w = *link;
    if (w) {
        *link = w->next_asleep;
        w->asleep = false;
        atom_sub_seq(&rt.idle.asleep,
                     1); /* seq: a count beside the list; who sees it late wakes nobody or looks again (D3) */
    }
    lock_drop(&rt.idle.lock);
    return w;
}

/* False when a waker has taken it off already: its token is there or coming (D4). */
static bool unlist(struct worker *w)
{
    lock_take(&rt.idle.lock);
    bool listed = w->asleep;
    if (listed) {
        struct worker **link = &rt.idle.first;
        while (*link != w)
            link = &(*link)->next_asleep;
        *link = w->next_asleep;
        w->asleep = false;
        atom_sub_seq(&rt.idle.asleep,
                     1); /* seq: a count beside the list; who sees it late wakes nobody or looks again (D3) */
    }
    lock_drop(&rt.idle.lock);
    return listed;
}

static void give_token(struct worker *w)
{
    if (atom_swap_seq(&w->token, WAKE_GIVEN) == WAKE_POLLS) /* [I token] the searching role -> the woken worker */
        polling_interrupt();
    else
        os_futex_wake(&w->token, 1);
}

/* Who has counted himself as a searcher for the one to be woken, and finds nobody asleep, has kept others from waking anyone
 * meanwhile, for work or to wait for I/O: he looks once more after he has taken the count back (D2, PO2). */
static NOINLINE void wake_one(void)
{
    do {
        uint32_t none = 0;
        if (!atom_cas_seq(&rt.idle.searching, &none, 1)) /* [I search] the woken one's place among the searchers (D2) */
            return;
        struct worker *w = pop();
        if (w) {
            give_token(w);
            return;
        }
        atom_sub_seq(&rt.idle.searching, 1); /* [I search] nobody to wake */
    } while ((atom_load_seq(&rt.global.count) || polling_forgotten()) &&
             atom_load_seq(&rt.idle.asleep)); /* [I sleep] */
}

void idle_wake_one(void)
{
    /* After globq_push or timer_add the count was stored seq_cst, so these loads can't pass it (D1); otherwise D3. */
    if (atom_load_seq(&rt.idle.asleep) == 0 || atom_load_seq(&rt.idle.searching) > 0) /* [I sleep] */
        return;
    wake_one();
}

void idle_wake_all(void)
{
    struct worker *w;
    while ((w = pop())) {
        atom_add_seq(&rt.idle.searching, 1); /* [I search] counted before it looks, or before its token (D2) */
        give_token(w);
    }
}

void idle_set_retired(struct worker *w, bool retired)
{
    lock_take(&rt.idle.lock);
    w->retired = retired;
    if (retired)
        atom_add_seq(&rt.idle.retired, 1); /* [W monitor] as asleep */
    else
        atom_sub_seq(&rt.idle.retired, 1); /* [W monitor] awake, now look whether the monitor is */
    lock_drop(&rt.idle.lock);
    if (!retired)
        monitor_wake();
}

bool idle_wake(struct worker *w)
{
    if (!unlist(w))
        return false;
    atom_add_seq(&rt.idle.searching, 1); /* [I search] counted before it looks, or before its token (D2) */
    give_token(w);
    return true;
}

bool idle_has_hands(void)
{
    if (atom_load_seq(&rt.idle.searching)) /* seq: a look now and then */
        return true;
    if (!atom_load_seq(&rt.idle.asleep)) /* seq: the same; and the lock would end the bias of who is awake alone */
        return false;
    lock_take(&rt.idle.lock);
    struct worker *w = rt.idle.first;
    while (w && !proc_in_use(w->proc))
        w = w->next_asleep;
    lock_drop(&rt.idle.lock);
    return w != NULL;
}

/* At most half of the awake workers search. */
bool idle_start_search(struct worker *w)
{
    if (w->searching)
        return true;
    uint32_t procs = atom_load_rlx(&rt.procs),
             asleep = atom_load_rlx(&rt.idle.asleep); /* rlx: a limit, not a protocol */
    uint32_t awake = procs > asleep ? procs - asleep : 1;
    if (atom_load_rlx(&rt.reach) == 1 || 2 * atom_load_rlx(&rt.idle.searching) >= awake) /* rlx: as above */
        return false;
    atom_add_seq(&rt.idle.searching, 1); /* [I search] counted before it looks, or before its token (D2) */
    w->searching = true;
    return true;
}

void idle_end_search(struct worker *w, bool found)
{
    if (!w->searching)
        return;
    w->searching = false;
    if (atom_sub_seq(&rt.idle.searching, 1) == 1 && found) /* [I search] said so; then must_stay looks once more (D2) */
        idle_wake_one();
}

/* Work that an owner won't run himself, or that this worker must not sleep through. */
static bool must_stay(struct worker *w)
{
    struct proc *p = w->proc;
    return atom_load_seq(&rt.global.count) || /* [I sleep] announced, now look */
           (atom_load_seq(&p->summons) &
            (SUMMONS_ATTENTION | SUMMONS_REPLACED)) || /* [A attention] announced, now look */
           (atom_load_seq(&rt.idle.searching) == 0 && steal_possible());
}

static void empty_home(struct home *h, void *arg)
{
    struct proc *p = arg;
    const struct task *t = h->occupant;
    if (image_empty(h, &p->blocks, &p->n.images) && proc_watched(p))
        debug_copy(p, t, true);
}

static void trim(struct worker *w)
{
    struct proc *p = w->proc;
    w->trimmed = true;
    bool nobody_works = atom_load_rlx(&rt.idle.asleep) + 1 >= atom_load_rlx(&rt.procs); /* rlx: a measure */
    struct task *waiting = home_trim_idle(&p->home_cache, nobody_works, empty_home, p);
    slab_flush(&record_slab, &p->records, 0);
    slab_flush(&wait_slab, &p->waits, 0);
    block_flush(&p->blocks);
    memory_trim(nobody_works);
    ready_chain(p, waiting);
}

/* Waits for a token until the deadline. True: it came. */
static bool await_token(struct worker *w, int64_t deadline)
{
    while (atom_load_acq(&w->token) == WAKE_NONE) { /* [I token] pairs with give_token */
        if (deadline != INT64_MAX && os_now() >= deadline)
            return false;
        os_futex_wait(&w->token, WAKE_NONE, deadline);
    }
    return true;
}

/* The same, or until there is I/O, if nobody else waits for that: tasks that are to be queued. */
static bool doze(struct worker *w, int64_t deadline, struct task **found)
{
    if (proc_watched(w->proc))
        debug_sleeps(w->proc, true);
    bool woken = polling_begin_sleep(w) ? polling_sleep(w, deadline, found) : await_token(w, deadline);
    if (proc_watched(w->proc))
        debug_sleeps(w->proc, false);
    return woken;
}

void idle_sleep(struct worker *w)
{
    struct proc *p = w->proc;
    struct task *found = NULL;
    push(w);
    idle_end_search(w, false); /* D2: said so; must_stay looks once more */
    if (!must_stay(w)) {
        atom_count(&p->n.sleeps);
        int64_t timer = atom_load_seq(&p->timers.earliest); /* [I sleep] as in must_stay */
        int64_t trim_at = w->trimmed ? INT64_MAX : os_now() + atom_load_rlx(&rt.idle.trim_after); /* rlx: a setting */
        if (doze(w, timer < trim_at ? timer : trim_at, &found)) {
            atom_store_rlx(&w->token, WAKE_NONE); /* rlx: ours until we are in the list again */
            w->searching = true;
            atom_count(&p->n.wakes);
            monitor_tick(); /* the monitor may have slept */
            monitor_wake();
            polling_found(p, found);
            return;
        }
        if (!found && trim_at < timer && unlist(w)) {
            monitor_wake();
            trim(w);
            return;
        }
    }
    if (!unlist(w)) {
        await_token(w, INT64_MAX);
        atom_store_rlx(&w->token, WAKE_NONE); /* rlx: as above */
        w->searching = true;
    }
    if (found)
        monitor_tick();
    monitor_wake();
    polling_found(p, found);
}
