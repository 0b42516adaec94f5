/* SPDX-License-Identifier: MIT */
/* stall - when nothing can ever run again.
 * Job:    find out, when every worker sleeps, whether anything is left that could wake one.
 * Holds:  E1 a task becomes ready by another task, a timer, or a plain thread. So nothing can when no worker is awake, nothing
 *         is queued, no timer is armed, no task waits for I/O, and every thread of the process is either ours or waits in a call of mote without a
 *         deadline. E2 a plain thread that is on its way isn't counted as waiting, unless its waker runs, who isn't counted
 *         either (thread.c). E3 one look is no snapshot. So there are two, and nothing has moved between them: a thread that
 *         came, did something and waits again would have.
 * Why:    threads are counted by the kernel: one that this library has never seen may be about to call it. So a program with
 *         such threads is never said to be in deadlock, as with Go and cgo.
 */
#include "base/os.h"
#include "sched/polling.h"
#include "sched/proc.h"

#define PAUSE INT64_C(2000000) /* ns between the two looks */

static bool proc_is_empty(struct proc *p)
{
    return !atom_load_seq(&p->next) && runq_length(&p->ring) == 0 && fresh_length(&p->fresh) == 0 &&
           timers_earliest(&p->timers) == INT64_MAX; /* seq: a look now and then, here and below */
}

/* What changes whenever a task runs or a plain thread comes in. */
uint64_t stall_moves(void)
{
    uint64_t n = atom_load_seq(&rt.thread_calls);          /* [S stall] pairs with thread.c */
    for (uint32_t i = 0; i < atom_load_acq(&rt.made); i++) /* [R made] pairs with make_procs */
        n += atom_load_seq(&rt.proc[i]->tick);             /* seq: as above */
    return n;
}

/* E1 */
static bool nothing_can_come(void)
{
    if (atom_load_seq(&rt.visitors) || globq_count(&rt.global) || !monitor_all_asleep() ||
        polling_waits()) /* seq: as above */
        return false;
    for (uint32_t i = 0; i < atom_load_acq(&rt.made); i++) /* [R made] as above */
        if (!proc_is_empty(rt.proc[i]))
            return false;
    int ours = (int)atom_load_seq(&rt.live_workers) + 1; /* and the monitor; seq: as above */
    ours += (int)atom_load_seq(&rt.helpers);             /* seq: as above */
    int threads = os_threads();
    return threads > 0 && threads <= ours + atom_load_seq(&rt.threads_waiting); /* [S stall] pairs with thread.c */
}

bool stalled(void)
{
    uint64_t before = stall_moves();
    if (!nothing_can_come())
        return false;
    _Atomic uint32_t never = 0;
    os_futex_wait(&never, 0, os_now() + PAUSE);
    return nothing_can_come() && stall_moves() == before && mote_task_count() > 0;
}
