/* SPDX-License-Identifier: MIT */
/* stats - the runtime in numbers.
 * Job:    mote_stats, mote_stack_info.
 * Holds:  it only reads; what it reads may be a moment old.
 */
#include "sched/proc.h"

#include <mote/debug.h>

#include <errno.h>

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
    default:
        break;
    }
}

#define SUM(total, field) ((total) += atom_load_rlx(&(field))) /* rlx: statistics */

static void add_proc(struct mote_stats *s, struct proc *p)
{
    struct counters *n = &p->n;
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

PUBLIC int mote_stats(struct mote_stats *info)
{
    *info = (struct mote_stats){0};
    bool plain = !worker_self();
    if (plain && !runtime_enter())
        return -ESHUTDOWN;
    struct mote_stats *s = info;
    uint32_t made = atom_load_acq(&rt.made);  /* [R made] pairs with make_procs */
    s->procs = (int)atom_load_rlx(&rt.procs); /* rlx: a statistic */
    for (uint32_t i = 0; i < made; i++)
        add_proc(s, rt.proc[i]);
    SUM(s->spawned, rt.shared_spawned);
    SUM(s->homes, homes.copied);
    SUM(s->homes_pinned, homes.pinned);
    s->image_bytes += (uint64_t)block_bytes_shared();
    slab_each(&record_slab, count_record, s);
    s->tasks = mote_task_count();
    if (plain)
        runtime_leave();
    return 0;
}

PUBLIC int mote_stack_info(struct mote_stack_info *info)
{
    struct worker *w = worker_self();
    *info = (struct mote_stack_info){0};
    if (!w || w->self.current == &w->base)
        return -EINVAL;
    const struct task *t = w->self.current;
    const struct home *h = home_of(t);
    info->live = (size_t)(h->top - (char *)__builtin_frame_address(0));
    info->image = t->flags & TASK_PINNED ? 0 : image_capacity(t);
    info->limit = homes.size;
    info->pinned = (t->flags & TASK_PINNED) != 0;
    return 0;
}
