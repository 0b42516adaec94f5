/* SPDX-License-Identifier: MIT */
/* test_lock - one at a time holds a lock (L2), also while a bias begins and ends all the time. */
#include "support.h"

#include "base/lock.h"

#include <pthread.h>

#define THREADS 4

static struct lock lock;
static uint64_t counter; /* lock */
static _Atomic uint32_t inside;
static long rounds;

static void section(void)
{
    CHECK(atom_add_seq(&inside, 1) == 0);
    counter++;
    CHECK(atom_sub_seq(&inside, 1) == 1);
}

static void *plain(void *arg)
{
    (void)arg;
    for (long i = 0; i < rounds; i++) {
        lock_take(&lock);
        section();
        lock_drop(&lock);
    }
    return NULL;
}

/* As a worker does: it has a self, and the bias begins for it again and again. */
static void *biased(void *arg)
{
    struct self self = {0};
    uint32_t random = 12345;
    mote_self_worker = &self;
    for (long i = 0; i < rounds; i++) {
        if (test_random(&random) % 64 == 0)
            lock_bias_begin(&self);
        if (test_random(&random) % 200 == 0)
            lock_bias_end();
        if (i % 2 == 0 || !lock_take_quickly(&lock))
            lock_take(&lock);
        section();
        lock_drop(&lock);
    }
    lock_bias_end();
    CHECK(atom_load_seq(&self.bias) == 0);
    mote_self_worker = NULL;
    return arg;
}

static void run_threads(void *(*first)(void *), void *(*second)(void *), void *(*others)(void *))
{
    pthread_t thread[THREADS];
    counter = 0;
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, i == 0 ? first : i == 1 ? second : others, NULL), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(thread[i], NULL);
    assert_int_equal(counter, (uint64_t)rounds * THREADS);
}

static void test_plain_threads_exclude_each_other(void **state)
{
    (void)state;
    rounds = scale(200000);
    run_threads(plain, plain, plain);
}

static void test_soloist_and_others_exclude_each_other(void **state)
{
    (void)state;
    rounds = scale(100000);
    run_threads(biased, plain, plain);
    assert_int_equal(lock_bias_active, 0);
}

static void test_two_take_turns_as_soloist(void **state)
{
    (void)state;
    rounds = scale(100000);
    run_threads(biased, biased, plain);
    assert_int_equal(lock_bias_active, 0);
}

static void test_soloist_takes_without_the_word(void **state)
{
    struct self self = {0};
    (void)state;
    mote_self_worker = &self;
    lock_bias_begin(&self);
    lock_take(&lock);
    assert_int_equal(lock.word, 0);
    assert_int_equal(lock.solo, 1);
    lock_drop(&lock);
    assert_int_equal(lock.solo, 0);
    lock_bias_end();
    lock_take(&lock);
    assert_int_equal(lock.word, 1);
    lock_drop(&lock);
    assert_int_equal(lock.word, 0);
    mote_self_worker = NULL;
}

static void *hold_for_a_while(void *arg)
{
    _Atomic uint32_t *held = arg;
    lock_take(&lock);
    atom_store_seq(held, 1);
    while (atom_load_seq(held) == 1)
        cpu_relax();
    mote_sleep(20 * MOTE_MS); /* longer than waiters spin */
    atom_store_seq(held, 3);
    lock_drop(&lock);
    return NULL;
}

static void test_long_held_lock_is_waited_for(void **state)
{
    _Atomic uint32_t held = 0;
    pthread_t thread;
    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, hold_for_a_while, &held), 0);
    while (atom_load_seq(&held) == 0)
        cpu_relax();
    assert_false(lock_take_quickly(&lock));
    atom_store_seq(&held, 2); /* tried */
    lock_take(&lock);
    assert_int_equal(held, 3);
    lock_drop(&lock);
    pthread_join(thread, NULL);
}

static void test_second_bias_waits_for_the_first_to_end(void **state)
{
    struct self one = {0}, two = {0};
    (void)state;
    lock_bias_begin(&one);
    lock_bias_begin(&two);
    assert_int_equal(one.bias, 1);
    assert_int_equal(two.bias, 0);
    lock_bias_end();
    lock_bias_begin(&two);
    assert_int_equal(one.bias, 0);
    assert_int_equal(two.bias, 1);
    lock_take(&lock); /* we are neither: the bias ends */
    assert_int_equal(two.bias, 0);
    lock_drop(&lock);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain_threads_exclude_each_other),
        cmocka_unit_test(test_soloist_and_others_exclude_each_other),
        cmocka_unit_test(test_two_take_turns_as_soloist),
        cmocka_unit_test(test_soloist_takes_without_the_word),
        cmocka_unit_test(test_long_held_lock_is_waited_for),
        cmocka_unit_test(test_second_bias_waits_for_the_first_to_end),
    };
    watchdog(120);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
