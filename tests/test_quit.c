/* SPDX-License-Identifier: MIT */
/* test_quit - SIGQUIT reports all tasks, and ends the program or not (QU1, QU2). */
#include "support.h"

#include "base/sanitizer.h"
#include "sched/proc.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void sleep_long(void) { mote_sleep(3600 * MOTE_S); }

static int sleeps_while_asked(int argc, char **argv)
{
    (void)argc, (void)argv;
    CHECK(mote_go(sleep_long) == 0);
    await_parked(1);
    for (int i = 0; i < 2; i++) { /* the report is complete when the next one has been taken up */
        raise(SIGQUIT);
        while (atom_load_seq(&rt.quit_asked))
            mote_sleep(MOTE_MS);
    }
    _exit(7);
}

static void be_asked(void *arg)
{
    if (arg)
        setenv("MOTEDEBUG", arg, 1);
    mote_run(sleeps_while_asked, 0, NULL);
}

static void on_quit(int signal) { (void)signal; }

static void be_asked_with_a_handler(void *arg)
{
    (void)arg;
    signal(SIGQUIT, on_quit);
    mote_run(sleeps_while_asked, 0, NULL);
}

static void test_it_reports_and_ends(void **state)
{
    (void)state;
    if (UNDER_TSAN) /* it keeps signals back until the thread calls something that it knows */
        skip();
    struct child_result child = run_child(be_asked, NULL);
    assert_killed(&child, SIGQUIT);
    assert_non_null(strstr(child.err, "mote: SIGQUIT"));
    assert_non_null(strstr(child.err, "(sleep_long): waiting for a time"));
}

static void assert_exits_with_7(const struct child_result *child)
{
    assert_true(WIFEXITED(child->status));
    assert_int_equal(WEXITSTATUS(child->status), 7);
}

static void test_it_may_go_on(void **state)
{
    (void)state;
    if (UNDER_TSAN) /* it keeps signals back until the thread calls something that it knows */
        skip();
    struct child_result child = run_child(be_asked, "sigquit=1");
    assert_exits_with_7(&child);
    assert_non_null(strstr(child.err, "(sleep_long): waiting for a time"));
}

static void test_it_may_be_left_alone(void **state)
{
    (void)state;
    struct child_result child = run_child(be_asked, "sigquit=2");
    assert_killed(&child, SIGQUIT);
    assert_string_equal(child.err, "");
    child = run_child(be_asked_with_a_handler, NULL);
    assert_exits_with_7(&child);
    assert_string_equal(child.err, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_it_reports_and_ends),
        cmocka_unit_test(test_it_may_go_on),
        cmocka_unit_test(test_it_may_be_left_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
