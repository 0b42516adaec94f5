/* SPDX-License-Identifier: MIT */
/* test_order - in which order new tasks run (N4 of sched/worker.c). */
#include "support.h"

static _Atomic long ran;

#define CROWD 2000
static long order[CROWD];

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
    assert_true(steps_back() <= CROWD / 64);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_crowd_runs_in_the_order_of_its_start),
        cmocka_unit_test(test_a_tree_runs_newest_first),
    };
    watchdog(60);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
