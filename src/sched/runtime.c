/* SPDX-License-Identifier: MIT */
/* runtime - starting, stopping, and changing the number of procs.
 * Job:    mote_run, mote_start, mote_stop, mote_procs, mote_set_procs.
 * Holds:  U1 states go NONE, STARTING, RUNNING, STOPPING, ENDING, NONE. U2 at the end every worker is back on its own stack
 *         before anything is freed; when one doesn't come in time, nothing is freed and the state is LEFT for good.
 *         U3 a proc and its worker, once made, stay until the end: mote_set_procs only says how many of them work.
 */
#include "base/msg.h"
#include "base/os.h"
#include "base/sanitizer.h"
#include "sched/config.h"
#include "sched/polling.h"
#include "sched/proc.h"
#include "stack/guard.h"

#include <mote/time.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define THEFT_PAYS 512 /* ns; well above what short tasks take that fight for their cache lines */
#define SPARE_PATIENCE (10 * MOTE_S)
#define TRIM_AFTER (50 * MOTE_MS)
#define END_PATIENCE (1 * MOTE_S) /* for workers whose task doesn't call mote */

struct runtime rt;

static struct slab_class *slab_classes[2 + BLOCK_SLAB_CLASSES];

/* Control lock held. */
static int start_threads(uint32_t procs)
{
    int error = 0;
    for (uint32_t i = 0; !error && i < procs; i++)
        if (!rt.worker[i]->own_thread)
            error = crew_start(rt.worker[i]);
    if (!error)
        error = monitor_start();
    return error;
}

bool control_try(void)
{
    uint32_t free = 0;
    return atom_cas_seq(&rt.control, &free, 1); /* [R control] */
}

/* Who waited on while the runtime ends would keep it from ending. */
bool control_take(uint32_t last)
{
    for (unsigned tries = 0;; tries++) {
        if (control_try())
            return true;
        if (atom_load_seq(&rt.state) > last) /* [R state] */
            return false;
        os_back_off(tries);
    }
}

void control_drop(void) { atom_store_seq(&rt.control, 0); } /* [R control] */

static void free_all(void)
{
    polling_end();
    slab_each(&record_slab, task_discard, NULL);
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
    debug_check_ended();
    debug_stop();
    atom_store_rlx(&rt.simulated, false); /* rlx: nothing else runs */
    rt.global.first = rt.global.last = NULL;
    atom_store_seq(&rt.global.count, 0); /* seq: as above */
    rt.idle.first = NULL;
    atom_store_seq(&rt.idle.retired, 0);   /* seq: as above */
    atom_store_seq(&rt.idle.asleep, 0);    /* seq: as above */
    atom_store_seq(&rt.idle.searching, 0); /* seq: as above */
    memset(&rt.spares, 0, sizeof rt.spares);
    atom_store_seq(&rt.shared_spawned, 0); /* seq: as above */
}

static int prepare(const mote_config *given)
{
    mote_config c;
    int error = config_resolve(given, &c);
    if (error < 0)
        return error;
    if (runtime_simulated())
        c.procs = 1;
    if ((error = home_table_open(c.max_stack, (unsigned)c.homes)) < 0)
        return error;
    slab_classes[0] = &record_slab;
    slab_classes[1] = &wait_slab;
    for (int i = 0; i < BLOCK_SLAB_CLASSES; i++)
        slab_classes[2 + i] = &block_slabs[i];
    sched_stack_size = homes.size;
    rt.asymmetric = os_barrier_ready();
    atom_store_seq(&rt.watchers, 0); /* seq: no worker runs yet */
    if (c.trace && !runtime_simulated() && (error = debug_start_trace(c.trace)) < 0)
        return error;
    rt.pin_all = c.pinned || sanitizer_pins_all();
    if (c.stackcheck && (error = debug_check_stacks(c.stackcheck)) < 0)
        return error;
    rt.panic_ends_task = c.panic_ends_task;
    rt.seed = c.seed;
    rt.queue = c.queue;
    atom_store_rlx(&rt.theft_pays, THEFT_PAYS); /* rlx: no worker runs yet, here and below */
    atom_store_rlx(&rt.spares.patience, SPARE_PATIENCE);
    atom_store_rlx(&rt.idle.trim_after, TRIM_AFTER);
    rt.spares.most = c.max_blocked < 0 ? 0 : (uint32_t)c.max_blocked;
    rt.main_result = 0;
    rt.epoch++;
    thread_runtime_runs(true);
    rt.stall_told = false;
    rt.sigquit = c.sigquit;
    rt.leaks = c.leaks;
    rt.on_leak = c.on_leak;
    rt.schedtrace = c.schedtrace;
    monitor_tick();
    rt.on_deadlock = c.on_deadlock;
    if (atom_load_seq(&rt.next_id) == 0)          /* seq: no worker runs yet, here and below */
        atom_store_seq(&rt.next_id, 1);           /* numbers go on from runtime to runtime */
    atom_store_seq(&rt.procs, (uint32_t)c.procs); /* seq: as above */
    atom_store_seq(&rt.reach, (uint32_t)c.procs); /* seq: as above; [R made] as in extend */
    forked_watch();
    guard_install(debug_on_fault);
    debug_start();
    msg_describe_caller = task_describe_caller;
    return 0;
}

/* Claims the runtime and makes everything but the main task. */
static int open_runtime(const mote_config *config, bool simulated)
{
    uint32_t none = RUNTIME_NONE;
    if (!atom_cas_seq(&rt.state, &none, RUNTIME_STARTING)) /* [R state] one caller wins (U1) */ {
        forked_tell();
        return -EBUSY;
    }
    atom_store_rlx(&rt.simulated, simulated); /* rlx: no worker runs yet */
    int error = prepare(config);
    if (error < 0) {
        home_table_close();
        atom_store_seq(&rt.state, RUNTIME_NONE); /* [R state] given up */
    }
    return error;
}

void proc_summon(struct proc *p)
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
    control_take(RUNTIME_LEFT);
    bool clean = end_workers();
    lock_bias_end();
    for (unsigned tries = 0; clean && atom_load_seq(&rt.visitors) > 0; tries++) /* [R visit] pairs with runtime_enter */
        os_back_off(tries);
    atom_store_rlx(&rt.left, task_count()); /* rlx: a statistic */
    thread_runtime_runs(false);             /* while all that they look at is there */
    debug_end_trace();
    if (clean)
        free_all();
    atom_store_seq(&rt.state, clean ? RUNTIME_NONE : RUNTIME_LEFT); /* [R state] */
    control_drop();
    return clean ? 0 : -EBUSY;
}

/* U1: from NONE to RUNNING. */
static int start(const mote_config *config, bool by_run)
{
    if (worker_self())
        return -EBUSY;
    int error = open_runtime(config, false);
    if (error < 0)
        return error;
    uint32_t procs = atom_load_seq(&rt.procs); /* seq: stored by prepare, in this thread */
    control_take(RUNTIME_LEFT);
    atom_store_rlx(&rt.by_run, by_run); /* rlx: the state, stored later, publishes it */
    error = crew_make_up_to(procs);
    if (!error)
        error = start_threads(procs);
    control_drop();
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
    if (!runtime_simulated())
        thread_wait_ends();
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
    thread_wait_begins();             /* before the main task can end */
    error = task_make_main(main_fn, argc, argv);
    if (error < 0)
        thread_wait_ends();
    while (!error && !atom_load_acq(&rt.main_done)) /* [R main] pairs with runtime_main_ended */
        os_futex_wait(&rt.main_done, 0, INT64_MAX);
    int result = error < 0 ? error : rt.main_result;
    debug_on_end();
    close_runtime();
    return result;
}

/* No thread is started, and the monitor isn't either. */
int runtime_simulate(void (*began)(struct proc *p), int (*main_fn)(int, char **), void (*ended)(void))
{
    if (worker_self())
        return -EBUSY;
    int error = open_runtime(NULL, true);
    if (error < 0)
        return error;
    control_take(RUNTIME_LEFT);
    atom_store_rlx(&rt.by_run, true); /* rlx: the state, stored later, publishes it */
    error = crew_make_up_to(1);
    control_drop();
    if (!error) {
        began(rt.proc[0]);
        error = task_make_main(main_fn, 0, NULL);
    }
    if (!error) {
        atom_add_seq(&rt.live_workers, 1);          /* seq: this thread; work counts it out */
        atom_store_rel(&rt.state, RUNTIME_RUNNING); /* [R state] as in start */
        crew_work(rt.worker[0]);
    }
    ended();
    close_runtime();
    return error;
}

PUBLIC int mote_start(const mote_config *config) { return start(config, false); }

/* U1: from RUNNING to STOPPING. Under the control lock no runtime can end and another begin between the looks. */
static int begin_stopping(void)
{
    control_take(RUNTIME_LEFT);
    uint32_t state = atom_load_seq(&rt.state); /* [R state] */
    bool by_run = atom_load_rlx(&rt.by_run);   /* rlx: under the control lock */
    int error = state != RUNTIME_RUNNING ? -ESHUTDOWN : by_run ? -EBUSY : 0;
    if (!error && !atom_cas_seq(&rt.state, &state, RUNTIME_STOPPING)) /* [R state] one caller wins */
        error = -ESHUTDOWN;
    control_drop();
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
    if (deadline == MOTE_FOREVER)
        thread_wait_begins();
    for (unsigned tries = 0; (left = mote_task_count()) > 0 && os_now() < deadline; tries++)
        os_back_off(tries);
    if (deadline == MOTE_FOREVER)
        thread_wait_ends();
    debug_on_end();
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
    if (atom_load_seq(&rt.watchers)) /* seq: under the control lock */
        debug_procs(procs);
    atom_store_seq(&rt.procs, procs); /* seq: a number; the procs themselves were published by [R made] */
    spare_recount();
    for (uint32_t i = 0; i < atom_load_acq(&rt.made); i++) { /* [R made] */
        proc_summon(rt.proc[i]);
    }
    idle_wake_all();
}

int runtime_watch(enum watcher who, bool on)
{
    if (!control_take(RUNTIME_RUNNING))
        return -ESHUTDOWN;
    bool runs = atom_load_seq(&rt.state) == RUNTIME_RUNNING;                                /* [R state] */
    uint32_t before = atom_load_seq(&rt.watchers), now = on ? before | who : before & ~who; /* seq: under the lock */
    atom_store_seq(&rt.watchers, now);                                                      /* seq: as above */
    for (uint32_t i = 0; i < atom_load_acq(&rt.made); i++) {                                /* [R made] */
        if (now)
            atom_or_seq(&rt.proc[i]->summons, SUMMONS_WATCHED); /* seq: a request; a late look tells a little less */
        else
            atom_and_seq(&rt.proc[i]->summons, ~SUMMONS_WATCHED); /* seq: as above */
    }
    control_drop();
    if (rt.asymmetric)
        os_barrier_heavy(); /* from here on every task that leaves is seen to */
    return runs ? 0 : -ESHUTDOWN;
}

PUBLIC int mote_set_procs(int procs)
{
    if (procs < 1 || procs > MAX_PROCS)
        return -EINVAL;
    if (runtime_simulated())
        return procs == 1 ? 0 : -EBUSY;
    if (atom_load_seq(&rt.state) != RUNTIME_RUNNING || !control_take(RUNTIME_RUNNING)) /* [R state] */
        return -ESHUTDOWN;
    int error = atom_load_seq(&rt.state) == RUNTIME_RUNNING ? 0 : -ESHUTDOWN; /* [R state] */
    if (!error)
        error = crew_make_up_to((uint32_t)procs);
    if (!error) {
        uint32_t before = atom_load_seq(&rt.procs); /* seq: under the control lock */
        set_procs((uint32_t)procs);
        error = start_threads((uint32_t)procs);
        if (error < 0)
            set_procs(before); /* those that did start retire */
    }
    control_drop();
    return error;
}
