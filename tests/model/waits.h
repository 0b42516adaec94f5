/* SPDX-License-Identifier: MIT */
/* waits - selections for the models of what waits up to a deadline or in several queues.
 * Job:    sync/selection.c with a heap that is the same in every execution, where what was freed may not be touched, and timers.
 * Holds:  each thread has its own few blocks, so their addresses don't depend on the order of events (E1 of explore.h).
 *         There are no contexts, unless the model defines WAITS_WITH_CONTEXTS and brings in sync/context.c.
 * Callers: included once by a model, instead of park.h; waits_setup in its setup, a thread that runs waits_fire for the clock.
 */
#ifndef MODEL_WAITS_H
#define MODEL_WAITS_H

#include "park.h"

#include "sched/timer.c"

#undef SWITCH_RETURNS /* nothing is switched here */
#define SWITCH_RETURNS

#define BLOCKS 6
#define WAITS_DEADLINE 5

static struct waits_block {
    _Alignas(64) char bytes[512];
} waits_heap[MODEL_THREADS][BLOCKS];
static int waits_made[MODEL_THREADS];
static int waits_out;
static struct timers waits_timers;

static void *waits_malloc(size_t size)
{
    int self = model_self();
    MODEL_CHECK(size <= sizeof(struct waits_block) && waits_made[self] < BLOCKS);
    waits_out++;
    return &waits_heap[self][waits_made[self]++];
}

static void waits_free(void *p)
{
    waits_out--;
    model_free(p, sizeof(struct waits_block));
}

void *sched_block_get(unsigned class) { return waits_malloc(block_size(class)); }

void sched_block_put(unsigned class, void *block)
{
    (void)class;
    waits_free(block);
}

int sched_timer_add(struct timer *t) { return timer_add(&waits_timers, t); }

int64_t mote_now(void) { return 0; }
void mote_yield(void) {}

bool sched_thread_wait(struct task *self, int64_t deadline)
{
    (void)self, (void)deadline;
    model_fail("a plain thread");
}
bool sched_threads_wait(void) { return false; }
bool sched_watch_begin(struct sched_watch *watch) { model_fail("a plain thread, %p", (void *)watch); }
void sched_watch_end(struct sched_watch *watch) { model_fail("a plain thread, %p", (void *)watch); }
bool sched_visit(void) { model_fail("a plain thread"); }
void sched_visit_end(void) {}

#define malloc(size) waits_malloc(size)
#define free(p) waits_free(p)
#include "sync/limit.c"
#include "sync/selection.c"
#undef malloc
#undef free

#ifndef WAITS_WITH_CONTEXTS
mote_ctx *mote_ctx_background(void) { return NULL; }
int mote_ctx_err(const mote_ctx *ctx) { model_fail("a context, %p", (const void *)ctx); }
bool context_enter(mote_ctx *ctx, struct selection *s, unsigned i)
{
    model_fail("a context: %p %p %u", (void *)ctx, (void *)s, i);
}
#endif

static void waits_setup(void)
{
    park_setup();
    memset(waits_heap, 0, sizeof waits_heap);
    memset(waits_made, 0, sizeof waits_made);
    waits_out = 0;
    reset_timers(&waits_timers);
}

/* The deadline comes. */
static void waits_fire(void) { timers_run(&waits_timers, WAITS_DEADLINE); }

#endif
