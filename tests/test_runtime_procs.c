/* SPDX-License-Identifier: MIT */
/* test_runtime_procs - the number of procs, and changing it while tasks run, wait and spin. */
#include "support.h"

#include "base/sanitizer.h"
#include "sched/proc.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/resource.h>

static _Atomic long ran;
static _Atomic bool stop;

static void count(void) { ran++; }

static void hop(mote_chan(long) in, mote_chan(long) out)
{
    mote_chan_range (in, v) {
        if (v % 3 == 0)
            mote_yield();
        if (v % 100 == 7)
            mote_sleep(50 * MOTE_US);
        CHECK(mote_send(out, v) == 0);
    }
    mote_chan_close(out);
}

static void feed(mote_chan(long) c, long n)
{
    for (long i = 0; i < n; i++)
        CHECK(mote_send(c, i) == 0);
    mote_chan_close(c);
}

static void drain(mote_chan(long) c, long n)
{
    long expected = 0;
    mote_chan_range (c, v)
        CHECK(v == expected++);
    CHECK(expected == n);
    ran++;
}

/* Rows of tasks that pass numbers on, in order. */
static void start_rows(int rows, int length, long n, mote_chan(long) * chans)
{
    for (int r = 0; r < rows; r++) {
        mote_chan(long) *c = chans + r * (length + 1);
        for (int i = 0; i <= length; i++)
            c[i] = mote_chan_make(long, (size_t)(i % 3));
        CHECK(mote_go(drain, c[length], n) == 0);
        for (int i = 0; i < length; i++)
            CHECK(mote_go(hop, c[i], c[i + 1]) == 0);
        CHECK(mote_go(feed, c[0], n) == 0);
    }
}

static void change_procs(void *arg)
{
    (void)arg;
    enum { ROWS = 8, LENGTH = 20 };
    static const int numbers[] = {1, 8, 2, 7, 3, 1, 2, 1, 4, 8, 1, 5, 6};
    mote_chan(long) chans[ROWS * (LENGTH + 1)];
    ran = 0;
    start_rows(ROWS, LENGTH, scale(2000), chans);
    for (unsigned i = 0; ran < ROWS; i++) {
        int procs = numbers[i % (sizeof numbers / sizeof *numbers)];
        CHECK(mote_set_procs(procs) == 0);
        CHECK(mote_procs() == procs);
        mote_sleep(2 * MOTE_MS);
    }
    yield_until_alone();
    for (int i = 0; i < ROWS * (LENGTH + 1); i++)
        mote_chan_free(chans[i]);
}

static void test_changing_procs_under_load_loses_nothing(void **state)
{
    (void)state;
    run_with(&one_proc, change_procs, NULL);
    run_with(&(mote_config){.procs = 8, .queue = 2, .homes = 2}, change_procs, NULL);
}

static void test_procs_are_as_set(void **state)
{
    (void)state;
    assert_int_equal(mote_procs(), 0);
    assert_int_equal(mote_set_procs(2), -ESHUTDOWN);
    assert_int_equal(mote_start(&(mote_config){.procs = 3}), 0);
    assert_int_equal(mote_procs(), 3);
    assert_int_equal(mote_set_procs(0), -EINVAL);
    assert_int_equal(mote_set_procs(-1), -EINVAL);
    assert_int_equal(mote_set_procs(1025), -EINVAL);
    assert_int_equal(mote_procs(), 3);
    assert_int_equal(mote_set_procs(5), 0);
    assert_int_equal(mote_procs(), 5);
    assert_int_equal(mote_stop(MOTE_FOREVER), 0);
    assert_int_equal(mote_procs(), 0);
}

static void test_a_hundred_procs_start_and_stop(void **state)
{
    (void)state;
    for (int i = 0; i < 5; i++) {
        ran = 0;
        setenv("MOTE_PROCS", "100", 1);
        assert_int_equal(mote_start(NULL), 0);
        unsetenv("MOTE_PROCS");
        assert_int_equal(mote_procs(), 100);
        for (int k = 0; k < 200; k++)
            assert_int_equal(mote_go(count), 0);
        assert_int_equal(mote_stop(MOTE_FOREVER), 0);
        assert_int_equal(ran, 200);
    }
}

static void set_procs_for_ever(void)
{
    for (int i = 0;; i++) {
        mote_set_procs(1 + i % 4);
        mote_yield();
    }
}

static void test_changing_procs_does_not_keep_the_runtime_from_ending(void **state)
{
    (void)state;
    for (long i = scale(200); i > 0; i--) {
        assert_int_equal(mote_start(&two_procs), 0);
        for (int k = 0; k < 4; k++)
            assert_int_equal(mote_go(set_procs_for_ever), 0);
        mote_sleep(i % 10 * 10 * MOTE_US);
        assert_int_equal(mote_stop(mote_now()), 4);
    }
}

static void wait_for_close(mote_chan(int) c)
{
    ran++;
    CHECK(mote_recv(c, NULL) == -EPIPE);
    ran++;
}

static void *change_until_stopped(void *arg)
{
    for (int i = 0; !stop; i++)
        CHECK(mote_set_procs(1 + i * 5 % 8) == 0);
    return arg;
}

static void close_while_procs_change(void *arg)
{
    (void)arg;
    pthread_t thread;
    long n = scale(1000);
    stop = false;
    CHECK(pthread_create(&thread, NULL, change_until_stopped, NULL) == 0);
    for (int i = 0; i < 10; i++) {
        mote_chan(int) c = mote_chan_make(int, 0);
        ran = 0;
        for (long k = 0; k < n; k++)
            CHECK(mote_go(wait_for_close, c) == 0);
        while (ran < n)
            mote_yield();
        mote_chan_close(c);
        while (ran < 2 * n)
            mote_yield();
        yield_until_alone();
        mote_chan_free(c);
    }
    stop = true;
    pthread_join(thread, NULL);
}

static void test_a_crowd_is_woken_while_procs_come_and_go(void **state)
{
    (void)state;
    run_with(&(mote_config){.procs = 4}, close_while_procs_change, NULL);
    run_with(&(mote_config){.procs = 4, .queue = 2}, close_while_procs_change, NULL);
}

static _Atomic int proc_of_spinner; /* -1: it doesn't spin yet */

static void start_and_spin(long n)
{
    for (long i = 0; i < n; i++)
        CHECK(mote_go(count) == 0);
    proc_of_spinner = (int)worker_self()->proc->number;
    while (!stop)
        cpu_relax();
}

/* Those that it has started wait in its proc, which is not in use any more; unless it has the last one that is. */
static void test_a_task_that_spins_keeps_no_others_on_its_proc(void **state)
{
    (void)state;
    enum { N = 10 };
    for (int i = 0; i < 20; i++) {
        ran = 0;
        stop = false;
        proc_of_spinner = -1;
        assert_int_equal(mote_start(&(mote_config){.procs = 4}), 0);
        assert_int_equal(mote_go(start_and_spin, (long)N), 0);
        while (proc_of_spinner < 0)
            mote_yield();
        assert_int_equal(mote_set_procs(1), 0);
        while (proc_of_spinner > 0 && ran < N)
            mote_yield();
        stop = true;
        assert_int_equal(mote_stop(MOTE_FOREVER), 0);
        assert_int_equal(ran, N);
    }
}

/* The address space is nearly used up, so some of the new threads find no room for their stacks. */
static void want_too_many(void *arg)
{
    (void)arg;
    struct rlimit all, few;
    CHECK(mote_start(&two_procs) == 0);
    CHECK(getrlimit(RLIMIT_AS, &all) == 0);
    few = all;
    few.rlim_cur = (rlim_t)status_kb("VmSize") * 1024 + (64 << 20);
    CHECK(setrlimit(RLIMIT_AS, &few) == 0);
    int error = mote_set_procs(256);
    CHECK(error == -EAGAIN || error == -ENOMEM);
    CHECK(mote_procs() == 2);
    CHECK(setrlimit(RLIMIT_AS, &all) == 0);
    for (int i = 0; i < 1000; i++)
        CHECK(mote_join(mote_spawn(count), NULL) == 0);
    CHECK(mote_set_procs(32) == 0 && mote_procs() == 32);
    for (int i = 0; i < 1000; i++)
        CHECK(mote_join(mote_spawn(count), NULL) == 0);
    CHECK(mote_stop(MOTE_FOREVER) == 0);
}

static void test_procs_stay_when_threads_can_not_be_started(void **state)
{
    (void)state;
    if (sanitizer_pins_all() || UNDER_EMULATOR)
        skip(); /* they need address space themselves, or set no limit to it */
    struct child_result r = run_child(want_too_many, NULL);
    if (r.status != 0)
        fail_msg("status %x, it said: %s", (unsigned)r.status, r.err);
}

/* Two of these meet on two procs. */
static void sleep_on_proc_1(void)
{
    unsigned number = worker_self()->proc->number;
    ran++;
    while (ran < 2)
        cpu_relax(); /* not a call of mote */
    if (number == 1)
        mote_sleep(200 * MOTE_MS);
    ran++;
}

/* False: the timer had fired before its proc was gone. */
static bool take_proc_from_timer(void)
{
    ran = 0;
    assert_int_equal(mote_start(&two_procs), 0);
    for (int i = 0; i < 2; i++)
        assert_int_equal(mote_go(sleep_on_proc_1), 0);
    while (timers_earliest(&rt.proc[1]->timers) == INT64_MAX && ran < 4)
        mote_yield();
    timers_fail(true);
    assert_int_equal(mote_set_procs(1), 0); /* proc 0 had no timer yet, so it has no room */
    bool in_time = ran < 4;
    assert_int_equal(mote_stop(mote_now() + 60 * MOTE_S), 0);
    timers_fail(false);
    assert_int_equal(ran, 4);
    return in_time;
}

static void test_timers_outlive_their_proc_without_memory(void **state)
{
    (void)state;
    while (!take_proc_from_timer())
        ;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_procs_are_as_set),
        cmocka_unit_test(test_a_hundred_procs_start_and_stop),
        cmocka_unit_test(test_changing_procs_under_load_loses_nothing),
        cmocka_unit_test(test_changing_procs_does_not_keep_the_runtime_from_ending),
        cmocka_unit_test(test_a_crowd_is_woken_while_procs_come_and_go),
        cmocka_unit_test(test_a_task_that_spins_keeps_no_others_on_its_proc),
        cmocka_unit_test(test_procs_stay_when_threads_can_not_be_started),
        cmocka_unit_test(test_timers_outlive_their_proc_without_memory),
    };
    watchdog(60);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
