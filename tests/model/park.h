/* SPDX-License-Identifier: MIT */
/* park - parking and waking for the models of what is built on sched/sched.h.
 * Job:    each model thread is a task of its own: it parks by sleeping on a token, which whoever makes it ready stores.
 * Holds:  S4 the lock is released when the task is on its way to sleep, and not touched again. Making ready a task that isn't
 *         parked, or twice, fails.
 * Callers: included once by a model. It defines what src/sched/ would.
 */
#ifndef MODEL_PARK_H
#define MODEL_PARK_H

#include "reset.h"

#include "base/os.h"
#include "sched/sched.h"

#include "explore.h"

#include <string.h>

static struct parked {
    struct task task; /* first */
    struct self self;
    _Atomic uint32_t token;
    bool waits;
} parked[MODEL_THREADS];

static void park_setup(void)
{
    memset(parked, 0, sizeof parked);
    reset_bias();
    for (int i = 0; i < MODEL_THREADS; i++)
        parked[i].self.current = &parked[i].task;
}

/* For struct model's `entered`. */
static void park_entered(int thread) { mote_self_worker = &parked[thread].self; }

struct task *sched_park(struct task *self, struct lock *lock, uint64_t wait_on)
{
    struct parked *p = (struct parked *)self;
    MODEL_CHECK(self == &parked[model_self()].task);
    model_point(); /* it can be claimed already, but not woken */
    self->wait_on = wait_on;
    p->waits = true;
    lock_drop(lock);
    while (!atom_load_acq(&p->token))
        os_futex_wait(&p->token, 0, INT64_MAX);
    atom_store_rlx(&p->token, 0);
    return self;
}

void sched_ready(struct task *t)
{
    struct parked *p = (struct parked *)t;
    MODEL_CHECK(p->waits);
    p->waits = false;
    atom_store_rel(&p->token, 1);
    os_futex_wake(&p->token, 1);
}

void sched_ready_list(struct task *first, struct task *last, uint64_t n)
{
    uint64_t seen = 0;
    for (struct task *t = first, *next; t; t = next, seen++) {
        next = t == last ? NULL : t->next;
        sched_ready(t);
    }
    MODEL_CHECK(seen == n);
}

size_t sched_stack_size; /* 0: nothing lies on a copied stack */
void sched_check_lent_slow(const void *at, const char *what) { (void)at, (void)what; }

struct task *sched_thread_self(void) { return NULL; }

#endif
