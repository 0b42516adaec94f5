/* SPDX-License-Identifier: MIT */
/* test_select_many - selects with up to as many cases as there may be. */
#include "support.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

static void select_among_many(void *arg)
{
    int n = *(int *)arg, step = n / 7 + 1;
    mote_chan(int) *channels = malloc(sizeof *channels * (size_t)n);
    mote_case *cases = malloc(sizeof *cases * (size_t)n);
    int v = 0, seven = 7;
    CHECK(channels && cases);
    for (int i = 0; i < n; i++) {
        channels[i] = i % 3 == 2 ? channels[i - 1] : mote_chan_make(int, 1);
        cases[i] = MOTE_RECV(channels[i], &v);
    }
    for (int i = 0; i < n; i += step) {
        CHECK(mote_send(channels[i], i) == 0);
        int k = mote_select_n(cases, n, 0);
        CHECK(k >= 0 && channels[k] == channels[i] && v == i);
    }
    CHECK(mote_select_n(cases, n, mote_now() + MOTE_MS) == -ETIMEDOUT);
    for (int i = 0; i < n; i++)
        cases[i] = MOTE_SEND_FROM(channels[i], &seven);
    CHECK(mote_select_n(cases, n, MOTE_FOREVER) >= 0);
    for (int i = 0; i < n; i++)
        if (i % 3 != 2)
            mote_chan_free(channels[i]);
    free(channels);
    free(cases);
}

static void test_many_cases(void **state)
{
    (void)state;
    static int sizes[] = {1, 2, 15, 16, 17, 100, 1000, MOTE_CASES_MAX};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        select_among_many(&sizes[i]);
        run_with(&one_proc, select_among_many, &sizes[i]);
    }
}

/* Waiting in very many queues */

static void check_unused(mote_chan(int) c)
{
    int v;
    CHECK(mote_try_recv(c, &v) == -EAGAIN && mote_try_send(c, 1) == -EAGAIN);
}

/* Receives in every second case, sends in the others. */
static void wait_among_many(mote_chan(int) * channels, int n, int which)
{
    mote_case *cases = malloc(sizeof *cases * (size_t)n);
    int v = 0, nine = 9;
    CHECK(cases);
    for (int i = 0; i < n; i++)
        cases[i] = i % 2 ? MOTE_SEND_FROM(channels[i], &nine) : MOTE_RECV(channels[i], &v);
    CHECK(mote_select_n(cases, n, which % 3 ? MOTE_FOREVER : mote_now() + 1000 * MOTE_S) == which);
    CHECK(cases[which].status == 0 && v == (which % 2 ? 0 : 8));
    free(cases);
}

static void wake_among_many(mote_chan(int) * channels, int which)
{
    int v = 9;
    CHECK((which % 2 ? mote_recv(channels[which], &v) : mote_send(channels[which], 8)) == 0 && v == 9);
}

struct many {
    mote_chan(int) * channels;
    int which;
};

static void *wait_in_thread(void *arg)
{
    struct many *m = arg;
    wait_among_many(m->channels, MOTE_CASES_MAX, m->which);
    return NULL;
}

/* By a task that is waited for, or by a plain thread. */
static void wait_and_wake(mote_chan(int) * channels, int which, bool thread)
{
    struct many m = {channels, which};
    pthread_t id;
    mote_task *t = NULL;
    if (thread)
        CHECK(pthread_create(&id, NULL, wait_in_thread, &m) == 0);
    else
        CHECK((t = mote_spawn(wait_among_many, channels, MOTE_CASES_MAX, which)));
    wake_among_many(channels, which);
    if (thread)
        pthread_join(id, NULL);
    else
        CHECK(mote_join(t, NULL) == 0);
    for (int i = 0; i < MOTE_CASES_MAX; i++)
        check_unused(channels[i]);
}

static void leave_all_queues(void *arg)
{
    (void)arg;
    const int n = MOTE_CASES_MAX;
    mote_chan(int) *channels = malloc(sizeof *channels * (size_t)n);
    CHECK(channels);
    for (int i = 0; i < n; i++)
        CHECK((channels[i] = mote_chan_make(int, 0)));
    static const int each[] = {0, 1, 3, MOTE_CASES_MAX / 2, MOTE_CASES_MAX - 2, MOTE_CASES_MAX - 1};
    for (size_t i = 0; i < sizeof each / sizeof each[0]; i++)
        wait_and_wake(channels, each[i], i % 3 == 1);
    for (int i = 0; i < n; i++)
        mote_chan_free(channels[i]);
    free(channels);
}

static void test_a_wait_in_very_many_queues_leaves_them_all(void **state)
{
    (void)state;
    run_with(&one_proc, leave_all_queues, NULL);
    run_with(&two_procs, leave_all_queues, NULL);
    CHECK(mote_start(&two_procs) == 0); /* and the other side is a plain thread */
    leave_all_queues(NULL);
    CHECK(mote_stop(MOTE_FOREVER) == 0);
}

/* Each case keeps the value that it was made with, also in a loop. */
struct pair {
    int a, b;
};

static void fill_in_a_loop(void *arg)
{
    (void)arg;
    enum { N = 40 };
    mote_chan(int) c[N];
    mote_chan(struct pair) d[N];
    mote_case cases[2 * N];
    for (int i = 0; i < N; i++) {
        CHECK((c[i] = mote_chan_make(int, 1)) && (d[i] = mote_chan_make(struct pair, 1)));
        cases[i] = MOTE_SEND(c[i], 100 + i);
        cases[N + i] = MOTE_SEND(d[i], (struct pair){i, -i});
    }
    for (int i = 0; i < 2 * N; i++)
        CHECK(mote_select_n(cases, 2 * N, MOTE_FOREVER) >= 0);
    CHECK(mote_select_n(cases, 2 * N, 0) == -ETIMEDOUT);
    for (int i = 0; i < N; i++) {
        int v;
        struct pair p;
        CHECK(mote_try_recv(c[i], &v) == 0 && v == 100 + i);
        CHECK(mote_try_recv(d[i], &p) == 0 && p.a == i && p.b == -i);
        mote_chan_free(c[i]);
        mote_chan_free(d[i]);
    }
}

static void test_values_of_cases_that_a_loop_makes(void **state)
{
    (void)state;
    fill_in_a_loop(NULL);
    run_with(&two_procs, fill_in_a_loop, NULL);
}

static void test_one_more_is_refused(void **state)
{
    (void)state;
    mote_case *cases = calloc(MOTE_CASES_MAX + 1, sizeof *cases); /* never ready */
    assert_non_null(cases);
    assert_int_equal(mote_select_n(cases, MOTE_CASES_MAX + 1, 0), -EINVAL);
    assert_int_equal(mote_select_n(cases, MOTE_CASES_MAX, 0), -ETIMEDOUT);
    free(cases);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_many_cases),
        cmocka_unit_test(test_a_wait_in_very_many_queues_leaves_them_all),
        cmocka_unit_test(test_values_of_cases_that_a_loop_makes),
        cmocka_unit_test(test_one_more_is_refused),
    };
    watchdog(60);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
