/* SPDX-License-Identifier: MIT */
/* test_thread - plain threads as waiters: each wake-up reaches its thread, also one that ends right afterwards. */
#include "support.h"

#include "base/lock.h"
#include "sched/sched.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

static _Atomic long ran;

static void test_a_thread_is_no_task(void **state)
{
    (void)state;
    struct mote_stack_info info = {.live = 1, .image = 1, .limit = 1};
    assert_int_equal(mote_self(), 0);
    assert_int_equal(mote_stack_info(&info), -EINVAL);
    assert_true(info.live == 0 && info.image == 0 && info.limit == 0);
    mote_set_name("nothing");
    mote_yield();
}

static pthread_barrier_t all_have_one; /* what a thread leaves is used again */

static void *own_record(void *arg)
{
    *(struct task **)arg = sched_self();
    CHECK(*(struct task **)arg == sched_self());
    pthread_barrier_wait(&all_have_one);
    return NULL;
}

static void test_each_thread_has_a_record_of_its_own(void **state)
{
    (void)state;
    enum { N = 4 };
    pthread_t threads[N];
    struct task *records[N + 1];
    records[N] = sched_self();
    assert_int_equal(pthread_barrier_init(&all_have_one, NULL, N), 0);
    for (int i = 0; i < N; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, own_record, &records[i]), 0);
    for (int i = 0; i < N; i++)
        pthread_join(threads[i], NULL);
    pthread_barrier_destroy(&all_have_one);
    for (int i = 0; i <= N; i++)
        for (int k = 0; k < i; k++)
            assert_ptr_not_equal(records[i], records[k]);
}

/* What arrives while a thread waits, for every kind of mailbox: below 8 bytes, 8, above. */
struct pair {
    struct mote__chan *there, *back;
    size_t size;
};

static void *echo(void *arg)
{
    struct pair *p = arg;
    unsigned char v[64];
    while (mote__chan_recv(p->there, v) == 0)
        CHECK(mote__chan_send(p->back, v) == 0);
    for (size_t i = 0; i < p->size; i++)
        CHECK(v[i] == 0);
    return NULL;
}

static void converse(size_t size, int rounds)
{
    pthread_t thread;
    struct pair p = {mote__chan_make(size, 0, false), mote__chan_make(size, 0, false), size};
    unsigned char v[64], w[64];
    assert_int_equal(pthread_create(&thread, NULL, echo, &p), 0);
    for (int i = 0; i < rounds; i++) {
        memset(v, i % 251 + 1, sizeof v);
        memset(w, 0, sizeof w);
        assert_int_equal(mote__chan_send(p.there, v), 0);
        assert_int_equal(mote__chan_recv(p.back, w), 0);
        assert_memory_equal(v, w, size);
    }
    mote__chan_close(p.there);
    pthread_join(thread, NULL);
    mote__chan_free(p.there);
    mote__chan_free(p.back);
}

static void test_waiting_threads_get_elements_of_every_size(void **state)
{
    (void)state;
    for (size_t size = 0; size <= 64; size++)
        converse(size, (int)scale(100));
}

static void wake_by_task(mote_chan(int) c, int n)
{
    for (int i = 0; i < n; i++)
        CHECK(mote_send(c, i) == 0);
}

static void *receive_one(void *arg)
{
    mote_chan(int) c = arg;
    int v = -1;
    CHECK(mote_recv(c, &v) == 0 && v >= 0);
    ran++;
    return NULL;
}

/* The thread's record goes with it: its waker may still be at the end of its work. */
static void test_a_thread_may_end_as_soon_as_it_is_woken(void **state)
{
    (void)state;
    enum { N = 8 };
    pthread_t threads[N];
    mote_chan(int) c = mote_chan_make(int, 0);
    long rounds = scale(100);
    ran = 0;
    assert_int_equal(mote_start(&two_procs), 0);
    for (long i = 0; i < rounds; i++) {
        for (int k = 0; k < N; k++)
            assert_int_equal(pthread_create(&threads[k], NULL, receive_one, c), 0);
        assert_int_equal(mote_go(wake_by_task, c, N), 0);
        for (int k = 0; k < N; k++)
            pthread_join(threads[k], NULL);
    }
    assert_int_equal(ran, N * rounds);
    assert_int_equal(mote_stop(MOTE_FOREVER), 0);
    mote_chan_free(c);
}

struct large {
    long number;
    char text[100];
};

static void *send_large(void *arg)
{
    mote_chan(struct large) c = arg;
    CHECK(mote_send(c, (struct large){.number = 17, .text = "kept until it is taken"}) == 0);
    return NULL;
}

/* It was put by when a runtime ran, and is taken when none does. */
static void test_what_a_thread_sends_outlives_the_runtime(void **state)
{
    (void)state;
    for (int i = 0; i < 10; i++) {
        pthread_t thread;
        struct large l;
        mote_chan(struct large) c = mote_chan_make(struct large, 0);
        assert_int_equal(mote_start(&two_procs), 0);
        assert_int_equal(pthread_create(&thread, NULL, send_large, c), 0);
        await_threads(1);
        assert_int_equal(mote_stop(MOTE_FOREVER), 0);
        assert_int_equal(mote_recv(c, &l), 0);
        assert_int_equal(l.number, 17);
        assert_string_equal(l.text, "kept until it is taken");
        pthread_join(thread, NULL);
        mote_chan_free(c);
    }
}

static _Atomic bool over;
static _Atomic long started;

static void count(void) { ran++; }

static void *visit(void *arg)
{
    while (!over) {
        struct mote_stats s;
        int error = mote_go(count);
        CHECK(error == 0 || error == -ESHUTDOWN);
        started += error == 0;
        mote_sleep(10 * MOTE_US);
        error = mote_stats(&s);
        CHECK(error == 0 || error == -ESHUTDOWN);
        error = mote_set_procs(1 + (int)(started % 4));
        CHECK(error == 0 || error == -ESHUTDOWN);
        CHECK(mote_task_count() < 1000000 && mote_procs() <= 4);
    }
    return arg;
}

static void test_threads_call_while_runtimes_come_and_go(void **state)
{
    (void)state;
    enum { N = 4 };
    pthread_t threads[N];
    ran = started = 0;
    over = false;
    for (int i = 0; i < N; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, visit, NULL), 0);
    for (long i = 0; i < scale(200); i++) {
        assert_int_equal(mote_start(&two_procs), 0);
        mote_sleep(i % 10 * 20 * MOTE_US);
        assert_int_equal(mote_stop(MOTE_FOREVER), 0);
    }
    over = true;
    for (int i = 0; i < N; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(ran, started);
}

static void *use_everything(void *arg)
{
    mote_chan(long) c = arg;
    for (long i = 0; i < scale(500); i++) {
        static mote_wg wg;
        intptr_t result = 0;
        mote_task *t = mote_spawn(mote_sleep, i % 10 * MOTE_US);
        mote_wg_add(&wg, 1);
        CHECK(mote_send(c, i) == 0);
        CHECK(mote_recv(c, NULL) == 0);
        CHECK(t && mote_join(t, &result) == 0 && result == 0);
        mote_wg_done(&wg);
        mote_wg_wait(&wg);
        ran++;
    }
    return NULL;
}

static void test_threads_wait_for_all_kinds_of_things_in_turn(void **state)
{
    (void)state;
    enum { N = 4 };
    pthread_t threads[N];
    mote_chan(long) c = mote_chan_make(long, N);
    ran = 0;
    assert_int_equal(mote_start(&two_procs), 0);
    for (int i = 0; i < N; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, use_everything, c), 0);
    for (int i = 0; i < N; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(ran, N * scale(500));
    assert_int_equal(mote_stop(MOTE_FOREVER), 0);
    mote_chan_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_thread_is_no_task),
        cmocka_unit_test(test_each_thread_has_a_record_of_its_own),
        cmocka_unit_test(test_waiting_threads_get_elements_of_every_size),
        cmocka_unit_test(test_a_thread_may_end_as_soon_as_it_is_woken),
        cmocka_unit_test(test_what_a_thread_sends_outlives_the_runtime),
        cmocka_unit_test(test_threads_call_while_runtimes_come_and_go),
        cmocka_unit_test(test_threads_wait_for_all_kinds_of_things_in_turn),
    };
    watchdog(60);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
