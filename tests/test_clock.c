/* SPDX-License-Identifier: MIT */
/* test_clock - timers and tickers: what each call gives in each state; nothing of an old setting is ever seen; no setting is
 * lost. */
#include "support.h"

#include "base/sanitizer.h"
#include "sched/timer.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#define LONG (1000 * MOTE_S)
#define SOON (100 * MOTE_US)

static const mote_config eight_procs = {.procs = 8}, two_homes = {.procs = 2, .homes = 2};

static _Atomic long called, wrong;

static void count_call(void *arg)
{
    mote_yield();
    called += arg ? *(int *)arg : 1;
}

static void wait_for_calls(long n)
{
    while (called < n)
        mote_sleep(SOON);
}

static void channel_states(void *arg)
{
    int64_t at = 0, start = mote_now();
    (void)arg;
    mote_timer *t = mote_timer_make(2 * MOTE_MS);
    CHECK(t && mote_timer_chan(t));
    CHECK(mote_recv(mote_timer_chan(t), &at) == 0);
    CHECK(at - start >= 2 * MOTE_MS && at <= mote_now());
    CHECK(mote_timer_stop(t) == 0);
    CHECK(mote_timer_stop(t) == 0);
    CHECK(mote_timer_reset(t, LONG) == 0); /* it had happened */
    CHECK(mote_timer_reset(t, LONG) == 1);
    CHECK(mote_timer_stop(t) == 1);
    CHECK(mote_timer_stop(t) == 0);
    CHECK(mote_timer_reset(t, -5) == 0); /* at once */
    while (mote_chan_len(mote_timer_chan(t)) == 0)
        mote_sleep(SOON);
    CHECK(mote_timer_stop(t) == 1); /* nobody had received */
    CHECK(mote_try_recv(mote_timer_chan(t), &at) == -EAGAIN);
    CHECK(mote_timer_reset(t, 0) == 0);
    while (mote_chan_len(mote_timer_chan(t)) == 0)
        mote_sleep(SOON);
    CHECK(mote_timer_reset(t, MOTE_FOREVER) == 1);
    CHECK(mote_try_recv(mote_timer_chan(t), &at) == -EAGAIN);
    mote_timer_free(t);
    mote_timer_free(NULL);
}

static void test_a_timer_with_a_channel(void **state)
{
    (void)state;
    run_everywhere(channel_states);
}

static void function_states(void *arg)
{
    (void)arg;
    static int five = 5;
    called = 0;
    mote_timer *t = mote_timer_make_func(MOTE_MS, count_call, &five);
    CHECK(t && !mote_timer_chan(t));
    wait_for_calls(5);
    CHECK(mote_timer_stop(t) == 0);
    CHECK(mote_timer_reset(t, LONG) == 0);
    CHECK(mote_timer_reset(t, LONG) == 1);
    CHECK(mote_timer_stop(t) == 1);
    CHECK(mote_timer_stop(t) == 0);
    CHECK(mote_timer_reset(t, 0) == 0);
    wait_for_calls(10);
    CHECK(mote_timer_reset(t, LONG) == 0);
    mote_timer_free(t);
    errno = 0;
    CHECK(!mote_timer_make_func(0, NULL, NULL) && errno == EINVAL);
    mote_sleep(MOTE_MS);
    CHECK(called == 10);
}

static void test_a_timer_with_a_function(void **state)
{
    (void)state;
    run_everywhere(function_states);
}

static void ticker_states(void *arg)
{
    int64_t last = mote_now(), at, start = last;
    (void)arg;
    mote_ticker *t = mote_ticker_make(MOTE_MS);
    CHECK(t);
    mote_time_chan c = mote_ticker_chan(t);
    for (int i = 1; i <= 5; i++) {
        CHECK(mote_recv(c, &at) == 0);
        CHECK(at >= last && at - start >= i * MOTE_MS);
        last = at;
    }
    mote_sleep(5 * MOTE_MS); /* misses some */
    while (mote_chan_len(c) == 0)
        mote_sleep(SOON);
    CHECK(mote_chan_len(c) == 1);
    mote_ticker_stop(t);
    CHECK(mote_try_recv(c, &at) == -EAGAIN);
    mote_sleep(2 * MOTE_MS);
    CHECK(mote_try_recv(c, &at) == -EAGAIN);
    CHECK(mote_ticker_reset(t, 0) == -EINVAL);
    start = mote_now();
    CHECK(mote_ticker_reset(t, MOTE_MS / 2) == 0);
    CHECK(mote_recv(c, &at) == 0 && mote_recv(c, &at) == 0);
    CHECK(at - start >= MOTE_MS);
    CHECK(mote_ticker_reset(t, MOTE_FOREVER) == 0);
    mote_ticker_free(t);
    mote_ticker_free(NULL);
    errno = 0;
    CHECK(!mote_ticker_make(0) && errno == EINVAL);
}

static void test_a_ticker(void **state)
{
    (void)state;
    run_everywhere(ticker_states);
}

static void afters(void *arg)
{
    int64_t at, start = mote_now();
    (void)arg;
    mote_time_chan c = mote_after(MOTE_MS), unused = mote_after(MOTE_MS), late = mote_after(LONG);
    CHECK(c && unused && late);
    mote_chan_free(unused); /* before it fires; `late` is dropped with the runtime */
    mote_chan_free(late);
    CHECK(mote_recv(c, &at) == 0 && at - start >= MOTE_MS);
    CHECK(mote_try_recv(c, &at) == -EAGAIN);
    mote_chan_free(c);
    c = mote_after(-1);
    CHECK(mote_recv(c, &at) == 0);
    mote_chan_free(c);
}

static void test_after(void **state)
{
    (void)state;
    run_everywhere(afters);
}

static void test_without_a_runtime(void **state)
{
    (void)state;
    errno = 0;
    assert_null(mote_timer_make(0));
    assert_int_equal(errno, ESHUTDOWN);
    errno = 0;
    assert_null(mote_ticker_make(1));
    assert_int_equal(errno, ESHUTDOWN);
    errno = 0;
    assert_null(mote_after(1));
    assert_int_equal(errno, ESHUTDOWN);
}

static void test_a_timer_outlives_the_runtime(void **state)
{
    (void)state;
    assert_int_equal(mote_start(&two_procs), 0);
    called = 0;
    mote_timer *t = mote_timer_make(LONG), *f = mote_timer_make_func(LONG, count_call, NULL),
               *fired = mote_timer_make(0);
    mote_ticker *k = mote_ticker_make(LONG);
    mote_time_chan c = mote_after(LONG);
    assert_true(t && f && fired && k && c);
    while (mote_chan_len(mote_timer_chan(fired)) == 0)
        mote_yield();
    assert_int_equal(mote_stop(MOTE_FOREVER), 0);
    assert_int_equal(mote_timer_stop(fired), 1);
    assert_int_equal(mote_timer_reset(t, 0), -ESHUTDOWN);
    assert_int_equal(mote_timer_stop(t), 0);
    mote_timer_free(fired);
    mote_ticker_free(k);
    assert_int_equal(mote_start(&two_procs), 0);
    assert_int_equal(mote_timer_reset(f, 0), 1); /* nothing of that setting has happened */
    assert_int_equal(mote_timer_reset(t, 0), 0);
    assert_int_equal(mote_recv(mote_timer_chan(t), NULL), 0);
    wait_for_calls(1);
    assert_int_equal(mote_try_recv(c, NULL), -EAGAIN);
    mote_chan_free(c);
    mote_timer_free(t);
    mote_timer_free(f);
    assert_int_equal(mote_stop(MOTE_FOREVER), 0);
}

static void no_memory(void *arg)
{
    (void)arg;
    mote_timer *t[64];
    int n = 0;
    timers_fail(true);
    while (n < 64 && (t[n] = mote_timer_make(LONG)))
        n++;
    CHECK(n == 64 || errno == ENOMEM);
    timers_fail(false);
    while (n--)
        mote_timer_free(t[n]);
}

static void test_no_memory(void **state)
{
    (void)state;
    run_with(&one_proc, no_memory, NULL);
}

/* Races: many tasks and threads set and stop the same timer, which is due at about that time. */

struct race {
    mote_timer *timer;
    _Atomic long set, taken_back, happened, setters;
    mote_wg ended;
};

static void happen(void *arg) { ((struct race *)arg)->happened++; }

static void set_and_stop(struct race *r, uint32_t seed, int n)
{
    uint32_t random = seed;
    for (int i = 0; i < n; i++) {
        uint32_t x = test_random(&random);
        int was = x % 3 == 0 ? mote_timer_stop(r->timer) : mote_timer_reset(r->timer, x / 4 % 40000);
        CHECK(was == 0 || was == 1);
        r->set += x % 3 != 0;
        r->taken_back += was;
        if (x % 16 == 1)
            mote_sleep(x / 16 % 50000);
    }
    r->setters--;
    mote_wg_done(&r->ended);
}

static void *set_and_stop_in_thread(void *arg)
{
    set_and_stop(arg, 77, (int)scale(2000));
    return NULL;
}

static void receive_all(struct race *r)
{
    mote_time_chan c = mote_timer_chan(r->timer);
    mote_chan_range (c, at) {
        r->happened++;
        CHECK(at <= mote_now());
    }
    mote_wg_done(&r->ended);
}

/* Every setting happens or is taken back: one of them. */
static void race(void *arg)
{
    bool function = arg != NULL;
    pthread_t thread;
    struct race r = {0}; /* this task is pinned */
    r.timer = function ? mote_timer_make_func(LONG, happen, &r) : mote_timer_make(LONG);
    CHECK(r.timer);
    r.set = 1;
    r.setters = 5;
    mote_wg_add(&r.ended, 5);
    CHECK(pthread_create(&thread, NULL, set_and_stop_in_thread, &r) == 0);
    for (uint32_t i = 0; i < 4; i++)
        CHECK(mote_go(set_and_stop, &r, 11 * i + 1, (int)scale(2000)) == 0);
    mote_time_chan c = mote_timer_chan(r.timer);
    if (!function) {
        mote_wg_add(&r.ended, 1);
        CHECK(mote_go(receive_all, &r) == 0);
        while (r.setters > 0)
            mote_sleep(SOON);
        r.taken_back += mote_timer_stop(r.timer);
        mote_chan_close(c);
    }
    mote_wg_wait(&r.ended);
    pthread_join(thread, NULL);
    r.taken_back += mote_timer_stop(r.timer);
    long happened = r.happened;
    while (r.set != r.taken_back + r.happened) /* a function that had begun has still to count itself */
        mote_sleep(SOON);
    CHECK(function || happened == r.happened);
    mote_timer_free(r.timer);
}

static void test_every_setting_happens_or_is_taken_back(void **state)
{
    (void)state;
    static const mote_config *const configs[] = {&one_proc, &two_procs, &eight_procs, &two_homes};
    for (unsigned i = 0; i < 4; i++) {
        run_with(configs[i], race, NULL);
        run_with(configs[i], race, &called);
    }
}

/* After a stop the channel is empty, and stays so, whatever the timer was doing. */
static void stop_when_due(int n)
{
    uint32_t random = (uint32_t)n;
    for (int i = 0; i < n; i++) {
        mote_timer *t = mote_timer_make(test_random(&random) % 20000);
        mote_sleep(test_random(&random) % 20000);
        if (mote_timer_stop(t) == 0)
            wrong++; /* nobody received */
        if (mote_try_recv(mote_timer_chan(t), NULL) != -EAGAIN)
            wrong++;
        mote_timer_free(t);
    }
    called++;
}

static void many_stop_when_due(void *arg)
{
    (void)arg;
    called = wrong = 0;
    for (int i = 0; i < 20; i++)
        CHECK(mote_go(stop_when_due, (int)scale(100) + i) == 0);
    wait_for_calls(20);
    CHECK(wrong == 0);
}

static void test_nothing_is_received_after_a_stop(void **state)
{
    (void)state;
    run_everywhere(many_stop_when_due);
}

static void free_itself(void *arg)
{
    mote_timer *t = *(mote_timer **)arg;
    CHECK(mote_timer_stop(t) == 0);
    mote_timer_free(t);
    free(arg);
    called++;
}

static void free_by_functions(void *arg)
{
    (void)arg;
    called = 0;
    for (int i = 0; i < 100; i++) {
        mote_timer **place = malloc(sizeof(mote_timer *));
        CHECK(place && (*place = mote_timer_make_func(LONG, free_itself, place)));
        CHECK(mote_timer_reset(*place, 0) == 1);
    }
    wait_for_calls(100);
}

static void test_a_function_may_free_its_timer(void **state)
{
    (void)state;
    run_everywhere(free_by_functions);
}

static void lend_local(void)
{
    int local = 0;
    mote_timer_make_func(0, count_call, &local);
}

static void spawn_lender(void *arg)
{
    (void)arg;
    mote_join(mote_spawn(lend_local), NULL);
}

static void child_lends(void *arg)
{
    (void)arg;
    run_with(&one_proc, spawn_lender, NULL);
}

static void test_a_local_as_argument_is_refused(void **state)
{
    (void)state;
    if (sanitizer_pins_all())
        skip();
    assert_dies_saying(child_lends, "the argument of a timer's function at ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_timer_with_a_channel),
        cmocka_unit_test(test_a_timer_with_a_function),
        cmocka_unit_test(test_a_ticker),
        cmocka_unit_test(test_after),
        cmocka_unit_test(test_without_a_runtime),
        cmocka_unit_test(test_a_timer_outlives_the_runtime),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_every_setting_happens_or_is_taken_back),
        cmocka_unit_test(test_nothing_is_received_after_a_stop),
        cmocka_unit_test(test_a_function_may_free_its_timer),
        cmocka_unit_test(test_a_local_as_argument_is_refused),
    };
    watchdog(60);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
