/* SPDX-License-Identifier: MIT */
/* test_sem - no more units are taken than there are, first come, first served. */
#include "support.h"

#include "base/sanitizer.h"

#include <errno.h>

#define UNITS 10

static mote_sem sem;
static mote_wg ended;
static _Atomic int64_t taken;
static _Atomic int served;

static void reset(int64_t units)
{
    sem = (mote_sem)MOTE_SEM(units);
    ended = (mote_wg){0};
    taken = 0;
    served = 0;
}

/* What each call says */

static void walk_through(void *arg)
{
    (void)arg;
    mote_sem s = {0}; /* this one is pinned, or a thread */
    mote_sem_acquire(&s, 0);
    CHECK(mote_sem_try_acquire(&s, 0) == 0);
    CHECK(mote_sem_try_acquire(&s, 1) == -EAGAIN);
    mote_sem_release(&s, 3);
    mote_sem_acquire(&s, 1);
    CHECK(mote_sem_try_acquire(&s, 3) == -EAGAIN);
    CHECK(mote_sem_try_acquire(&s, 2) == 0);
    CHECK(mote_sem_try_acquire(&s, 1) == -EAGAIN);
    mote_sem_release(&s, INT64_MAX);
    mote_sem_release(&s, 0);
    mote_sem_acquire(&s, INT64_MAX);
    CHECK(mote_sem_try_acquire(&s, 1) == -EAGAIN);
}

static void test_what_each_call_says(void **state)
{
    (void)state;
    walk_through(NULL); /* without a runtime */
    run_everywhere(walk_through);
}

/* Counting */

static void take_and_give(int seed, int n)
{
    uint32_t state = (uint32_t)seed * 7919 + 1;
    for (int i = 0; i < n; i++) {
        int64_t units = test_random(&state) % (UNITS + 1);
        if (i % 8)
            mote_sem_acquire(&sem, units);
        else if (mote_sem_try_acquire(&sem, units) < 0)
            continue;
        taken += units;
        CHECK(taken <= UNITS);
        if (i % 4 == 1)
            mote_yield();
        taken -= units;
        mote_sem_release(&sem, units);
    }
    mote_wg_done(&ended);
}

static void many_tasks(void *arg)
{
    (void)arg;
    reset(UNITS);
    mote_wg_add(&ended, 40);
    for (int i = 0; i < 40; i++)
        CHECK(mote_go(take_and_give, i, (int)scale(1000)) == 0);
    mote_wg_wait(&ended);
    CHECK(mote_sem_try_acquire(&sem, UNITS) == 0);
    CHECK(mote_sem_try_acquire(&sem, 1) == -EAGAIN);
}

static void test_no_more_than_there_are(void **state)
{
    (void)state;
    run_with_each(many_tasks, NULL);
}

static void *take_in_thread(void *arg)
{
    (void)arg;
    take_and_give(4711, (int)scale(1000));
    return NULL;
}

static void test_tasks_and_threads_share_it(void **state)
{
    (void)state;
    reset(UNITS);
    mote_wg_add(&ended, 4);
    run_in_threads(4, take_in_thread, NULL); /* no runtime */
    assert_int_equal(mote_start(&two_procs), 0);
    mote_wg_add(&ended, 10 + 4);
    for (int i = 0; i < 10; i++)
        assert_int_equal(mote_go(take_and_give, i, (int)scale(1000)), 0);
    run_in_threads(4, take_in_thread, NULL);
    mote_wg_wait(&ended);
    assert_int_equal(mote_stop(MOTE_FOREVER), 0);
    assert_int_equal(mote_sem_try_acquire(&sem, UNITS), 0);
}

/* Order */

static void acquire_in_line(int number, int64_t units)
{
    mote_sem_acquire(&sem, units);
    CHECK(served++ == number);
}

static void line_up(void *arg)
{
    static const int64_t want[] = {5, 1, 3, 1, 1};
    static const int after[] = {0, 0, 0, 0, 1, 2, 2, 2, 3, 4, 5}; /* served after so many units */
    (void)arg;
    reset(0);
    for (int i = 0; i < 5; i++) {
        CHECK(mote_go(acquire_in_line, i, want[i]) == 0);
        await_all_parked();
    }
    for (int units = 1; units <= 11; units++) {
        CHECK(mote_sem_try_acquire(&sem, 1) == -EAGAIN); /* others wait */
        mote_sem_release(&sem, 1);
        while (served < after[units - 1])
            mote_yield();
        await_all_parked();
        CHECK(served == after[units - 1]);
    }
    yield_until_alone();
}

static void test_a_big_request_is_not_overtaken(void **state)
{
    (void)state;
    run_with(&one_proc, line_up, NULL);
}

static void acquire_one(void)
{
    mote_sem_acquire(&sem, 1);
    served++;
}

static void release_to_many(void *arg)
{
    (void)arg;
    reset(0);
    int n = (int)scale(5000);
    for (int i = 0; i < n; i++)
        CHECK(mote_go(acquire_one) == 0);
    await_all_parked();
    mote_sem_release(&sem, n / 2);
    while (served < n / 2)
        mote_yield();
    await_all_parked();
    CHECK(served == n / 2);
    mote_sem_release(&sem, n - n / 2);
    yield_until_alone();
    CHECK(served == n);
}

static void test_one_release_serves_many(void **state)
{
    (void)state;
    run_with_each(release_to_many, NULL);
}

/* Fatal misuse */

static void acquire_negative(void *arg)
{
    (void)arg;
    mote_sem_acquire(&sem, -1);
}

static void try_negative(void *arg)
{
    (void)arg;
    mote_sem_try_acquire(&sem, INT64_MIN);
}

static void release_negative(void *arg)
{
    (void)arg;
    mote_sem_release(&sem, -1);
}

static void release_too_much(void *arg)
{
    (void)arg;
    mote_sem_release(&sem, INT64_MAX);
    mote_sem_release(&sem, 1);
}

static void use_a_local(int how)
{
    mote_sem local = MOTE_SEM(1);
    if (how)
        mote_sem_acquire(&local, 1);
    else
        mote_sem_release(&local, 1);
}

static void use_local(void *arg) { mote_join(mote_spawn(use_a_local, arg != NULL), NULL); }

static void lend_to_release(void *arg) { run_with(&one_proc, use_local, arg); }

static void lend_to_acquire(void *arg)
{
    (void)arg;
    run_with(&one_proc, use_local, &sem);
}

static void test_misuse_is_fatal(void **state)
{
    (void)state;
    reset(0);
    assert_dies_saying(acquire_negative, "mote_sem_acquire: -1 units: a negative number");
    assert_dies_saying(try_negative, "mote_sem_try_acquire: -9223372036854775808 units");
    assert_dies_saying(release_negative, "mote_sem_release: -1 units");
    assert_dies_saying(release_too_much, "mote_sem_release: 1 units: a negative number, or more than 2^63 - 1");
    if (sanitizer_pins_all())
        return;
    assert_dies_saying(lend_to_release, "a semaphore at ");
    assert_dies_saying(lend_to_acquire, "a semaphore at ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_each_call_says),        cmocka_unit_test(test_no_more_than_there_are),
        cmocka_unit_test(test_tasks_and_threads_share_it), cmocka_unit_test(test_a_big_request_is_not_overtaken),
        cmocka_unit_test(test_one_release_serves_many),    cmocka_unit_test(test_misuse_is_fatal),
    };
    watchdog(60);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
