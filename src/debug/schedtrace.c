/* SPDX-License-Identifier: MIT */
/* schedtrace - a line about the scheduler, again and again.
 * Job:    MOTEDEBUG=schedtrace=MS, mote_config.schedtrace.
 * Holds:  it only reads, without locks, on the monitor's thread: each number is of a moment of its own.
 */
#include "base/msg.h"
#include "base/os.h"
#include "debug/stats.h"
#include "sched/proc.h"

#include <mote/debug.h>
#include <mote/time.h>

#include <stdio.h>

#define SHOWN 64 /* procs that are looked at: the queues of those in use are named */

/* Monitor only. */
static struct {
    uint32_t epoch; /* the runtime that the rest is of */
    int64_t begun, due;
    struct mote_stats last;
} trace;

static void add_queues(char *text, size_t size)
{
    struct mote_proc_stats procs[SHOWN];
    int n = mote_proc_stats(procs, SHOWN);
    size_t used = 0;
    for (int i = 0; i < n && i < SHOWN && used < size; i++) {
        unsigned long long queued = procs[i].queued_new + procs[i].queued_ready;
        if (procs[i].state != MOTE_PROC_UNUSED || queued)
            used += (size_t)snprintf(text + used, size - used, "%s%llu", used ? " " : "", queued);
    }
}

static unsigned long long since(uint64_t now, uint64_t then) { return (unsigned long long)(now - then); }

static void print_line(int64_t now)
{
    struct mote_stats s;
    char queues[SHOWN * 8] = "";
    if (stats_without_walk(&s) < 0)
        return;
    add_queues(queues, sizeof queues);
    const struct mote_stats *last = &trace.last;
    unsigned long long homes_made = s.homes + s.homes_pinned;
    msg_print("%lld ms: procs %d, workers %d (%d asleep, %d searching, %d spare), tasks %llu, queued %llu [%s], "
              "switches %llu, "
              "stolen %llu, copies %llu out %llu in, homes %llu",
              (long long)((now - trace.begun) / MOTE_MS), s.procs, s.workers, s.workers_asleep, s.workers_searching,
              s.workers_spare, (unsigned long long)s.tasks, (unsigned long long)s.queued, queues,
              since(s.switches, last->switches), since(s.stolen, last->stolen), since(s.copies_out, last->copies_out),
              since(s.copies_in, last->copies_in), homes_made);
    trace.last = s;
}

int64_t debug_on_look(int64_t now)
{
    int64_t pause = rt.schedtrace * MOTE_MS;
    if (LIKELY(!pause))
        return INT64_MAX;
    if (trace.epoch != rt.epoch) {
        trace.epoch = rt.epoch;
        trace.begun = now;
        trace.due = now + pause;
        trace.last = (struct mote_stats){0};
    } else if (now >= trace.due) {
        print_line(now);
        trace.due = now + pause - (now - trace.due) % pause;
    }
    return trace.due;
}
