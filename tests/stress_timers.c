/* SPDX-License-Identifier: MIT */
/* stress_timers - a million tasks that sleep; timers of every kind beside tasks that talk without a pause.
 */
#include "support.h"

#include "base/sanitizer.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>

static const mote_config eight_procs = {.procs = 8}, two_homes = {.procs = 2, .homes = 2};
static const mote_config *const configs[] = {&one_proc, &two_procs, &eight_procs, &two_homes};

/* A million sleepers */

static _Atomic long woken;
static int64_t begin, span;
static long *place; /* [i]: when the i-th in the order of their times has gone on; NULL: nobody asks */

/* Its time is the i-th of n. */
static void sleep_until(long i, long n)
{
    int64_t when = begin + span * i / n;
    CHECK(mote_sleep(when - mote_now()) == 0);
    CHECK(mote_now() >= when);
    long before = woken++;
    if (place)
        place[i] = before;
}

static long crowd_size(long n)
{
    n = scale(n);
    return sanitizer_pins_all() && n > 2000 ? 2000 : n; /* ThreadSanitizer has 8128 stacks */
}

/* 7919 is a prime that divides no n of ours: each gets a time of its own, in a shuffled order. */
static void start_sleepers(long n)
{
    woken = 0;
    for (long i = 0; i < n; i++)
        CHECK(mote_go(sleep_until, i * 7919 % n, n) == 0);
}

static void sleep_by_the_million(void *arg)
{
    (void)arg;
    long n = crowd_size(1000000);
    begin = mote_now() + 100 * MOTE_MS;
    span = MOTE_S;
    start_sleepers(n);
    while (woken < n)
        mote_sleep(MOTE_MS);
    CHECK(mote_now() >= begin + span * (n - 1) / n);
    yield_until_alone();
}

/* malloc keeps some of what it was given back until it is asked. */
static long resident_kb(void)
{
    malloc_trim(0);
    return status_kb("VmRSS");
}

static void test_a_million_sleepers_wake_and_leave_their_memory(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(mote_start(configs[i]), 0);
        long kb = resident_kb();
        assert_int_equal(mote_join(mote_spawn(sleep_by_the_million, NULL), NULL), 0);
        if (stacks_are_copied() && !UNDER_EMULATOR) {
            for (int k = 0; k < 300 && resident_kb() > kb + 40 * 1024; k++)
                mote_sleep(100 * MOTE_MS);
            assert_in_range(resident_kb(), 0, kb + 40 * 1024);
        }
        assert_int_equal(mote_stop(MOTE_FOREVER), 0);
    }
}

/* All are due when they can run at last. What doesn't fit into the proc's queue goes into the global one, and those made ready
 * last come first: all in all a queue's length of them. But for these the order holds by and large; in a random order each
 * would be n / 3 from its place. */
#define QUEUE 256

/* False: the first had to go on before the last slept. */
static bool all_sleep(long n, int64_t lead)
{
    struct mote_stats s;
    begin = mote_now() + lead;
    span = 10 * MOTE_MS;
    start_sleepers(n);
    do
        mote_sleep(10 * MOTE_MS);
    while (mote_stats(&s) == 0 && s.tasks_parked < (uint64_t)n && mote_now() < begin);
    return mote_now() < begin;
}

static void sleep_in_order(void *arg)
{
    (void)arg;
    long n = crowd_size(20000), sum = 0;
    place = calloc((size_t)n, sizeof *place);
    CHECK(place);
    for (int64_t lead = 300 * MOTE_MS; !all_sleep(n, lead); lead *= 2)
        yield_until_alone();
    while (mote_now() < begin + span)
        ;
    while (woken < n)
        mote_yield();
    for (long i = 0; i < n; i++)
        sum += labs(place[i] - i);
    CHECK(sum / n < n / 10 + 2 * QUEUE);
    free(place);
    place = NULL;
}

static void test_sleepers_go_on_in_the_order_of_their_times(void **state)
{
    (void)state;
    run_with(&one_proc, sleep_in_order, NULL);
}

/* Beside tasks that talk without a pause, as many pairs as procs and more: no worker is ever idle. What a timer may take is
 * counted in messages, for the machine may be slow or busy: when the system takes a processor away for 10 ms, the others pass
 * some hundred thousand meanwhile. */

#define PATIENCE 200000000L
#define PAIRS 10

static struct {
    _Alignas(128) _Atomic long messages;
} talk[PAIRS];

static _Atomic bool stop;

static long count_messages(void)
{
    long sum = 0;
    for (int i = 0; i < PAIRS; i++)
        sum += talk[i].messages;
    return sum;
}

static void answer(mote_chan(int) ping, mote_chan(int) pong)
{
    mote_chan_range (ping, v)
        mote_send(pong, v);
}

static void ask(int pair)
{
    mote_chan(int) ping = mote_chan_make(int, pair % 2 ? 1 : 0);
    mote_chan(int) pong = mote_chan_make(int, 0);
    mote_task *other = mote_spawn(answer, ping, pong);
    CHECK(ping && pong && other);
    while (!stop) {
        CHECK(mote_send(ping, 1) == 0 && mote_recv(pong, NULL) == 0);
        talk[pair].messages++;
    }
    mote_chan_close(ping);
    CHECK(mote_join(other, NULL) == 0);
    mote_chan_free(ping);
    mote_chan_free(pong);
}

static void call_back(void *arg) { mote_send((mote_time_chan)arg, mote_now()); }

/* Waits 100 us in some way. */
static void wait_a_little(int way, mote_time_chan empty, mote_ticker *ticker)
{
    const int64_t ns = 100 * MOTE_US;
    mote_time_chan after = NULL;
    mote_timer *timer = NULL;
    mote_ctx *ctx = NULL;
    switch (way) {
    case 0:
        CHECK(mote_sleep(ns) == 0);
        break;
    case 1:
        CHECK(mote_recv(mote_ticker_chan(ticker), NULL) == 0);
        break;
    case 2:
        CHECK(mote_recv_until(empty, NULL, mote_now() + ns) == -ETIMEDOUT);
        break;
    case 3:
        CHECK(mote_select(MOTE_RECV(empty, NULL), MOTE_AFTER(ns)) == 1);
        break;
    case 4:
        CHECK((after = mote_after(ns)) && mote_recv(after, NULL) == 0);
        mote_chan_free(after);
        break;
    case 5:
        CHECK((timer = mote_timer_make_func(ns, call_back, (void *)empty)) && mote_recv(empty, NULL) == 0);
        mote_timer_free(timer);
        break;
    default:
        CHECK((ctx = mote_ctx_with_timeout(mote_ctx_background(), ns)));
        CHECK(mote_recv(mote_ctx_done(ctx), NULL) == -EPIPE);
        mote_ctx_free(ctx);
    }
}

static void wait_in_each_way(int times)
{
    mote_time_chan empty = mote_chan_make(int64_t, 0);
    mote_ticker *ticker = mote_ticker_make(100 * MOTE_US);
    CHECK(empty && ticker);
    for (int i = 0; i < times; i++) {
        long before = count_messages();
        wait_a_little(i % 7, empty, ticker);
        CHECK(count_messages() - before < PATIENCE);
    }
    mote_ticker_free(ticker);
    mote_chan_free(empty);
}

static void wait_under_load(void *arg)
{
    (void)arg;
    mote_task *waiters[3];
    stop = false;
    for (int i = 0; i < PAIRS; i++)
        CHECK((i % 5 ? mote_go(ask, i) : mote_go_pinned(ask, i)) == 0);
    while (count_messages() < 100)
        mote_yield();
    for (int i = 0; i < 3; i++)
        CHECK((waiters[i] = mote_spawn(wait_in_each_way, (int)scale(200))));
    for (int i = 0; i < 3; i++)
        CHECK(mote_join(waiters[i], NULL) == 0);
    stop = true;
    yield_until_alone();
}

static void test_timers_fire_beside_tasks_that_never_pause(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 4; i++)
        run_with(configs[i], wait_under_load, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_million_sleepers_wake_and_leave_their_memory),
        cmocka_unit_test(test_sleepers_go_on_in_the_order_of_their_times),
        cmocka_unit_test(test_timers_fire_beside_tasks_that_never_pause),
    };
    watchdog(120);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
