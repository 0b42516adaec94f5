/* SPDX-License-Identifier: MIT */
/* forked - a copy of the process, with which the runtime doesn't go along.
 * Job:    fork(2) copies one thread only; so in the child no worker and no monitor is there. Say so, instead of hanging.
 * Holds:  FK1 in the child the state is LEFT before fork returns: calls that need the runtime fail with -ESHUTDOWN, and the first of
 *         them on a plain thread says why. FK2 what would wait for another task, or for a lock that a thread held which isn't there
 *         any more, stops the child. FK3 what fork is mostly for, exec and _exit, needs nothing of all this.
 */
#include "base/msg.h"
#include "sched/proc.h"

#include <pthread.h>

static _Atomic uint32_t told;

void forked_refuse(void)
{
    msg_fatal(
        "this process was forked from one with a runtime, which doesn't go along: call exec or _exit in the child, and "
        "nothing that waits");
}

/* FK1 */
COLD void forked_tell(void)
{
    uint32_t no = 0;
    if (atom_load_rlx(&rt.forked) &&
        atom_cas_rlx(&told, &no, 1)) /* rlx: set by this thread, or before it was started */
        msg_print("this process was forked from one with a runtime, which doesn't go along: -ESHUTDOWN");
}

static void in_child(void)
{
    struct worker *w = worker_self();
    uint32_t state = atom_load_seq(&rt.state); /* seq: there is one thread, here and below */
    if (state == RUNTIME_NONE || state == RUNTIME_LEFT)
        return;
    atom_store_seq(&rt.state, RUNTIME_LEFT); /* seq: as above */
    atom_store_seq(&rt.forked, 1);           /* seq: as above */
    lock_when_hopeless = forked_refuse;
    debug_stop();
    if (w)
        atom_or_seq(&w->proc->summons, SUMMONS_ATTENTION); /* seq: as above; find_work is next where it leaves */
}

/* Once in a process. */
static void watch_forks(void) { pthread_atfork(NULL, NULL, in_child); }

void forked_watch(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, watch_forks);
}
