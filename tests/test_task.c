/* SPDX-License-Identifier: MIT */
/* test_task - starting tasks: arguments, chains of them, their numbers, their count, their end. */
#include "support.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

static _Atomic long ran;

static void await(long n)
{
    while (ran < n)
        mote_yield();
}

/* Arguments */

enum color { RED = -3, GREEN = 1000000 };

static void none(void) { ran++; }
static void one(int8_t a)
{
    CHECK(a == INT8_MIN);
    ran++;
}
static void two(uint8_t a, int16_t b)
{
    CHECK(a == UINT8_MAX && b == INT16_MIN);
    ran++;
}
static void three(uint16_t a, int32_t b, uint32_t c)
{
    CHECK(a == UINT16_MAX && b == INT32_MIN && c == UINT32_MAX);
    ran++;
}
static void four(int64_t a, uint64_t b, bool c, bool d)
{
    CHECK(a == INT64_MIN && b == UINT64_MAX && c && !d);
    ran++;
}
static void five(enum color a, enum color b, char c, const char *d, void (*e)(void))
{
    CHECK(a == RED && b == GREEN && c == 'x' && strcmp(d, "text") == 0 && e == none);
    ran++;
}
static void six(long a, const void *b, short c, long *d, unsigned char e, int *restrict f)
{
    CHECK(a == LONG_MAX && b == NULL && c == -1 && d == (long *)&ran && e == 200 && f == NULL);
    ran++;
}

static void pass_arguments(void *arg)
{
    (void)arg;
    enum color color = RED;
    const int8_t least = INT8_MIN;
    ran = 0;
    CHECK(mote_go(none) == 0);
    CHECK(mote_go(one, least) == 0);
    CHECK(mote_go(two, UINT8_MAX, INT16_MIN) == 0);
    CHECK(mote_go(three, (uint16_t)UINT16_MAX, INT32_MIN, UINT32_MAX) == 0);
    CHECK(mote_go(four, INT64_MIN, UINT64_MAX, true, false) == 0);
    CHECK(mote_go(five, color, GREEN, 'x', "text", none) == 0);
    CHECK(mote_go(six, LONG_MAX, NULL, -1, (long *)&ran, 200, NULL) == 0);
    CHECK(mote_go_pinned(four, INT64_MIN, UINT64_MAX, true, false) == 0);
    CHECK(mote_join(mote_spawn(six, LONG_MAX, NULL, -1, (long *)&ran, 200, NULL), NULL) == 0);
    await(9);
}

static void test_arguments_of_every_type_are_passed_by_value(void **state)
{
    (void)state;
    run_with(&one_proc, pass_arguments, NULL);
    run_with(&two_procs, pass_arguments, NULL);
}

/* What is made among the arguments lives as long as in an ordinary call. */
struct job {
    int number;
    const char *name;
};

static void do_job(const struct job *job)
{
    CHECK(job->name[0] == 'a' + job->number);
    ran++;
}

static int give_number(const struct job *job) { return job->number; }

static void pass_literals(void *arg)
{
    (void)arg;
    ran = 0;
    int v, got = 0;
    intptr_t number;
    mote_group group = {0};
    mote_chan(int) c = mote_chan_make(int, 1);
    CHECK(mote_go(do_job, (&(struct job){1, "b"})) == 0 && mote_go(do_job, (&(struct job){2, "c"})) == 0);
    CHECK(mote_group_go(&group, give_number, (&(struct job){0, "a"})) == 0);
    CHECK(mote_group_go_until(&group, MOTE_FOREVER, do_job, (&(struct job){4, "e"})) == 0);
    CHECK(mote_select(MOTE_RECV(c, &v), MOTE_SEND_FROM(c, (&(int){5}))) == 1);
    CHECK(mote_select(MOTE_RECV(c, &got), MOTE_SEND_FROM((mote_chan(int))NULL, (&(int){6}))) == 0 && got == 5);
    mote_task *one = mote_spawn(give_number, (&(struct job){7, "h"}));
    mote_task *other = mote_spawn_with((&(mote_attr){.name = "other"}), give_number, (&(struct job){8, "i"}));
    CHECK(mote_join(one, &number) == 0 && number == 7 && mote_join(other, &number) == 0 && number == 8);
    CHECK(mote_group_wait(&group) == 0);
    await(3);
    mote_chan_free(c);
}

static void test_arguments_may_be_literals(void **state)
{
    (void)state;
    run_with(&one_proc, pass_literals, NULL); /* this task is pinned */
}

static void remember(int n) { ran += n; }

static void pass_changing(void *arg)
{
    (void)arg;
    ran = 0;
    for (int i = 0; i < 100; i++)
        CHECK(mote_go(remember, i) == 0);
    yield_until_alone();
    CHECK(ran == 4950);
}

static void test_arguments_are_taken_at_the_call(void **state)
{
    (void)state;
    run_with(&one_proc, pass_changing, NULL);
}

/* Chains */

static void chain(long left)
{
    ran++;
    if (left > 0)
        CHECK(mote_go(chain, left - 1) == 0);
}

static void start_chain(void *arg)
{
    (void)arg;
    long n = scale(10000);
    ran = 0;
    CHECK(mote_go(chain, n - 1) == 0);
    await(n);
}

static void test_each_task_may_start_the_next(void **state)
{
    (void)state;
    run_with(&one_proc, start_chain, NULL);
    run_with(&two_procs, start_chain, NULL);
}

static void daisy(mote_chan(long) left, mote_chan(long) right)
{
    long v;
    CHECK(mote_recv(right, &v) == 0);
    CHECK(mote_send(left, v + 1) == 0);
    mote_chan_free(right);
}

static void daisy_chain(void *arg)
{
    (void)arg;
    long n = scale(10000), v;
    mote_chan(long) leftmost = mote_chan_make(long, 0), left = leftmost, right = leftmost;
    for (long i = 0; i < n; i++) {
        right = mote_chan_make(long, 0);
        CHECK(mote_go(daisy, left, mote_chan_ref(right)) == 0);
        if (left != leftmost)
            mote_chan_free(left);
        left = right;
    }
    CHECK(mote_send(right, 0) == 0);
    CHECK(mote_recv(leftmost, &v) == 0);
    CHECK(v == n);
    yield_until_alone();
    mote_chan_free(right);
    mote_chan_free(leftmost);
}

static void test_a_daisy_chain_of_channels_passes_one_number(void **state)
{
    (void)state;
    run_with(&one_proc, daisy_chain, NULL);
    run_with(&two_procs, daisy_chain, NULL);
}

/* Numbers */

static uint64_t *ids;

static void note_id(long i)
{
    ids[i] = mote_self();
    mote_yield();
    CHECK(ids[i] == mote_self());
    ran++;
}

static int compare_ids(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static void note_ids(void *arg)
{
    long *i = arg;
    for (long end = *i + scale(5000); *i < end; ++*i)
        CHECK(mote_go(note_id, *i) == 0);
    await(*i);
}

static void test_ids_are_unique_from_runtime_to_runtime(void **state)
{
    (void)state;
    long n = 0, all = 3 * scale(5000);
    ids = calloc((size_t)all, sizeof *ids);
    ran = 0;
    assert_int_equal(mote_self(), 0);
    for (int i = 0; i < 3; i++)
        run_with(&two_procs, note_ids, &n);
    assert_int_equal(n, all);
    qsort(ids, (size_t)n, sizeof *ids, compare_ids);
    assert_true(ids[0] != 0);
    for (long i = 1; i < n; i++)
        assert_true(ids[i] != ids[i - 1]);
    free(ids);
}

/* Counting and ending */

static void hold(mote_chan(int) c)
{
    ran++;
    mote_recv(c, NULL);
}

static void count_tasks(void *arg)
{
    (void)arg;
    mote_chan(int) c = mote_chan_make(int, 0);
    ran = 0;
    CHECK(mote_task_count() == 1);
    for (int i = 1; i <= 100; i++) {
        CHECK(mote_go(hold, c) == 0);
        CHECK(mote_task_count() == (size_t)i + 1);
    }
    await(100);
    CHECK(mote_task_count() == 101);
    mote_chan_close(c);
    yield_until_alone();
    mote_chan_free(c);
}

static void test_task_count_is_exact_at_rest(void **state)
{
    (void)state;
    assert_int_equal(mote_task_count(), 0);
    run_with(&one_proc, count_tasks, NULL);
    run_with(&two_procs, count_tasks, NULL);
    assert_int_equal(mote_task_count(), 0);
}

static void exit_deep(int depth);
static void (*volatile deeper)(int) = exit_deep; /* hides from the compiler that it never returns */

static void exit_deep(int depth)
{
    if (depth > 0)
        deeper(depth - 1);
    ran++;
    mote_exit();
}

static int exit_with_result(void)
{
    exit_deep(10);
    return 5;
}

static void exit_tasks(void *arg)
{
    (void)arg;
    ran = 0;
    for (int i = 0; i < scale(1000); i++)
        CHECK(mote_go(exit_deep, i % 20) == 0);
    CHECK(mote_go_pinned(exit_deep, 3) == 0);
    await(scale(1000) + 1);
    intptr_t result = 7;
    CHECK(mote_join(mote_spawn(exit_with_result), &result) == 0);
    CHECK(result == 0);
    CHECK(ran == scale(1000) + 2);
}

static void test_exit_ends_the_calling_task_at_any_depth(void **state)
{
    (void)state;
    run_with(&one_proc, exit_tasks, NULL);
    run_with(&two_procs, exit_tasks, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arguments_of_every_type_are_passed_by_value),
        cmocka_unit_test(test_arguments_may_be_literals),
        cmocka_unit_test(test_arguments_are_taken_at_the_call),
        cmocka_unit_test(test_each_task_may_start_the_next),
        cmocka_unit_test(test_a_daisy_chain_of_channels_passes_one_number),
        cmocka_unit_test(test_ids_are_unique_from_runtime_to_runtime),
        cmocka_unit_test(test_task_count_is_exact_at_rest),
        cmocka_unit_test(test_exit_ends_the_calling_task_at_any_depth),
    };
    watchdog(60);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
