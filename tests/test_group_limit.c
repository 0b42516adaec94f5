/* SPDX-License-Identifier: MIT */
/* test_group_limit - no more tasks of a group are under way than its limit says, who waits for a place gets one in turn, and what
 * can't be started gives its place back.
 */
#include "support.h"

#include "base/os.h"
#include "base/sanitizer.h"

#include <errno.h>

static mote_group group;
static _Atomic long ran, running;
static _Atomic int limit;

static void reset(int n)
{
    group = (mote_group){0};
    mote_group_set_limit(&group, n);
    limit = n;
    ran = running = 0;
}

static void nothing(void) { ran++; }

static void count(int i)
{
    long now = ++running;
    CHECK(now <= limit);
    if (i % 3 == 0)
        mote_yield();
    if (i % 100 == 1)
        mote_sleep(i % 7 * MOTE_US);
    running--;
    ran++;
    if (i % 5 == 0)
        mote_exit();
}

/* Counting */

static void count_many(void *arg)
{
    (void)arg;
    reset(3);
    int n = sanitizer_pins_all() ? 1000 : (int)scale(100000);
    size_t all = 0, others = mote_task_count();
    for (int i = 0; i < n; i++) {
        CHECK(mote_group_go(&group, count, i) == 0);
        size_t tasks = mote_task_count();
        all = tasks > all ? tasks : all;
    }
    CHECK(mote_group_wait(&group) == 0);
    CHECK(ran == n && running == 0);
    CHECK(all <= others + 2000); /* those that have left the group but not yet ended, with room to spare */
}

static void test_many_tasks_three_at_a_time(void **state)
{
    (void)state;
    run_everywhere(count_many);
}

static void start_some(int from, int n)
{
    for (int i = from; i < from + n; i++)
        CHECK((i % 10 ? mote_group_go(&group, count, i) : mote_group_go_pinned(&group, count, i)) == 0);
}

static void *start_in_thread(void *arg)
{
    (void)arg;
    start_some(7, (int)scale(1000));
    return NULL;
}

/* Tasks and threads start tasks of one group, and all wait for places. */
static void test_many_starters(void **state)
{
    (void)state;
    int n = (int)scale(1000);
    reset(5);
    assert_int_equal(mote_start(&two_procs), 0);
    mote_group starters = {0};
    for (int i = 0; i < 10; i++)
        assert_int_equal(mote_group_go(&starters, start_some, i, n), 0);
    run_in_threads(3, start_in_thread, NULL);
    assert_int_equal(mote_group_wait(&starters), 0);
    assert_int_equal(mote_group_wait(&group), 0);
    assert_int_equal(ran, 13 * n);
    assert_int_equal(mote_stop(mote_now() + 10 * MOTE_S), 0);
}

/* What is refused, and who goes on */

static void hold(mote_chan(int) gate)
{
    mote_recv(gate, NULL);
    ran++;
}

static _Atomic int started;

static void start_one(mote_chan(int) gate, int number)
{
    CHECK(mote_group_go(&group, hold, gate) == 0);
    CHECK(started++ == number);
}

/* n have been started, and no more are. */
static void settle_at(int n)
{
    while (started < n)
        mote_yield();
    await_all_parked();
    CHECK(started == n);
}

static void change_limits(void *arg)
{
    (void)arg;
    mote_chan(int) gate = mote_chan_make(int, 0);
    reset(2);
    started = 0;
    CHECK(mote_group_try_go(&group, hold, gate) == 0);
    CHECK(mote_group_go(&group, hold, gate) == 0);
    CHECK(mote_group_try_go(&group, hold, gate) == -EAGAIN);
    for (int i = 0; i < 9; i++) {
        CHECK(mote_go(start_one, gate, i) == 0);
        settle_at(0);
    }
    mote_send(gate, 0); /* one ends, one starts: two under way */
    settle_at(1);
    mote_group_set_limit(&group, 5);
    settle_at(4);
    CHECK(mote_group_try_go(&group, hold, gate) == -EAGAIN);
    mote_group_set_limit(&group, 3); /* two must end before anything goes on */
    for (int i = 0; i < 2; i++) {
        mote_send(gate, 0);
        settle_at(4);
    }
    mote_send(gate, 0);
    settle_at(5);
    mote_group_set_limit(&group, -1); /* none */
    settle_at(9);
    for (int i = 0; i < 100; i++)
        CHECK(mote_group_try_go(&group, hold, gate) == 0);
    mote_chan_close(gate);
    CHECK(mote_group_wait(&group) == 0);
    CHECK(ran == 111);
    yield_until_alone();
    mote_chan_free(gate);
}

static void test_limits_change_while_tasks_are_under_way(void **state)
{
    (void)state;
    run_with(&one_proc, change_limits, NULL);
}

static void start_in_time(mote_chan(int) gate, int64_t deadline, int expected)
{
    CHECK(mote_group_go_until(&group, deadline, hold, gate) == expected);
    started++;
}

/* Those that give up stand before and behind one that doesn't. */
static void wait_for_places(void *arg)
{
    (void)arg;
    mote_chan(int) gate = mote_chan_make(int, 0);
    reset(1);
    started = 0;
    CHECK(mote_group_go_until(&group, 0, hold, gate) == 0); /* at once, whatever the deadline */
    CHECK(mote_group_go_until(&group, 0, hold, gate) == -ETIMEDOUT);
    int64_t soon = mote_now() + 5 * MOTE_MS;
    CHECK(mote_go(start_in_time, gate, soon, -ETIMEDOUT) == 0);
    CHECK(mote_go(start_in_time, gate, MOTE_FOREVER, 0) == 0);
    CHECK(mote_go(start_in_time, gate, soon, -ETIMEDOUT) == 0);
    CHECK(mote_go(start_in_time, gate, mote_now() + 3600 * MOTE_S, 0) == 0);
    settle_at(2);
    for (int i = 0; i < 2; i++) {
        mote_send(gate, 0);
        settle_at(3 + i);
    }
    CHECK(mote_group_go_until(&group, mote_now() + MOTE_MS, hold, gate) == -ETIMEDOUT);
    mote_chan_close(gate);
    CHECK(mote_group_wait(&group) == 0);
    CHECK(ran == 3);
    yield_until_alone();
    mote_chan_free(gate);
}

static void test_a_wait_for_a_place_may_have_a_deadline(void **state)
{
    (void)state;
    run_with(&one_proc, wait_for_places, NULL);
}

/* A wait isn't over while somebody waits for a place. */
static void wait_for_held(void *arg)
{
    (void)arg;
    mote_chan(int) gate = mote_chan_make(int, 0);
    reset(1);
    started = 0;
    for (int i = 0; i < 20; i++) {
        CHECK(mote_go(start_one, gate, i) == 0);
        settle_at(1);
    }
    mote_chan_close(gate);
    CHECK(mote_group_wait(&group) == 0);
    CHECK(ran == 20);
    yield_until_alone();
    mote_chan_free(gate);
}

static void test_a_wait_includes_those_who_wait_to_start(void **state)
{
    (void)state;
    run_with(&one_proc, wait_for_held, NULL);
}

/* Without memory */

static _Atomic bool occupied, release;

static void occupy(void)
{
    occupied = true;
    while (!release)
        ;
}

static void test_what_cannot_be_started_does_not_count(void **state)
{
    (void)state;
    long n = 0;
    int error = 0;
    reset(0);
    occupied = release = false;
    assert_int_equal(mote_start(&one_proc), 0);
    assert_int_equal(mote_go_pinned(occupy), 0);
    while (!occupied)
        mote_yield();
    os_fail_after(1);
    while (n < 2000000 && (error = mote_group_go(&group, nothing)) == 0)
        n++;
    int refused = mote_group_try_go(&group, nothing);
    os_fail_after(0);
    assert_int_equal(error, -ENOMEM);
    assert_int_equal(refused, -ENOMEM);
    release = true;
    assert_int_equal(mote_group_wait(&group), 0);
    assert_int_equal(ran, n);
    assert_int_equal(mote_stop(MOTE_FOREVER), 0);
}

/* Pinned ones need pages each; a place that couldn't be used goes to the next in line. */
static void starve(void *arg)
{
    (void)arg;
    long ok = 0;
    reset(4);
    for (int i = 0; i < 40; i++) {
        os_fail_after(i % 2);
        int error = i % 4 < 2 ? mote_group_go_pinned(&group, nothing) : mote_group_go(&group, nothing);
        os_fail_after(0);
        CHECK(error == 0 || error == -ENOMEM);
        ok += error == 0;
    }
    CHECK(mote_group_wait(&group) == 0);
    CHECK(ran == ok && ok >= 20);
}

static void test_want_of_memory_is_got_over(void **state)
{
    (void)state;
    run_with(&one_proc, starve, NULL);
    run_with(&two_procs, starve, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_many_tasks_three_at_a_time),
        cmocka_unit_test(test_many_starters),
        cmocka_unit_test(test_limits_change_while_tasks_are_under_way),
        cmocka_unit_test(test_a_wait_for_a_place_may_have_a_deadline),
        cmocka_unit_test(test_a_wait_includes_those_who_wait_to_start),
        cmocka_unit_test(test_what_cannot_be_started_does_not_count),
        cmocka_unit_test(test_want_of_memory_is_got_over),
    };
    watchdog(120);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
