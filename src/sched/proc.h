/* SPDX-License-Identifier: MIT */
/* proc - the scheduler's own structures: proc, worker, runtime.
 * Job:    one place that shows who may touch what. Only files in src/sched and src/debug include it.
 * Holds:  P1 at most one worker holds a proc; only it touches the "owner only" fields. P2 a task is in one queue, or running,
 *         or parked, or done: in exactly one place. P3 a proc's `next` slot belongs to its owner except during a raid
 *         (next_swap_owner, next_raid).
 */
#ifndef SCHED_PROC_H
#define SCHED_PROC_H

#include "base/block.h"
#include "base/sanitizer.h"
#include "sched/fresh.h"
#include "sched/globq.h"
#include "sched/rest.h"
#include "sched/runq.h"
#include "sched/sched.h"
#include "sched/timer.h"
#include "stack/image.h"

#include <mote/task.h>
#include <pthread.h>

#define MAX_PROCS 1024
#define MAX_SPARES 1024
#define MAX_WORKERS (MAX_PROCS + MAX_SPARES)
#define TURN 4 /* at every TURN-th search the queues come before the next slot (N1) */

struct worker;

enum summons {
    SUMMONS_ATTENTION = 1, /* anyone sets, owner clears: go to the worker's own stack at the next chance */
    SUMMONS_RAID = 2,      /* the monitor is at `next` */
    SUMMONS_ATOMIC = 4,    /* immutable: there is no heavy barrier, so `next` changes by read-modify-writes */
    SUMMONS_WATCHED =
        8, /* tasks leave for the worker's own stack, and are made ready the slow way: src/debug is told */
    SUMMONS_SIMULATED = 16, /* sim.h: every choice is made there */
    SUMMONS_BLOCKING = 32,  /* the owner sets and clears: its task is in a blocking section (V3) */
    SUMMONS_REPLACED =
        64, /* another worker stands in for the owner, which takes its place again at its next search (V2) */
};

/* Who wants all procs watched. */
enum watcher { WATCH_TRACE = 1 };

/* Owner writes, all read: statistics. */
struct counters {
    _Atomic uint64_t spawned, ended, steals, stolen, sleeps, wakes, conflicts;
    struct image_counters images;
};

/* The right to run tasks, with everything that is kept once per processor. */
struct proc {
    /* Owner only. */
    unsigned number;         /* immutable */
    uint32_t fair_tick;      /* when the other queues get their turn (N2) */
    bool fair_oldest;        /* that turn is the oldest new task's, if it has one (N2), not the global queue's */
    bool timers_seen;        /* the worker has looked for due timers since the last fair turn */
    bool starved;            /* a task could not be run for want of memory: pause before the next try */
    uint32_t pops;           /* searches that came to the queues (N3) */
    uint32_t spawner, crowd; /* N4: id_low of who has started new tasks here last, and how many in a row */
    bool in_order;           /* N4: they run oldest first */
    uint8_t left_out;        /* N4: turns of the global queue, in a row */
    uint32_t crowded;        /* tasks in a row that could not start because others hold every home */
    uint32_t random;
    struct effort effort;     /* rest.h */
    _Atomic int64_t rest;     /* ns: the last rest, if no effort has paid since. Owner writes, tests read */
    uint64_t id_next, id_end; /* task numbers taken in advance */
    struct slab_cache records, waits;
    struct block_caches blocks;
    struct home_cache home_cache;

    _Atomic uint64_t tick;   /* owner writes, the monitor reads: counts the searches for a task */
    _Atomic uint32_t grants; /* the monitor grants, owner uses up: turns for the oldest new task (N2) */

    /* P3 */
    _Atomic(struct task *) next; /* the task made ready last */
    _Atomic uint32_t next_busy;  /* owner is at `next` */

    _Atomic uint32_t shut, inside, visited; /* door.c */
    _Atomic uint32_t summons;               /* enum summons: what keeps the owner off its quickest paths, in one word */

    struct runq ring;
    struct fresh fresh;
    struct timers timers;
    struct counters n;
    struct task
        *taken; /* owner only, while it is watched: what a search has taken out of the next slot, and may put back */
} CACHE_ALIGNED;

/* An OS thread that runs tasks. */
struct worker {
    struct self self;         /* first (T2); self.current is the running task, or &base */
    struct proc *proc;        /* itself */
    int *errno_place;         /* immutable: this thread's errno */
    struct task *handed;      /* itself: what its own stack should run next */
    struct task base;         /* its own stack, as a context */
    bool searching;           /* itself: counted in idle.searching */
    _Atomic uint32_t resting; /* itself; the monitor reads: rest.h */
    bool trimmed;             /* itself: memory was given back since it last ran a task */
    struct sanitizer_fiber fiber;
    pthread_t thread;
    bool own_thread;         /* control lock: it was started */
    _Atomic bool threadless; /* the spares' lock; the monitor reads: its thread has ended, or not begun */
    bool leaves;             /* itself: its thread is to end, since its proc has not been in use for long */
    unsigned blocking;       /* itself: blocking sections that its task has begun */
    _Atomic int tid;         /* itself; the monitor reads: the thread's number for the kernel */

    struct worker *next_asleep; /* idle lock */
    bool asleep;                /* idle lock: in the list */
    bool retired;               /* idle lock: its proc is not in use */
    _Atomic uint32_t token;     /* enum wake */
} CACHE_ALIGNED;

/* A sleeping worker's token. */
enum wake { WAKE_NONE, WAKE_GIVEN, WAKE_POLLS /* itself: to be woken by the poller's interrupt, not by the futex */ };

/* Workers that sleep. */
struct idle {
    struct lock lock;
    struct worker *first;
    _Atomic int64_t trim_after;               /* tests change it: ns of sleep until memory is given back */
    CACHE_ALIGNED _Atomic uint32_t asleep;    /* lock; read by all */
    _Atomic uint32_t resting;                 /* workers at rest (RE1) */
    _Atomic uint32_t retired;                 /* lock; read by the monitor: workers whose proc is not in use */
    CACHE_ALIGNED _Atomic uint32_t searching; /* workers that look for work, woken ones on their way among them */
};

/* Looking for I/O: polling.c. */
struct polling {
    _Atomic(const struct sched_poller *) poller; /* NULL: nobody has ever waited for any */
    CACHE_ALIGNED _Atomic uint32_t held;         /* 1: somebody polls (PO1) */
    _Atomic int64_t last;                        /* who polls: when it was done last */
    _Atomic uint32_t looks;                      /* who polls: how often */
};

/* Workers that stand in for others: spare.c. */
struct spares {
    struct lock lock;
    _Atomic bool stands_in[MAX_WORKERS]; /* lock; read by all: a proc that is in use though its number is too high */
    uint8_t away[MAX_WORKERS];           /* lock: enum away, of each worker */
    _Atomic uint32_t count;              /* lock; read by all: workers that are away */
    _Atomic uint32_t quiet;              /* lock; read by the monitor: how many of them need no look (V3) */
    uint32_t missing;                    /* lock: how many more would be needed to stand in */
    _Atomic uint32_t urgent;             /* lock; read by the monitor: it has something to do here */
    uint32_t most;                       /* immutable: procs beyond those that rt.procs counts */
    _Atomic int64_t patience;            /* tests change it: ns until the thread of one that isn't in use ends */
};

enum runtime_state { RUNTIME_NONE, RUNTIME_STARTING, RUNTIME_RUNNING, RUNTIME_STOPPING, RUNTIME_ENDING, RUNTIME_LEFT };

struct runtime {
    /* Read by all, written rarely. */
    _Atomic uint32_t state;
    _Atomic uint32_t procs;     /* in use: numbers below it */
    bool asymmetric;            /* the heavy barrier exists */
    bool pin_all;               /* every task is pinned */
    bool panic_ends_task;       /* and not the program */
    _Atomic bool simulated;     /* sim.h: constant while a runtime runs */
    uint64_t seed;              /* of what procs do by chance */
    int queue;                  /* capacity of rings */
    _Atomic int64_t theft_pays; /* tests change it: ns from search to search that make a worker of use in any case */
    struct proc *proc[MAX_WORKERS];
    struct worker *worker[MAX_WORKERS]; /* [i] holds proc[i] */
    _Atomic uint32_t made;              /* control lock: procs and workers that exist; read by all */
    _Atomic uint32_t reach; /* the spares' lock; read by all: from here on all are retired, so they have no tasks */

    struct globq global;
    struct idle idle;
    struct polling polling;
    _Atomic uint32_t
        control; /* 1: held by mote_set_procs, start or stop. Not a struct lock: its waiters look at the state */
    _Atomic uint32_t visitors; /* plain threads that are inside, for the end to wait for */
    _Atomic uint32_t by_run;   /* started by mote_run, which alone stops it; set before the state says RUNNING */

    /* The main task of mote_run. */
    int main_result;
    uint32_t epoch; /* which runtime: constant while one runs */
    _Atomic uint32_t main_done;

    /* Counted for those without a proc. */
    _Atomic uint64_t shared_spawned, next_id;
    _Atomic uint32_t live_workers;
    _Atomic uint32_t monitor_asleep;
    _Atomic uint32_t monitor_called; /* 1: the monitor is to look at once */
    pthread_t monitor;
    bool has_monitor;

    _Atomic uint32_t forked; /* this is a copy of the process: forked.c */

    /* stall.c */
    _Atomic int32_t threads_waiting; /* plain threads that wait in a call of mote without a deadline (E2) */
    _Atomic uint64_t thread_calls;   /* how often one began to */
    bool stall_told;                 /* monitor only */
    _Atomic uint32_t quit_asked;     /* debug/quit.c: the monitor is to report all tasks */
    int sigquit;                     /* immutable: mote_config.sigquit */
    bool leaks;                      /* immutable: mote_config.leaks */
    void (*on_leak)(size_t tasks);   /* immutable: the program's; NULL: none */
    int schedtrace;                  /* immutable: ms; 0: none */
    _Atomic uint64_t left;           /* tasks that the end of the last runtime has discarded */
    void (*on_deadlock)(void);       /* immutable: the program's; NULL: none */
    _Atomic uint32_t helpers;        /* threads of src/debug, which wake nobody (E1) */

    _Atomic uint32_t watchers; /* control lock; read by all: enum watcher */

    struct spares spares;
};
extern struct runtime rt;
extern struct slab_class record_slab, wait_slab;

static inline bool runtime_simulated(void) { return atom_load_rlx(&rt.simulated); } /* rlx: constant meanwhile */

/* The worker of the calling thread; NULL on a plain one. Read afresh at every call: after a switch it may be another. */
static inline struct worker *worker_self(void) { return (struct worker *)self_read(); }

#define WAIT_SIZE 64
void memory_trim(
    bool all);        /* memory.c: chunks that are wholly free go back: all, or those not needed since the last call */
void *wait_get(void); /* what the timer of a waiting task is in, of WAIT_SIZE bytes; NULL without memory */
void wait_put(void *wait);

/* task.c */
struct task_extra {
    struct lock lock;
    bool joinable;                   /* immutable */
    struct task *joiner;             /* lock */
    const struct sched_joiner *how;  /* lock: of a joiner that is a node */
    bool done, detached;             /* lock */
    char name[32];                   /* itself; "" for none */
    uint32_t named_in;               /* itself: the trace that has been told the name */
    bool panicked;                   /* itself, then the joiner: ended by a panic */
    unsigned tries;                  /* itself, as all that follows: marks among the steps */
    struct sched_exit_step *steps;   /* steps.c */
    struct deferred_block *deferred; /* steps.c: the newest block of deferred calls */
    struct unwinding *unwinding;     /* panic.c: the newest panic or exit under way */
    struct sanitizer_fiber fiber;
    size_t deepest; /* itself, as what follows: what mote_stack_info has seen */
    uint64_t growths;
};
const char *task_name(const struct task *t);
void task_describe(const struct task *t, char *text, size_t size);
void task_describe_caller(char *text, size_t size); /* for msg.h */
struct task_extra *task_make_extra(struct task *t); /* NULL: no memory */
void task_retire_rare(struct proc *p, struct task *t);
void task_free(struct proc *p, struct task *t);
void task_discard(void *record, void *unused); /* for slab_each, when the runtime has ended */
uint64_t task_count(void);                     /* the caller keeps the runtime from ending */
int task_make_main(int (*fn)(int, char **), int argc, char **argv);

/* steps.c */
struct task_extra *steps_of(struct task *self); /* with TASK_STEPS; NULL: no memory */
void steps_run_until(struct task_extra *extra, const struct sched_exit_step *end);

/* join.c */
mote_task *join_handle(const struct task *t);
bool join_publish_end(struct task *t); /* true: nobody will join it, the caller frees it */

/* switch.c */
void switch_give_way(void);
void switch_run(struct worker *w, struct task *t); /* from the worker's own stack */
/* The calling task; its steps have been run. error: what its owner is told. */
void switch_end_task(int error) NORETURN;

/* owner.c: of the calling task */
struct sched_owner *switch_owner(const struct task *self);        /* NULL: none */
void switch_tell_owner(const struct task *self, intptr_t result); /* if it has one: of its end */

/* ready.c: the caller holds p */
struct task *next_swap_summoned(struct proc *p, struct task *t); /* the rare part of next_swap_owner */
void queue_push(struct proc *p, struct task *t);                 /* behind its like */
void ready_on(struct proc *p, struct task *t);                   /* into the next slot */
void ready_chain(struct proc *p, struct task *first);            /* a list linked by next; NULL: none */
struct task *ready_batch(struct proc *p,
                         uint64_t max); /* from the global queue: what comes first; the rest is queued */

/* worker.c */
void worker_loop(struct worker *w);
void worker_loop_watched(struct worker *w); /* in check mode */
struct task *worker_search(struct proc *p); /* the part of worker_quick_next that isn't in line */
bool worker_wanted(struct proc *p);         /* the worker's own stack has something to do */
uint64_t worker_hand_over(struct proc *p);  /* its owner: its tasks go to the global queue; how many */

/* door.c: around what others take from p's queues; false: somebody does. Its owner shuts it when nobody has come for a while */
bool door_enter(struct proc *p);
void door_leave(struct proc *p);
void door_shut(struct proc *p);

/* steal.c */
struct task *steal_work(struct worker *w);
bool steal_possible(void);

/* idle.c */
void idle_wake_one(void);
void idle_wake_all(void);
bool idle_wake(struct worker *w); /* if it sleeps */
bool idle_has_hands(void);        /* a worker whose proc is in use looks for work, or sleeps */
void idle_sleep(struct worker *w);
void idle_set_retired(struct worker *w, bool retired);
bool idle_start_search(struct worker *w);
void idle_end_search(struct worker *w, bool found);

/* thread.c */
struct task *thread_park(struct task *self, struct lock *lock);
void thread_ready(struct task *t);
void thread_runtime_runs(bool runs); /* false: tells those that watch for it */
void thread_wait_begins(void);       /* E2: a plain thread waits without a deadline */
void thread_wait_ends(void);

/* monitor.c */
int monitor_start(void);
void monitor_stop(void);
void monitor_wake(void);
void monitor_call(void);                /* it is to look now */
struct task *next_raid(struct proc *p); /* monitor: takes what is next there; NULL: nothing, or the owner is at it */
void monitor_tick(void);                /* looks at the clock: switch_ticks */
bool monitor_all_asleep(void);
struct worker *monitor_only_one_awake(void); /* neither asleep nor at rest; NULL: there isn't just one. A hint */

/* stall.c */
bool stalled(void);
uint64_t stall_moves(void); /* another number whenever a task or a search for one has run, or a plain thread come in */

/* Hooks, in src/debug: deadlock.c, crash.c, quit.c, stackcheck.c */
void debug_start(void); /* when a runtime begins, before its threads, and when it has ended */
void debug_stop(void);
void debug_on_quit(void);
void debug_on_stall(void);
void debug_on_end(void);                /* the program has ended the runtime, whose tasks are still there */
int64_t debug_on_look(int64_t now);     /* monitor: returns when it wants to be called again */
void debug_on_sim_end(const char *why); /* of a simulation, with its tasks where they stand */
void debug_on_fault(int signal, const void *address, const void *context, size_t overflow);
/* trace.c. Errors are those of mote_trace_start; the runtime is starting. */
int debug_start_trace(const char *path);
void debug_end_trace(void); /* the runtime ends, and no task runs any more */
/* trace.c, for procs that are watched. The caller holds p. */
void debug_leaving(struct worker *w);                       /* on the stack of the task that leaves */
void debug_left(struct worker *w);                          /* on the worker's own, then */
void debug_runs(struct worker *w, struct task *t);          /* t's stack is in place */
void debug_queued(struct proc *p, struct task *t);          /* started or made ready; nobody else sees it yet */
void debug_found(struct proc *p, const struct task *first); /* what I/O has made ready, as a list */
void debug_conflict(struct proc *p, uint64_t id);           /* its home is held by another */
void debug_copy(struct proc *p, const struct task *t, bool out);
void debug_steals(struct proc *p, uint64_t n, const struct proc *victim);
void debug_sleeps(struct proc *p, bool begins);
void debug_timers(struct proc *p, int n);
void debug_panics(struct proc *p);
/* The same while rt.watchers isn't 0; anyone calls them. */
void debug_queued_list(const struct task *first, uint64_t n);
void debug_queued_outside(const struct task *t);
void debug_raid(const struct proc *p, const struct task *t);
void debug_procs(uint32_t procs);
int debug_check_stacks(int how);   /* mote_config.stackcheck, when the table of homes is open; -ENOMEM */
void debug_check_ended(void);      /* when no worker is left */
void debug_worker_start(void);     /* on its thread, which has its signal stack */
void debug_worker_busy(bool busy); /* whether it runs tasks; only in mode WATCHED of the homes */
void debug_worker_stop(void);

/* forked.c */
void forked_watch(void);  /* a runtime is about to begin */
void forked_tell(void);   /* says, once, why there is no runtime in a forked process */
void forked_refuse(void); /* the caller can't go on there */

/* spare.c */
void spare_recount(void);                /* rt.procs has changed */
void spare_came_back(struct proc *p);    /* its owner, in a search: ends a section, and takes its place again */
void spare_retired(void);                /* one of them has, and left nothing on its proc */
bool spare_retire(struct proc *p);       /* its owner: whether it may, for others do the work */
bool spare_end_thread(struct worker *w); /* itself: true: it ends now, and w is not its own any more */
void spare_publish(struct proc *p, struct task *t); /* its owner is in a section, or replaced: t is for others */
void spare_give_timers(struct proc *p);     /* to one that isn't away; those stay for which there is no memory */
void spare_look(struct proc *p);            /* monitor: at one whose tick stands still */
bool spare_replace_stuck(struct worker *w); /* monitor */
bool spare_wake_unused(void);               /* monitor: spares that sleep without being in use, so that they retire */
void spare_keep_up(void);                   /* monitor */
void spare_drain(struct proc *p);           /* monitor: what waits on p goes to the global queue */

/* crew.c: control is taken */
int crew_make_up_to(uint32_t procs); /* procs with their workers; -ENOMEM */
int crew_start(struct worker *w);    /* its thread; -EAGAIN and the like */
void crew_work(struct worker *w);    /* runs tasks on this thread until the runtime ends, or it has long had none */

/* runtime.c */
int runtime_watch(enum watcher who, bool on); /* -ESHUTDOWN: none runs, or it ends. Takes the control lock */
void proc_summon(struct proc *p);             /* the reason was stored before */
bool control_take(uint32_t last);             /* false: the runtime's state is past `last` */
bool control_try(void);
void control_drop(void);
void runtime_main_ended(void);
bool runtime_enter(void); /* plain threads: false: no runtime runs. True: it doesn't end before runtime_leave */
void runtime_leave(void);
/* A runtime with the calling thread as its only worker, from `began` to `ended`. 0: rt.main_result is main_fn's, if it has
 * returned; else the errors of mote_run. */
int runtime_simulate(void (*began)(struct proc *p), int (*main_fn)(int, char **), void (*ended)(void));

/* xorshift32, Marsaglia 2003; never 0 when it began with something else. */
static inline uint32_t random_next(uint32_t *state)
{
    uint32_t x = *state;
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    return *state = x;
}

/* Takes what is in the next slot and puts t (or NULL) there. [N raid] The owner announces itself, then looks for a raid. */
static inline struct task *next_swap_owner(struct proc *p, struct task *t)
{
    atom_store_rlx(&p->next_busy, 1); /* [N raid] store busy, look for a raid; pairs with next_raid's heavy barrier */
    atom_compiler_barrier();
    if (UNLIKELY(atom_load_acq(&p->summons))) /* [N raid] */
        return next_swap_summoned(p, t);
    struct task *old = atom_load_rlx(&p->next); /* rlx: ours between busy and its end */
    atom_store_rel(&p->next, t);                /* [N next] the task -> next_raid */
    atom_store_rel(&p->next_busy, 0);           /* [N raid] */
    return old;
}

static inline bool proc_watched(const struct proc *p)
{
    return UNLIKELY(atom_load_rlx(&p->summons) & SUMMONS_WATCHED); /* rlx: a late look tells a little less */
}

/* V1 */
static inline bool proc_in_use(const struct proc *p)
{
    return p->number < atom_load_seq(&rt.procs) ||         /* [A attention] looked at after it was taken back */
           atom_load_seq(&rt.spares.stands_in[p->number]); /* [A attention] as above */
}

/* A timer was armed on p by somebody who isn't its owner, or in a blocking section: it must not wait there (V3, V4). */
static inline void timers_armed(struct proc *p)
{
    if (UNLIKELY((atom_load_seq(&p->summons) & SUMMONS_REPLACED) ||
                 !proc_in_use(p))) /* [V timers] armed, now look; pairs with count_declared, may_end */
        spare_give_timers(p);
}

static inline bool worker_queues_turn(const struct proc *p, uint64_t tick)
{
    return (int32_t)((uint32_t)tick - p->fair_tick) >= 0 || runq_length(&p->ring) || fresh_length(&p->fresh);
}

/* Begins a search for a task: what is in the next slot, if it is its turn (N1). NULL: go on with worker_search. */
static inline struct task *worker_next_slot(struct proc *p)
{
    uint64_t tick = atom_load_rlx(&p->tick) + 1; /* rlx: our own */
    atom_store_rlx(&p->tick, tick);              /* rlx: the monitor only compares */
    if (UNLIKELY(tick % TURN == 0 && worker_queues_turn(p, tick)))
        return NULL;
    struct task *t = NULL;
    atom_store_rlx(&p->next_busy, 1); /* [N raid] as in next_swap_owner */
    atom_compiler_barrier();
    if (LIKELY(!atom_load_acq(&p->summons))) { /* [N raid] */
        t = atom_load_rlx(&p->next);           /* rlx: ours between busy and its end */
        atom_store_rlx(&p->next, NULL);        /* rlx: the next store releases it */
    }
    atom_store_rel(&p->next_busy, 0); /* [N raid] */
    return t;
}

/* The first half of task_retire. */
static inline void task_count_ended(struct proc *p, struct task *t)
{
    atom_store_rlx(&t->state,
                   TASK_DONE); /* rlx: the next store publishes it, so that count and records agree at rest */
    /* [E ended] what the task did -> who sees by mote_task_count that it has ended; rlx: our own */
    atom_store_rel(&p->n.ended, atom_load_rlx(&p->n.ended) + 1);
}

/* Whether freeing the record is all there is to the second half, and goes at once. */
static inline bool task_retires_quickly(const struct proc *p, const struct task *t)
{
    return !t->extra && !t->image_class && !(t->flags & TASK_MAIN) && p->records.count < SLAB_CACHE_MAX;
}

static inline void task_put_record(struct proc *p, struct task *t)
{
    atom_store_rlx(&t->state, TASK_FREE); /* rlx: for reports */
    slab_push(&p->records, t);
}

/* The task has left its stack for ever. J2: runs in the next context. */
static inline void task_retire(struct proc *p, struct task *t)
{
    task_count_ended(p, t);
    if (LIKELY(task_retires_quickly(p, t)))
        task_put_record(p, t);
    else
        task_retire_rare(p, t);
}

/* What is at hand on this proc, or NULL: bounded, and takes no lock but leaf ones. */
static inline struct task *worker_quick_next(struct worker *w)
{
    struct task *t = worker_next_slot(w->proc);
    return LIKELY(t != NULL) ? t : worker_search(w->proc);
}

#endif
