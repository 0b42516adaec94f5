/* SPDX-License-Identifier: MIT */
/* sim_time - time in simulations is virtual and exact, and what is due at the same time comes in any order (SI3). */
#include "support.h"

#include <errno.h>
#include <string.h>

#define HOUR (3600 * MOTE_S)

static mote_wg wg;
static char trace[16];
static size_t length;

static void begin(void)
{
    wg = (mote_wg){0};
    memset(trace, 0, sizeof trace);
    length = 0;
}

static void note(char what)
{
    CHECK(length < sizeof trace - 1);
    trace[length++] = what;
}

static int64_t woke_after[3];

static void sleep_and_note(int i, int64_t ns)
{
    int64_t before = mote_now();
    CHECK(mote_sleep(ns) == 0);
    woke_after[i] = mote_now() - before;
    mote_wg_done(&wg);
}

static void sleep_for_hours(void *arg)
{
    (void)arg;
    begin();
    int64_t before = mote_now();
    mote_wg_add(&wg, 3);
    for (int i = 0; i < 3; i++)
        CHECK(mote_go(sleep_and_note, i, (i + 1) * HOUR) == 0);
    mote_wg_wait(&wg);
    CHECK(mote_now() - before == 3 * HOUR);
    for (int i = 0; i < 3; i++)
        CHECK(woke_after[i] == (i + 1) * HOUR);
}

static void test_hours_of_sleep_are_exact(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++)
        assert_int_equal(mote_sim_run(seed, sleep_for_hours, NULL), 0);
}

static void tick_for_a_day(void *arg)
{
    (void)arg;
    int64_t before = mote_now(), at;
    mote_ticker *ticker = mote_ticker_make(HOUR);
    mote_ctx *ctx = mote_ctx_with_timeout(mote_ctx_background(), 24 * HOUR + 1);
    int ticks = 0;
    while (mote_recv_ctx(ctx, mote_ticker_chan(ticker), &at) == 0)
        CHECK(at - before == ++ticks * HOUR);
    CHECK(ticks == 24 && mote_ctx_err(ctx) == -ETIMEDOUT && mote_now() - before == 24 * HOUR + 1);
    mote_ctx_free(ctx);
    mote_ticker_free(ticker);
}

static void test_a_day_of_ticks_and_a_context_with_a_deadline(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++)
        assert_int_equal(mote_sim_run(seed, tick_for_a_day, NULL), 0);
}

static void wait_by_looking(void *arg)
{
    (void)arg;
    int64_t end = mote_now() + MOTE_S;
    while (mote_now() < end)
        mote_yield();
    end = mote_now() + HOUR;
    while (mote_now() < end)
        continue;
    mote_time_chan bell = mote_after(5 * MOTE_MS);
    while (mote_try_recv(bell, &end) < 0)
        mote_yield();
    mote_chan_free(bell);
}

static void test_who_waits_by_looking_at_the_clock_gets_on(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 8; seed++)
        assert_int_equal(mote_sim_run(seed, wait_by_looking, NULL), 0);
}

static void ring(int64_t ns, char what)
{
    mote_sleep(ns);
    note(what);
    mote_wg_done(&wg);
}

static void ring_together(void *arg)
{
    (void)arg;
    begin();
    mote_wg_add(&wg, 3);
    for (int i = 0; i < 3; i++)
        CHECK(mote_go(ring, MOTE_S, 'a' + i) == 0);
    mote_wg_wait(&wg);
}

static void test_equal_times_come_in_any_order(void **state)
{
    (void)state;
    bool last[3] = {false};
    for (uint64_t seed = 1; seed <= 100; seed++) {
        assert_int_equal(mote_sim_run(seed, ring_together, NULL), 0);
        last[trace[2] - 'a'] = true;
    }
    assert_true(last[0] && last[1] && last[2]);
}

/* A timer and a deadline at the same time: either may be first. */
static int race_with_a_deadline(void *arg)
{
    (void)arg;
    int64_t v, when = mote_now() + MOTE_S;
    mote_time_chan bell = mote_after(MOTE_S);
    int error = mote_recv_until(bell, &v, when);
    mote_chan_free(bell);
    return error == 0 ? 1 : error == -ETIMEDOUT ? 2 : 3;
}

static void test_timers_due_together_fire_in_any_order(void **state)
{
    (void)state;
    int seen[4] = {0};
    for (uint64_t seed = 1; seed <= 100; seed++)
        seen[mote_sim_run(seed, race_with_a_deadline, NULL)]++;
    assert_true(seen[1] > 0 && seen[2] > 0 && seen[3] == 0);
}

#define SLEEPERS 2000

static int64_t last;

static void sleep_somehow(uint32_t seconds)
{
    mote_sleep(seconds * MOTE_S);
    CHECK(seconds == 0 || mote_now() >= last);
    last = mote_now();
    mote_wg_done(&wg);
}

static void many_sleepers(void *arg)
{
    (void)arg;
    uint32_t random = 7;
    begin();
    last = 0;
    int n = (int)scale(SLEEPERS);
    mote_wg_add(&wg, n);
    for (int i = 0; i < n; i++)
        CHECK(mote_go(sleep_somehow, test_random(&random) % 100000) == 0);
    mote_wg_wait(&wg);
}

static void test_many_sleepers_wake_in_order(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 3; seed++)
        assert_int_equal(mote_sim_run(seed, many_sleepers, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hours_of_sleep_are_exact),
        cmocka_unit_test(test_a_day_of_ticks_and_a_context_with_a_deadline),
        cmocka_unit_test(test_who_waits_by_looking_at_the_clock_gets_on),
        cmocka_unit_test(test_equal_times_come_in_any_order),
        cmocka_unit_test(test_timers_due_together_fire_in_any_order),
        cmocka_unit_test(test_many_sleepers_wake_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
