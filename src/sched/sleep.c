/* SPDX-License-Identifier: MIT */
/* sleep - mote_now and mote_sleep.
 * Job:    park until a timer fires.
 * Holds:  S2: the timer is not on the sleeper's stack, which may be copied out when it fires. It is in memory of the runtime's: a
 *         sleeper that is woken, but discarded before it runs, can't free it.
 */
#include "base/os.h"
#include "sched/proc.h"

#include <mote/time.h>

#include <errno.h>

/* Sleeping: the park lock is the timer's own, so that it can't wake a task that isn't switched out yet (S4). */
struct sleeper {
    struct timer timer;
    struct lock lock;
    struct task *task;
};

_Static_assert(sizeof(struct sleeper) <= WAIT_SIZE, "wait_get");

static void on_wake(struct timer *timer)
{
    struct sleeper *s = (struct sleeper *)timer;
    lock_take(&s->lock);
    lock_drop(&s->lock);
    sched_ready(s->task);
}

static int sleep_thread(int64_t when)
{
    _Atomic uint32_t never = 0;
    while (os_now() < when)
        os_futex_wait(&never, 0, when);
    return 0;
}

PUBLIC int mote_sleep(int64_t ns)
{
    if (ns <= 0) {
        mote_yield();
        return 0;
    }
    int64_t now = os_now(), when = ns > INT64_MAX - now ? INT64_MAX : now + ns;
    struct task *self = sched_self();
    if (self->flags & TASK_THREAD)
        return sleep_thread(when);
    struct sleeper *s = wait_get();
    if (!s)
        return -ENOMEM;
    *s = (struct sleeper){.timer = {.when = when, .fire = on_wake}, .task = self};
    lock_take(&s->lock);
    int error = sched_timer_add(&s->timer);
    if (error < 0) {
        lock_drop(&s->lock);
    } else {
        sched_park(s->task, &s->lock, wait_for(WAIT_SLEEP, NULL));
        timer_cancel(&s->timer);
    }
    wait_put(s);
    return error;
}

PUBLIC int64_t mote_now(void) { return os_now(); }
