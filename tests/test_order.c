/* SPDX-License-Identifier: MIT */
/* test_order - in which order new tasks run (N4 of sched/worker.c). */
#include "sched/proc.h"
#include "support.h"

static _Atomic long ran;

#define CROWD 2000
static long order[CROWD];
static int queue; /* the environment may want tiny ones, in which there is no order to be seen */

static void note_order(long i)
{
    order[ran++] = i;
    mote_yield();
}

static long steps_back(void)
{
    long n = 0;
    for (long i = 1; i < CROWD; i++)
        n += order[i] < order[i - 1];
    return n;
}

static void start_crowd(void *arg)
{
    (void)arg;
    ran = 0;
    queue = rt.queue;
    for (long i = 0; i < CROWD; i++)
        CHECK(mote_go(note_order, i) == 0);
    while (ran < CROWD)
        mote_yield();
}

/* N4. Each time that the spawner goes on, the one in the next slot comes before its turn. */
static void test_a_crowd_runs_in_the_order_of_its_start(void **state)
{
    (void)state;
    run_with(&(mote_config){.procs = 1, .max_blocked = -1}, start_crowd, NULL);
    assert_true(queue < 256 || steps_back() <= CROWD / 16);
}

static void start_grandchildren(long i)
{
    for (long k = 0; k < 10; k++)
        CHECK(mote_go(note_order, i * 10 + k) == 0);
}

static void start_tree(void *arg)
{
    (void)arg;
    ran = 0;
    for (long i = 0; i < CROWD / 10; i++)
        CHECK(mote_go(start_grandchildren, i) == 0);
    while (ran < CROWD)
        mote_yield();
}

/* They start tasks themselves: the newest first, so that what is half done doesn't become more and more. */
static void test_a_tree_runs_newest_first(void **state)
{
    (void)state;
    run_with(&(mote_config){.procs = 1, .max_blocked = -1}, start_tree, NULL);
    assert_true(steps_back() >= CROWD / 2);
}

static _Atomic long live, most;

static void start_branches(long n, long depth)
{
    for (long i = 0; depth > 0 && i < n; i++) {
        live++;
        most = live > most ? live : most;
        CHECK(mote_go(start_branches, n, depth - 1) == 0);
    }
    live--;
}

static void start_wide_tree(void *arg)
{
    (void)arg;
    live = 1;
    most = 0;
    CHECK(mote_go(start_branches, 30L, 3L) == 0);
    while (live > 0)
        mote_yield();
    CHECK(rt.queue != 64 || most < 1000); /* else the environment wants tiny queues */
}

/* Its nodes fill the queue together, again and again. They are no crowds: oldest first would leave half of the tree half done. */
static void test_a_wide_tree_is_no_crowd(void **state)
{
    (void)state;
    if (!stacks_are_copied())
        skip(); /* where all is slow, its oldest tasks are started now and then */
    run_with(&(mote_config){.procs = 1, .queue = 64, .max_blocked = -1}, start_wide_tree, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_crowd_runs_in_the_order_of_its_start),
        cmocka_unit_test(test_a_tree_runs_newest_first),
        cmocka_unit_test(test_a_wide_tree_is_no_crowd),
    };
    watchdog(60);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
