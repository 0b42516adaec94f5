/* SPDX-License-Identifier: MIT */
/* test_sleep - the clock and sleeping: never too short, and always over at last, with any number of sleepers. */
#include "support.h"

#include <errno.h>
#include <pthread.h>

static _Atomic long ran;

static void test_clock_does_not_go_back(void **state)
{
    (void)state;
    int64_t last = mote_now();
    assert_true(last > 0);
    for (int i = 0; i < 10000; i++) {
        int64_t now = mote_now();
        assert_true(now >= last);
        last = now;
    }
}

static void check_length(int64_t ns)
{
    int64_t start = mote_now();
    CHECK(mote_sleep(ns) == 0);
    CHECK(mote_now() - start >= ns);
    ran++;
}

static void sleep_lengths(void *arg)
{
    (void)arg;
    static const int64_t lengths[] = {INT64_MIN, -1, 0, 1, 1000, 50000, MOTE_MS, 3 * MOTE_MS + 1};
    for (unsigned i = 0; i < sizeof lengths / sizeof *lengths; i++)
        check_length(lengths[i]);
}

static void sleep_lengths_in_copied_task(void *arg) { CHECK(mote_join(mote_spawn(sleep_lengths, arg), NULL) == 0); }

static void test_sleep_is_never_too_short(void **state)
{
    (void)state;
    sleep_lengths(NULL); /* a plain thread, no runtime */
    run_with(&one_proc, sleep_lengths, NULL);
    run_with(&two_procs, sleep_lengths, NULL);
    run_with(&two_procs, sleep_lengths_in_copied_task, NULL);
}

static void sleep_randomly(uint32_t seed)
{
    uint32_t state = seed;
    for (int i = 0; i < 5; i++)
        check_length(test_random(&state) % 3000000);
}

static void sleep_in_crowd(void *arg)
{
    (void)arg;
    long n = scale(5000);
    ran = 0;
    for (long i = 0; i < n; i++)
        CHECK(mote_go(sleep_randomly, (uint32_t)i + 1) == 0);
    while (ran < 5 * n)
        mote_sleep(MOTE_MS);
}

static void test_thousands_sleep_at_once(void **state)
{
    (void)state;
    run_with(&one_proc, sleep_in_crowd, NULL);
    run_with(&two_procs, sleep_in_crowd, NULL);
    run_with(&(mote_config){.procs = 2, .homes = 2}, sleep_in_crowd, NULL);
}

static void sleep_for_ever(int64_t ns)
{
    ran++;
    mote_sleep(ns);
    ran++;
}

static void test_endless_sleep_does_not_end(void **state)
{
    (void)state;
    ran = 0;
    assert_int_equal(mote_start(&two_procs), 0);
    assert_int_equal(mote_go(sleep_for_ever, MOTE_FOREVER), 0);
    assert_int_equal(mote_go(sleep_for_ever, MOTE_FOREVER - 1), 0);
    assert_int_equal(mote_go(sleep_for_ever, 100000 * MOTE_S), 0);
    while (ran < 3)
        mote_yield();
    assert_int_equal(mote_stop(mote_now() + 10 * MOTE_MS), 3);
    assert_int_equal(ran, 3);
}

static void sleep_across_procs(void *arg)
{
    (void)arg;
    long n = scale(200);
    ran = 0;
    CHECK(mote_set_procs(8) == 0);
    for (long i = 0; i < n; i++)
        CHECK(mote_go(sleep_randomly, (uint32_t)i + 1) == 0);
    mote_sleep(MOTE_MS);
    CHECK(mote_set_procs(1) == 0); /* the timers of the others must fire all the same */
    while (ran < 5 * n)
        mote_sleep(MOTE_MS);
}

static void test_sleepers_wake_when_their_proc_is_gone(void **state)
{
    (void)state;
    run_with(&one_proc, sleep_across_procs, NULL);
}

static void *sleep_thread(void *arg)
{
    check_length(*(int64_t *)arg);
    return NULL;
}

static void test_threads_sleep_beside_a_runtime(void **state)
{
    (void)state;
    int64_t ns = 5 * MOTE_MS;
    pthread_t threads[4];
    ran = 0;
    assert_int_equal(mote_start(&two_procs), 0);
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, sleep_thread, &ns), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(ran, 4);
    assert_int_equal(mote_stop(MOTE_FOREVER), 0);
}

static void keep_errno(int value)
{
    errno = value;
    mote_sleep(MOTE_MS);
    CHECK(errno == value);
    ran++;
}

static void keep_errnos(void *arg)
{
    (void)arg;
    ran = 0;
    for (int i = 1; i <= 100; i++)
        CHECK(mote_go(keep_errno, i) == 0);
    while (ran < 100)
        mote_sleep(MOTE_MS);
}

static void test_errno_is_kept_across_a_sleep(void **state)
{
    (void)state;
    run_with(&one_proc, keep_errnos, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clock_does_not_go_back),
        cmocka_unit_test(test_sleep_is_never_too_short),
        cmocka_unit_test(test_thousands_sleep_at_once),
        cmocka_unit_test(test_endless_sleep_does_not_end),
        cmocka_unit_test(test_sleepers_wake_when_their_proc_is_gone),
        cmocka_unit_test(test_threads_sleep_beside_a_runtime),
        cmocka_unit_test(test_errno_is_kept_across_a_sleep),
    };
    watchdog(60);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
