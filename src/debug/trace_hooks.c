/* SPDX-License-Identifier: MIT */
/* trace_hooks - what the scheduler tells a trace.
 * Job:    the hooks of sched/proc.h: each makes an event of what it is told, in the ring of the proc that the caller holds.
 * Holds:  RG3, RG4. TR1 of each proc: RUNS and LEAVES alternate, but for what ran before the trace began. LEAVES is put on the stack
 *         of the task that leaves, while it can't be woken yet; so its RUNS on another proc is never older. TR2 STARTED and READY
 *         are put before anybody else can see the task, so they are never younger than its RUNS.
 * Why:    whether a task that leaves has yielded or ended can't be told by its record, and must not cost those that aren't watched
 *         an instruction. The counter of ended tasks, which is its owner's, tells it a moment later: debug_left.
 */
#include "base/os.h"
#include "debug/trace.h"

#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

struct ring trace_rings[MAX_WORKERS + 1];
struct lock trace_outside;
_Atomic uint32_t trace_on;

/* Who holds the proc knows of it: in a section. */
static struct note {
    uint32_t trace; /* which trace has been told of the worker */
    uint64_t left;  /* the task that has just left, and is not known to have ended; 0: none */
    uint64_t ended; /* how many had when it left */
} notes[MAX_WORKERS];

static void put(struct ring *r, uint64_t what, uint64_t a, uint64_t b)
{
    ring_put(r, (struct event){os_now(), what, a, b}, event_what(EVENT_LOST, 0, 0));
}

static void have_slots(struct ring *r)
{
    if (UNLIKELY(!r->slots)) /* without memory all events are lost, and counted */
        r->slots = os_pages(sizeof *r->slots * RING_EVENTS, 0);
}

/* NULL: there is no trace. */
static struct ring *begin(const struct proc *p)
{
    struct ring *r = &trace_rings[p->number];
    if (!ring_begin(r, &trace_on, rt.asymmetric))
        return NULL;
    have_slots(r);
    struct note *note = &notes[p->number];
    uint32_t trace = atom_load_rlx(&trace_on); /* rlx: it can't change to another one in a section */
    if (UNLIKELY(note->trace != trace) && trace) {
        *note = (struct note){.trace = trace};
        put(r, event_what(EVENT_WORKER, 0, 0), (uint64_t)syscall(SYS_gettid), 0);
    }
    return r;
}

static void tell(const struct proc *p, uint64_t what, uint64_t a, uint64_t b)
{
    struct ring *r = begin(p);
    if (!r)
        return;
    put(r, what, a, b);
    ring_end(r);
}

static void tell_outside(uint64_t what, uint64_t a, uint64_t b)
{
    struct ring *r = &trace_rings[OUTSIDE];
    lock_take(&trace_outside);
    if (atom_load_acq(&trace_on)) { /* [G on] as in ring_begin */
        have_slots(r);
        put(r, what, a, b);
    }
    lock_drop(&trace_outside);
}

/* Once in each trace, and when it has changed. */
static void put_name(struct ring *r, const struct task *t)
{
    struct task_extra *extra = t->extra;
    uint32_t trace = atom_load_rlx(&trace_on); /* rlx: as above */
    if (LIKELY(!extra || !extra->name[0] || extra->named_in == trace))
        return;
    for (unsigned half = 0; half < 2; half++) {
        uint64_t words[2];
        memcpy(words, extra->name + half * sizeof words, sizeof words);
        put(r, event_what(EVENT_NAME, half, record_id(t)), words[0], words[1]);
    }
    extra->named_in = trace;
}

void debug_leaving(struct worker *w)
{
    const struct task *t = w->self.current;
    struct proc *p = w->proc;
    struct ring *r = begin(p);
    if (!r)
        return;
    put_name(r, t);
    unsigned state = atom_load_rlx(&t->state); /* rlx: our own */
    put(r, event_what(EVENT_LEAVES, state, record_id(t)), (uint64_t)(uintptr_t)t->site, t->wait_on);
    notes[p->number].left = state == TASK_RUNNING ? record_id(t) : 0;
    notes[p->number].ended = atom_load_rlx(&p->n.ended); /* rlx: our own */
    ring_end(r);
}

void debug_left(struct worker *w)
{
    struct proc *p = w->proc;
    struct ring *r = begin(p);
    if (!r)
        return;
    struct note *note = &notes[p->number];
    if (note->left && atom_load_rlx(&p->n.ended) != note->ended) /* rlx: our own */
        put(r, event_what(EVENT_ENDED, 0, note->left), 0, 0);
    note->left = 0;
    ring_end(r);
}

void debug_runs(struct worker *w, struct task *t)
{
    struct ring *r = begin(w->proc);
    if (!r)
        return;
    put_name(r, t);
    put(r, event_what(EVENT_RUNS, 0, record_id(t)), (uint64_t)(uintptr_t)t->site, 0);
    ring_end(r);
}

/* Who does it: a task; one that has just left and wakes who joins it; else a timer, for nothing else does on a worker's own stack. */
static enum source source(const struct proc *p, uint64_t *by)
{
    struct worker *w = worker_self();
    *by = w->self.current != &w->base ? record_id(w->self.current) : notes[p->number].left;
    return *by ? BY_TASK : BY_TIMER;
}

static void put_queued(struct ring *r, const struct task *t, enum source source, uint64_t by)
{
    bool new = atom_load_rlx(&t->state) == TASK_NEW; /* rlx: ours */
    put(r, event_what(new ? EVENT_STARTED : EVENT_READY, source, record_id(t)), by, (uint64_t)(uintptr_t)t->site);
}

void debug_queued(struct proc *p, struct task *t)
{
    struct ring *r = begin(p);
    if (!r)
        return;
    uint64_t by;
    enum source who = source(p, &by);
    put_queued(r, t, who, by);
    ring_end(r);
}

void debug_queued_outside(const struct task *t)
{
    bool new = atom_load_rlx(&t->state) == TASK_NEW; /* rlx: ours */
    tell_outside(event_what(new ? EVENT_STARTED : EVENT_READY, BY_THREAD, record_id(t)), 0,
                 (uint64_t)(uintptr_t)t->site);
}

void debug_queued_list(const struct task *first, uint64_t n)
{
    struct worker *w = worker_self();
    struct ring *r = w ? begin(w->proc) : NULL;
    uint64_t by = 0;
    enum source who = r ? source(w->proc, &by) : BY_THREAD;
    for (const struct task *t = first; n-- > 0; t = t->next)
        if (r)
            put_queued(r, t, who, by);
        else if (!w)
            debug_queued_outside(t);
    if (r)
        ring_end(r);
}

void debug_found(struct proc *p, const struct task *first)
{
    struct ring *r = begin(p);
    if (!r)
        return;
    for (const struct task *t = first; t; t = t->next)
        put_queued(r, t, BY_IO, 0);
    ring_end(r);
}

void debug_conflict(struct proc *p, uint64_t id) { tell(p, event_what(EVENT_CONFLICT, 0, id), 0, 0); }

void debug_copy(struct proc *p, const struct task *t, bool out)
{
    tell(p, event_what(out ? EVENT_COPY_OUT : EVENT_COPY_IN, 0, record_id(t)),
         (uint64_t)(home_of(t)->top - (char *)t->sp), 0);
}

void debug_steals(struct proc *p, uint64_t n, const struct proc *victim)
{
    tell(p, event_what(EVENT_STEAL, 0, 0), n, victim->number);
}

void debug_sleeps(struct proc *p, bool begins) { tell(p, event_what(begins ? EVENT_SLEEPS : EVENT_WAKES, 0, 0), 0, 0); }

void debug_timers(struct proc *p, int n) { tell(p, event_what(EVENT_TIMERS, 0, 0), (uint64_t)n, 0); }

void debug_panics(struct proc *p) { tell(p, event_what(EVENT_PANIC, 0, record_id(worker_self()->self.current)), 0, 0); }

void debug_raid(const struct proc *p, const struct task *t)
{
    tell_outside(event_what(EVENT_RAID, 0, record_id(t)), p->number, 0);
}

void debug_procs(uint32_t procs) { tell_outside(event_what(EVENT_PROCS, 0, 0), procs, 0); }

void trace_free_rings(void)
{
    for (unsigned i = 0; i <= OUTSIDE; i++)
        if (trace_rings[i].slots) {
            os_release(trace_rings[i].slots, sizeof *trace_rings[i].slots * RING_EVENTS);
            trace_rings[i].slots = NULL;
        }
}
