/* SPDX-License-Identifier: MIT */
/* subject - a program for tests/gdb/check.py to stop and look into: tasks in every state, more of them than homes.
 * Status 0: every task found its locals as it had left them, after all that gdb has done.
 */
#include <mote.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { DEEP = 6, OTHERS = 4, NEW = 2 };

static mote_chan(int) gate, never;
static mote_mutex taken;
static _Atomic int begun, enough, whole;

/* A breakpoint. */
__attribute__((noinline)) void stop_here(void) { atomic_fetch_add(&begun, 1); }

__attribute__((noinline)) static int descend(int task, int depth)
{
    int secret = task * 100 + depth, below = 0;
    if (depth > 0)
        below = descend(task, depth - 1);
    else
        mote_recv(gate, &below);
    if (secret != task * 100 + depth)
        abort();
    return secret + below;
}

static void deep(int task)
{
    int *on_heap = malloc(sizeof *on_heap), sum;
    *on_heap = 7000 + task;
    sum = descend(task, task * 3);
    if (*on_heap == 7000 + task && sum > 0)
        atomic_fetch_add(&whole, 1);
    free(on_heap);
}

static void named(void)
{
    mote_set_name("the sleeper");
    mote_sleep(3600 * MOTE_S);
}

static void locker(void) { mote_mutex_lock(&taken); }

static void lender(void)
{
    int lent = 4711;
    mote_recv(never, &lent);
}

static void quick(void) {}

static void spinner(void)
{
    volatile unsigned turns = 1;
    atomic_fetch_add(&begun, 1);
    while (!atomic_load(&enough))
        turns++;
}

static void late(int number) { atomic_fetch_add(&whole, number); }

static void runner(int answer)
{
    int local = answer + 1;
    while (!atomic_load(&begun)) { /* not a yield: who parks may have no home left */
    }
    for (int i = 0; i < NEW; i++)
        mote_go(late, 0);
    stop_here();
    if (local == answer + 1)
        atomic_fetch_add(&whole, 1);
    atomic_store(&enough, 1);
}

static void await_parked(unsigned n)
{
    struct mote_stats s;
    do {
        mote_sleep(MOTE_MS);
        mote_stats(&s);
    } while (s.tasks_parked < n);
}

static int app(int argc, char **argv)
{
    (void)argc, (void)argv;
    gate = mote_chan_make(int, 0);
    never = mote_chan_make(int, 0);
    mote_mutex_lock(&taken);
    mote_task *ended = mote_spawn(quick);
    mote_go(named);
    mote_go(locker);
    mote_go_pinned(lender);
    for (int i = 0; i < DEEP; i++)
        mote_go(deep, i);
    await_parked(DEEP + OTHERS - 1);
    mote_task *spins = mote_spawn(spinner), *runs = mote_spawn(runner, 41);
    mote_join(runs, NULL);
    mote_join(spins, NULL);
    mote_join(ended, NULL);
    for (int i = 0; i < DEEP; i++)
        mote_send(gate, 1);
    for (int i = 0; i < 10000 && atomic_load(&whole) < DEEP + 1; i++)
        mote_sleep(MOTE_MS);
    exit(atomic_load(&whole) == DEEP + 1 ? 0 : 1); /* the others wait for ever */
}

int main(int argc, char **argv) { return mote_run(app, argc, argv); }
