/* SPDX-License-Identifier: MIT */
/* runtime - starting, stopping, and changing the number of procs.
 * Job:    mote_run, mote_start, mote_stop, mote_procs, mote_set_procs.
 * Holds:  U1 states go NONE, STARTING, RUNNING, STOPPING, ENDING, NONE. U2 at the end every worker is back on its own stack
 *         before anything is freed; when one doesn't come in time, nothing is freed and the state is LEFT for good.
 *         U3 a proc and its worker, once made, stay until the end: mote_set_procs only says how many of them work.
 */
#include "base/os.h"
#include "base/sanitizer.h"
#include "sched/config.h"
#include "sched/proc.h"
#include "stack/guard.h"

#include <mote/time.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define THEFT_PAYS 128            /* ns; a switch, and the cache lines that two processors pass to and fro */
#define END_PATIENCE (1 * MOTE_S) /* for workers whose task doesn't call mote */

struct runtime rt;

static struct slab_class *slab_classes[1 + BLOCK_SLAB_CLASSES];

/* For the stack overflow message; runs in a signal handler on the faulting thread. */
static void describe_current(char *text, size_t size)
{
    struct worker *w = worker_self();
    if (w)
        task_describe(w->self.current, text, size);
}

static struct proc *make_proc(unsigned number)
{
    struct proc *p = aligned_alloc(CACHE_LINE, sizeof *p);
    if (!p)
        return NULL;
    memset(p, 0, sizeof *p);
    p->number = number;
    p->random = 0x9e3779b9u * (number + 1);
    atom_store_rlx(&p->summons, rt.asymmetric ? 0 : SUMMONS_ATOMIC); /* rlx: published by [R made] */
    p->ring.capacity = (uint32_t)rt.queue;
    p->fresh.capacity = rt.queue;
    p->home_cache.window = number * HOME_WINDOW % homes.cap;
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

/* Runs tasks on this thread until the runtime ends. */
static void work(struct worker *w)
{
    w->errno_place = &errno;
    fiber_of_thread(&w->fiber);
    guard_thread_enter(&w->signal_stack); /* without it an overflow just kills without the message */
    mote_self_worker = w;
    if (atom_load_seq(&rt.alone))  /* seq: rare */
        lock_bias_begin(&w->self); /* sooner than the monitor would */
    worker_loop(w);
    mote_self_worker = NULL;
    guard_thread_leave(w->signal_stack);
    atom_sub_seq(&rt.live_workers, 1); /* seq: our last writes -> end_workers, which frees what we used */
}

static void *worker_main(void *arg)
{
    work(arg);
    return NULL;
}

static int start_thread(struct worker *w)
{
    atom_add_seq(&rt.live_workers, 1); /* seq: before the thread can count itself out */
    int error = pthread_create(&w->thread, NULL, worker_main, w);
    if (error)
        atom_sub_seq(&rt.live_workers, 1); /* seq: our last writes -> end_workers, which frees what we used */
    w->own_thread = error == 0;
    monitor_wake(); /* it has gone to sleep if all workers had that there were */
    return -error;
}

/* Control lock held. Makes procs and workers up to `procs`: all of them before any of their threads, for these look at every
 * proc that rt.procs counts. */
static int make_procs(uint32_t procs)
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

/* Control lock held. */
static int start_threads(uint32_t procs)
{
    int error = 0;
    for (uint32_t i = 0; !error && i < procs; i++)
        if (!rt.worker[i]->own_thread)
            error = start_thread(rt.worker[i]);
    if (!error)
        error = monitor_start();
    return error;
}

static void discard_mailbox(struct task *t)
{
    struct mailbox_block *block = (struct mailbox_block *)(uintptr_t)t->mailbox;
    if (!block->class)
        free(block);
    else if (block->class > BLOCK_SLAB_CLASSES)
        block_put(NULL, block->class, block);
}

/* What a task that is discarded holds outside the slabs. */
static void discard(void *object, void *arg)
{
    struct task *t = object;
    (void)arg;
    if (atom_load_rlx(&t->state) == TASK_FREE) /* rlx: nothing else runs */
        return;
    if (t->home != 0 && atom_load_rlx(&t->state) != TASK_DONE) /* rlx: as above */
        sanitizer_stack_discarded(t->sp, home_of(t)->top);
    if (t->flags & TASK_MAILBOX_BLOCK)
        discard_mailbox(t);
    if (t->image_class > BLOCK_SLAB_CLASSES)
        image_drop(t, NULL);
    free(t->extra);
}

bool runtime_enter(void)
{
    atom_add_seq(&rt.visitors, 1); /* [R visit] announce, then look at the state; pairs with close_runtime */
    uint32_t state = atom_load_seq(&rt.state); /* [R visit] [R state] */
    if (LIKELY(state == RUNTIME_RUNNING || state == RUNTIME_STOPPING))
        return true;
    runtime_leave();
    return false;
}

void runtime_leave(void) { atom_sub_seq(&rt.visitors, 1); } /* [R visit] what we touched -> close_runtime */

bool sched_timers_hold(void)
{
    if (worker_self())
        return true;
    for (unsigned tries = 0; !runtime_enter(); tries++) {
        uint32_t state = atom_load_seq(&rt.state); /* [R state] */
        if (state == RUNTIME_LEFT) {               /* its memory stays */
            atom_add_seq(&rt.visitors, 1);         /* seq: nobody looks at it any more */
            return true;
        }
        if (state == RUNTIME_NONE || state == RUNTIME_STARTING)
            return false;
        os_back_off(tries);
    }
    return true;
}

void sched_timers_release(void)
{
    if (!worker_self())
        runtime_leave();
}

/* False: the runtime ends, or has ended: a worker that waited on would keep it from ending. */
static bool take_control(bool while_running)
{
    for (unsigned tries = 0;; tries++) {
        uint32_t free = 0;
        if (atom_cas_seq(&rt.control, &free, 1)) /* [R control] */
            return true;
        if (while_running && atom_load_seq(&rt.state) != RUNTIME_RUNNING) /* [R state] */
            return false;
        os_back_off(tries);
    }
}

static void drop_control(void) { atom_store_seq(&rt.control, 0); } /* [R control] */

static void free_all(void)
{
    slab_each(&record_slab, discard, NULL);
    for (uint32_t i = 0; i < atom_load_acq(&rt.made); i++) { /* [R made] */
        timers_close(&rt.proc[i]->timers);
        free(rt.proc[i]);
        free(rt.worker[i]);
    }
    atom_store_seq(&rt.made, 0); /* seq: nothing else runs, here and below */
    slab_release_all(slab_classes, ARRAY_LENGTH(slab_classes));
    block_reset();
    home_table_close();
    guard_remove();
    rt.global.first = rt.global.last = NULL;
    atom_store_seq(&rt.global.count, 0); /* seq: as above */
    rt.idle.first = NULL;
    atom_store_seq(&rt.idle.retired, 0);   /* seq: as above */
    atom_store_seq(&rt.idle.asleep, 0);    /* seq: as above */
    atom_store_seq(&rt.idle.searching, 0); /* seq: as above */
    atom_store_seq(&rt.shared_spawned, 0); /* seq: as above */
}

static int prepare(const mote_config *given)
{
    mote_config c;
    int error = config_resolve(given, &c);
    if (error < 0)
        return error;
    if ((error = home_table_open(c.max_stack, (unsigned)c.homes)) < 0)
        return error;
    slab_classes[0] = &record_slab;
    for (int i = 0; i < BLOCK_SLAB_CLASSES; i++)
        slab_classes[1 + i] = &block_slabs[i];
    sched_stack_size = homes.size;
    rt.asymmetric = os_barrier_ready();
    rt.pin_all = c.pinned || sanitizer_pins_all();
    rt.queue = c.queue;
    atom_store_rlx(&rt.theft_pays, THEFT_PAYS); /* rlx: no worker runs yet */
    rt.main_result = 0;
    if (atom_load_seq(&rt.next_id) == 0)                      /* seq: no worker runs yet, here and below */
        atom_store_seq(&rt.next_id, 1);                       /* numbers go on from runtime to runtime */
    atom_store_seq(&rt.procs, (uint32_t)c.procs);             /* seq: as above */
    atom_store_seq(&rt.alone, c.procs == 1 && rt.asymmetric); /* seq: as above */
    guard_install(describe_current);
    return 0;
}

/* Claims the runtime and makes everything but the main task. */
static int open_runtime(const mote_config *config)
{
    uint32_t none = RUNTIME_NONE;
    if (!atom_cas_seq(&rt.state, &none, RUNTIME_STARTING)) /* [R state] one caller wins (U1) */
        return -EBUSY;
    int error = prepare(config);
    if (error < 0) {
        home_table_close();
        atom_store_seq(&rt.state, RUNTIME_NONE); /* [R state] given up */
    }
    return error;
}

/* The reason was stored before. */
static void proc_summon(struct proc *p)
{
    atom_or_seq(&p->summons, SUMMONS_ATTENTION); /* [A attention] the reason -> attend */
    os_futex_wake(&p->summons, 1);
}

/* From here on workers leave their loops. False when one did not in time. */
static bool end_workers(void)
{
    atom_store_seq(&rt.state, RUNTIME_ENDING);               /* [A attention] before attention: attend sees it */
    for (uint32_t i = 0; i < atom_load_acq(&rt.made); i++) { /* [R made] */
        proc_summon(rt.proc[i]);
    }
    monitor_stop();
    int64_t deadline = os_now() + END_PATIENCE;
    for (unsigned tries = 0; atom_load_seq(&rt.live_workers) > 0; tries++) { /* seq: pairs with work */
        idle_wake_all();
        if (os_now() > deadline)
            return false;
        os_back_off(tries);
    }
    for (uint32_t i = 0; i < atom_load_acq(&rt.made); i++) /* [R made] */
        if (rt.worker[i]->own_thread)
            pthread_join(rt.worker[i]->thread, NULL);
    return true;
}

static int close_runtime(void)
{
    atom_store_seq(&rt.state, RUNTIME_ENDING); /* [R visit] the state, then look for visitors and for who has control */
    take_control(false);
    bool clean = end_workers();
    lock_bias_end();
    for (unsigned tries = 0; clean && atom_load_seq(&rt.visitors) > 0; tries++) /* [R visit] pairs with runtime_enter */
        os_back_off(tries);
    if (clean)
        free_all();
    atom_store_seq(&rt.state, clean ? RUNTIME_NONE : RUNTIME_LEFT); /* [R state] */
    drop_control();
    return clean ? 0 : -EBUSY;
}

/* U1: from NONE to RUNNING. */
static int start(const mote_config *config, bool by_run)
{
    if (worker_self())
        return -EBUSY;
    int error = open_runtime(config);
    if (error < 0)
        return error;
    uint32_t procs = atom_load_seq(&rt.procs); /* seq: stored by prepare, in this thread */
    take_control(false);
    atom_store_rlx(&rt.by_run, by_run); /* rlx: the state, stored later, publishes it */
    error = make_procs(procs);
    if (!error)
        error = start_threads(procs);
    drop_control();
    if (error < 0) {
        close_runtime();
        return error;
    }
    atom_store_rel(&rt.state, RUNTIME_RUNNING); /* [R state] everything made -> who checks the state */
    return 0;
}

/* Runs in the next context of the worker that ran it. */
void runtime_main_ended(void)
{
    atom_store_rel(&rt.main_done, 1); /* [R main] its result -> mote_run */
    os_futex_wake(&rt.main_done, 1);
}

/* The calling thread waits. It can't work for the runtime meanwhile: a task that never calls mote again would keep it from
 * returning when the main task ends elsewhere. */
PUBLIC int mote_run(int (*main_fn)(int argc, char **argv), int argc, char **argv)
{
    if (!main_fn)
        return -EINVAL;
    int error = start(NULL, true);
    if (error < 0)
        return error;
    atom_store_seq(&rt.main_done, 0); /* seq: before the main task exists */
    error = task_make_main(main_fn, argc, argv);
    while (!error && !atom_load_acq(&rt.main_done)) /* [R main] pairs with runtime_main_ended */
        os_futex_wait(&rt.main_done, 0, INT64_MAX);
    int result = error < 0 ? error : rt.main_result;
    close_runtime();
    return result;
}

PUBLIC int mote_start(const mote_config *config) { return start(config, false); }

/* U1: from RUNNING to STOPPING. Under the control lock no runtime can end and another begin between the looks. */
static int begin_stopping(void)
{
    take_control(false);
    uint32_t state = atom_load_seq(&rt.state); /* [R state] */
    bool by_run = atom_load_rlx(&rt.by_run);   /* rlx: under the control lock */
    int error = state != RUNTIME_RUNNING ? -ESHUTDOWN : by_run ? -EBUSY : 0;
    if (!error && !atom_cas_seq(&rt.state, &state, RUNTIME_STOPPING)) /* [R state] one caller wins */
        error = -ESHUTDOWN;
    drop_control();
    /* Plain threads that are inside may have seen RUNNING, and not have counted their task yet: [R visit], runtime_enter. */
    for (unsigned tries = 0; !error && atom_load_seq(&rt.visitors) > 0; tries++) /* [R visit] */
        os_back_off(tries);
    return error;
}

PUBLIC int mote_stop(int64_t deadline)
{
    struct worker *w = worker_self();
    if (w)
        return -EDEADLK;
    int error = begin_stopping();
    if (error < 0)
        return error;
    size_t left;
    for (unsigned tries = 0; (left = mote_task_count()) > 0 && os_now() < deadline; tries++)
        os_back_off(tries);
    error = close_runtime();
    return error < 0 ? error : (int)left;
}

PUBLIC int mote_procs(void)
{
    uint32_t state = atom_load_acq(&rt.state); /* [R state] pairs with mote_start */
    bool runs = state >= RUNTIME_RUNNING && state < RUNTIME_LEFT;
    return runs ? (int)atom_load_rlx(&rt.procs) : 0; /* rlx: a number that may change at any time */
}

static void set_procs(uint32_t procs)
{
    uint32_t before = atom_load_seq(&rt.procs); /* seq: under the control lock */
    if (before == 1 && procs > 1) {
        /* Thieves come: after the barrier every owner has seen it (runq_pop_owner, fresh_pop_owner). */
        atom_store_seq(&rt.alone, 0); /* [N alone] then the barrier; pairs with take_queued */
        os_barrier_heavy();
        for (unsigned tries = 0; atom_load_acq(&rt.proc[0]->next_busy); tries++) /* [N alone] */
            os_back_off(tries);
    }
    atom_store_seq(&rt.procs, procs); /* seq: a number; the procs themselves were published by [R made] */
    for (uint32_t i = 0; i < atom_load_acq(&rt.made); i++) { /* [R made] */
        proc_summon(rt.proc[i]);
    }
    idle_wake_all();
}

PUBLIC int mote_set_procs(int procs)
{
    if (procs < 1 || procs > MAX_PROCS)
        return -EINVAL;
    if (atom_load_seq(&rt.state) != RUNTIME_RUNNING || !take_control(true)) /* [R state] */
        return -ESHUTDOWN;
    int error = atom_load_seq(&rt.state) == RUNTIME_RUNNING ? 0 : -ESHUTDOWN; /* [R state] */
    if (!error)
        error = make_procs((uint32_t)procs);
    if (!error) {
        uint32_t before = atom_load_seq(&rt.procs); /* seq: under the control lock */
        set_procs((uint32_t)procs);
        error = start_threads((uint32_t)procs);
        if (error < 0)
            set_procs(before); /* those that did start retire */
    }
    drop_control();
    return error;
}
