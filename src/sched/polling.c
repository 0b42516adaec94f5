/* SPDX-License-Identifier: MIT */
/* polling - who looks for I/O, and when.
 * Job:    let one worker that has nothing to do wait for I/O instead of its futex, others look without waiting: when they look for
 *         work, and now and then when they have some; and let the monitor see that it is not forgotten.
 * Holds:  PO1 who has set `held`, and nobody else, polls; so what interrupts a poll is seen by whom it was meant for.
 *         PO2 while a task waits for I/O not every worker sleeps without one of them polling. A worker announces its sleep first,
 *         then tries to get `held`. Who has it then is another sleeper that polls; or a worker that is awake, which tries itself
 *         before it sleeps; or the monitor, which looks at who sleeps when it has given it back, and wakes one, unless it is told
 *         that one is awake already. Who has told so, and finds that he was wrong, looks whether anybody polls (wake_one).
 *         PO3 a wake-up is not lost to who polls: its token goes from NONE to POLLS by a read-modify-write, or it doesn't
 *         poll; who gives it the token finds POLLS by another one, and interrupts. An interrupt that comes late ends somebody's
 *         next poll, which does no harm.
 *         PO4 nobody polls on a task's stack: a task that is about to leave holds a lock that the poller may want.
 * Why:    a worker that polls is woken last of all that sleep, so I/O finds one waiting as long as there are idle ones. When that
 *         one has found a single task it runs it itself and wakes nobody to poll in its place: it will mostly be back in
 *         microseconds. If not, the monitor sends a sleeper (2 ms at most).
 */
#include "sched/polling.h"

#include "base/os.h"

#define OFTEN INT64_C(200000)       /* ns: who has other work looks no more often than that */
#define NEGLECTED INT64_C(10000000) /* ns without a look, until the monitor takes one */

void sched_poll_by(const struct sched_poller *poller)
{
    atom_store_rel(&rt.polling.poller, poller); /* [PO poller] what it needs -> who polls */
}

static const struct sched_poller *poller_used(void)
{
    return atom_load_acq(&rt.polling.poller); /* [PO poller] pairs with sched_poll_by */
}

/* PO1 */
static bool begin(void)
{
    uint32_t no = 0;
    return atom_load_rlx(&rt.polling.held) ==
               0 && /* rlx: looked at again; who sees it late is late in the next line, too */
           atom_cas_seq(&rt.polling.held, &no,
                        1); /* [PO held] the last one's view -> ours; asleep announced, then this (PO2) */
}

static void end(void)
{
    atom_store_rlx(&rt.polling.last, os_now()); /* rlx: a time */
    atom_count(&rt.polling.looks);
    atom_store_seq(&rt.polling.held,
                   0); /* [PO held] our view -> the next one; given back, then the monitor looks (PO2) */
}

void polling_found(struct proc *p, struct task *first)
{
    bool several = first && first->next;
    if (first && proc_watched(p))
        debug_found(p, first);
    for (struct task *t = first, *next; t; t = next) {
        next = t->next;
        atom_store_rlx(&t->state, TASK_READY); /* rlx: for reports */
        queue_push(p, t);
    }
    if (several)
        idle_wake_one();
}

bool polling_due(void)
{
    return !atom_load_rlx(&rt.polling.held) && /* rlx: a hint, and a time */
           os_now() - atom_load_rlx(&rt.polling.last) >= OFTEN;
}

bool polling_look(struct proc *p)
{
    const struct sched_poller *poller = poller_used();
    if (LIKELY(!poller) || !begin())
        return false;
    struct task *first;
    bool happened = poller->poll(0, &first);
    end();
    polling_found(p, first);
    return happened;
}

bool polling_forgotten(void)
{
    return poller_used() && !atom_load_seq(&rt.polling.held); /* [PO held] the count of searchers, then this (PO2) */
}

bool polling_begin_sleep(struct worker *w)
{
    if (LIKELY(!poller_used()) || !begin())
        return false;
    uint32_t none = WAKE_NONE;
    if (atom_cas_seq(&w->token, &none, WAKE_POLLS)) /* [I token] PO3: pairs with give_token */
        return true;
    end();
    return false;
}

/* True: the token has come. */
bool polling_sleep(struct worker *w, int64_t deadline, struct task **found)
{
    const struct sched_poller *poller = poller_used();
    bool happened;
    do
        happened = poller->poll(deadline, found);
    while (!happened && atom_load_acq(&w->token) == WAKE_POLLS && os_now() < deadline); /* [I token] as above */
    uint32_t polls = WAKE_POLLS;
    bool woken = !atom_cas_seq(&w->token, &polls, WAKE_NONE); /* [I token] as above */
    end();
    return woken;
}

void polling_interrupt(void) { poller_used()->interrupt(); }

/* PO2. The monitor's own poll; or it sends a sleeper. */
void polling_watch(void)
{
    static uint32_t last_looks;
    const struct sched_poller *poller = poller_used();
    if (LIKELY(!poller) || atom_load_rlx(&rt.polling.held)) /* rlx: a hint */
        return;
    uint32_t looks = atom_load_rlx(&rt.polling.looks); /* rlx: only compared */
    bool neglected = looks == last_looks;
    last_looks = looks;
    if (os_now() - atom_load_rlx(&rt.polling.last) >= NEGLECTED && begin()) { /* rlx: a time */
        struct task *first, *last;
        uint64_t n = 1;
        poller->poll(0, &first);
        end();
        if ((last = first)) {
            for (; last->next; n++)
                last = last->next;
            if (atom_load_rlx(&rt.watchers)) /* rlx: as in ready.c */
                debug_queued_list(first, n);
            globq_push(&rt.global, first, last, n);
        }
        neglected = true; /* somebody may have gone to sleep meanwhile, and not have got it */
    }
    if (neglected)
        idle_wake_one();
}

bool polling_waits(void)
{
    const struct sched_poller *poller = poller_used();
    return poller && poller->waits();
}

/* Nothing runs any more. */
void polling_end(void)
{
    const struct sched_poller *poller = poller_used();
    if (poller)
        poller->forget();
    atom_store_rlx(&rt.polling.poller, NULL); /* rlx: nothing runs */
}
