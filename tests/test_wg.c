/* SPDX-License-Identifier: MIT */
/* test_wg - wait groups: every wait ends when the count is 0 and not before, and the group may be freed then. */
#include "support.h"

#include "base/sanitizer.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static const mote_config four_procs = {.procs = 4};
static mote_wg group;
static _Atomic int done, woken, begun;

static void reset(void)
{
    group = (mote_wg){0};
    done = woken = begun = 0;
}

static void work(int yields)
{
    for (int i = 0; i < yields; i++)
        mote_yield();
    done++;
    mote_wg_done(&group);
}

static void wait_many_times(void *arg)
{
    (void)arg;
    reset();
    mote_wg_wait(&group); /* nothing is counted */
    for (int round = 1; round <= scale(2000); round++) {
        mote_wg_add(&group, 3);
        for (int i = 0; i < 3; i++)
            CHECK(mote_go(work, i) == 0);
        mote_wg_wait(&group);
        CHECK(done == 3 * round);
    }
}

static void test_a_group_can_be_used_again(void **state)
{
    (void)state;
    run_with(&one_proc, wait_many_times, NULL);
    run_with(&two_procs, wait_many_times, NULL);
}

#define DOERS 5

/* Some wait in the next round already while others have not yet gone on from this one. */
static void wait_in_rounds(int rounds)
{
    for (int i = 1; i <= rounds; i++) {
        while (begun < i)
            mote_yield();
        mote_wg_wait(&group);
        CHECK(done >= DOERS * i);
        woken++;
    }
}

static void *wait_in_rounds_in_thread(void *arg)
{
    wait_in_rounds(*(int *)arg);
    return NULL;
}

static void use_in_rounds(void *arg)
{
    enum { WAITERS = 20 };
    int rounds = (int)scale(500);
    pthread_t threads[2];
    (void)arg;
    reset();
    for (int i = 0; i < WAITERS; i++)
        CHECK((i % 2 ? mote_go(wait_in_rounds, rounds) : mote_go_pinned(wait_in_rounds, rounds)) == 0);
    for (int i = 0; i < 2; i++)
        CHECK(pthread_create(&threads[i], NULL, wait_in_rounds_in_thread, &rounds) == 0);
    for (int round = 1; round <= rounds; round++) {
        mote_wg_add(&group, DOERS);
        begun = round;
        for (int i = 0; i < DOERS; i++)
            CHECK(mote_go(work, i) == 0);
        mote_wg_wait(&group);
        CHECK(done == DOERS * round);
    }
    yield_until_alone(); /* with nothing more counted nobody waits */
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    CHECK(woken == (WAITERS + 2) * rounds);
}

static void test_many_wait_in_round_after_round(void **state)
{
    (void)state;
    run_with_each(use_in_rounds, NULL);
}

static void wait_then_count(mote_wg *others, int expected)
{
    mote_wg_wait(&group);
    CHECK(done == expected);
    woken++;
    mote_wg_done(others);
}

static void wait_in_many_tasks(void *arg)
{
    (void)arg;
    reset();
    int n = (int)scale(5000);
    mote_wg others = {0}; /* this task is pinned */
    mote_wg_add(&group, 10);
    mote_wg_add(&others, n);
    for (int i = 0; i < n; i++)
        CHECK(mote_go(wait_then_count, &others, 10) == 0);
    await_parked((uint64_t)n);
    CHECK(woken == 0);
    for (int i = 0; i < 10; i++)
        CHECK(mote_go(work, i) == 0);
    mote_wg_wait(&others);
    CHECK(woken == n);
}

static void test_all_waiters_go_on_when_the_count_is_zero(void **state)
{
    (void)state;
    run_with(&one_proc, wait_in_many_tasks, NULL);
    run_with(&two_procs, wait_in_many_tasks, NULL);
}

static void *wait_in_thread(void *arg)
{
    mote_wg_wait(&group);
    CHECK(done == *(int *)arg);
    woken++;
    return NULL;
}

static void *work_in_thread(void *arg)
{
    (void)arg;
    mote_sleep(MOTE_MS);
    work(1);
    return NULL;
}

/* Half of the doers and of the waiters are tasks, when there is a runtime. */
static void mix(int tasks)
{
    enum { THREADS = 4 };
    pthread_t waiters[THREADS], doers[THREADS];
    static mote_wg others;
    reset();
    int all = THREADS + tasks;
    mote_wg_add(&group, all);
    mote_wg_add(&others, tasks);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&waiters[i], NULL, wait_in_thread, &all), 0);
    for (int i = 0; i < tasks; i++)
        assert_int_equal(mote_go(wait_then_count, &others, all), 0);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&doers[i], NULL, work_in_thread, NULL), 0);
    for (int i = 0; i < tasks; i++)
        assert_int_equal(mote_go(work, i), 0);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(waiters[i], NULL);
        pthread_join(doers[i], NULL);
    }
    mote_wg_wait(&others);
    assert_int_equal(woken, all);
}

static void test_threads_wait_without_a_runtime(void **state)
{
    (void)state;
    mix(0);
}

static void test_threads_and_tasks_wait_together(void **state)
{
    (void)state;
    for (int i = 0; i < scale(20); i++) {
        assert_int_equal(mote_start(&two_procs), 0);
        mix(20);
        assert_int_equal(mote_stop(MOTE_FOREVER), 0);
    }
}

/* Fatal misuse */

static void count_below_zero(void *arg)
{
    (void)arg;
    mote_wg_add(&group, 1);
    mote_wg_done(&group);
    mote_wg_done(&group);
}

static void count_too_high(void *arg)
{
    (void)arg;
    mote_wg_add(&group, INT32_MAX);
    mote_wg_add(&group, 1);
}

static void test_a_count_out_of_range_is_fatal(void **state)
{
    (void)state;
    reset();
    assert_dies_saying(count_below_zero, "mote_wg_add: the count of the wait group is below zero");
    assert_dies_saying(count_too_high, "above 2^31 - 1");
}

static void group_among_locals(bool adds)
{
    mote_wg local = {0};
    if (adds)
        mote_wg_add(&local, 1);
    else
        mote_wg_wait(&local);
}

static void use_local(void *arg) { mote_join(mote_spawn(group_among_locals, arg == NULL), NULL); }
static void child_adds(void *arg)
{
    (void)arg;
    run_with(&one_proc, use_local, NULL);
}
static void child_waits(void *arg)
{
    (void)arg;
    run_with(&one_proc, use_local, &group);
}

static void test_a_group_on_a_copied_stack_is_refused(void **state)
{
    (void)state;
    if (sanitizer_pins_all())
        skip();
    assert_dies_saying(child_adds, "a wait group at ");
    assert_dies_saying(child_adds, "(group_among_locals)");
    assert_dies_saying(child_waits, "a wait group at ");
}

/* Freeing */

static void finish(mote_wg *wg) { mote_wg_done(wg); }

static void *finish_in_thread(void *arg)
{
    mote_chan(mote_wg *) groups = arg;
    mote_chan_range (groups, wg)
        mote_wg_done(wg);
    return NULL;
}

static void wait_and_free(mote_chan(mote_wg *) groups, int rounds)
{
    for (int i = 0; i < rounds; i++) {
        mote_wg *wg = calloc(1, sizeof *wg);
        CHECK(wg);
        mote_wg_add(wg, 3);
        CHECK(mote_go(finish, wg) == 0 && mote_go(finish, wg) == 0);
        CHECK(mote_send(groups, wg) == 0);
        mote_wg_wait(wg);
        memset(wg, 0x55, sizeof *wg); /* who still used it would hang or stop */
        free(wg);
    }
}

static void free_in_many_tasks(void *arg)
{
    mote_task *tasks[4];
    for (int i = 0; i < 4; i++)
        tasks[i] = mote_spawn(wait_and_free, (mote_chan(mote_wg *))arg, (int)scale(5000));
    for (int i = 0; i < 4; i++)
        CHECK(mote_join(tasks[i], NULL) == 0);
}

static void test_a_group_may_be_freed_right_after_the_wait(void **state)
{
    (void)state;
    mote_chan(mote_wg *) groups = mote_chan_make(mote_wg *, 8);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, finish_in_thread, groups), 0);
    run_with(&one_proc, free_in_many_tasks, groups);
    run_with(&four_procs, free_in_many_tasks, groups);
    mote_chan_close(groups);
    pthread_join(thread, NULL);
    mote_chan_free(groups);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_group_can_be_used_again),
        cmocka_unit_test(test_many_wait_in_round_after_round),
        cmocka_unit_test(test_all_waiters_go_on_when_the_count_is_zero),
        cmocka_unit_test(test_threads_wait_without_a_runtime),
        cmocka_unit_test(test_threads_and_tasks_wait_together),
        cmocka_unit_test(test_a_count_out_of_range_is_fatal),
        cmocka_unit_test(test_a_group_on_a_copied_stack_is_refused),
        cmocka_unit_test(test_a_group_may_be_freed_right_after_the_wait),
    };
    watchdog(60);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
