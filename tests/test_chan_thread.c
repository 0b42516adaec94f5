/* SPDX-License-Identifier: MIT */
/* test_chan_thread - plain threads use channels among themselves and with tasks. */
#include "support.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

struct large {
    long number;
    char text[100];
};

struct pipes {
    mote_chan(int) small;
    mote_chan(struct large) large;
    int n;
};

static struct pipes make_pipes(size_t capacity, int n)
{
    return (struct pipes){mote_chan_make(int, capacity), mote_chan_make(struct large, capacity), n};
}

static void free_pipes(struct pipes *p)
{
    mote_chan_free(p->small);
    mote_chan_free(p->large);
}

static void feed(struct pipes *p)
{
    for (int i = 0; i < p->n; i++) {
        CHECK(mote_send(p->small, i) == 0);
        struct large l = {.number = i};
        snprintf(l.text, sizeof l.text, "this is number %d", i);
        CHECK(mote_send(p->large, l) == 0);
    }
    mote_chan_close(p->small);
    mote_chan_close(p->large);
}

static void drain(struct pipes *p)
{
    int expected = 0;
    mote_chan_range (p->small, v) {
        struct large l;
        char text[100];
        CHECK(v == expected);
        CHECK(mote_recv(p->large, &l) == 0);
        snprintf(text, sizeof text, "this is number %d", v);
        CHECK(l.number == v && strcmp(l.text, text) == 0);
        expected++;
    }
    CHECK(expected == p->n);
}

static void *feed_thread(void *arg)
{
    feed(arg);
    return NULL;
}

static void *drain_thread(void *arg)
{
    drain(arg);
    return NULL;
}

static void test_threads_use_channels_without_a_runtime(void **state)
{
    (void)state;
    for (size_t capacity = 0; capacity < 8; capacity += 3) {
        struct pipes p = make_pipes(capacity, (int)scale(2000));
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, feed_thread, &p), 0);
        drain(&p);
        pthread_join(thread, NULL);
        free_pipes(&p);
    }
}

static void test_close_wakes_waiting_threads(void **state)
{
    (void)state;
    pthread_t threads[8];
    struct pipes p = make_pipes(0, 0);
    for (int i = 0; i < 8; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, drain_thread, &p), 0);
    await_threads(8);
    mote_chan_close(p.small);
    for (int i = 0; i < 8; i++)
        pthread_join(threads[i], NULL);
    free_pipes(&p);
}

static void with_runtime(const mote_config *config, size_t capacity)
{
    pthread_t thread;
    struct pipes in = make_pipes(capacity, (int)scale(2000)), out = make_pipes(capacity, (int)scale(2000));
    assert_int_equal(mote_start(config), 0);
    assert_int_equal(mote_go(drain, &in), 0); /* thread to task */
    feed(&in);
    assert_int_equal(mote_go(feed, &out), 0); /* task to thread */
    assert_int_equal(pthread_create(&thread, NULL, drain_thread, &out), 0);
    pthread_join(thread, NULL);
    assert_int_equal(mote_stop(MOTE_FOREVER), 0);
    free_pipes(&in);
    free_pipes(&out);
}

static void test_threads_and_tasks_talk_both_ways(void **state)
{
    (void)state;
    for (size_t capacity = 0; capacity < 8; capacity += 3) {
        with_runtime(&one_proc, capacity);
        with_runtime(&two_procs, capacity);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_threads_use_channels_without_a_runtime),
        cmocka_unit_test(test_close_wakes_waiting_threads),
        cmocka_unit_test(test_threads_and_tasks_talk_both_ways),
    };
    watchdog(60);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
