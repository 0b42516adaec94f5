/* SPDX-License-Identifier: MIT */
/* once - something done by the first that comes.
 * Job:    mote_once_do, _do_until.
 * Holds:  ON1 `done` is stored under the lock, when fn has returned or was left; who sees it needs no lock. ON2 a woken
 *         waiter touches nothing. ON3 what runs is on the runner's list of steps (sched.h), so that mote_exit or a panic in fn
 *         leaves nobody waiting.
 */
#include "base/msg.h"
#include "sync/limit.h"

#include <mote/sync.h>

/* The public struct, as we see it. */
struct once {
    struct lock lock;
    _Atomic uint32_t done;
    struct task *runner; /* lock: who runs fn */
    struct waitq waiters;
};
_Static_assert(sizeof(struct once) <= sizeof(mote_once), "mote_once holds struct once");

/* Lies on the runner's stack: only the runner itself looks at it. */
struct running {
    struct sched_exit_step step;
    struct once *once;
};

static NORETURN COLD void within_itself(void)
{
    msg_fatal("mote_once_do within the function that it calls: it would wait for itself for ever");
}

static void finish(struct once *o)
{
    lock_take(&o->lock);
    o->runner = NULL;
    struct waitq taken = selection_take_all(&o->waiters);
    atom_store_rel(&o->done, 1); /* [O done] what fn did -> who sees it without the lock */
    lock_drop(&o->lock);
    selection_ready_few(taken);
}

static void finish_at_exit(struct sched_exit_step *step) { finish(((struct running *)step)->once); }

/* If there is no memory for the step, only mote_exit and panics within fn are not looked after. */
static NOINLINE void run(struct once *o, void (*fn)(void *arg), void *arg)
{
    struct running running = {.step = {.run = finish_at_exit}, .once = o};
    bool pushed = sched_exit_push(&running.step);
    fn(arg);
    if (pushed)
        sched_exit_pop(&running.step);
    finish(o);
}

/* Takes the lock. True: somebody else runs fn, and the lock is still held. False: it is done. */
static bool run_unless_somebody_does(struct once *o, struct task *self, void (*fn)(void *arg), void *arg)
{
    sched_check_lent(o, "a once");
    lock_enter(&o->lock);
    if (o->runner == self)
        within_itself();
    if (o->runner)
        return true;
    bool done = atom_load_rlx(&o->done); /* rlx: under the lock */
    if (!done)
        o->runner = self;
    lock_drop(&o->lock);
    if (!done)
        run(o, fn, arg);
    return false;
}

static NOINLINE void do_carefully(struct once *o, void (*fn)(void *arg), void *arg)
{
    struct task *self = sched_self();
    if (run_unless_somebody_does(o, self, fn, arg)) {
        waitq_push(&o->waiters, self);
        sched_park(self, &o->lock, wait_for(WAIT_ONCE, o));
    }
}

PUBLIC void mote_once_do(mote_once *once, void (*fn)(void *arg), void *arg)
{
    struct once *o = (struct once *)once;
    if (UNLIKELY(!atom_load_acq(&o->done))) /* [O done] pairs with finish */
        do_carefully(o, fn, arg);
}

PUBLIC int mote_once_do_until(mote_once *once, void (*fn)(void *arg), void *arg, int64_t deadline)
{
    struct once *o = (struct once *)once;
    struct waiting w = {.lock = &o->lock, .queue = &o->waiters, .wait_on = wait_for(WAIT_ONCE, o)};
    if (LIKELY(atom_load_acq(&o->done))) /* [O done] pairs with finish */
        return 0;
    return run_unless_somebody_does(o, sched_self(), fn, arg) ? limit_wait(limit_until(deadline), &w) : 0;
}
