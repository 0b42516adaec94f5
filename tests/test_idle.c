/* SPDX-License-Identifier: MIT */
/* test_idle - workers sleep when there is nothing to do, and no push from outside is slept through (D1, D4). */
#include "support.h"

#include "base/os.h"
#include "base/sanitizer.h"

#include <sched.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static int64_t process_time(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * MOTE_S + t.tv_nsec;
}

/* How often this process's threads have gone to sleep. */
static long pauses(void)
{
    struct rusage usage;
    assert_int_equal(getrusage(RUSAGE_SELF, &usage), 0);
    return usage.ru_nvcsw;
}

/* In one of ten spells of 300 ms: what costs something all the time does so in each, what a slow machine has still to do after
 * the start doesn't. */
static void assert_quiet(void)
{
    int64_t used = 0;
    long paused = 0;
    mote_sleep(150 * MOTE_MS); /* workers give memory back once, the monitor looks some times more */
    for (int i = 0; i < 10; i++) {
        int64_t used_before = process_time();
        long paused_before = pauses();
        mote_sleep(300 * MOTE_MS);
        used = process_time() - used_before;
        paused = pauses() - paused_before;
        if (used < 30 * MOTE_MS && paused < 60)
            return;
    }
    fail_msg("%lld us of processor time, %ld pauses in 300 ms of idleness", (long long)(used / MOTE_US), paused);
}

static void wait_for_end(mote_chan(int) c)
{
    mote_recv(c, NULL);
    mote_chan_free(c);
}

static void sleep_a_while(int64_t ns) { mote_sleep(ns); }

static void test_nothing_to_do_costs_nothing(void **state)
{
    (void)state;
    for (int procs = 1; procs <= 4; procs += 3) {
        mote_config config = {.procs = procs, .max_stack = 128 << 10}; /* Valgrind's work grows with the size */
        assert_int_equal(mote_start(&config), 0);
        assert_quiet(); /* no task at all */
        mote_chan(int) c = mote_chan_make(int, 0);
        for (int i = 0; i < 50; i++)
            assert_int_equal(mote_go(wait_for_end, mote_chan_ref(c)), 0);
        assert_int_equal(mote_go(sleep_a_while, 600 * MOTE_MS), 0);
        assert_quiet(); /* parked ones, and one that sleeps */
        mote_chan_close(c);
        mote_chan_free(c);
        assert_int_equal(mote_stop(mote_now() + 10 * MOTE_S), 0);
    }
}

static _Atomic long asleep;

/* Each in its own way. */
static void sleep_long(long i, mote_chan(int) c)
{
    const int64_t ns = 1000 * MOTE_S + i;
    asleep++;
    if (i % 3 == 0)
        mote_sleep(ns);
    else if (i % 3 == 1)
        mote_recv_until(c, NULL, mote_now() + ns);
    else
        mote_select(MOTE_RECV(c, NULL), MOTE_AFTER(ns));
}

/* Nothing is done for each sleeper while it sleeps, so its number doesn't matter. */
static void test_sleepers_cost_nothing_while_they_sleep(void **state)
{
    (void)state;
    long n = sanitizer_pins_all() ? 300 : scale(100000);
    for (int procs = 1; procs <= 4; procs += 3) {
        mote_config config = {.procs = procs, .max_stack = 128 << 10};
        assert_int_equal(mote_start(&config), 0);
        mote_chan(int) c = mote_chan_make(int, 0);
        mote_ticker *ticker = mote_ticker_make(1000 * MOTE_S);
        asleep = 0;
        for (long i = 0; i < n; i++)
            assert_int_equal(mote_go(sleep_long, i, c), 0);
        while (asleep < n)
            mote_sleep(MOTE_MS);
        assert_quiet();
        assert_int_equal(mote_stop(mote_now()), n);
        mote_ticker_free(ticker);
        mote_chan_free(c);
    }
}

/* From nothing to just longer than a worker looks around before it sleeps. */
static void pause_at_random(uint32_t *random)
{
    uint32_t how = test_random(random) % 8;
    if (how == 0)
        return;
    int64_t until = mote_now() + test_random(random) % (how < 6 ? 20000 : 300000);
    if (how == 7)
        mote_sleep(until - mote_now());
    while (mote_now() < until)
        cpu_relax();
}

typedef mote_chan(long) channel;

static void echo(channel in, channel out)
{
    mote_chan_range (in, v)
        mote_send(out, v + 1);
    mote_chan_free(in);
    mote_chan_free(out);
}

static void test_every_send_from_a_thread_is_answered(void **state)
{
    (void)state;
    for (int procs = 1; procs <= 4; procs++) {
        mote_config config = {.procs = procs};
        uint32_t random = 1234;
        assert_int_equal(mote_start(&config), 0);
        channel in = mote_chan_make(long, 0), out = mote_chan_make(long, procs & 1);
        assert_int_equal(mote_go(echo, mote_chan_ref(in), mote_chan_ref(out)), 0);
        for (long i = 0; i < scale(3000); i++) {
            long answer = 0;
            pause_at_random(&random);
            assert_int_equal(mote_send(in, i), 0);
            assert_int_equal(mote_recv(out, &answer), 0);
            assert_int_equal(answer, i + 1);
        }
        mote_chan_close(in);
        assert_int_equal(mote_stop(mote_now() + 10 * MOTE_S), 0);
        mote_chan_free(in);
        mote_chan_free(out);
    }
}

static void finish(mote_wg *wg) { mote_wg_done(wg); }

static void test_every_task_from_a_thread_runs(void **state)
{
    (void)state;
    for (int procs = 1; procs <= 4; procs++) {
        mote_config config = {.procs = procs};
        uint32_t random = 99;
        mote_wg wg = {0};
        assert_int_equal(mote_start(&config), 0);
        for (long i = 0; i < scale(3000); i++) {
            int n = 1 + (int)(test_random(&random) % 3);
            pause_at_random(&random);
            mote_wg_add(&wg, n);
            while (n-- > 0)
                assert_int_equal(mote_go(finish, &wg), 0);
            mote_wg_wait(&wg);
        }
        assert_int_equal(mote_stop(mote_now() + 10 * MOTE_S), 0);
    }
}

static void sleep_then_finish(int64_t ns, mote_wg *wg)
{
    mote_sleep(ns);
    mote_wg_done(wg);
}

static void test_every_sleeper_wakes(void **state)
{
    mote_config config = {.procs = 3};
    uint32_t random = 7;
    mote_wg wg = {0};
    (void)state;
    assert_int_equal(mote_start(&config), 0);
    for (long i = 0; i < scale(1000); i++) {
        mote_wg_add(&wg, 1);
        assert_int_equal(mote_go(sleep_then_finish, (int64_t)(test_random(&random) % 400000), &wg), 0);
        pause_at_random(&random);
        if (i % 4 == 0)
            mote_wg_wait(&wg);
    }
    mote_wg_wait(&wg);
    assert_int_equal(mote_stop(mote_now() + 10 * MOTE_S), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_to_do_costs_nothing),
        cmocka_unit_test(test_sleepers_cost_nothing_while_they_sleep),
        cmocka_unit_test(test_every_send_from_a_thread_is_answered),
        cmocka_unit_test(test_every_task_from_a_thread_runs),
        cmocka_unit_test(test_every_sleeper_wakes),
    };
    watchdog(60);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
