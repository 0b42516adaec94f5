/* SPDX-License-Identifier: MIT */
/* visit - plain threads inside the runtime.
 * Job:    let them in while one runs, and keep it from ending until they have left.
 * Holds:  VI1 a visitor is counted before it looks at the state; who ends the runtime stores the state before it looks at the count.
 *         So one of the two sees the other.
 */
#include "base/os.h"
#include "sched/proc.h"
#include "sched/sim.h"

bool runtime_enter(void)
{
    atom_add_seq(&rt.visitors, 1); /* [R visit] announce, then look at the state; pairs with close_runtime */
    uint32_t state = atom_load_seq(&rt.state); /* [R visit] [R state] */
    if (LIKELY(state == RUNTIME_RUNNING || state == RUNTIME_STOPPING)) {
        if (UNLIKELY(runtime_simulated()))
            sim_refuse_thread();
        return true;
    }
    runtime_leave();
    forked_tell();
    return false;
}

void runtime_leave(void) { atom_sub_seq(&rt.visitors, 1); } /* [R visit] what we touched -> close_runtime */

bool sched_visit(void) { return runtime_enter(); }

void sched_visit_end(void) { runtime_leave(); }

void sched_calls_begin(void)
{
    if (LIKELY(!homes.watch))
        return;
    if (!worker_self())
        debug_worker_start();
    debug_worker_busy(true);
}

void sched_calls_end(void)
{
    if (LIKELY(!homes.watch) || worker_self()) /* a worker's are seen as long as it runs tasks */
        return;
    debug_worker_busy(false);
    debug_worker_stop();
}

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
