/* SPDX-License-Identifier: MIT */
/* test_group_end - however a task of a group ends, the group is told of it once, when all that the task has deferred is done. */
#include "support.h"

#include "base/sanitizer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static mote_group group;
static _Atomic long ran, deferred;

static void reset(void)
{
    group = (mote_group){0};
    ran = deferred = 0;
}

/* Slow, so that a wait which doesn't include it is noticed. */
static void count_deferred(void *arg)
{
    (void)arg;
    for (int i = 0; i < 20; i++)
        mote_yield();
    deferred++;
}

static void exit_deferred(void *arg)
{
    (void)arg;
    deferred++;
    mote_exit();
}

static void panic_deferred(void *arg)
{
    (void)arg;
    deferred++;
    mote_panic("deferred");
}

enum how { RETURN, EXIT, PANIC, RETURN_THEN_EXIT, RETURN_THEN_PANIC, CATCH };

static void panic_now(void *arg)
{
    (void)arg;
    mote_panic("now");
}

static int end(int how)
{
    ran++;
    CHECK(mote_defer(count_deferred, NULL) == 0);
    switch (how) {
    case RETURN:
        return -1;
    case EXIT:
        mote_exit();
    case PANIC:
        mote_panic("at once");
    case RETURN_THEN_EXIT:
        CHECK(mote_defer(exit_deferred, NULL) == 0);
        return -2;
    case RETURN_THEN_PANIC:
        CHECK(mote_defer(panic_deferred, NULL) == 0);
        return -3;
    default:
        CHECK(mote_try(panic_now, NULL, NULL) == -ECANCELED);
        return -4;
    }
}

static int result_of(enum how how)
{
    long before = deferred;
    CHECK(mote_group_go(&group, end, how) == 0);
    int error = mote_group_wait(&group);
    CHECK(deferred > before); /* the wait includes what was deferred */
    return error;
}

static void end_in_each_way(void *arg)
{
    (void)arg;
    reset();
    CHECK(result_of(RETURN) == -1);
    CHECK(result_of(EXIT) == 0);
    CHECK(result_of(RETURN_THEN_EXIT) == 0);
    CHECK(result_of(CATCH) == -4);
    CHECK(ran == 4 && deferred == 5);
    CHECK(mote_group_wait(&group) == 0);
}

static void panic_in_each_way(void *arg)
{
    (void)arg;
    reset();
    mote_group_set_limit(&group, 1); /* places are given back, too */
    CHECK(result_of(PANIC) == -EOWNERDEAD);
    CHECK(result_of(RETURN_THEN_PANIC) == -EOWNERDEAD);
    for (int i = 0; i < 10; i++)
        CHECK(mote_group_go(&group, end, PANIC) == 0);
    CHECK(mote_group_wait(&group) == -EOWNERDEAD);
    CHECK(ran == 12 && deferred == 13);
}

static void without_a_word(void *arg)
{
    run_with(&(mote_config){.procs = 2, .panic_ends_task = true}, panic_in_each_way, arg);
    run_with(&(mote_config){.procs = 1, .panic_ends_task = true}, panic_in_each_way, arg);
}

static void test_every_end_is_told_of_once(void **state)
{
    (void)state;
    run_everywhere(end_in_each_way);
    struct child_result child = run_child(without_a_word, NULL); /* it says a lot on stderr */
    assert_int_equal(child.status, 0);
}

/* Hooks of the group's context that run where the last task ends. */
static void count_hook(void *arg)
{
    (void)arg;
    ran++;
}

static void hook_the_context(void *arg)
{
    (void)arg;
    reset();
    for (int i = 0; i < 10; i++) {
        CHECK(mote_ctx_after_func(mote_group_ctx(&group), count_hook, NULL, NULL) == 0);
        CHECK(mote_group_go(&group, end, i % 2 ? EXIT : RETURN) == 0);
        CHECK(mote_group_wait(&group) == (i % 2 ? 0 : -1));
    }
    while (ran < 20)
        mote_yield();
}

static void test_functions_are_called_when_a_round_ends(void **state)
{
    (void)state;
    run_with_each(hook_the_context, NULL);
}

/* Reports show the task's functions, and nothing below them. */
static void panic_in_a_group(void *arg)
{
    (void)arg;
    mote_group_go(&group, end, PANIC);
    mote_group_wait(&group);
}

static void child_panics(void *arg) { run_with(&one_proc, panic_in_a_group, arg); }

static void test_reports_name_the_function(void **state)
{
    (void)state;
    assert_dies_saying(child_panics, "at once");
    assert_dies_saying(child_panics, "(end), started at ");
    struct child_result child = run_child(child_panics, NULL);
    assert_null(strstr(child.err, "switch_"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_end_is_told_of_once),
        cmocka_unit_test(test_functions_are_called_when_a_round_ends),
        cmocka_unit_test(test_reports_name_the_function),
    };
    watchdog(60);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
