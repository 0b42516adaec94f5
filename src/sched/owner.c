/* SPDX-License-Identifier: MIT */
/* owner - who a task was started for (sched_go_owned), and is told of its end.
 * Job:    find the owner on the task's stack, and tell it once.
 * Holds:  its address lies where switch_enter_owned (arch/) has pushed it, as long as it is to be told; then NULL.
 */
#include "sched/proc.h"
#include "sched/result.h"

static bool has_owner(const struct task *t) { return t->site && (t->site->meta & MOTE__OWNED); }

static struct sched_owner **owner_of(const struct task *t)
{
    return (struct sched_owner **)(home_of(t)->top - SWITCH_OWNER_AT);
}

/* Once: what the owner calls may end the task. */
static NOINLINE void tell_owner(const struct task *self, intptr_t result)
{
    struct sched_owner *owner = *owner_of(self);
    *owner_of(self) = NULL;
    if (LIKELY(owner != NULL))
        owner->ended(owner, result);
}

void switch_owned_returned(intptr_t result)
{
    struct task *self = worker_self()->self.current;
    if (UNLIKELY(self->flags & TASK_STEPS))
        steps_run_until(self->extra, NULL); /* what was deferred is a part of the task */
    tell_owner(self, widened(self, result));
}

void switch_tell_owner(const struct task *self, intptr_t result)
{
    if (has_owner(self))
        tell_owner(self, result);
}

struct sched_owner *switch_owner(const struct task *self) { return has_owner(self) ? *owner_of(self) : NULL; }
