/* SPDX-License-Identifier: MIT */
/* lent - the one rule for users: a task's locals are its own.
 * Job:    find pointers into the calling task's own copied stack where something is about to be shared, and stop the program.
 * Why:    two compares on every path that shares; the alternative is memory corruption that shows much later.
 */
#include "base/msg.h"
#include "sched/proc.h"

bool sched_is_own_stack(uint64_t word)
{
    struct worker *w = worker_self();
    if (!w || (w->self.current->flags & TASK_PINNED))
        return false;
    const struct home *h = home_of(w->self.current);
    return word - (uint64_t)(uintptr_t)h->low < (uint64_t)(h->top - h->low);
}

size_t sched_stack_size;

NOINLINE void sched_check_lent_slow(const void *at, const char *what)
{
    if (LIKELY(!sched_is_own_stack((uint64_t)(uintptr_t)at)))
        return;
    char text[80];
    task_describe(sched_self(), text, sizeof text);
    msg_fatal(
        "%s at %p lies on the stack of task %s, which other tasks must not use: allocate it, or start the task by "
        "mote_go_pinned",
        what, at, text);
}
