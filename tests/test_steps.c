/* SPDX-License-Identifier: MIT */
/* test_steps - deferred functions: every one is called once, last in first out, also those that are deferred meanwhile and those
 * around what the runtime itself has pushed; want of memory is reported. */
#include "support.h"

#include "base/block.h"
#include "base/sanitizer.h"
#include "sched/sched.h"

#include <errno.h>
#include <stdlib.h>

/* A calloc that can fail, where no tool has its own. */
#if !UNDER_ASAN && !UNDER_TSAN && !defined(MOTE_VALGRIND)
#define CAN_FAIL_CALLOC
static _Atomic bool no_calloc;
void *__libc_calloc(size_t n, size_t size); // NOLINT(bugprone-reserved-identifier): glibc's
void *calloc(size_t n, size_t size) { return no_calloc ? NULL : __libc_calloc(n, size); }
#endif

/* What is called next must have this number. */
static _Atomic long expected;

static void count_down(void *arg) { CHECK(--expected == (long)arg); }

static void defer_many(void *arg)
{
    for (long i = 0; i < (long)arg; i++)
        CHECK(mote_defer(count_down, (void *)i) == 0);
    expected = (long)arg;
}

static void defer_many_and_exit(void *arg)
{
    defer_many(arg);
    mote_exit();
}

static void defer_many_and_panic(void *arg)
{
    defer_many(arg);
    mote_panic("after %ld", (long)arg);
}

static void try_ten_thousand(void *arg)
{
    (void)arg;
    CHECK(mote_try(defer_many, (void *)10000, NULL) == 0);
    CHECK(expected == 0);
    CHECK(mote_try(defer_many_and_panic, (void *)10000, NULL) == -ECANCELED);
    CHECK(expected == 0);
}

static void end_with_ten_thousand(void *arg)
{
    (void)arg;
    CHECK(mote_join(mote_spawn(defer_many, (void *)10000), NULL) == 0);
    CHECK(expected == 0);
    CHECK(mote_join(mote_spawn(defer_many_and_exit, (void *)10000), NULL) == 0);
    CHECK(expected == 0);
}

static void test_ten_thousand_come_in_order(void **state)
{
    (void)state;
    run_everywhere(try_ten_thousand);
    run_with_each(end_with_ten_thousand, NULL);
}

/* Each defers the next, from within itself, and two at once now and then. */
static _Atomic long called;

static void defer_more(void *arg)
{
    long left = (long)arg;
    called++;
    if (left > 0)
        CHECK(mote_defer(defer_more, (void *)(left - 1)) == 0);
    if (left > 0 && left % 100 == 0)
        CHECK(mote_defer(defer_more, (void *)0) == 0);
    if (called % 7 == 0)
        mote_yield();
}

static void defer_within(void *arg)
{
    (void)arg;
    called = 0;
    CHECK(mote_try(defer_more, (void *)1000, NULL) == 0);
    CHECK(called == 1000 + 1 + 10);
}

static void defer_within_the_end(void *arg)
{
    (void)arg;
    called = 0;
    CHECK(mote_join(mote_spawn(defer_more, (void *)1000), NULL) == 0);
    CHECK(called == 1000 + 1 + 10);
}

static void test_deferred_functions_defer(void **state)
{
    (void)state;
    run_everywhere(defer_within);
    run_with_each(defer_within_the_end, NULL);
}

/* The end of one task with deferred functions that park, while others end beside it. */
static void sleep_deferred(void *arg)
{
    mote_sleep((int64_t)arg);
    called++;
}

static void end_slowly(void)
{
    for (long i = 0; i < 3; i++)
        CHECK(mote_defer(sleep_deferred, (void *)(i * MOTE_US)) == 0);
}

static void end_many_slowly(void *arg)
{
    (void)arg;
    long n = scale(2000);
    called = 0;
    for (long i = 0; i < n; i++)
        CHECK(mote_go(end_slowly) == 0);
    yield_until_alone();
    CHECK(called == 3 * n);
}

static void test_deferred_functions_may_park(void **state)
{
    (void)state;
    run_with_each(end_many_slowly, NULL);
}

/* Steps of the runtime's own: off the list they are not run, and what was deferred above them stays. */
static int stepped;

static void note_step(struct sched_exit_step *step)
{
    (void)step;
    stepped++;
}

static void push_and_pop(void *arg)
{
    struct sched_exit_step outer = {.run = note_step}, inner = {.run = note_step};
    CHECK(sched_exit_push(&outer));
    CHECK(mote_defer(count_down, (void *)0) == 0);
    CHECK(sched_exit_push(&inner));
    CHECK(mote_defer(count_down, (void *)1) == 0);
    expected = 2;
    if (arg)
        mote_panic("with both pushed");
    sched_exit_pop(&inner);
    sched_exit_pop(&outer);
    CHECK(expected == 2);
}

static void look_at_steps(void *arg)
{
    (void)arg;
    stepped = 0;
    CHECK(mote_try(push_and_pop, NULL, NULL) == 0);
    CHECK(expected == 0 && stepped == 0);
    CHECK(mote_try(push_and_pop, (void *)1, NULL) == -ECANCELED);
    CHECK(expected == 0 && stepped == 2);
}

static void test_steps_run_only_where_frames_are_left(void **state)
{
    (void)state;
    run_everywhere(look_at_steps);
}

/* Plain threads */

static void nothing(void *arg) { (void)arg; }

static void test_a_plain_thread_defers_only_in_a_try(void **state)
{
    (void)state;
    assert_int_equal(mote_defer(NULL, NULL), -EINVAL);
    assert_int_equal(mote_defer(nothing, NULL), -EPERM);
    try_ten_thousand(NULL);
    assert_int_equal(mote_defer(nothing, NULL), -EPERM);
}

/* Those that the end of the runtime discards: not called, and not leaked. */
static void defer_and_wait(mote_chan(int) c)
{
    expected = -1;
    for (long i = 0; i < 100; i++)
        CHECK(mote_defer(count_down, (void *)i) == 0);
    called++;
    mote_recv(c, NULL);
}

static void test_a_discarded_task_calls_nothing(void **state)
{
    (void)state;
    called = 0;
    mote_chan(int) c = mote_chan_make(int, 0);
    assert_int_equal(mote_start(&two_procs), 0);
    for (int i = 0; i < 10; i++)
        assert_int_equal(mote_go(defer_and_wait, c), 0);
    while (called < 10)
        mote_yield();
    assert_int_equal(mote_stop(0), 10);
    mote_chan_free(c);
}

/* Want of memory */

static void defer_without_blocks(void *arg)
{
    long made = 0;
    int error;
    (void)arg;
    CHECK(mote_defer(count_down, (void *)made++) == 0); /* the extra is there */
    block_fail_after(2);
    while ((error = mote_defer(count_down, (void *)made)) == 0)
        made++;
    block_fail_after(0);
    CHECK(error == -ENOMEM && made > 1 && made < 100);
    CHECK(mote_defer(count_down, (void *)made++) == 0);
    expected = made;
}

static void try_without_blocks(void *arg)
{
    (void)arg;
    CHECK(mote_try(defer_without_blocks, NULL, NULL) == 0);
    CHECK(expected == 0);
}

static void test_want_of_blocks(void **state)
{
    (void)state;
    run_with(&one_proc, try_without_blocks, NULL);
}

#ifdef CAN_FAIL_CALLOC
static mote_once once;

static void begin_without_memory(void)
{
    called = 0;
    no_calloc = true;
    CHECK(mote_defer(count_down, NULL) == -ENOMEM);
    CHECK(mote_try(count_down, NULL, NULL) == -ENOMEM); /* it isn't called */
    mote_once_do(&once, sleep_deferred, NULL);
    mote_once_do(&once, sleep_deferred, NULL);
    no_calloc = false;
    CHECK(called == 1);
}

static void go_without_memory(void *arg)
{
    (void)arg;
    expected = -1;
    CHECK(mote_go(begin_without_memory) == 0);
    yield_until_alone();
}

static void test_want_of_memory_for_the_first(void **state)
{
    (void)state;
    run_with(&one_proc, go_without_memory, NULL);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ten_thousand_come_in_order),
        cmocka_unit_test(test_deferred_functions_defer),
        cmocka_unit_test(test_deferred_functions_may_park),
        cmocka_unit_test(test_steps_run_only_where_frames_are_left),
        cmocka_unit_test(test_a_plain_thread_defers_only_in_a_try),
        cmocka_unit_test(test_a_discarded_task_calls_nothing),
        cmocka_unit_test(test_want_of_blocks),
#ifdef CAN_FAIL_CALLOC
        cmocka_unit_test(test_want_of_memory_for_the_first),
#endif
    };
    watchdog(60);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
