/* SPDX-License-Identifier: MIT */
/* test_join - joining: results, misuse, deadlines, detaching, and the race of an end with a deadline. */
#include "support.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

static _Atomic int ran;

/* Results */

static int8_t give_i8(int v) { return (int8_t)v; }
static uint8_t give_u8(int v) { return (uint8_t)v; }
static int16_t give_i16(int v) { return (int16_t)v; }
static uint16_t give_u16(int v) { return (uint16_t)v; }
static int32_t give_i32(int32_t v) { return v; }
static uint32_t give_u32(uint32_t v) { return v; }
static int64_t give_i64(int64_t v) { return v; }
static uint64_t give_u64(uint64_t v) { return v; }
static bool give_bool(int v) { return v != 0; }
static void *give_pointer(void *v) { return v; }
static char give_char(char v) { return v; }
static void give_nothing(int v) { ran += v; }

#define RESULT(...)                                                                                                    \
    __extension__({                                                                                                    \
        intptr_t result_ = 0x5a5a5a5a;                                                                                 \
        CHECK(mote_join(mote_spawn(__VA_ARGS__), &result_) == 0);                                                      \
        result_;                                                                                                       \
    })

static void join_narrow(void)
{
    static const int values[] = {0, 1, -1, 127, 128, 255, 256, -128, 32767, 32768, 65535, -32768};
    for (unsigned i = 0; i < sizeof values / sizeof *values; i++) {
        int v = values[i];
        CHECK(RESULT(give_i8, v) == (int8_t)v);
        CHECK(RESULT(give_u8, v) == (uint8_t)v);
        CHECK(RESULT(give_i16, v) == (int16_t)v);
        CHECK(RESULT(give_u16, v) == (uint16_t)v);
        CHECK(RESULT(give_bool, v) == (v != 0));
        CHECK(RESULT(give_char, (char)v) == (char)v);
    }
}

static void join_all_types(void *arg)
{
    join_narrow();
    CHECK(RESULT(give_i32, -1) == -1);
    CHECK(RESULT(give_i32, INT32_MIN) == INT32_MIN);
    CHECK(RESULT(give_u32, UINT32_MAX) == (intptr_t)UINT32_MAX);
    CHECK(RESULT(give_i64, INT64_MIN) == INT64_MIN);
    CHECK((uint64_t)RESULT(give_u64, UINT64_MAX) == UINT64_MAX);
    CHECK(RESULT(give_pointer, (void *)&one_proc) == (intptr_t)&one_proc);
    CHECK(RESULT(give_pointer, NULL) == 0);
    CHECK(RESULT(give_nothing, 3) == 0);
    CHECK(mote_join(mote_spawn(give_i32, 3), NULL) == 0);
    (void)arg;
}

static void join_all_types_in_copied_task(void *arg) { CHECK(mote_join(mote_spawn(join_all_types, arg), NULL) == 0); }

static void test_results_are_widened_as_c_does(void **state)
{
    (void)state;
    run_with(&one_proc, join_all_types, NULL);
    run_with(&two_procs, join_all_types, NULL);
    run_with(&two_procs, join_all_types_in_copied_task, NULL);
}

/* Misuse */

static intptr_t wait_for(mote_chan(intptr_t) c)
{
    intptr_t v = -1;
    mote_recv(c, &v);
    return v;
}

static void join_checking(mote_task *t, intptr_t expected)
{
    intptr_t result;
    CHECK(mote_join(t, &result) == 0 && result == expected);
    ran++;
}

static void join_twice(void *arg)
{
    (void)arg;
    mote_chan(intptr_t) c = mote_chan_make(intptr_t, 0);
    mote_task *t = mote_spawn(wait_for, c);
    intptr_t untouched = 4;
    ran = 0;
    mote_task *first = mote_spawn(join_checking, t, 12);
    await_parked(2);
    CHECK(mote_join(t, &untouched) == -EINVAL && untouched == 4);
    CHECK(mote_join_until(t, &untouched, mote_now() + MOTE_S) == -EINVAL && untouched == 4);
    CHECK(mote_send(c, 12) == 0);
    CHECK(mote_join(first, NULL) == 0 && ran == 1);
    mote_chan_free(c);
}

static void test_second_joiner_is_refused(void **state)
{
    (void)state;
    run_with(&one_proc, join_twice, NULL);
}

static int join_self(mote_chan(mote_task *) c)
{
    mote_task *self;
    CHECK(mote_recv(c, &self) == 0);
    int now = mote_join(self, NULL), later = mote_join_until(self, NULL, mote_now() + MOTE_S);
    return now == later ? now : 0;
}

static void misuse(void *arg)
{
    (void)arg;
    mote_chan(mote_task *) c = mote_chan_make(mote_task *, 1);
    mote_task *t = mote_spawn(join_self, c);
    intptr_t result = 0;
    mote_send(c, t);
    CHECK(mote_join(t, &result) == 0 && result == -EDEADLK);
    CHECK(mote_join(NULL, NULL) == -EINVAL);
    CHECK(mote_join_until(NULL, NULL, mote_now()) == -EINVAL);
    CHECK(mote_join_until(NULL, NULL, MOTE_FOREVER) == -EINVAL);
    mote_detach(NULL);
    mote_chan_free(c);
}

static void test_joining_oneself_or_nobody_is_refused(void **state)
{
    (void)state;
    run_with(&one_proc, misuse, NULL);
    run_with(&two_procs, misuse, NULL);
}

/* A handle is good for one join or detach: what comes after that stops the program, also when the record is another task's. */
static void stop_a_second_use(void *arg)
{
    int way = *(int *)arg;
    mote_chan(intptr_t) c = mote_chan_make(intptr_t, 0);
    mote_attr attr = {.detached = true};
    mote_task *ended = mote_spawn(give_i32, 1), *alive = mote_spawn(wait_for, c), *joined = mote_spawn(wait_for, c);
    CHECK(mote_join(ended, NULL) == 0);
    mote_detach(alive);
    mote_spawn(join_checking, joined, 12);
    await_parked(3);
    mote_task *newer[100] = {0};
    for (int i = 0; way >= 4 && i < 100; i++)
        CHECK((newer[i] = mote_spawn(wait_for, c)) && newer[i] != ended);
    if (way % 4 == 0)
        mote_join(ended, NULL);
    else if (way % 4 == 1)
        mote_detach(ended);
    else if (way == 2)
        mote_join(alive, NULL);
    else if (way == 3)
        mote_detach(alive);
    else if (way == 6)
        mote_detach(joined);
    else
        mote_join_until(mote_spawn_with(&attr, wait_for, c), NULL, mote_now());
}

static void run_second_use(void *arg) { run_with(&two_procs, stop_a_second_use, arg); }

static void test_second_join_or_detach_stops_the_program(void **state)
{
    (void)state;
    for (int way = 0; way < 8; way++) {
        struct child_result r = run_child(run_second_use, &way);
        if (!WIFSIGNALED(r.status) || WTERMSIG(r.status) != SIGABRT || !strstr(r.err, "joined or detached before"))
            fail_msg("way %d: status %x, it said: %s", way, (unsigned)r.status, r.err);
    }
}

static void test_no_runtime_no_join(void **state)
{
    (void)state;
    assert_int_equal(mote_start(&one_proc), 0);
    mote_task *t = mote_spawn(give_i32, 1);
    assert_int_equal(mote_stop(MOTE_FOREVER), 0);
    assert_int_equal(mote_join(t, NULL), -ESHUTDOWN);
    assert_int_equal(mote_join_until(t, NULL, mote_now()), -ESHUTDOWN);
    mote_detach(t);
}

/* Deadlines */

static void join_late(void *arg)
{
    mote_chan(intptr_t) c = mote_chan_make(intptr_t, 0);
    mote_task *t = mote_spawn(wait_for, c);
    intptr_t result = 4;
    (void)arg;
    CHECK(mote_join_until(t, &result, 0) == -ETIMEDOUT);
    for (int i = 0; i < 3; i++) {
        int64_t deadline = mote_now() + 2 * MOTE_MS;
        CHECK(mote_join_until(t, &result, deadline) == -ETIMEDOUT);
        CHECK(mote_now() >= deadline && result == 4);
    }
    CHECK(mote_send(c, 77) == 0);
    CHECK(mote_join_until(t, &result, mote_now() + 10 * MOTE_S) == 0 && result == 77);
    t = mote_spawn(wait_for, c);
    CHECK(mote_send(c, 78) == 0);
    CHECK(mote_join_until(t, &result, MOTE_FOREVER) == 0 && result == 78);
    t = mote_spawn(give_i32, 5);
    int error;
    while ((error = mote_join_until(t, &result, 0)) == -ETIMEDOUT) /* once it has ended no deadline counts */
        mote_yield();
    CHECK(error == 0 && result == 5);
    mote_chan_free(c);
}

static void join_late_in_copied_task(void *arg) { CHECK(mote_join(mote_spawn(join_late, arg), NULL) == 0); }

static void test_deadline_leaves_the_task_joinable(void **state)
{
    (void)state;
    run_with(&one_proc, join_late, NULL);
    run_with(&two_procs, join_late, NULL);
    run_with(&one_proc, join_late_in_copied_task, NULL);
    run_with(&two_procs, join_late_in_copied_task, NULL);
}

static int end_at(int64_t when)
{
    while (mote_now() < when)
        mote_yield();
    return 9;
}

/* The end and the deadline at about the same time: the joiner goes on once, with one of the two. */
static void race(int rounds)
{
    uint32_t state = 12345;
    for (int i = 0; i < rounds; i++) {
        int64_t at = mote_now() + 20 * MOTE_US, skew = (int64_t)(test_random(&state) % 20000) - 10000;
        mote_task *t = mote_spawn(end_at, at);
        intptr_t result = 4;
        int error = mote_join_until(t, &result, at + skew);
        CHECK(error == 0 ? result == 9 : error == -ETIMEDOUT && result == 4);
        if (error)
            CHECK(mote_join(t, &result) == 0 && result == 9);
    }
    ran++;
}

static void race_in_many_tasks(void *arg)
{
    mote_task *tasks[4];
    (void)arg;
    ran = 0;
    for (int i = 0; i < 4; i++)
        tasks[i] = mote_spawn(race, (int)scale(2000));
    for (int i = 0; i < 4; i++)
        CHECK(mote_join(tasks[i], NULL) == 0);
    CHECK(ran == 4);
}

static void test_joiner_goes_on_once_when_end_and_deadline_race(void **state)
{
    (void)state;
    run_with(&one_proc, race_in_many_tasks, NULL);
    run_with(&two_procs, race_in_many_tasks, NULL);
}

/* Detaching */

static void detach(void *arg)
{
    (void)arg;
    mote_chan(intptr_t) c = mote_chan_make(intptr_t, 0);
    mote_attr attr = {.detached = true};
    ran = 0;
    for (int i = 0; i < scale(1000); i++) {
        mote_task *before = mote_spawn(wait_for, c), *after = mote_spawn(give_nothing, 1);
        mote_detach(before);
        CHECK(mote_send(c, 1) == 0);
        while (ran < 2 * i + 1)
            mote_yield();
        mote_yield();
        mote_detach(after); /* it has ended, or is about to */
        CHECK(mote_spawn_with(&attr, give_nothing, 1));
        while (ran < 2 * i + 2)
            mote_yield();
    }
    yield_until_alone();
    mote_chan_free(c);
}

static void test_detached_tasks_are_freed_before_and_after_their_end(void **state)
{
    (void)state;
    run_with(&one_proc, detach, NULL);
    run_with(&two_procs, detach, NULL);
}

/* Threads */

static void *join_in_thread(void *arg)
{
    intptr_t result = 0;
    CHECK(mote_join(arg, &result) == 0 && result == 31);
    ran++;
    return NULL;
}

static void test_plain_threads_join(void **state)
{
    (void)state;
    enum { N = 8 };
    pthread_t threads[N];
    mote_chan(intptr_t) c = mote_chan_make(intptr_t, 0);
    ran = 0;
    assert_int_equal(mote_start(&two_procs), 0);
    for (int i = 0; i < N; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, join_in_thread, mote_spawn(wait_for, c)), 0);
    mote_task *late = mote_spawn(wait_for, c);
    intptr_t result = 4;
    assert_int_equal(mote_join_until(late, &result, mote_now() + 5 * MOTE_MS), -ETIMEDOUT);
    for (int i = 0; i < N + 1; i++)
        assert_int_equal(mote_send(c, 31), 0);
    assert_int_equal(mote_join_until(late, &result, mote_now() + 10 * MOTE_S), 0);
    assert_int_equal(result, 31);
    for (int i = 0; i < N; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(ran, N);
    assert_int_equal(mote_stop(MOTE_FOREVER), 0);
    mote_chan_free(c);
}

static long add_up(long from, long to)
{
    if (to - from == 1)
        return from;
    long middle = from + (to - from) / 2;
    mote_task *left = mote_spawn(add_up, from, middle);
    long right = add_up(middle, to);
    intptr_t sum = 0;
    CHECK(mote_join(left, &sum) == 0);
    return sum + right;
}

static void fork_and_join(void *arg)
{
    (void)arg;
    long n = scale(20000);
    CHECK(RESULT(add_up, 0, n) == n * (n - 1) / 2);
}

static void test_a_tree_of_tasks_adds_up(void **state)
{
    (void)state;
    run_with(&one_proc, fork_and_join, NULL);
    run_with(&two_procs, fork_and_join, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_results_are_widened_as_c_does),
        cmocka_unit_test(test_second_joiner_is_refused),
        cmocka_unit_test(test_joining_oneself_or_nobody_is_refused),
        cmocka_unit_test(test_second_join_or_detach_stops_the_program),
        cmocka_unit_test(test_no_runtime_no_join),
        cmocka_unit_test(test_deadline_leaves_the_task_joinable),
        cmocka_unit_test(test_joiner_goes_on_once_when_end_and_deadline_race),
        cmocka_unit_test(test_detached_tasks_are_freed_before_and_after_their_end),
        cmocka_unit_test(test_plain_threads_join),
        cmocka_unit_test(test_a_tree_of_tasks_adds_up),
    };
    watchdog(60);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
