/* SPDX-License-Identifier: MIT */
/* leaks - tasks that are left over.
 * Job:    mote_leaks, mote_assert_no_leaks, and the report when the program ends the runtime.
 * Holds:  LK1 a task counts when it is alive, but for the main task and the caller, or has ended and was never joined or
 *         detached. LK2 those that can still run get a while to end or park: what is found is then what waits.
 * Why:    nobody can know whether a channel that a task waits on will ever be used again: C has no collector that knows who can
 *         reach it. So what is alive where the program thinks that nothing is counts as left over.
 */
#include "base/msg.h"
#include "base/os.h"
#include "debug/dump.h"
#include "sched/proc.h"

#include <mote/debug.h>
#include <mote/time.h>

#include <stdio.h>
#include <unistd.h>

#define LOOKS 110 /* at those that still run: about a second, and as much longer as a machine is slower */
#define PAUSE_MIN (20 * MOTE_US)
#define PAUSE_MAX (10 * MOTE_MS)

/* cmocka's way to end a test that has failed. */
// NOLINTNEXTLINE(bugprone-reserved-identifier): not our name
extern __attribute__((weak)) void _fail(const char *file, int line);

static const struct task *caller(void)
{
    struct worker *w = worker_self();
    return w ? w->self.current : NULL;
}

static RACY_READER bool is_left(const struct task *t)
{
    unsigned state = atom_load_rlx(&t->state), flags = t->flags; /* rlx: a snapshot */
    if (state == TASK_FREE || (flags & TASK_MAIN) || t == caller())
        return false;
    return state != TASK_DONE || (flags & TASK_JOINABLE);
}

struct look {
    size_t left, busy;
};

static void look_at(void *object, void *arg)
{
    const struct task *t = object;
    struct look *look = arg;
    unsigned state = atom_load_rlx(&t->state); /* rlx: a snapshot */
    if (!is_left(t))
        return;
    look->left++;
    look->busy += state == TASK_NEW || state == TASK_READY || state == TASK_RUNNING;
}

static void rest(int64_t ns)
{
    static _Atomic uint32_t never;
    if (worker_self())
        mote_sleep(ns);
    else
        os_futex_wait(&never, 0, os_now() + ns);
}

/* LK2 */
static size_t count_left(void)
{
    int64_t pause = PAUSE_MIN;
    for (int looks = 1;; looks++) {
        struct look look = {0};
        slab_each(&record_slab, look_at, &look);
        look.busy += globq_count(&rt.global); /* a crowd that was woken there still looks parked */
        if (!look.busy || looks == LOOKS)
            return look.left;
        rest(pause);
        pause = pause * 2 < PAUSE_MAX ? pause * 2 : PAUSE_MAX;
    }
}

static size_t report(void)
{
    size_t n = count_left();
    int64_t said = n ? dump_some(STDERR_FILENO, 0, (struct dump_choice){is_left, " are left", " is left"}) : 0;
    return said < 0 ? n : (size_t)said; /* some may have ended meanwhile */
}

PUBLIC size_t mote_leaks(void)
{
    bool plain = !worker_self();
    if (plain && !runtime_enter())
        return (size_t)atom_load_rlx(&rt.left); /* rlx: the caller knows that the runtime has ended */
    size_t n = report();
    if (plain)
        runtime_leave();
    return n;
}

PUBLIC void mote__assert_no_leaks(const char *file, int line)
{
    bool ended = mote_procs() == 0;
    size_t n = mote_leaks();
    if (!n)
        return;
    const char *hint = ended ? "; MOTEDEBUG=leaks=1 shows them" : "";
    if (!_fail || worker_self()) /* it jumps to where the test began: only on that thread's own stack */
        msg_fatal("%s:%d: %zu tasks are left%s", file, line, n, hint);
    msg_print("%s:%d: %zu tasks are left%s", file, line, n, hint);
    _fail(file, line);
}

void debug_on_end(void)
{
    if (!rt.leaks && !rt.on_leak)
        return;
    if (!rt.on_leak) {
        report();
        return;
    }
    size_t n = count_left();
    if (n)
        rt.on_leak(n);
}
