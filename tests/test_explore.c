/* SPDX-License-Identifier: MIT */
/* test_explore - planted mistakes are found within a number of seeds, with a schedule that has few steps and fails in the same way;
 * what can happen to a run is told apart, and the explorer survives it. */
#include "support.h"

#include "base/sanitizer.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* All of the mistakes are found by far fewer; the seeds are what they are, so the numbers don't change from run to run. */
#define SEEDS 200

typedef mote_chan(int) channel;

static mote_wg wg;

static mote_sim_failure explore_quietly(int (*fn)(void *arg), void *arg)
{
    const mote_sim_options options = {.runs = SEEDS, .quiet = 1};
    mote_sim_failure f;
    assert_int_equal(mote_sim_explore_with(&options, fn, arg, &f), 1);
    assert_true(f.runs <= SEEDS && f.seed == (uint64_t)f.runs);
    return f;
}

/* A lost update: between looking and storing others come in. */

static int balance;
static mote_mutex book;

static void write_down(void)
{
    mote_mutex_lock(&book);
    mote_mutex_unlock(&book);
}

static void deposit(int amount)
{
    int before = balance;
    write_down();
    balance = before + amount;
    mote_wg_done(&wg);
}

static int lose_a_deposit(void *arg)
{
    (void)arg;
    balance = 0;
    wg = (mote_wg){0};
    book = (mote_mutex){0};
    mote_wg_add(&wg, 3);
    for (int i = 0; i < 3; i++)
        CHECK(mote_go(deposit, 10) == 0);
    mote_wg_wait(&wg);
    printf("balance %d\n", balance);
    return balance == 30 ? 0 : 1;
}

static void test_a_lost_update_is_found_with_one_switch(void **state)
{
    (void)state;
    mote_sim_failure f = explore_quietly(lose_a_deposit, NULL);
    assert_int_equal(f.end, MOTE_SIM_RESULT);
    assert_int_equal(f.code, 1);
    assert_in_range(f.steps, 1, 2);
    assert_non_null(strstr(f.said, "balance 20\n"));
    assert_int_equal(mote_sim_run(f.seed, lose_a_deposit, NULL), 1);
}

/* Two mutexes, locked in either order. */

static mote_mutex left, right;

static void take_both(mote_mutex *first, mote_mutex *second)
{
    mote_mutex_lock(first);
    mote_mutex_lock(second);
    mote_mutex_unlock(second);
    mote_mutex_unlock(first);
    mote_wg_done(&wg);
}

static int lock_crosswise(void *arg)
{
    (void)arg;
    wg = (mote_wg){0};
    left = right = (mote_mutex){0};
    mote_wg_add(&wg, 2);
    CHECK(mote_go(take_both, &left, &right) == 0 && mote_go(take_both, &right, &left) == 0);
    mote_wg_wait(&wg);
    return 0;
}

static void test_a_deadlock_is_found(void **state)
{
    (void)state;
    mote_sim_failure f = explore_quietly(lock_crosswise, NULL);
    assert_int_equal(f.end, MOTE_SIM_DEADLOCK);
    assert_in_range(f.steps, 1, 3);
    assert_non_null(strstr(f.said, "all tasks are asleep - deadlock"));
    assert_non_null(strstr(f.said, "to lock mutex"));
}

/* A receiver that stops at the first error, and a sender that nobody hears then. */

static void send_two(channel c)
{
    mote_send(c, 1);
    mote_send(c, 2);
    mote_wg_done(&wg);
}

static int forget_a_sender(void *arg)
{
    (void)arg;
    wg = (mote_wg){0};
    channel a = mote_chan_make(int, 0), b = mote_chan_make(int, 0);
    mote_wg_add(&wg, 2);
    CHECK(mote_go(send_two, a) == 0 && mote_go(send_two, b) == 0);
    for (int got = 0, v; got < 3; got++)
        mote_select(MOTE_RECV(a, &v), MOTE_RECV(b, &v));
    mote_recv(a, NULL); /* the last one may be b's */
    mote_wg_wait(&wg);
    mote_chan_free(a);
    mote_chan_free(b);
    return 0;
}

static void test_a_channel_that_is_never_received_from_is_found(void **state)
{
    (void)state;
    mote_sim_failure f = explore_quietly(forget_a_sender, NULL);
    assert_int_equal(f.end, MOTE_SIM_DEADLOCK);
    assert_true(f.steps <= 6);
    assert_non_null(strstr(f.said, "to send to channel"));
}

/* Two switches, each in its own place: to the reader between two stores of the writer, and back between two looks of the reader. */

static int version, content;

static void write_content(void)
{
    version = 1;
    write_down();
    content = 1;
    write_down();
    mote_wg_done(&wg);
}

static bool torn;

static void read_content(void)
{
    int before = version;
    write_down();
    int c = content;
    write_down();
    torn = before == 1 && c == 0 && content == 1;
    mote_wg_done(&wg);
}

static int tear(void *arg)
{
    (void)arg;
    version = content = 0;
    torn = false;
    wg = (mote_wg){0};
    book = (mote_mutex){0};
    mote_wg_add(&wg, 2);
    CHECK(mote_go(write_content) == 0 && mote_go(read_content) == 0);
    mote_wg_wait(&wg);
    return torn;
}

static void test_what_takes_two_switches_in_their_places_is_found(void **state)
{
    (void)state;
    mote_sim_failure f = explore_quietly(tear, NULL);
    assert_int_equal(f.end, MOTE_SIM_RESULT);
    assert_in_range(f.steps, 2, 6);
}

/* What can happen to a run */

static int die(void *arg)
{
    (void)arg;
    fprintf(stderr, "about to die\n");
    abort();
}

static int leave(void *arg)
{
    (void)arg;
    _exit(7);
}

static int hang(void *arg)
{
    (void)arg;
    for (volatile int i = 0; i >= 0; i = !i)
        continue;
    return 0;
}

static int go_on(void *arg)
{
    (void)arg;
    while (balance >= 0)
        mote_yield();
    return 0;
}

static int panic(void *arg)
{
    (void)arg;
    mote_panic("enough");
}

static int end_well(void *arg)
{
    (void)arg;
    return 0;
}

static void assert_end(int (*fn)(void *), enum mote_sim_end end, int code)
{
    const mote_sim_options options = {.runs = 3, .most_choices = 500, .quiet = 1};
    mote_sim_failure f;
    assert_int_equal(mote_sim_explore_with(&options, fn, NULL, &f), 1);
    assert_int_equal(f.end, end);
    assert_int_equal(f.code, code);
    assert_int_equal(f.runs, 1);
}

static void test_ends_are_told_apart(void **state)
{
    (void)state;
    assert_end(die, MOTE_SIM_SIGNAL, SIGABRT);
    assert_end(leave, MOTE_SIM_EXIT, 7);
    assert_end(go_on, MOTE_SIM_ENDLESS, 0);
    assert_end(panic, MOTE_SIM_PANIC, 0);
    mote_sim_failure f;
    const mote_sim_options few = {.runs = 1, .most_choices = 500, .quiet = 1};
    assert_int_equal(mote_sim_explore_with(&few, go_on, NULL, &f), 1);
    assert_int_equal(f.choices, 500); /* though there was one task, and so nothing to choose */
    const mote_sim_options options = {.runs = 5, .quiet = 1};
    assert_int_equal(mote_sim_explore_with(&options, end_well, NULL, &f), 0);
    assert_int_equal(f.end, MOTE_SIM_PASSED);
    assert_int_equal(mote_sim_explore(end_well, NULL, 5), 0);
}

static void test_a_loop_that_calls_nothing_is_stopped(void **state)
{
    (void)state;
    const mote_sim_options options = {.runs = 1, .seconds = 1, .quiet = 1, .as_it_is = 1};
    mote_sim_failure f;
    assert_int_equal(mote_sim_explore_with(&options, hang, NULL, &f), 1);
    assert_int_equal(f.end, MOTE_SIM_SIGNAL);
    assert_int_equal(f.code, SIGALRM);
}

static int runs_here;

static int count_runs(void *arg)
{
    (void)arg;
    return ++runs_here > 1;
}

static void test_a_run_leaves_nothing_behind(void **state)
{
    (void)state;
    runs_here = 0;
    assert_int_equal(mote_sim_explore(count_runs, NULL, 10), 0);
    assert_int_equal(runs_here, 0);
}

static void test_wrong_numbers_are_refused(void **state)
{
    (void)state;
    const mote_sim_options options = {.runs = 1, .seconds = -1};
    assert_int_equal(mote_sim_explore(end_well, NULL, 0), -EINVAL);
    assert_int_equal(mote_sim_explore(end_well, NULL, -1), -EINVAL);
    assert_int_equal(mote_sim_explore_with(&options, end_well, NULL, NULL), -EINVAL);
}

/* Reports */

static void body_lost(void *arg)
{
    (void)arg;
    CHECK(mote_sim_explore(lose_a_deposit, NULL, SEEDS) == 1);
}

static void assert_said(const struct child_result *child, const char *text)
{
    if (child->status != 0 || !strstr(child->err, text))
        fail_msg("status %x, '%s' is not in: %s", (unsigned)child->status, text, child->err);
}

static void test_the_report_has_seed_and_switches(void **state)
{
    (void)state;
    struct child_result child = run_child(body_lost, NULL);
    assert_said(&child, "mote: simulation with seed ");
    assert_said(&child, "the result is 1\n");
    assert_said(&child, "mote: what it has said:\nbalance 20\n");
    assert_said(&child, " choices make it fail:\nmote:   choice ");
    assert_said(&child, " (deposit, test_explore.c:");
    assert_said(&child, " instead of ");
    assert_said(&child, "mote: to see it again: mote_sim_run(");
}

/* Each of these fails by one choice of its kind alone. */
static int take_the_first(void *arg)
{
    (void)arg;
    channel a = mote_chan_make(int, 1), b = mote_chan_make(int, 1);
    mote_send(a, 1);
    mote_send(b, 1);
    int chosen = mote_select(MOTE_RECV(a, NULL), MOTE_RECV(b, NULL));
    mote_chan_free(a);
    mote_chan_free(b);
    return chosen == 0; /* left to itself, it is the last that is ready */
}

static int hear_the_second(void *arg)
{
    (void)arg;
    int64_t when = mote_now() + MOTE_S;
    mote_ctx *a = mote_ctx_with_deadline(mote_ctx_background(), when),
             *b = mote_ctx_with_deadline(mote_ctx_background(), when);
    CHECK(a && b);
    int chosen = mote_select(MOTE_DONE(a), MOTE_DONE(b));
    mote_ctx_free(a);
    mote_ctx_free(b);
    return chosen;
}

static int first;
static bool leaving;

static void come(int number)
{
    if (!first)
        first = leaving ? number : 1;
}

static int run_the_second(void *arg)
{
    (void)arg;
    first = 0;
    leaving = false;
    CHECK(mote_go(come, 1) == 0 && mote_go(come, 2) == 0);
    leaving = true;
    mote_yield();
    while (!first)
        mote_yield();
    return first - 1;
}

static void body_reported(void *fn) { CHECK(mote_sim_explore((int (*)(void *))fn, NULL, SEEDS) == 1); }

static void test_each_kind_of_choice_is_told(void **state)
{
    (void)state;
    struct child_result child = run_child(body_reported, (void *)take_the_first);
    assert_said(&child, "mote:   choice 0: the main task takes another case of a select");
    child = run_child(body_reported, (void *)hear_the_second);
    assert_said(&child, ": another timer comes first\n");
    child = run_child(body_reported, (void *)run_the_second);
    assert_said(&child, " (come, test_explore.c:");
    assert_said(&child, ") runs next, not task ");
}

static void body_passed(void *arg)
{
    (void)arg;
    CHECK(mote_sim_explore(end_well, NULL, 20) == 0);
}

static void test_nothing_is_said_of_runs_that_pass(void **state)
{
    (void)state;
    struct child_result child = run_child(body_passed, NULL);
    assert_int_equal(child.status, 0);
    assert_string_equal(child.err, "");
}

static void body_died(void *arg)
{
    (void)arg;
    CHECK(mote_sim_explore(die, NULL, 20) == 1);
}

static void test_last_words_are_shown(void **state)
{
    (void)state;
    struct child_result child = run_child(body_died, NULL);
    assert_said(&child, "mote: simulation with seed 1 fails, run 1 of 20: SIGABRT\n");
    assert_said(&child, "about to die\n");
    assert_said(&child, "it fails also when nothing is left to chance");
}

static int pick(void *arg)
{
    (void)arg;
    char c = 'x';
    ssize_t n = write(STDOUT_FILENO, &c, 1);
    return n == 1 ? 9 : 8;
}

static void body_seed(void *arg)
{
    (void)arg;
    const mote_sim_options options = {.runs = 100, .first_seed = 3, .quiet = 1};
    mote_sim_failure f;
    setenv("MOTEDEBUG", "seed=77", 1);
    CHECK(mote_sim_explore_with(&options, pick, NULL, &f) == 1);
    CHECK(f.seed == 77 && f.runs == 1 && f.code == 9 && strcmp(f.said, "x") == 0);
    setenv("MOTEDEBUG", "seed=", 1);
    CHECK(mote_sim_explore_with(&options, pick, NULL, &f) == -EINVAL);
    unsetenv("MOTEDEBUG");
    CHECK(mote_sim_explore_with(&options, pick, NULL, &f) == 1 && f.seed == 3);
}

static void test_one_seed_can_be_asked_for(void **state)
{
    (void)state;
    struct child_result child = run_child(body_seed, NULL);
    if (child.status != 0)
        fail_msg("status %x: %s", (unsigned)child.status, child.err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_lost_update_is_found_with_one_switch),
        cmocka_unit_test(test_a_deadlock_is_found),
        cmocka_unit_test(test_a_channel_that_is_never_received_from_is_found),
        cmocka_unit_test(test_what_takes_two_switches_in_their_places_is_found),
        cmocka_unit_test(test_ends_are_told_apart),
        cmocka_unit_test(test_a_loop_that_calls_nothing_is_stopped),
        cmocka_unit_test(test_a_run_leaves_nothing_behind),
        cmocka_unit_test(test_wrong_numbers_are_refused),
        cmocka_unit_test(test_the_report_has_seed_and_switches),
        cmocka_unit_test(test_each_kind_of_choice_is_told),
        cmocka_unit_test(test_nothing_is_said_of_runs_that_pass),
        cmocka_unit_test(test_last_words_are_shown),
        cmocka_unit_test(test_one_seed_can_be_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
