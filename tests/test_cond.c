/* SPDX-License-Identifier: MIT */
/* test_cond - who waits goes on when signalled and not before, has the mutex then, and misses nothing. */
#include "support.h"

#include "base/sanitizer.h"

#include <stdlib.h>
#include <string.h>

static mote_mutex mutex;
static mote_cond cond, not_full;
static mote_wg ended;
static long waiting, allowed, woken; /* mutex */
static _Atomic int inside;

static void reset(void)
{
    mutex = (mote_mutex){0};
    cond = not_full = (mote_cond){0};
    ended = (mote_wg){0};
    waiting = allowed = woken = 0;
    inside = 0;
}

static void wait_for_leave(void)
{
    mote_mutex_lock(&mutex);
    waiting++;
    while (woken == allowed)
        mote_cond_wait(&cond, &mutex);
    CHECK(inside++ == 0);
    woken++;
    CHECK(inside-- == 1);
    mote_mutex_unlock(&mutex);
    mote_wg_done(&ended);
}

static void wait_until_waiting(long n)
{
    for (long have = 0; have < n;) {
        mote_yield();
        mote_mutex_lock(&mutex);
        have = waiting;
        mote_mutex_unlock(&mutex);
    }
}

static long woken_now(void)
{
    mote_mutex_lock(&mutex);
    long n = woken;
    mote_mutex_unlock(&mutex);
    return n;
}

static void wake(long n, bool locked, bool all)
{
    mote_mutex_lock(&mutex);
    allowed += n;
    if (!locked)
        mote_mutex_unlock(&mutex);
    if (all)
        mote_cond_broadcast(&cond);
    for (long i = 0; i < n && !all; i++)
        mote_cond_signal(&cond);
    if (locked)
        mote_mutex_unlock(&mutex);
}

static void signal_some(void *arg)
{
    (void)arg;
    reset();
    mote_cond_signal(&cond); /* nobody waits */
    mote_cond_broadcast(&cond);
    int n = (int)scale(400);
    mote_wg_add(&ended, n);
    for (int i = 0; i < n; i++)
        CHECK(mote_go(wait_for_leave) == 0);
    wait_until_waiting(n);
    CHECK(woken_now() == 0);
    for (int i = 0; i < n / 2; i++) {
        wake(1, i % 2, false);
        if (i % 3 == 0)
            for (int k = 0; k < 5; k++)
                mote_yield();
    }
    while (woken_now() < n / 2)
        mote_yield();
    wake(n - n / 2, n % 2, true);
    mote_wg_wait(&ended);
    CHECK(woken == n);
}

static void test_signals_wake_as_many(void **state)
{
    (void)state;
    run_with_each(signal_some, NULL);
}

static void broadcast_to_many(void *arg)
{
    (void)arg;
    for (int locked = 0; locked < 2; locked++) {
        reset();
        int n = (int)scale(20000);
        mote_wg_add(&ended, n);
        for (int i = 0; i < n; i++)
            CHECK(mote_go(wait_for_leave) == 0);
        wait_until_waiting(n);
        wake(n, locked, true);
        mote_wg_wait(&ended);
        CHECK(woken == n);
    }
}

static void test_a_broadcast_wakes_all(void **state)
{
    (void)state;
    run_with_each(broadcast_to_many, NULL);
}

static void wait_in_line(int number)
{
    mote_mutex_lock(&mutex);
    mote_cond_wait(&cond, &mutex);
    CHECK(woken++ == number);
    mote_mutex_unlock(&mutex);
}

static void line_up(void *arg)
{
    (void)arg;
    reset();
    for (int i = 0; i < 100; i++) {
        CHECK(mote_go(wait_in_line, i) == 0);
        await_parked((uint64_t)i + 1);
    }
    for (int i = 0; i < 50; i++) {
        mote_cond_signal(&cond);
        while (woken_now() <= i)
            mote_yield();
    }
    await_all_parked();
    CHECK(woken_now() == 50);
    mote_cond_broadcast(&cond);
    yield_until_alone();
    CHECK(woken == 100);
}

static void test_waiters_go_on_in_order(void **state)
{
    (void)state;
    run_with(&one_proc, line_up, NULL);
}

/* One condition for two mutexes */

static void wait_with(mote_mutex *m)
{
    mote_mutex_lock(m);
    mote_wg_done(&ended);
    mote_cond_wait(&cond, m);
    mote_mutex_unlock(m);
}

static void wait_with_two(void *arg)
{
    static mote_mutex two[2];
    (void)arg;
    reset();
    mote_wg_add(&ended, 40);
    for (int i = 0; i < 40; i++)
        CHECK(mote_go(wait_with, &two[i / 3 % 2]) == 0);
    mote_wg_wait(&ended);
    for (int i = 0; i < 2; i++) {
        mote_mutex_lock(&two[i]); /* so that all wait */
        mote_mutex_unlock(&two[i]);
    }
    mote_cond_broadcast(&cond);
    yield_until_alone();
}

static void test_waiters_may_have_different_mutexes(void **state)
{
    (void)state;
    run_with_each(wait_with_two, NULL);
}

/* A bounded queue */

#define ROOM 4
static struct {
    long items[ROOM];
    int first, count;
} queue; /* mutex */
static _Atomic long sum;

static void put(long n)
{
    for (long i = 1; i <= n; i++) {
        mote_mutex_lock(&mutex);
        while (queue.count == ROOM)
            mote_cond_wait(&not_full, &mutex);
        queue.items[(queue.first + queue.count++) % ROOM] = i;
        mote_cond_signal(&cond);
        mote_mutex_unlock(&mutex);
    }
    mote_wg_done(&ended);
}

static void get(long n)
{
    for (long i = 0; i < n; i++) {
        mote_mutex_lock(&mutex);
        while (queue.count == 0)
            mote_cond_wait(&cond, &mutex);
        sum += queue.items[queue.first];
        queue.first = (queue.first + 1) % ROOM;
        queue.count--;
        mote_mutex_unlock(&mutex);
        mote_cond_signal(&not_full);
    }
    mote_wg_done(&ended);
}

static void pass_items(void *arg)
{
    (void)arg;
    reset();
    memset(&queue, 0, sizeof queue);
    sum = 0;
    long n = scale(2000);
    mote_wg_add(&ended, 16);
    for (int i = 0; i < 8; i++)
        CHECK(mote_go(put, n) == 0 && mote_go(get, n) == 0);
    mote_wg_wait(&ended);
    CHECK(sum == 8 * n * (n + 1) / 2);
}

static void test_a_queue_between_tasks(void **state)
{
    (void)state;
    run_with_each(pass_items, NULL);
}

static _Atomic int turn;

static void *put_or_get_in_thread(void *arg)
{
    long n = *(long *)arg;
    if (turn++ % 2)
        put(n);
    else
        get(n);
    return NULL;
}

static void test_a_queue_between_tasks_and_threads(void **state)
{
    (void)state;
    long n = scale(2000);
    for (int tasks = 0; tasks <= 4; tasks += 4) {
        reset();
        memset(&queue, 0, sizeof queue);
        sum = 0;
        turn = 0;
        if (tasks)
            assert_int_equal(mote_start(&two_procs), 0);
        mote_wg_add(&ended, 4 + 2 * tasks);
        for (int i = 0; i < tasks; i++)
            assert_int_equal(mote_go(put, n) | mote_go(get, n), 0);
        run_in_threads(4, put_or_get_in_thread, &n);
        mote_wg_wait(&ended);
        assert_int_equal(sum, (2 + tasks) * n * (n + 1) / 2);
        if (tasks)
            assert_int_equal(mote_stop(MOTE_FOREVER), 0);
    }
}

/* Fatal misuse */

static void wait_without_lock(void *arg)
{
    (void)arg;
    mote_cond_wait(&cond, &mutex);
}

static void use_a_local(int how)
{
    mote_cond local = {0};
    mote_mutex_lock(&mutex);
    if (how == 0)
        mote_cond_wait(&local, &mutex);
    else if (how == 1)
        mote_cond_signal(&local);
    else
        mote_cond_broadcast(&local);
}

static int how;
static void use_local(void *arg)
{
    (void)arg;
    mote_join(mote_spawn(use_a_local, how), NULL);
}

static void lend_a_local(void *arg) { run_with(&one_proc, use_local, arg); }

static void test_misuse_is_fatal(void **state)
{
    (void)state;
    reset();
    assert_dies_saying(wait_without_lock, "mote_mutex_unlock: nobody has locked this mutex");
    if (sanitizer_pins_all())
        return;
    for (how = 0; how < 3; how++)
        assert_dies_saying(lend_a_local, "a condition at ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_signals_wake_as_many),   cmocka_unit_test(test_a_broadcast_wakes_all),
        cmocka_unit_test(test_waiters_go_on_in_order), cmocka_unit_test(test_waiters_may_have_different_mutexes),
        cmocka_unit_test(test_a_queue_between_tasks),  cmocka_unit_test(test_a_queue_between_tasks_and_threads),
        cmocka_unit_test(test_misuse_is_fatal),
    };
    watchdog(60);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
