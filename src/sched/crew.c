/* SPDX-License-Identifier: MIT */
/* crew - making procs and their workers, and the threads of these.
 * Job:    all that a worker is before it looks for its first task, and after its last one.
 * Holds:  U3 of runtime.c. A worker whose thread has ended of itself (spare.c) may get another one.
 * Callers: who has taken control.
 * Not here: how many of them work (runtime.c, spare.c).
 */
#include "base/os.h"
#include "base/sanitizer.h"
#include "sched/proc.h"
#include "stack/guard.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Never 0 (random_next). */
static uint32_t first_random(unsigned number)
{
    uint32_t seed = (uint32_t)(rt.seed * UINT64_C(0x9e3779b97f4a7c15) >> 32), n = 0x9e3779b9u * (number + 1) ^ seed;
    return n ? n : 1;
}

static struct proc *make_proc(unsigned number)
{
    struct proc *p = aligned_alloc(CACHE_LINE, sizeof *p);
    if (!p)
        return NULL;
    memset(p, 0, sizeof *p);
    p->number = number;
    p->random = first_random(number);
    uint32_t watched = atom_load_rlx(&rt.watchers) ? SUMMONS_WATCHED : 0;        /* rlx: under the control lock */
    atom_store_rlx(&p->summons, watched | (rt.asymmetric ? 0 : SUMMONS_ATOMIC)); /* rlx: published by [R made] */
    atom_store_rlx(&p->shut, rt.asymmetric && !runtime_simulated());             /* rlx: as above */
    p->ring.capacity = (uint32_t)rt.queue;
    p->fresh.capacity = rt.queue;
    home_cache_open(&p->home_cache, number);
    timers_init(&p->timers);
    return p;
}

static struct worker *make_worker(struct proc *p)
{
    struct worker *w = aligned_alloc(CACHE_LINE, sizeof *w);
    if (!w)
        return NULL;
    memset(w, 0, sizeof *w);
    w->proc = p;
    w->base.flags = TASK_PINNED;
    w->self.current = &w->base;
    atom_store_rlx(&w->threadless, true); /* rlx: published by [R made] */
    return w;
}

/* The bounds of this thread's stack: ASan wants to know them when a task switches back to it. */
static void fiber_of_thread(struct sanitizer_fiber *f)
{
    sanitizer_fiber_init(f, NULL, 0);
#if UNDER_ASAN
    pthread_attr_t attr;
    void *low;
    size_t size;
    if (pthread_getattr_np(pthread_self(), &attr) == 0) {
        if (pthread_attr_getstack(&attr, &low, &size) == 0)
            f->bottom = low, f->size = size;
        pthread_attr_destroy(&attr);
    }
#endif
}

void crew_work(struct worker *w)
{
    w->errno_place = &errno;
    atom_store_rlx(&w->tid, os_thread_id()); /* rlx: for the monitor, a hint */
    fiber_of_thread(&w->fiber);
    void *signal_stack;
    guard_thread_enter(&signal_stack); /* without it an overflow just kills without the message */
    mote_self_worker = w;
    debug_worker_start();
    if (atom_load_rlx(&rt.procs) == 1 && rt.asymmetric && !runtime_simulated()) /* rlx: a hint */
        lock_bias_begin(&w->self);                                              /* sooner than the monitor would */
    do
        homes.watch ? worker_loop_watched(w) : worker_loop(w);
    while (w->leaves && !spare_end_thread(w)); /* then it may be another thread's */
    debug_worker_stop();
    mote_self_worker = NULL;
    guard_thread_leave(signal_stack);
    atom_sub_seq(&rt.live_workers, 1); /* seq: our last writes -> end_workers, which frees what we used */
}

static void *worker_main(void *arg)
{
    crew_work(arg);
    return NULL;
}

static void set_threadless(struct worker *w, bool is)
{
    lock_take(&rt.spares.lock);
    atom_store_rlx(&w->threadless, is); /* rlx: under the lock */
    lock_drop(&rt.spares.lock);
}

int crew_start(struct worker *w)
{
    set_threadless(w, false);          /* before the thread can end */
    atom_add_seq(&rt.live_workers, 1); /* seq: before the thread can count itself out */
    int error = pthread_create(&w->thread, NULL, worker_main, w);
    if (error)
        atom_sub_seq(&rt.live_workers, 1); /* seq: our last writes -> end_workers, which frees what we used */
    if (error)
        set_threadless(w, true);
    w->own_thread = error == 0;
    monitor_wake(); /* it has gone to sleep if all workers had that there were */
    return -error;
}

/* All of them before any of their threads, for these look at every proc that rt.procs counts. */
int crew_make_up_to(uint32_t procs)
{
    for (uint32_t made; (made = atom_load_rlx(&rt.made)) < procs;) { /* rlx: under the lock */
        struct proc *p = make_proc(made);
        struct worker *w = p ? make_worker(p) : NULL;
        if (!w) {
            free(p);
            return -ENOMEM;
        }
        rt.proc[made] = p;
        rt.worker[made] = w;
        atom_store_rel(&rt.made, made + 1); /* [R made] proc -> who counts tasks */
    }
    return 0;
}
