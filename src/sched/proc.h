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
#include "sched/runq.h"
#include "sched/sched.h"
#include "sched/timer.h"
#include "stack/image.h"

#include <mote/task.h>
#include <pthread.h>

#define MAX_PROCS 1024
#define TURN 4 /* at every TURN-th search the queues come before the next slot (N1) */

struct worker;

enum summons {
    SUMMONS_ATTENTION = 1, /* anyone sets, owner clears: go to the worker's own stack at the next chance */
    SUMMONS_RAID = 2,      /* the monitor is at `next` */
    SUMMONS_ATOMIC = 4,    /* immutable: there is no heavy barrier, so `next` changes by read-modify-writes */
};

/* Owner writes, all read: statistics. */
struct counters {
    _Atomic uint64_t spawned, ended, steals, stolen, sleeps, wakes, conflicts;
    struct image_counters images;
};

/* The right to run tasks, with everything that is kept once per processor. */
struct proc {
    /* Owner only. */
    unsigned number;    /* immutable */
    uint32_t fair_tick; /* when the other queues get their turn (N2) */
    bool fair_oldest;   /* that turn is the oldest new task's, if it has one (N2), not the global queue's */
    bool timers_seen;   /* the worker has looked for due timers since the last fair turn */
    bool starved;       /* a task could not be run for want of memory: pause before the next try */
    uint32_t pops;      /* searches that came to the queues (N3) */
    uint32_t crowded;   /* tasks in a row that could not start because others hold every home */
    uint32_t random;
    uint32_t loot; /* tasks of the last theft, until it is known whether it has paid */
    int64_t loot_since;
    _Atomic int64_t rest;     /* ns: the last rest after one that didn't pay. Owner writes, tests read */
    uint64_t id_next, id_end; /* task numbers taken in advance */
    struct slab_cache records;
    struct block_caches blocks;
    struct home_cache home_cache;

    _Atomic uint32_t tick;   /* owner writes, the monitor reads: counts the searches for a task */
    _Atomic uint32_t grants; /* the monitor grants, owner uses up: turns for the oldest new task (N2) */

    /* P3 */
    _Atomic(struct task *) next; /* the task made ready last */
    _Atomic uint32_t next_busy;  /* owner is at `next` */

    _Atomic uint32_t summons; /* enum summons: what keeps the owner off its quickest paths, in one word */

    struct runq ring;
    struct fresh fresh;
    struct timers timers;
    struct counters n;
} CACHE_ALIGNED;

/* An OS thread that runs tasks. */
struct worker {
    struct self self;         /* first (T2); self.current is the running task, or &base */
    struct proc *proc;        /* itself */
    int *errno_place;         /* immutable: this thread's errno */
    struct task *handed;      /* itself: what its own stack should run next */
    struct task base;         /* its own stack, as a context */
    bool searching;           /* itself: counted in idle.searching */
    _Atomic uint32_t resting; /* itself; the monitor reads: after a theft that didn't pay */
    bool trimmed;             /* itself: memory was given back since it last ran a task */
    struct sanitizer_fiber fiber;
    void *signal_stack;
    pthread_t thread;
    bool own_thread; /* control lock: it was started */

    struct worker *next_asleep; /* idle lock */
    bool asleep;                /* idle lock: in the list */
    bool retired;               /* idle lock: its proc is not in use */
    _Atomic uint32_t token;     /* a waker stores 1 */
} CACHE_ALIGNED;

/* Workers that sleep. */
struct idle {
    struct lock lock;
    struct worker *first;
    CACHE_ALIGNED _Atomic uint32_t asleep;    /* lock; read by all */
    _Atomic uint32_t retired;                 /* lock; read by the monitor: workers whose proc is not in use */
    CACHE_ALIGNED _Atomic uint32_t searching; /* workers that look for work, woken ones on their way among them */
};

enum runtime_state { RUNTIME_NONE, RUNTIME_STARTING, RUNTIME_RUNNING, RUNTIME_STOPPING, RUNTIME_ENDING, RUNTIME_LEFT };

struct runtime {
    /* Read by all, written rarely. */
    _Atomic uint32_t state;
    _Atomic uint32_t procs;     /* in use: numbers below it */
    _Atomic uint32_t alone;     /* 1: one proc, so nobody steals. Leaves 1 under the heavy barrier */
    bool asymmetric;            /* the heavy barrier exists */
    bool pin_all;               /* every task is pinned */
    int queue;                  /* capacity of rings */
    _Atomic int64_t theft_pays; /* tests change it: ns of work for each stolen task that make a theft worth while */
    struct proc *proc[MAX_PROCS];
    struct worker *worker[MAX_PROCS]; /* [i] holds proc[i] */
    _Atomic uint32_t made;            /* control lock: procs and workers that exist; read by all */

    struct globq global;
    struct idle idle;
    _Atomic uint32_t
        control; /* 1: held by mote_set_procs, start or stop. Not a struct lock: its waiters look at the state */
    _Atomic uint32_t visitors; /* plain threads that are inside, for the end to wait for */
    _Atomic uint32_t by_run;   /* started by mote_run, which alone stops it; set before the state says RUNNING */

    /* The main task of mote_run. */
    int main_result;
    _Atomic uint32_t main_done;

    /* Counted for those without a proc. */
    _Atomic uint64_t shared_spawned, next_id;
    _Atomic uint32_t live_workers;
    _Atomic uint32_t monitor_asleep;
    pthread_t monitor;
    bool has_monitor;
};
extern struct runtime rt;
extern struct slab_class record_slab;

/* The worker of the calling thread; NULL on a plain one. Read afresh at every call: after a switch it may be another. */
static inline struct worker *worker_self(void) { return (struct worker *)self_read(); }

/* task.c */
struct task_extra {
    struct lock lock;
    bool joinable;                      /* immutable */
    struct task *joiner;                /* lock */
    bool done, detached;                /* lock */
    char name[32];                      /* itself; "" for none */
    struct sched_exit_step *exit_steps; /* itself */
    struct sanitizer_fiber fiber;
};
const char *task_name(const struct task *t);
void task_describe(const struct task *t, char *text, size_t size);
void task_exit_steps(struct task *self); /* of a task with an extra */
void task_retire_rare(struct proc *p, struct task *t);
void task_free(struct proc *p, struct task *t);
int task_make_main(int (*fn)(int, char **), int argc, char **argv);

/* join.c */
mote_task *join_handle(const struct task *t);
bool join_publish_end(struct task *t); /* true: nobody will join it, the caller frees it */

/* switch.c */
void switch_give_way(void);
void switch_run(struct worker *w, struct task *t); /* from the worker's own stack */

/* ready.c: the caller holds p */
struct task *next_swap_summoned(struct proc *p, struct task *t); /* the rare part of next_swap_owner */
void queue_push(struct proc *p, struct task *t);                 /* behind its like */
void ready_on(struct proc *p, struct task *t);                   /* into the next slot */
void ready_chain(struct proc *p, struct task *first);            /* a list linked by next; NULL: none */
struct task *ready_batch(struct proc *p, uint64_t max); /* from the global queue: the first, the others are queued */

/* worker.c */
void worker_loop(struct worker *w);
struct task *worker_search(struct proc *p); /* the part of worker_quick_next that isn't in line */
bool worker_wanted(struct proc *p);         /* the worker's own stack has something to do */

/* steal.c */
struct task *steal_work(struct worker *w);
bool steal_possible(void);

/* idle.c */
void idle_wake_one(void);
void idle_wake_all(void);
void idle_sleep(struct worker *w);
void idle_set_retired(struct worker *w, bool retired);
bool idle_start_search(struct worker *w);
void idle_end_search(struct worker *w, bool found);

/* thread.c */
struct task *thread_park(struct task *self, struct lock *lock);
void thread_ready(struct task *t);

/* monitor.c */
int monitor_start(void);
void monitor_stop(void);
void monitor_wake(void);

/* runtime.c */
void runtime_main_ended(void);
bool runtime_enter(void); /* plain threads: false: no runtime runs. True: it doesn't end before runtime_leave */
void runtime_leave(void);

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

static inline bool worker_queues_turn(const struct proc *p, uint32_t tick)
{
    return (int32_t)(tick - p->fair_tick) >= 0 || runq_length(&p->ring) || fresh_length(&p->fresh);
}

/* Begins a search for a task: what is in the next slot, if it is its turn (N1). NULL: go on with worker_search. */
static inline struct task *worker_next_slot(struct proc *p)
{
    uint32_t tick = atom_load_rlx(&p->tick) + 1; /* rlx: our own */
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
