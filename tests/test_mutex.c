/* SPDX-License-Identifier: MIT */
/* test_mutex - one at a time has it, nobody starves, and it may be freed by the last one that unlocks it. */
#include "support.h"

#include "base/sanitizer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static mote_mutex mutex;
static mote_wg ended;
static long count; /* mutex */
static _Atomic int inside, stop, rounds;

static void reset(void)
{
    mutex = (mote_mutex){0};
    ended = (mote_wg){0};
    count = 0;
    inside = stop = rounds = 0;
}

/* What each call says */

static void walk_through(void *arg)
{
    (void)arg;
    mote_mutex m = {0}; /* this one is pinned, or a thread */
    CHECK(mote_mutex_try_lock(&m) == 0);
    CHECK(mote_mutex_try_lock(&m) == -EAGAIN);
    mote_mutex_unlock(&m);
    mote_mutex_lock(&m);
    CHECK(mote_mutex_try_lock(&m) == -EAGAIN);
    mote_mutex_unlock(&m);
    CHECK(mote_mutex_try_lock(&m) == 0);
    mote_mutex_unlock(&m);
}

static void test_what_each_call_says(void **state)
{
    (void)state;
    walk_through(NULL); /* without a runtime */
    run_everywhere(walk_through);
}

/* Exclusion */

static void section(unsigned i)
{
    if (i % 8 == 7) {
        if (mote_mutex_try_lock(&mutex) < 0)
            return;
    } else {
        mote_mutex_lock(&mutex);
    }
    CHECK(inside++ == 0);
    count++;
    if (i % 4 == 3)
        mote_yield();
    CHECK(inside-- == 1);
    rounds++;
    mote_mutex_unlock(&mutex);
}

static void run_sections(int n)
{
    for (int i = 0; i < n; i++)
        section((unsigned)i);
    mote_wg_done(&ended);
}

static void many_tasks(void *arg)
{
    (void)arg;
    reset();
    mote_wg_add(&ended, 50);
    for (int i = 0; i < 50; i++)
        CHECK(mote_go(run_sections, (int)scale(1000)) == 0);
    mote_wg_wait(&ended);
    CHECK(count == rounds);
}

static void test_one_task_at_a_time(void **state)
{
    (void)state;
    run_with_each(many_tasks, NULL);
}

static void *sections_in_thread(void *arg)
{
    (void)arg;
    run_sections((int)scale(2000));
    return NULL;
}

static void test_one_at_a_time_of_tasks_and_threads(void **state)
{
    (void)state;
    reset();
    mote_wg_add(&ended, 4);
    run_in_threads(4, sections_in_thread, NULL); /* no runtime */
    mote_wg_wait(&ended);
    assert_int_equal(mote_start(&two_procs), 0);
    mote_wg_add(&ended, 20 + 4);
    for (int i = 0; i < 20; i++)
        assert_int_equal(mote_go(run_sections, (int)scale(2000)), 0);
    run_in_threads(4, sections_in_thread, NULL);
    mote_wg_wait(&ended);
    assert_int_equal(count, rounds);
    assert_int_equal(mote_stop(MOTE_FOREVER), 0);
}

/* Fairness */

static void hammer(void)
{
    while (!stop) {
        mote_mutex_lock(&mutex);
        rounds++;
        mote_yield();
        mote_mutex_unlock(&mutex);
    }
    mote_wg_done(&ended);
}

static void lock_against_a_hammer(void *arg)
{
    (void)arg;
    reset();
    mote_wg_add(&ended, 1);
    CHECK(mote_go(hammer) == 0);
    while (rounds == 0)
        mote_yield();
    for (int i = 0; i < 100; i++) {
        int before = rounds;
        mote_mutex_lock(&mutex);
        CHECK(rounds - before < 20); /* on one proc each round of the hammer is a turn of ours */
        mote_mutex_unlock(&mutex);
        mote_yield();
    }
    stop = 1;
    mote_wg_wait(&ended);
}

static void test_who_is_overtaken_often_has_it_handed_over(void **state)
{
    (void)state;
    run_with(&one_proc, lock_against_a_hammer, NULL);
}

/* Holds it nearly all the time, and never parks while it does. */
static void hammer_busily(void)
{
    while (!stop) {
        mote_mutex_lock(&mutex);
        for (int64_t end = mote_now() + 200 * MOTE_US; mote_now() < end;)
            ;
        mote_mutex_unlock(&mutex);
    }
    mote_wg_done(&ended);
}

static void lock_against_busy_hammers(void *arg)
{
    (void)arg;
    reset();
    mote_wg_add(&ended, 2);
    for (int i = 0; i < 2; i++)
        CHECK(mote_go(hammer_busily) == 0);
    for (int i = 0; i < 20; i++) {
        mote_mutex_lock(&mutex);
        mote_mutex_unlock(&mutex);
    }
    stop = 1;
    mote_wg_wait(&ended);
}

static void test_nobody_starves(void **state)
{
    (void)state;
    run_with(&two_procs, lock_against_busy_hammers, NULL);
}

static void lock_in_line(int number)
{
    mote_mutex_lock(&mutex);
    CHECK(count++ == number);
    mote_mutex_unlock(&mutex);
}

static void line_up(void *arg)
{
    (void)arg;
    reset();
    mote_mutex_lock(&mutex);
    for (int i = 0; i < 100; i++) {
        CHECK(mote_go(lock_in_line, i) == 0);
        await_parked((uint64_t)i + 1);
    }
    mote_mutex_unlock(&mutex);
    yield_until_alone();
    CHECK(count == 100);
}

static void test_waiters_come_in_the_order_of_their_calls(void **state)
{
    (void)state;
    run_with(&one_proc, line_up, NULL);
}

/* In another's stead */

static void unlock_it(void) { mote_mutex_unlock(&mutex); }

static void let_another_unlock(void *arg)
{
    (void)arg;
    reset();
    mote_mutex_lock(&mutex);
    mote_join(mote_spawn(unlock_it), NULL);
    mote_mutex_lock(&mutex);
    mote_mutex_unlock(&mutex);
}

static void test_another_task_may_unlock(void **state)
{
    (void)state;
    run_with_each(let_another_unlock, NULL);
}

/* Freeing */

struct shared {
    mote_mutex mutex;
    int refs;
};

static void drop_reference(struct shared *s)
{
    mote_mutex_lock(&s->mutex);
    bool last = --s->refs == 0;
    mote_mutex_unlock(&s->mutex);
    if (!last)
        return;
    memset(s, 0x55, sizeof *s); /* who still used it would hang or stop */
    free(s);
}

static void share_and_free(void *arg)
{
    (void)arg;
    for (long i = 0; i < scale(5000); i++) {
        struct shared *s = calloc(1, sizeof *s);
        CHECK(s);
        s->refs = 4;
        for (int k = 0; k < 3; k++)
            CHECK(mote_go(drop_reference, s) == 0);
        drop_reference(s);
    }
    yield_until_alone();
}

static void test_the_last_to_unlock_may_free_it(void **state)
{
    (void)state;
    run_with_each(share_and_free, NULL);
}

/* Fatal misuse */

static void unlock_a_free_one(void *arg)
{
    (void)arg;
    mote_mutex_unlock(&mutex);
}

static void lock_twice(void *arg)
{
    (void)arg;
    mote_mutex_lock(&mutex);
    mote_mutex_lock(&mutex);
}

static void lock_twice_in_task(void *arg) { run_with(&one_proc, lock_twice, arg); }

static void lock_a_local(void)
{
    mote_mutex local = {0};
    mote_mutex_lock(&local);
}

static void use_local(void *arg)
{
    (void)arg;
    mote_join(mote_spawn(lock_a_local), NULL);
}

static void lend_a_local(void *arg) { run_with(&one_proc, use_local, arg); }

static void test_misuse_is_fatal(void **state)
{
    (void)state;
    reset();
    assert_dies_saying(unlock_a_free_one, "mote_mutex_unlock: nobody has locked this mutex");
    assert_dies_saying(lock_twice, "mote_mutex_lock: the caller has locked this mutex already");
    assert_dies_saying(lock_twice_in_task, "mote_mutex_lock: the caller has locked this mutex already");
    if (!sanitizer_pins_all())
        assert_dies_saying(lend_a_local, "a mutex at ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_each_call_says),
        cmocka_unit_test(test_one_task_at_a_time),
        cmocka_unit_test(test_one_at_a_time_of_tasks_and_threads),
        cmocka_unit_test(test_who_is_overtaken_often_has_it_handed_over),
        cmocka_unit_test(test_nobody_starves),
        cmocka_unit_test(test_waiters_come_in_the_order_of_their_calls),
        cmocka_unit_test(test_another_task_may_unlock),
        cmocka_unit_test(test_the_last_to_unlock_may_free_it),
        cmocka_unit_test(test_misuse_is_fatal),
    };
    watchdog(60);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
