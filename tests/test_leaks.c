/* SPDX-License-Identifier: MIT */
/* test_leaks - tasks that are left over are counted, named, and reported at the end (LK1, LK2); nothing else is. */
#include "support.h"

#include "base/sanitizer.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static mote_chan(int) gate;

static void wait_at_gate(void) { mote_recv(gate, NULL); }

static void yield_and_end(int times)
{
    while (times-- > 0)
        mote_yield();
}

static int give_seven(void) { return 7; }

static void open_gate(void)
{
    mote_chan_close(gate);
    while (mote_task_count() > (mote_self() != 0))
        mote_yield();
    mote_chan_free(gate);
}

static void assert_says(void (*body)(void *arg), const char *const *texts, int n)
{
    struct child_result child = run_child(body, NULL);
    assert_int_equal(child.status, 0);
    for (int i = 0; i < n; i++)
        if (!strstr(child.err, texts[i]))
            fail_msg("not said: '%s', but: %s", texts[i], child.err);
    if (!n && child.err[0])
        fail_msg("it said: %s", child.err);
}

/* Those that can end do so first, however late they get a proc. */
static void leave_none(void *arg)
{
    (void)arg;
    CHECK(mote_leaks() == 0);
    for (int i = 0; i < 8; i++)
        CHECK(mote_go(yield_and_end, i) == 0);
    CHECK(mote_join(mote_spawn(give_seven), NULL) == 0);
    mote_detach(mote_spawn(give_seven));
    size_t n;
    while ((n = mote_leaks()) && mote_task_count() > 1) /* a second was too short for a slow machine */
        continue;
    CHECK(n == 0 || mote_leaks() == 0);
    mote_assert_no_leaks();
}

static void body_none(void *arg) { run_with_each(leave_none, arg); }

static void test_what_ends_is_no_leak(void **state)
{
    (void)state;
    assert_says(body_none, NULL, 0);
}

static void leave_three(void *arg)
{
    (void)arg;
    gate = mote_chan_make(int, 0);
    for (int i = 0; i < 3; i++)
        CHECK(mote_go(wait_at_gate) == 0);
    CHECK(mote_leaks() == 3);
    mote_task *unjoined = mote_spawn(give_seven);
    CHECK(mote_leaks() == 4);
    CHECK(mote_join(unjoined, NULL) == 0);
    CHECK(mote_leaks() == 3);
    open_gate();
    CHECK(mote_leaks() == 0);
}

static void body_three(void *arg)
{
    run_with(&one_proc, leave_three, arg);
    run_with(&two_procs, leave_three, arg);
}

static void test_each_is_named_with_what_it_waits_for(void **state)
{
    (void)state;
    static const char *const texts[] = {"mote: 3 tasks are left\n",        "3 tasks (wait_at_gate)",
                                        "waiting to receive from channel", "test_leaks.c:",
                                        "mote: 4 tasks are left\n",        "(give_seven): ended, not joined yet"};
    assert_says(body_three, texts, 6);
}

static void body_beside(void *arg)
{
    (void)arg;
    CHECK(mote_start(&two_procs) == 0);
    gate = mote_chan_make(int, 0);
    CHECK(mote_leaks() == 0);
    CHECK(mote_go(wait_at_gate) == 0);
    CHECK(mote_leaks() == 1);
    open_gate();
    CHECK(mote_leaks() == 0);
    CHECK(mote_stop(MOTE_FOREVER) == 0);
    CHECK(mote_leaks() == 0);
}

static void test_a_plain_thread_may_ask(void **state)
{
    (void)state;
    static const char *const texts[] = {"mote: 1 task is left\n", "(wait_at_gate): waiting to receive"};
    assert_says(body_beside, texts, 2);
}

/* At the end of a runtime */

static int main_leaves_two(int argc, char **argv)
{
    (void)argc, (void)argv;
    gate = mote_chan_make(int, 0);
    for (int i = 0; i < 2; i++)
        CHECK(mote_go(wait_at_gate) == 0);
    return 0;
}

static void body_run(void *arg)
{
    (void)arg;
    CHECK(mote_leaks() == 0); /* no runtime has been there */
    CHECK(mote_run(main_leaves_two, 0, NULL) == 0);
    CHECK(mote_leaks() == 2);
    mote_chan_free(gate);
}

static void body_run_with_report(void *arg)
{
    setenv("MOTEDEBUG", "leaks=1", 1);
    body_run(arg);
}

static void test_the_end_of_a_run_reports_if_asked(void **state)
{
    (void)state;
    static const char *const texts[] = {"mote: 2 tasks are left\n", "(wait_at_gate)",
                                        "waiting to receive from channel"};
    assert_says(body_run, NULL, 0);
    assert_says(body_run_with_report, texts, 3);
}

static size_t told;
static int times_told;

static void note(size_t tasks)
{
    struct mote_stats s;
    told = tasks;
    times_told++;
    CHECK(mote_stats(&s) == 0 && s.tasks == tasks); /* they are still there */
}

static void body_callback(void *arg)
{
    mote_config config = {.procs = 2, .leaks = true, .on_leak = note};
    (void)arg;
    CHECK(mote_start(&config) == 0);
    CHECK(mote_stop(MOTE_FOREVER) == 0 && times_told == 0);
    CHECK(mote_start(&config) == 0);
    gate = mote_chan_make(int, 0);
    for (int i = 0; i < 5; i++)
        CHECK(mote_go(wait_at_gate) == 0);
    CHECK(mote_stop(0) == 5);
    CHECK(told == 5 && times_told == 1 && mote_leaks() == 5);
    mote_chan_free(gate);
}

static void test_a_callback_instead(void **state)
{
    (void)state;
    assert_says(body_callback, NULL, 0);
}

/* mote_assert_no_leaks */

static void test_that_leaks(void **state)
{
    (void)state;
    mote_assert_no_leaks();
}

/* Until no task makes system calls: for each test cmocka puts its own handler in the place of the one that sees them in check
 * mode. */
static void await_sleep(void)
{
    struct mote_stats s = {0};
    do
        usleep(100);
    while (mote_stats(&s) == 0 && s.workers_asleep < s.workers);
}

static void body_fails_test(void *arg)
{
    (void)arg;
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_that_leaks)};
    CHECK(freopen("/dev/null", "w", stdout)); /* where cmocka says that a test has failed */
    CHECK(mote_start(&one_proc) == 0);
    gate = mote_chan_make(int, 0);
    CHECK(mote_go(wait_at_gate) == 0);
    await_sleep();
    CHECK(cmocka_run_group_tests(tests, NULL, NULL) == 1);
    open_gate();
    await_sleep();
    CHECK(cmocka_run_group_tests(tests, NULL, NULL) == 0);
    CHECK(mote_stop(MOTE_FOREVER) == 0);
}

static void test_a_leak_fails_the_test(void **state)
{
    (void)state;
    static const char *const texts[] = {"test_leaks.c:", ": 1 tasks are left\n", "(wait_at_gate)"};
    assert_says(body_fails_test, texts, 3);
}

static int main_asserts(int argc, char **argv)
{
    main_leaves_two(argc, argv);
    mote_assert_no_leaks();
    return 0;
}

static void body_fails_in_task(void *arg)
{
    (void)arg;
    mote_run(main_asserts, 0, NULL);
}

static void body_fails_after_the_end(void *arg)
{
    (void)arg;
    mote_run(main_leaves_two, 0, NULL);
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_that_leaks)};
    CHECK(freopen("/dev/null", "w", stdout)); /* as above */
    CHECK(cmocka_run_group_tests(tests, NULL, NULL) == 1);
    mote_chan_free(gate);
}

static void test_elsewhere_it_stops_the_program(void **state)
{
    (void)state;
    static const char *const texts[] = {": 2 tasks are left; MOTEDEBUG=leaks=1 shows them"};
    assert_dies_saying(body_fails_in_task, ": 2 tasks are left");
    assert_says(body_fails_after_the_end, texts, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_ends_is_no_leak),
        cmocka_unit_test(test_each_is_named_with_what_it_waits_for),
        cmocka_unit_test(test_a_plain_thread_may_ask),
        cmocka_unit_test(test_the_end_of_a_run_reports_if_asked),
        cmocka_unit_test(test_a_callback_instead),
        cmocka_unit_test(test_a_leak_fails_the_test),
        cmocka_unit_test(test_elsewhere_it_stops_the_program),
    };
    watchdog(60);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
