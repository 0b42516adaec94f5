/* SPDX-License-Identifier: MIT */
/* test_os - the seam keeps what os.h promises: deadlines, alignment, zero pages, failures on demand. */
#include "support.h"

#include "base/os.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>

#define PAGE ((size_t)4096)

static void test_futex_wait_ends_at_its_deadline(void **state)
{
    _Atomic uint32_t word = 7;
    int64_t deadline = os_now() + 20 * MOTE_MS;
    (void)state;
    while (os_now() < deadline)
        os_futex_wait(&word, 7, deadline);
    os_futex_wait(&word, 7, os_now() - MOTE_S); /* past: at once */
    os_futex_wait(&word, 8, INT64_MAX);         /* another value: at once */
}

static void *wake_later(void *arg)
{
    _Atomic uint32_t *word = arg;
    mote_sleep(10 * MOTE_MS);
    atom_store_seq(word, 1);
    os_futex_wake(word, 1);
    return NULL;
}

static void test_futex_wake_ends_the_wait(void **state)
{
    _Atomic uint32_t word = 0;
    pthread_t thread;
    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, wake_later, &word), 0);
    while (atom_load_seq(&word) == 0)
        os_futex_wait(&word, 0, INT64_MAX);
    pthread_join(thread, NULL);
}

static void test_processors(void **state)
{
    cpu_set_t before, one;
    (void)state;
    assert_true(os_processors() >= 1);
    if (sched_getaffinity(0, sizeof before, &before) < 0)
        skip();
    assert_true(os_processors() <= CPU_COUNT(&before));
    CPU_ZERO(&one);
    for (size_t i = 0; CPU_COUNT(&one) == 0 && i < CPU_SETSIZE; i++)
        if (CPU_ISSET(i, &before))
            CPU_SET(i, &one);
    assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
    assert_int_equal(os_processors(), 1);
    assert_int_equal(sched_setaffinity(0, sizeof before, &before), 0);
}

static void test_reserve_aligns(void **state)
{
    (void)state;
    for (size_t align = PAGE; align <= (size_t)4 << 20; align *= 2) {
        char *at = os_reserve(3 * align, align);
        assert_non_null(at);
        assert_int_equal((uintptr_t)at % align, 0);
        assert_int_equal(os_commit(at, 3 * align), 0);
        at[0] = at[3 * align - 1] = 1;
        os_release(at, 3 * align);
    }
    char *at = os_reserve(5 * PAGE, 0);
    assert_non_null(at);
    os_release(at, 5 * PAGE);
    os_release(NULL, 5 * PAGE);
}

static void touch_reservation(void *arg) { *(volatile char *)arg = 1; }

static void test_reservation_is_not_accessible(void **state)
{
    char *at = os_reserve(2 * PAGE, PAGE);
    (void)state;
    assert_non_null(at);
    assert_int_equal(os_commit(at, PAGE), 0);
    assert_int_equal(run_child(touch_reservation, at).status, 0);
    assert_int_not_equal(run_child(touch_reservation, at + PAGE).status, 0);
    os_release(at, 2 * PAGE);
}

static void test_discard_zeroes(void **state)
{
    char *at = os_pages(4 * PAGE, 0);
    (void)state;
    assert_non_null(at);
    for (size_t i = 0; i < 4 * PAGE; i++)
        assert_int_equal(at[i], 0);
    memset(at, 1, 4 * PAGE);
    os_discard(at + PAGE, 2 * PAGE);
    for (size_t i = 0; i < 4 * PAGE; i++)
        assert_int_equal(at[i], i < PAGE || i >= 3 * PAGE);
    memset(at, 2, 4 * PAGE); /* still there */
    os_release(at, 4 * PAGE);
}

static void test_injected_failures(void **state)
{
    (void)state;
    os_fail_after(2);
    char *at = os_reserve(PAGE, 0);
    assert_non_null(at);
    assert_int_equal(os_commit(at, PAGE), -ENOMEM);
    assert_int_equal(os_commit(at, PAGE), -ENOMEM);
    assert_null(os_reserve(PAGE, 0));
    assert_null(os_pages(PAGE, 0));
    os_fail_after(0);
    assert_int_equal(os_commit(at, PAGE), 0);
    os_release(at, PAGE);
    os_fail_after(2); /* the commit inside */
    assert_null(os_pages(PAGE, 0));
    os_fail_after(0);
}

static void test_clock_goes_on(void **state)
{
    int64_t before = os_now();
    (void)state;
    assert_true(before > 0);
    for (unsigned tries = 0; tries < 20; tries++)
        os_back_off(tries);
    assert_true(os_now() - before >= 4 * 50000); /* the later tries sleep */
    os_barrier_heavy();
}

static _Atomic int64_t other_time;

static int64_t other_clock(void) { return atom_load_seq(&other_time); }

static void test_another_clock_is_asked_first(void **state)
{
    (void)state;
    int64_t before = os_now();
    os_set_clock(other_clock);
    assert_true(os_now() >= before); /* it has no time for us */
    atom_store_seq(&other_time, 7);
    assert_int_equal(os_now(), 7);
    os_set_clock(NULL);
    assert_true(os_now() >= before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_futex_wait_ends_at_its_deadline),
        cmocka_unit_test(test_futex_wake_ends_the_wait),
        cmocka_unit_test(test_processors),
        cmocka_unit_test(test_reserve_aligns),
        cmocka_unit_test(test_reservation_is_not_accessible),
        cmocka_unit_test(test_discard_zeroes),
        cmocka_unit_test(test_injected_failures),
        cmocka_unit_test(test_clock_goes_on),
        cmocka_unit_test(test_another_clock_is_asked_first),
    };
    watchdog(60);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
