/* SPDX-License-Identifier: MIT */
/* workers - the runtime around model threads that are workers.
 * Job:    WORKERS workers, each with its proc: model thread i is worker i, those behind are plain threads or the monitor. And what
 *         sched/idle.c calls of the layers below, which is left out.
 * Callers: included once by a model that has defined WORKERS.
 */
#ifndef MODEL_WORKERS_H
#define MODEL_WORKERS_H

#include "reset.h"

#include "sched/globq.c"
#include "sched/idle.c"
#include "sched/polling.c"

#include "explore.h"

#include <string.h>

#define MODEL_TRIM_AFTER INT64_C(50000000) /* ns */

struct runtime rt;
struct slab_class record_slab;

static struct worker worker[WORKERS];
static struct proc proc[WORKERS];

struct task *home_trim_idle(struct home_cache *cache, bool others, void (*empty)(struct home *h, void *arg), void *arg)
{
    return (void)cache, (void)others, (void)empty, (void)arg, NULL;
}
bool image_empty(struct home *h, struct block_caches *caches, struct image_counters *n)
{
    return (void)h, (void)caches, (void)n, false;
}
void slab_flush(struct slab_class *class, struct slab_cache *cache, unsigned keep)
{
    (void)class, (void)cache, (void)keep;
}
void block_flush(struct block_caches *caches) { (void)caches; }
void memory_trim(bool all) { (void)all; }

/* For struct model's `entered`. */
static void workers_entered(int thread) { mote_self_worker = thread < WORKERS ? &worker[thread] : NULL; }

static void workers_setup(void)
{
    memset(&rt, 0, sizeof rt);
    memset(worker, 0, sizeof worker);
    reset_bias();
    rt.procs = rt.made = rt.reach = rt.live_workers = WORKERS;
    rt.state = RUNTIME_RUNNING;
    rt.idle.trim_after = MODEL_TRIM_AFTER;
    rt.asymmetric = true;
    for (unsigned i = 0; i < WORKERS; i++) {
        struct timers timers = proc[i].timers;
        reset_timers(&timers);
        memset(&proc[i], 0, sizeof proc[i]);
        proc[i].timers = timers;
        proc[i].number = i;
        rt.proc[i] = &proc[i];
        rt.worker[i] = &worker[i];
        worker[i].proc = &proc[i];
        worker[i].self.current = &worker[i].base;
    }
}

#endif
