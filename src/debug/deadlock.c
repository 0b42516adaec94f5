/* SPDX-License-Identifier: MIT */
/* deadlock - what happens when nothing can ever run again.
 * Job:    tell the program, or end it with a report.
 * Not here: finding out (sched/stall.c).
 */
#include "base/msg.h"
#include "debug/trace.h"
#include "sched/proc.h"

#include <mote/debug.h>

#include <stdio.h>
#include <unistd.h>

#define EXIT_DEADLOCK 2

static void report(const char *why)
{
    fflush(NULL);
    msg_print("%s", why);
    mote_dump(STDERR_FILENO, 0);
}

void debug_on_sim_end(const char *why) { report(why); }

/* On the monitor thread. The program's own output comes first: what lies in buffers is often the best hint. */
void debug_on_stall(void)
{
    if (rt.on_deadlock) {
        rt.on_deadlock();
        return;
    }
    report("all tasks are asleep - deadlock");
    trace_end_now();
    _exit(EXIT_DEADLOCK);
}
