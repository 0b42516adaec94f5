/* SPDX-License-Identifier: MIT */
/* test_shutdown - plain threads that wait when a runtime ends, and tasks with it: whoever waits for tasks is told, and the others'
 * waits aren't harmed by what is gone. */
#include "support.h"

#include "sched/sched.h"
#include "sync/chan.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

static mote_group group;
static mote_ctx *shared;
static mote_chan(int) never;
static _Atomic(mote_task *) target;

static void hold(void) { mote_recv(never, NULL); }

static void hold_with_all(void) { mote_select(MOTE_RECV(never, NULL), MOTE_DONE(shared)); }

static void hold_until_later(void) { mote_recv_until(never, NULL, mote_now() + 100 * MOTE_S); }

static intptr_t join(void) { return mote_join(target, NULL); }
static intptr_t join_until(void) { return mote_join_until(target, NULL, mote_now() + 100 * MOTE_S); }
static intptr_t join_ctx(void) { return mote_join_ctx(shared, target, NULL); }
static intptr_t wait_for_group(void) { return mote_group_wait(&group); }
static intptr_t wait_until(void) { return mote_group_wait_until(&group, mote_now() + 100 * MOTE_S); }
static intptr_t wait_ctx(void) { return mote_group_wait_ctx(shared, &group); }
static intptr_t wait_for_place(void) { return mote_group_go(&group, hold); }

static void *call(void *arg) { return (void *)((intptr_t(*)(void))arg)(); }

/* What wait has returned in a thread that waits for a task when that is discarded. */
static intptr_t end_while(intptr_t (*wait)(void))
{
    pthread_t thread;
    void *result;
    group = (mote_group){0};
    never = mote_chan_make(int, 0);
    assert_int_equal(mote_start(&two_procs), 0);
    mote_group_set_limit(&group, 1);
    assert_int_equal(mote_group_go(&group, hold), 0);
    target = mote_spawn(hold);
    assert_int_equal(pthread_create(&thread, NULL, call, (void *)wait), 0);
    while (!sched_threads_wait())
        mote_yield();
    assert_int_equal(mote_stop(0), 2);
    assert_int_equal(pthread_join(thread, &result), 0);
    mote_chan_free(never);
    return (intptr_t)result;
}

static void test_who_waits_for_tasks_is_told(void **state)
{
    (void)state;
    shared = mote_ctx_with_cancel(mote_ctx_background());
    intptr_t (*const waits[])(void) = {join,       join_until, join_ctx,      wait_for_group,
                                       wait_until, wait_ctx,   wait_for_place};
    for (size_t i = 0; i < sizeof waits / sizeof *waits; i++)
        assert_int_equal(end_while(waits[i]), -ESHUTDOWN);
    assert_int_equal(mote_group_wait(&group), -ESHUTDOWN); /* none runs any more */
    mote_ctx_free(shared);
}

/* Tasks of every kind of wait stand before and behind the thread's node. */
static void *late_among_discarded(void *arg)
{
    mote_ctx *own = mote_ctx_with_cancel(shared);
    mote_chan(int) leave = (mote_chan(int))arg;
    mote_case cases[] = {MOTE_RECV(never, NULL), MOTE_DONE(shared), MOTE_DONE(own), MOTE_RECV(leave, NULL)};
    CHECK(mote_select_n(cases, 4, MOTE_FOREVER) == 3);
    mote_ctx_free(own);
    return arg;
}

static void start_some(void)
{
    for (int i = 0; i < 10; i++) {
        assert_int_equal(mote_go(hold), 0);
        assert_int_equal(mote_go(hold_with_all), 0);
        assert_int_equal(mote_go(hold_until_later), 0);
    }
    await_all_parked();
}

/* Whether n stand in line before that time. */
static bool all_wait(unsigned n, int64_t until)
{
    struct mote__chan *c = (struct mote__chan *)never;
    for (;;) {
        lock_take(&c->lock);
        unsigned waiting = c->receivers.count;
        lock_drop(&c->lock);
        if (waiting == n || mote_now() > until)
            return waiting == n;
        mote_sleep(100 * MOTE_US);
    }
}

static void *receive_plainly(void *arg)
{
    int v;
    CHECK(mote_recv(never, &v) == 0 && v == 1);
    return arg;
}

static void test_a_thread_leaves_a_queue_of_discarded_tasks(void **state)
{
    (void)state;
    pthread_t late[4], last;
    mote_chan(int) leave = mote_chan_make(int, 0);
    never = mote_chan_make(int, 0);
    shared = mote_ctx_with_cancel(mote_ctx_background());
    assert_int_equal(mote_start(&two_procs), 0);
    for (unsigned i = 0; i < 4; i++) {
        start_some();
        assert_int_equal(pthread_create(&late[i], NULL, late_among_discarded, (void *)leave), 0);
        assert_true(all_wait(31 * (i + 1), MOTE_FOREVER));
    }
    assert_int_equal(pthread_create(&last, NULL, receive_plainly, NULL), 0);
    start_some();
    assert_int_equal(mote_stop(0), 150);
    mote_chan_close(leave);
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_join(late[i], NULL), 0);
    /* Nobody but the thread is left in line. */
    assert_int_equal(mote_send_until(never, 1, mote_now() + 40 * MOTE_S), 0);
    assert_int_equal(pthread_join(last, NULL), 0);
    mote_chan_free(leave);
    mote_chan_free(never);
    mote_ctx_free(shared);
}

/* The queues remember threads, which have left before. */
static void test_what_threads_had_waited_for_is_freed(void **state)
{
    (void)state;
    never = mote_chan_make(int, 0);
    shared = mote_ctx_with_cancel(mote_ctx_background());
    assert_int_equal(mote_start(&two_procs), 0);
    start_some();
    mote_case cases[] = {MOTE_RECV(never, NULL), MOTE_DONE(shared)};
    assert_int_equal(mote_select_n(cases, 2, mote_now() + MOTE_MS), -ETIMEDOUT);
    assert_int_equal(mote_stop(0), 30);
    mote_chan_free(never);
    mote_ctx_free(shared);
}

/* Waits that end by themselves just when the runtime does. */
static int64_t first_end;

static void *wait_shortly(void *arg)
{
    int64_t end = first_end + (intptr_t)arg * 50 * MOTE_US;
    mote_case cases[] = {MOTE_RECV(never, NULL), MOTE_DONE(shared)};
    int winner = mote_select_n(cases, 2, end);
    CHECK(winner == -ETIMEDOUT || winner == 0); /* closed, if it is late */
    int error = mote_group_wait_until(&group, end + MOTE_MS);
    CHECK(error == 0 || error == -ETIMEDOUT || error == -ESHUTDOWN);
    return NULL;
}

static void test_waits_end_as_the_runtime_does(void **state)
{
    (void)state;
    enum { THREADS = 8, TASKS = 10 };
    for (long i = scale(60); i > 0; i--) {
        pthread_t threads[THREADS];
        group = (mote_group){0};
        never = mote_chan_make(int, 0);
        shared = mote_ctx_with_cancel(mote_ctx_background());
        first_end = mote_now() + 20 * MOTE_MS;
        assert_int_equal(mote_start(&two_procs), 0);
        for (int k = 0; k < TASKS; k++)
            assert_int_equal(mote_group_go(&group, hold_with_all), 0);
        for (intptr_t k = 0; k < THREADS; k++)
            assert_int_equal(pthread_create(&threads[k], NULL, wait_shortly, (void *)k), 0);
        bool in_time = all_wait(TASKS + THREADS, first_end - 5 * MOTE_MS);
        if (!in_time)
            mote_chan_close(never); /* a busy machine */
        mote_sleep(first_end - mote_now());
        mote_stop(in_time ? 0 : MOTE_FOREVER);
        for (int k = 0; k < THREADS; k++)
            assert_int_equal(pthread_join(threads[k], NULL), 0);
        mote_chan_free(never);
        mote_ctx_free(shared);
    }
}

/* Tasks whose waits for some time are over when they are discarded, before they have run again: nothing of them is left, as the
 * checking tools see. All are woken in the same round, so most are behind the one that ends the program. */
static int64_t morning;

static void sleep_until_morning(void) { mote_sleep(morning - mote_now()); }
static void receive_until_morning(mote_chan(int) c) { mote_recv_until(c, NULL, morning); }
static void join_until_morning(mote_task *task) { mote_join_until(task, NULL, morning); }

static int wake_and_end(int argc, char **argv)
{
    (void)argc, (void)argv;
    never = mote_chan_make(int, 0);
    mote_task *held = mote_spawn(hold);
    CHECK(held);
    morning = mote_now() + 20 * MOTE_MS;
    CHECK(mote_go(join_until_morning, held) == 0);
    for (int i = 0; i < 100; i++)
        CHECK((i % 2 ? mote_go(sleep_until_morning) : mote_go(receive_until_morning, never)) == 0);
    mote_yield();
    mote_sleep(morning - mote_now());
    return 0;
}

static void test_nothing_is_left_of_those_just_woken(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(mote_run(wake_and_end, 0, NULL), 0);
        mote_chan_free(never);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_who_waits_for_tasks_is_told),
        cmocka_unit_test(test_a_thread_leaves_a_queue_of_discarded_tasks),
        cmocka_unit_test(test_what_threads_had_waited_for_is_freed),
        cmocka_unit_test(test_waits_end_as_the_runtime_does),
        cmocka_unit_test(test_nothing_is_left_of_those_just_woken),
    };
    watchdog(60);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
