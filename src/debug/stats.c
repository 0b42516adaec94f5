/* SPDX-License-Identifier: MIT */
/* stats - the runtime in numbers.
 * Job:    mote_stats, mote_proc_stats, mote_stack_info.
 * Holds:  it only reads, but for mote_stack_info's notes; what it reads may be a moment old.
 */
#include "debug/stats.h"

#include "debug/snapshot.h"
#include "sched/proc.h"

#include <mote/debug.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* One record. Its stack's depth is only meaningful while it is parked; a racing walker gets a wrong number, never a fault. */
static RACY_READER void count_record(void *object, void *arg)
{
    struct task *t = object;
    struct mote_stats *s = arg;
    switch (atom_load_rlx(&t->state)) { /* rlx: a snapshot */
    case TASK_NEW:
        s->tasks_new++;
        break;
    case TASK_READY:
        s->tasks_ready++;
        break;
    case TASK_RUNNING:
        s->tasks_running++;
        break;
    case TASK_PARKED:
        s->tasks_parked++;
        if (t->home)
            s->live_bytes += (uint64_t)(home_of(t)->top - (char *)t->sp);
        break;
    case TASK_DONE:
        s->tasks_ended += (t->flags & TASK_JOINABLE) != 0;
        break;
    default:
        break;
    }
}

#define SUM(total, field) ((total) += atom_load_rlx(&(field))) /* rlx: statistics */

static void add_proc(struct mote_stats *s, struct proc *p)
{
    struct counters *n = &p->n;
    SUM(s->switches, p->tick);
    SUM(s->spawned, n->spawned);
    SUM(s->steals, n->steals);
    SUM(s->stolen, n->stolen);
    SUM(s->sleeps, n->sleeps);
    SUM(s->wakes, n->wakes);
    SUM(s->home_conflicts, n->conflicts);
    SUM(s->copies_out, n->images.out);
    SUM(s->copies_in, n->images.in);
    SUM(s->image_grows, n->images.grown);
    SUM(s->image_shrinks, n->images.cut);
    SUM(s->image_failures, n->images.failed);
    s->image_bytes += (uint64_t)atom_load_rlx(&p->blocks.bytes); /* rlx: a statistic */
}

static void add_all(struct mote_stats *s)
{
    uint32_t made = atom_load_acq(&rt.made);                       /* [R made] pairs with make_procs */
    s->procs = (int)atom_load_rlx(&rt.procs);                      /* rlx: a statistic, here and below */
    s->workers = (int)atom_load_rlx(&rt.live_workers);             /* rlx: as above */
    s->workers_blocked = (int)atom_load_rlx(&rt.spares.count);     /* rlx: as above */
    s->workers_asleep = (int)atom_load_rlx(&rt.idle.asleep);       /* rlx: as above */
    s->workers_searching = (int)atom_load_rlx(&rt.idle.searching); /* rlx: as above */
    s->workers_spare = (int)atom_load_rlx(&rt.idle.retired);       /* rlx: as above */
    s->queued = globq_count(&rt.global);
    for (uint32_t i = 0; i < made; i++)
        add_proc(s, rt.proc[i]);
    SUM(s->spawned, rt.shared_spawned);
    SUM(s->homes, homes.copied);
    SUM(s->homes_pinned, homes.pinned);
    s->image_bytes += (uint64_t)block_bytes_shared();
    s->tasks = task_count();
}

static int fill(struct mote_stats *info, bool walk)
{
    *info = (struct mote_stats){0};
    bool plain = !worker_self();
    if (plain && !runtime_enter())
        return -ESHUTDOWN;
    if (walk)
        slab_each(&record_slab, count_record, info);
    add_all(info);
    if (plain)
        runtime_leave();
    return 0;
}

PUBLIC int mote_stats(struct mote_stats *info) { return fill(info, true); }

int stats_without_walk(struct mote_stats *info) { return fill(info, false); }

/* Its record may be another task's a moment later, and what the record points to may be gone. */
static RACY_READER void describe_running(struct mote_proc_stats *info, const struct worker *w)
{
    const struct task *t = w->self.current;
    if (t == &w->base || atom_load_rlx(&t->state) != TASK_RUNNING) /* rlx: a snapshot */
        return;
    const struct task_extra *extra = t->extra;
    const struct mote__site *site = t->site;
    info->state = MOTE_PROC_RUNNING;
    info->task = record_id(t);
    if (extra && !snapshot_read(info->name, extra->name, sizeof info->name))
        info->name[0] = 0;
    info->name[sizeof info->name - 1] = 0;
    if (!info->name[0])
        snprintf(info->name, sizeof info->name, "%s", site ? site->name : "main");
}

static RACY_READER enum mote_proc_state state_without_task(const struct worker *w)
{
    if (w->retired || !proc_in_use(w->proc))
        return MOTE_PROC_UNUSED;
    return w->asleep ? MOTE_PROC_ASLEEP : MOTE_PROC_SEARCHING;
}

#define COPY(to, field) ((to) = atom_load_rlx(&(field))) /* rlx: statistics */

static RACY_READER void describe_proc(struct mote_proc_stats *info, struct proc *p, const struct worker *w)
{
    struct counters *n = &p->n;
    struct task *next = atom_load_rlx(&p->next); /* rlx: a snapshot; it isn't followed */
    *info = (struct mote_proc_stats){.number = (int)p->number, .state = state_without_task(w)};
    describe_running(info, w);
    int64_t fresh = fresh_length(&p->fresh);
    info->queued_new = fresh > 0 ? (uint64_t)fresh : 0; /* while its owner takes the last one it may be -1 */
    info->queued_ready = runq_length(&p->ring) + (next != NULL);
    info->timers = p->timers.count;
    COPY(info->switches, p->tick);
    COPY(info->spawned, n->spawned);
    COPY(info->ended, n->ended);
    COPY(info->steals, n->steals);
    COPY(info->stolen, n->stolen);
    COPY(info->sleeps, n->sleeps);
    COPY(info->wakes, n->wakes);
    COPY(info->home_conflicts, n->conflicts);
    COPY(info->copies_out, n->images.out);
    COPY(info->copies_in, n->images.in);
}

PUBLIC int mote_proc_stats(struct mote_proc_stats *info, int n)
{
    bool plain = !worker_self();
    if (plain && !runtime_enter())
        return -ESHUTDOWN;
    int made = (int)atom_load_acq(&rt.made); /* [R made] pairs with make_procs */
    for (int i = 0; i < made && i < n; i++)
        describe_proc(&info[i], rt.proc[i], rt.worker[i]);
    if (plain)
        runtime_leave();
    return made;
}

/* What was deepest is noted in the task's extra, if there is memory for one, because an image may be given up. */
static void add_deepest(struct mote_stack_info *info, struct task *t)
{
    struct image_note *note = image_note(t);
    struct task_extra *extra = task_make_extra(t);
    info->deepest = info->live;
    if (note && note->deepest > info->deepest)
        info->deepest = note->deepest;
    info->growths = note ? note->growths : 0;
    if (!extra)
        return;
    if (info->deepest > extra->deepest)
        extra->deepest = info->deepest;
    info->deepest = extra->deepest;
    info->growths = extra->growths += info->growths;
    if (note)
        note->growths = 0;
}

PUBLIC int mote_stack_info(struct mote_stack_info *info)
{
    struct worker *w = worker_self();
    *info = (struct mote_stack_info){0};
    if (!w || w->self.current == &w->base)
        return -EINVAL;
    struct task *t = w->self.current;
    const struct home *h = home_of(t);
    info->live = (size_t)(h->top - (char *)__builtin_frame_address(0));
    info->image = t->flags & TASK_PINNED ? 0 : image_capacity(t);
    info->limit = homes.size;
    add_deepest(info, t);
    info->pinned = (t->flags & TASK_PINNED) != 0;
    return 0;
}
