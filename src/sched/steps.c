/* SPDX-License-Identifier: MIT */
/* steps - what is to be done when a task ends, or when a panic leaves its frames.
 * Job:    mote_defer; sched_exit_push and sched_exit_pop; running them.
 * Holds:  ST1 one list for each task and plain thread, last in first out, its head in the extra. Steps lie on the task's own
 *         stack, or they are deferred calls and lie in blocks; nobody else looks at either. ST2 a step is off the list before
 *         it runs, so a panic or exit in it goes on with the next, and what it defers itself comes next. ST3 deferred calls are
 *         freed in the order opposite to that of their making, so a block is a piece of a stack. ST4 TASK_STEPS: there is an
 *         extra, and the list may have something; no other task pays for looking.
 * Not here: panics (panic.c).
 */
#include "base/msg.h"
#include "sched/proc.h"

#include <errno.h>
#include <stdlib.h>

/* What mote_defer was given. */
struct deferred {
    struct sched_exit_step step;
    void (*fn)(void *arg);
    void *arg;
};

#define DEFERRED_CLASS 1
#define DEFERRED_MAX ((BLOCK_MIN - 2 * sizeof(void *)) / sizeof(struct deferred))

struct deferred_block {
    struct deferred_block *older;
    size_t n;
    struct deferred calls[DEFERRED_MAX];
};
_Static_assert(sizeof(struct deferred_block) <= BLOCK_MIN, "DEFERRED_CLASS");

static COLD struct task_extra *first_step(struct task *self)
{
    struct task_extra *extra = task_make_extra(self);
    if (extra)
        self->flags |= TASK_STEPS;
    return extra;
}

struct task_extra *steps_of(struct task *self)
{
    return LIKELY(self->flags & TASK_STEPS) ? self->extra : first_step(self);
}

bool sched_exit_push(struct sched_exit_step *step)
{
    struct task_extra *extra = steps_of(sched_self());
    if (UNLIKELY(!extra))
        return false;
    step->outer = extra->steps;
    extra->steps = step;
    return true;
}

/* What was deferred since the push stays, for the end of the task. */
void sched_exit_pop(struct sched_exit_step *step)
{
    struct sched_exit_step **at = &sched_self()->extra->steps;
    while (UNLIKELY(*at != step))
        at = &(*at)->outer;
    *at = step->outer;
}

void steps_run_until(struct task_extra *extra, const struct sched_exit_step *end)
{
    for (struct sched_exit_step *step; (step = extra->steps) != end;) {
        extra->steps = step->outer;
        step->run(step);
    }
}

/* A plain thread's outlive the runtime and its blocks. */
static struct deferred_block *get_block(const struct task *self)
{
    return self->flags & TASK_THREAD ? malloc(sizeof(struct deferred_block)) : sched_block_get(DEFERRED_CLASS);
}

static void put_block(const struct task *self, struct deferred_block *block)
{
    if (self->flags & TASK_THREAD)
        free(block);
    else
        sched_block_put(DEFERRED_CLASS, block);
}

static void run_deferred(struct sched_exit_step *step)
{
    struct task *self = sched_self();
    struct deferred_block *block = self->extra->deferred;
    struct deferred call = *(struct deferred *)step;
    INVARIANT(step == &block->calls[block->n - 1].step);
    if (--block->n == 0) {
        self->extra->deferred = block->older;
        put_block(self, block);
    }
    call.fn(call.arg);
}

PUBLIC int mote_defer(void (*fn)(void *arg), void *arg)
{
    if (UNLIKELY(!fn))
        return -EINVAL;
    struct task *self = sched_self();
    struct task_extra *extra = steps_of(self);
    if (UNLIKELY(!extra))
        return -ENOMEM;
    if (UNLIKELY((self->flags & TASK_THREAD) && !extra->tries))
        return -EPERM;
    struct deferred_block *block = extra->deferred;
    if (UNLIKELY(!block || block->n == DEFERRED_MAX)) {
        struct deferred_block *more = get_block(self);
        if (!more)
            return -ENOMEM;
        more->older = block;
        more->n = 0;
        extra->deferred = block = more;
    }
    struct deferred *call = &block->calls[block->n++];
    *call = (struct deferred){.step = {.outer = extra->steps, .run = run_deferred}, .fn = fn, .arg = arg};
    extra->steps = &call->step;
    return 0;
}
