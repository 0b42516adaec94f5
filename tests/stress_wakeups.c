/* SPDX-License-Identifier: MIT */
/* stress_wakeups - no wake-up is lost: requests come one at a time, so a lost one leaves everybody asleep, and the watchdog
 * stops the program.
 */
#include "support.h"

#include <pthread.h>

#define SERVERS 4
#define THREADS 4

static const int procs[] = {1, 2, 4};
static mote_chan(long) requests[SERVERS], answers;

/* From nothing to long enough for workers to be on their way to sleep, or asleep. */
static void pause_randomly(uint32_t *state)
{
    int64_t ns = (int64_t)(test_random(state) % 300) * MOTE_US;
    if (test_random(state) % 2) {
        mote_sleep(ns);
        return;
    }
    for (int64_t end = mote_now() + ns; mote_now() < end;)
        ;
}

static void serve(mote_chan(long) c)
{
    mote_chan_range (c, v)
        CHECK(mote_send(answers, v + 1) == 0);
}

static void open_servers(int n, size_t capacity)
{
    assert_int_equal(mote_start(&(mote_config){.procs = n}), 0);
    answers = mote_chan_make(long, capacity);
    for (int i = 0; i < SERVERS; i++) {
        requests[i] = mote_chan_make(long, capacity);
        assert_int_equal(i == 0 ? mote_go_pinned(serve, requests[i]) : mote_go(serve, requests[i]), 0);
    }
}

static void close_servers(void)
{
    for (int i = 0; i < SERVERS; i++)
        mote_chan_close(requests[i]);
    assert_int_equal(mote_stop(MOTE_FOREVER), 0);
    for (int i = 0; i < SERVERS; i++)
        mote_chan_free(requests[i]);
    mote_chan_free(answers);
}

static void request_one_at_a_time(long rounds)
{
    uint32_t state = 4711;
    for (long i = 0; i < rounds; i++) {
        long v = -1;
        pause_randomly(&state);
        assert_int_equal(mote_send(requests[test_random(&state) % SERVERS], i), 0);
        assert_int_equal(mote_recv(answers, &v), 0);
        assert_int_equal(v, i + 1);
    }
}

static void test_each_request_of_a_thread_is_answered(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++)
        for (size_t capacity = 0; capacity < 2; capacity++) {
            open_servers(procs[i], capacity);
            request_one_at_a_time(scale(2500));
            close_servers();
        }
}

static void answer(mote_chan(long) c, long v) { CHECK(mote_send(c, v) == 0); }

static void *start_and_wait(void *arg)
{
    uint32_t state = *(uint32_t *)arg;
    mote_chan(long) c = mote_chan_make(long, state % 2);
    for (long i = 0; i < scale(2000); i++) {
        long v = -1;
        if (i % 4 == 0)
            pause_randomly(&state);
        CHECK((i % 16 ? mote_go(answer, c, i) : mote_go_pinned(answer, c, i)) == 0);
        CHECK(mote_recv(c, &v) == 0 && v == i);
    }
    while (mote_chan_len(c))
        mote_yield();
    mote_chan_close(c);
    mote_chan_free(c);
    return NULL;
}

static void run_threads(void *(*body)(void *))
{
    pthread_t threads[THREADS];
    uint32_t seeds[THREADS];
    for (uint32_t i = 0; i < THREADS; i++) {
        seeds[i] = i * 7919 + 1;
        assert_int_equal(pthread_create(&threads[i], NULL, body, &seeds[i]), 0);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
}

static long give(long v) { return v; }

static void *start_and_join(void *arg)
{
    uint32_t state = *(uint32_t *)arg;
    for (long i = 0; i < scale(1000); i++) {
        intptr_t v = -1;
        if (i % 4 == 0)
            pause_randomly(&state);
        CHECK(mote_join(mote_spawn(give, i), &v) == 0 && v == i);
    }
    return NULL;
}

static void test_tasks_that_several_threads_start_all_run(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(mote_start(&(mote_config){.procs = procs[i]}), 0);
        run_threads(start_and_wait);
        run_threads(start_and_join);
        assert_int_equal(mote_stop(MOTE_FOREVER), 0);
    }
}

static void sleep_and_pass_on(mote_chan(long) in, mote_chan(long) out, uint32_t seed)
{
    uint32_t state = seed;
    mote_chan_range (in, v) {
        if (test_random(&state) % 3 == 0)
            mote_sleep(test_random(&state) % 100 * MOTE_US);
        CHECK(mote_send(out, v + 1) == 0);
    }
}

/* One token in a ring of tasks: at each moment at most one of them is ready. */
static void test_a_token_goes_round_a_ring(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        mote_chan(long) ring[SERVERS + 1];
        assert_int_equal(mote_start(&(mote_config){.procs = procs[i]}), 0);
        for (int k = 0; k <= SERVERS; k++)
            ring[k] = mote_chan_make(long, 0);
        for (int k = 0; k < SERVERS; k++)
            assert_int_equal(mote_go(sleep_and_pass_on, ring[k], ring[k + 1], (uint32_t)k + 1), 0);
        long v = 0, rounds = scale(500);
        for (long r = 0; r < rounds; r++) {
            assert_int_equal(mote_send(ring[0], v), 0);
            assert_int_equal(mote_recv(ring[SERVERS], &v), 0);
        }
        assert_int_equal(v, rounds * SERVERS);
        for (int k = 0; k <= SERVERS; k++)
            mote_chan_close(ring[k]);
        assert_int_equal(mote_stop(MOTE_FOREVER), 0);
        for (int k = 0; k <= SERVERS; k++)
            mote_chan_free(ring[k]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_request_of_a_thread_is_answered),
        cmocka_unit_test(test_tasks_that_several_threads_start_all_run),
        cmocka_unit_test(test_a_token_goes_round_a_ring),
    };
    watchdog(120);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
