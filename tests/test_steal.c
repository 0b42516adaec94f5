/* SPDX-License-Identifier: MIT */
/* test_steal - what a thief finds on its way, due timers among them, is not lost where its own queues are full. */
#include "sched/proc.h"
#include "support.h"

static _Atomic long ran;

static void sleep_and_yield(uint32_t random)
{
    for (int i = 0; i < 10; i++) {
        mote_sleep(test_random(&random) % 100 * MOTE_US);
        for (uint32_t n = test_random(&random) % 4; n > 0; n--)
            mote_yield();
    }
    ran++;
}

static void start_sleepers(void *arg)
{
    (void)arg;
    long n = scale(1000);
    ran = 0;
    for (long i = 0; i < n; i++)
        CHECK(mote_go(sleep_and_yield, (uint32_t)i + 1) == 0);
    while (ran < n)
        mote_sleep(MOTE_MS);
}

static void test_tasks_woken_by_a_thief_are_not_lost(void **state)
{
    (void)state;
    run_with(&(mote_config){.procs = 8, .queue = 2}, start_sleepers, NULL);
}

static void nothing(void) {}

/* No theft pays, the first one included. */
static void steal_in_vain(void *arg)
{
    (void)arg;
    rt.theft_pays = MOTE_S;
    while (rt.proc[0]->rest == 0 && rt.proc[1]->rest == 0) {
        for (int i = 0; i < 100; i++)
            CHECK(mote_go(nothing) == 0);
        mote_sleep(MOTE_MS);
    }
}

static void test_the_first_theft_that_does_not_pay_is_followed_by_a_rest(void **state)
{
    (void)state;
    run_with(&two_procs, steal_in_vain, NULL);
}

/* Who computes is of use. */
static _Atomic bool rested;

static void compute(void)
{
    int64_t end = mote_now() + 20 * MOTE_US;
    while (mote_now() < end)
        rested = rested || rt.proc[0]->rest > 0 || rt.proc[1]->rest > 0;
    ran++;
}

static void steal_to_good_purpose(void *arg)
{
    (void)arg;
    long n = scale(2000);
    ran = 0;
    for (long i = 0; i < n; i++)
        CHECK(mote_go(compute) == 0);
    while (ran < n)
        mote_sleep(MOTE_MS);
}

static void test_who_computes_does_not_rest(void **state)
{
    (void)state;
    run_with(&two_procs, steal_to_good_purpose, NULL);
    assert_false(rested);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tasks_woken_by_a_thief_are_not_lost),
        cmocka_unit_test(test_the_first_theft_that_does_not_pay_is_followed_by_a_rest),
        cmocka_unit_test(test_who_computes_does_not_rest),
    };
    watchdog(60);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
