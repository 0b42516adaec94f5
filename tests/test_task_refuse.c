/* SPDX-License-Identifier: MIT */
/* test_task_refuse - what tasks may not do, and what is said of it, naming the task and the place. */
#include "support.h"

#include "base/sanitizer.h"

#include <errno.h>

static _Atomic long ran;

static void await(long n)
{
    while (ran < n)
        mote_yield();
}

/* The one rule */

static void use(int n, int *lent)
{
    *lent += n;
    ran++;
}

static int lender_line;

static void lender(void)
{
    int local = 1;
    lender_line = __LINE__ + 1;
    CHECK(mote_go(use, 2, &local) == 0);
    await(1);
    CHECK(local == 3);
}

static void lend_named(void)
{
    mote_set_name("careless");
    lender();
}

static void run_lender(void *arg)
{
    (void)arg;
    mote_join(mote_spawn(lender), NULL);
}

static void run_lend_named(void *arg)
{
    (void)arg;
    mote_join(mote_spawn(lend_named), NULL);
}

static void child_lends(void *arg) { run_with(&one_proc, run_lender, arg); }
static void child_lends_named(void *arg) { run_with(&one_proc, run_lend_named, arg); }

static void test_lent_argument_is_refused_naming_place_and_task(void **state)
{
    (void)state;
    if (sanitizer_pins_all())
        skip();
    assert_dies_saying(child_lends, "test_task_refuse.c:");
    assert_dies_saying(child_lends, "argument 2 of use points into the stack of task");
    assert_dies_saying(child_lends, "(lender)");
    assert_dies_saying(child_lends_named, "(careless)");
}

static void lend_pinned(void *arg)
{
    (void)arg;
    ran = 0;
    lender(); /* this task is pinned */
    mote_attr pinned = {.pinned = true};
    ran = 0;
    CHECK(mote_join(mote_spawn_with(&pinned, lender), NULL) == 0);
    ran = 0;
    CHECK(mote_go_pinned(lender) == 0);
    yield_until_alone();
    CHECK(lender_line > 0);
}

static void test_pinned_task_may_lend_its_locals(void **state)
{
    (void)state;
    run_with(&one_proc, lend_pinned, NULL);
    run_with(&two_procs, lend_pinned, NULL);
}

/* Names */

static void fail_by_wg(void)
{
    mote_wg local = {0};
    mote_wg_add(&local, 1);
}

static void rename_twice(void)
{
    mote_set_name("first");
    mote_set_name("a name of more than thirty-one bytes, which is cut");
    fail_by_wg();
}

static void take_name_back(void)
{
    mote_set_name("first");
    mote_set_name(NULL);
    fail_by_wg();
}

static void run_rename_twice(void *arg)
{
    (void)arg;
    mote_join(mote_spawn(rename_twice), NULL);
}

static void run_take_name_back(void *arg)
{
    (void)arg;
    mote_join(mote_spawn(take_name_back), NULL);
}

static void run_named_by_attr(void *arg)
{
    (void)arg;
    mote_attr attr = {.name = "by the attribute"};
    mote_join(mote_spawn_with(&attr, fail_by_wg), NULL);
}

static void child_renames(void *arg) { run_with(&one_proc, run_rename_twice, arg); }
static void child_takes_back(void *arg) { run_with(&one_proc, run_take_name_back, arg); }
static void child_by_attr(void *arg) { run_with(&one_proc, run_named_by_attr, arg); }

static void test_names_appear_in_messages(void **state)
{
    (void)state;
    mote_set_name("ignored on a plain thread");
    if (sanitizer_pins_all())
        skip();
    assert_dies_saying(child_renames, "(a name of more than thirty-one )");
    assert_dies_saying(child_takes_back, "(take_name_back)");
    assert_dies_saying(child_by_attr, "(by the attribute)");
}

/* Without a task, without a runtime */

static void exit_on_thread(void *arg)
{
    (void)arg;
    mote_exit();
}

static void test_exit_on_a_plain_thread_is_fatal(void **state)
{
    (void)state;
    assert_dies_saying(exit_on_thread, "mote_exit on a plain thread");
}

static void none(void) { ran++; }

static void test_nothing_starts_without_a_runtime(void **state)
{
    (void)state;
    mote_attr attr = {0};
    assert_int_equal(mote_go(none), -ESHUTDOWN);
    assert_int_equal(mote_go_pinned(none), -ESHUTDOWN);
    errno = 0;
    assert_null(mote_spawn(none));
    assert_int_equal(errno, ESHUTDOWN);
    errno = 0;
    assert_null(mote_spawn_with(&attr, none));
    assert_int_equal(errno, ESHUTDOWN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lent_argument_is_refused_naming_place_and_task),
        cmocka_unit_test(test_pinned_task_may_lend_its_locals),
        cmocka_unit_test(test_names_appear_in_messages),
        cmocka_unit_test(test_exit_on_a_plain_thread_is_fatal),
        cmocka_unit_test(test_nothing_starts_without_a_runtime),
    };
    watchdog(60);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
