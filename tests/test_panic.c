/* SPDX-License-Identifier: MIT */
/* test_panic - what runs, in which order, and how it ends: returns, exits and panics, caught or not, within each other.
 *
 * Each case is compared with Go 1.19.8, where deferred functions and recover in one of them take the place of mote_defer and
 * mote_try. It printed what stands here, but for the case marked "Go 1.19 returns": there the second panic makes Go forget the
 * exit, which later versions don't.
 */
#include "support.h"

#include "base/sanitizer.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char said[512];

static void say(void *text)
{
    CHECK(strlen(said) + strlen(text) + 2 < sizeof said);
    strcat(said, text);
    strcat(said, " ");
}

static void later(const char *text) { CHECK(mote_defer(say, (void *)text) == 0); }
static void panic(void *text) { mote_panic("%s", (const char *)text); }
static void panic_later(const char *text) { CHECK(mote_defer(panic, (void *)text) == 0); }

static void leave(void *arg)
{
    (void)arg;
    mote_exit();
}

static void exit_later(void) { CHECK(mote_defer(leave, NULL) == 0); }

/* Says how it ended; `error` is only touched by a panic. */
static void attempt(void (*fn)(void *arg), void *arg)
{
    mote_error error = {.message = "untouched"};
    int result = mote_try(fn, arg, &error);
    CHECK(result == 0 || result == -ECANCELED);
    say(result == 0 ? "tried" : "caught");
    say(error.message);
    CHECK(result == 0 || error.task == mote_self());
}

static void returns(void *arg)
{
    (void)arg;
    later("d1");
    later("d2");
}

static void exits(void *arg)
{
    (void)arg;
    later("d1");
    mote_exit();
}

static void panics(void *arg)
{
    later("d");
    panic(arg ? arg : "A");
}

static void try_a_return(void *arg)
{
    (void)arg;
    later("d0");
    attempt(returns, NULL);
}

static void try_a_panic(void *arg)
{
    later("d0");
    attempt(panics, arg);
}

static void replaced(void *arg)
{
    (void)arg;
    later("d0");
    panic_later("B");
    later("d1");
    panic("A");
}

static void try_replaced(void *arg) { attempt(replaced, arg); }

static void three(void *arg)
{
    (void)arg;
    panic_later("C");
    panic_later("B");
    panic("A");
}

static void recovers(void *arg) { attempt(panic, arg); }

static void recovers_within(void *arg)
{
    (void)arg;
    later("d0");
    CHECK(mote_defer(recovers, (void *)"B") == 0);
    panic("A");
}

static void try_recovers_within(void *arg) { attempt(recovers_within, arg); }

static void exit_in_try(void *arg)
{
    later("d0");
    attempt(exits, arg);
    say("NEVER");
}

static void panics_at_exit(void *arg)
{
    (void)arg;
    later("d1");
    panic_later("B");
    mote_exit();
}

static void panic_at_exit_caught_outside(void *arg)
{
    later("d0");
    attempt(panics_at_exit, arg);
    say("NEVER");
}

static void panics_twice_at_exit(void *arg)
{
    (void)arg;
    panic_later("C");
    panic_later("B");
    mote_exit();
}

static void two_panics_at_exit_caught_outside(void *arg)
{
    later("d0");
    attempt(panics_twice_at_exit, arg);
    say("NEVER");
}

static void panic_after_one_at_exit(void *arg)
{
    later("d0");
    panic_later("C");
    attempt(panics_at_exit, arg);
    say("NEVER");
}

static void recovers_at_exit(void *arg)
{
    (void)arg;
    later("d0");
    CHECK(mote_defer(recovers, (void *)"B") == 0);
    mote_exit();
}

static void exit_within_panic(void *arg)
{
    (void)arg;
    later("d1");
    exit_later();
    panic("A");
}

static void exit_within_panic_in_try(void *arg)
{
    later("d0");
    attempt(exit_within_panic, arg);
    say("NEVER");
}

static void exit_within_exit(void *arg)
{
    (void)arg;
    later("d0");
    exit_later();
    mote_exit();
}

static void exit_exit_panic(void *arg)
{
    (void)arg;
    panic_later("B");
    exit_later();
    mote_exit();
}

static void exit_exit_panic_in_try(void *arg)
{
    later("d0");
    attempt(exit_exit_panic, arg);
    say("NEVER");
}

static void panic_exit_panic(void *arg)
{
    (void)arg;
    later("d1");
    panic_later("B");
    exit_later();
    panic("A");
}

static void panic_exit_panic_in_try(void *arg)
{
    later("d0");
    attempt(panic_exit_panic, arg);
    say("NEVER");
}

static void deferred_panics(void *arg)
{
    (void)arg;
    later("d0");
    panic_later("B");
    later("d1");
}

static void try_deferred_panics(void *arg) { attempt(deferred_panics, arg); }

static void deferred_exits(void *arg)
{
    (void)arg;
    later("d1");
    exit_later();
}

static void try_deferred_exits(void *arg)
{
    later("d0");
    attempt(deferred_exits, arg);
    say("NEVER");
}

static void again(void *arg)
{
    mote_error error;
    CHECK(mote_try(panics, arg, &error) == -ECANCELED);
    mote_panic("%s again", error.message);
}

static void try_again(void *arg) { attempt(again, arg); }

static void panics_c_for_b(void *arg)
{
    (void)arg;
    panic_later("C");
    panic("B");
}

static void tries_c_for_b(void *arg) { attempt(panics_c_for_b, arg); }

static void nested_scopes(void *arg)
{
    (void)arg;
    CHECK(mote_defer(tries_c_for_b, NULL) == 0);
    panic("A");
}

static void try_nested_scopes(void *arg) { attempt(nested_scopes, arg); }

static void panic_beyond_exit(void *arg)
{
    /* The inner try lies within a step of the exit: it catches, and the exit goes on after it. */
    (void)arg;
    CHECK(mote_defer(try_replaced, NULL) == 0);
    mote_exit();
}

static const struct {
    const char *name;
    void (*fn)(void *arg);
    const char *says;
    const char *reports; /* NULL: nothing */
    bool task;           /* it exits, or panics to the end: not for plain threads, which can't end so */
} cases[] = {
    {"return", returns, "d2 d1 ", NULL, true},
    {"exit", exits, "d1 ", NULL, true},
    {"panic", panics, "d ", "mote: panic: A\n", true},
    {"return, tried", try_a_return, "d2 d1 tried untouched d0 ", NULL, true},
    {"panic, tried", try_a_panic, "d caught A d0 ", NULL, true},
    {"panic in deferred", replaced, "d1 d0 ", "mote: panic: A\n\tpanic: B\n", true},
    {"panic in deferred, tried", try_replaced, "d1 d0 caught B ", NULL, false},
    {"three panics", three, "", "mote: panic: A\n\tpanic: B\n\tpanic: C\n", true},
    {"try in deferred", recovers_within, "caught B d0 ", "mote: panic: A\n", true},
    {"try in deferred, tried", try_recovers_within, "caught B d0 caught A ", NULL, false},
    {"exit, tried", exit_in_try, "d1 d0 ", NULL, true},
    {"exit, panic in deferred", panics_at_exit, "d1 ", "mote: panic: B\n", true},
    {"exit, panic in deferred, tried", panic_at_exit_caught_outside, "d1 d0 ", NULL, true},
    {"exit, two panics, tried (Go 1.19 returns)", two_panics_at_exit_caught_outside, "d0 ", NULL, true},
    {"exit, panic, tried, panic", panic_after_one_at_exit, "d1 d0 ", "mote: panic: C\n", true},
    {"exit, try in deferred", recovers_at_exit, "caught B d0 ", NULL, true},
    {"panic, exit in deferred", exit_within_panic, "d1 ", NULL, true},
    {"panic, exit in deferred, tried", exit_within_panic_in_try, "d1 d0 ", NULL, true},
    {"exit, exit in deferred", exit_within_exit, "d0 ", NULL, true},
    {"exit, exit, panic, tried", exit_exit_panic_in_try, "d0 ", NULL, true},
    {"panic, exit, panic", panic_exit_panic, "d1 ", "mote: panic: A\n\tpanic: B\n", true},
    {"panic, exit, panic, tried", panic_exit_panic_in_try, "d1 d0 ", NULL, true},
    {"deferred panics", deferred_panics, "d1 d0 ", "mote: panic: B\n", true},
    {"deferred panics, tried", try_deferred_panics, "d1 d0 caught B ", NULL, false},
    {"deferred exits, tried", try_deferred_exits, "d1 d0 ", NULL, true},
    {"panic, tried, panic, tried", try_again, "d caught A again ", NULL, false},
    {"panic, in deferred two more, tried each", try_nested_scopes, "caught C caught A ", NULL, false},
    {"exit, try in deferred", panic_beyond_exit, "d1 d0 caught B ", NULL, true},
};
#define CASES (sizeof cases / sizeof cases[0])

static const mote_config *config;

static void check_said(size_t i)
{
    if (strcmp(said, cases[i].says) != 0) {
        fprintf(stderr, "%s: '%s', not '%s'\n", cases[i].name, said, cases[i].says);
        abort();
    }
    said[0] = 0;
}

static void run_case(void *arg)
{
    size_t i = (size_t)arg;
    intptr_t result = 4711;
    mote_task *task = mote_spawn(cases[i].fn, NULL);
    CHECK(task);
    int ended = mote_join(task, &result);
    CHECK(ended == (cases[i].reports ? -EOWNERDEAD : 0) && result == 0);
    check_said(i);
    task = mote_spawn(cases[i].fn, NULL);
    CHECK(mote_join_until(task, NULL, mote_now() + 60 * MOTE_S) == ended);
    check_said(i);
}

static void run_case_in_child(void *arg)
{
    mote_config c = *config;
    c.panic_ends_task = true;
    run_with(&c, run_case, arg);
}

static void test_the_table(void **state)
{
    static const mote_config each[] = {
        {.procs = 1}, {.procs = 2}, {.procs = 2, .homes = 2}, {.procs = 1, .pinned = true}};
    size_t n_configs = sanitizer_pins_all() ? 2 : 4; /* where every task is pinned, the others are the same */
    (void)state;
    for (size_t c = 0; c < n_configs; c++)
        for (size_t i = 0; i < CASES; i++) {
            if (each[c].pinned && in_check_mode())
                continue; /* it says that there is nothing to check */
            config = &each[c];
            struct child_result child = run_child(run_case_in_child, (void *)i);
            const char *want = cases[i].reports ? cases[i].reports : "";
            const char *rest = strstr(child.err, "mote: in task ");
            size_t n = rest ? (size_t)(rest - child.err) : strlen(child.err);
            if (child.status || n != strlen(want) || strncmp(child.err, want, n) != 0)
                fail_msg("%s: status %x, it said: %s", cases[i].name, (unsigned)child.status, child.err);
        }
}

/* The same where the program ends with the panic: the deferred functions have run before the report. */
static void run_case_to_the_end(void *arg)
{
    const mote_config c = {.procs = 2};
    size_t i = (size_t)arg;
    run_with(&c, run_case, arg);
    CHECK(!cases[i].reports);
}

static void test_a_panic_ends_the_program(void **state)
{
    (void)state;
    for (size_t i = 0; i < CASES; i++) {
        struct child_result child = run_child(run_case_to_the_end, (void *)i);
        if (!cases[i].reports) {
            assert_int_equal(child.status, 0);
            continue;
        }
        assert_killed(&child, SIGABRT);
        assert_ptr_equal(strstr(child.err, cases[i].reports), child.err);
    }
}

/* Plain threads: with a runtime, without one, all that comes back. */
static void *run_cases_in_thread(void *arg)
{
    (void)arg;
    for (size_t i = 0; i < CASES; i++)
        if (!cases[i].task) {
            cases[i].fn(NULL);
            check_said(i);
        }
    return NULL;
}

static void test_plain_threads(void **state)
{
    (void)state;
    run_in_threads(1, run_cases_in_thread, NULL);
    assert_int_equal(mote_start(&two_procs), 0);
    run_in_threads(1, run_cases_in_thread, NULL);
    assert_int_equal(mote_stop(MOTE_FOREVER), 0);
}

static void *panic_in_thread(void *arg)
{
    panic(arg);
    return NULL;
}

static void panic_in_plain_thread(void *arg)
{
    (void)arg;
    const mote_config c = {.procs = 1, .panic_ends_task = true};
    CHECK(mote_start(&c) == 0);
    run_in_threads(1, panic_in_thread, "lonely");
}

static void exit_in_try_of_thread(void *arg) { attempt(exits, arg); }

static void test_what_ends_a_plain_thread_ends_the_program(void **state)
{
    (void)state;
    assert_dies_saying(panic_in_plain_thread, "mote: panic: lonely\nmote: in a plain thread\n");
    assert_dies_saying(exit_in_try_of_thread, "mote_exit on a plain thread");
}

/* The main task */

static int main_panics(int argc, char **argv)
{
    (void)argv;
    later("d");
    if (argc == 0)
        panic("main");
    if (argc == 1)
        mote_exit();
    if (argc == 2)
        exit_later(); /* after 42 was returned */
    return 42;
}

static void run_main(void *arg) { CHECK(mote_run(main_panics, 0, arg) == 0); }

static void test_the_main_task(void **state)
{
    (void)state;
    setenv("MOTEDEBUG", "panic=task", 1);
    assert_dies_saying(run_main, "mote: panic: main\nmote: in the main task\n");
    unsetenv("MOTEDEBUG");
    assert_int_equal(mote_run(main_panics, 1, NULL), 0);
    assert_int_equal(mote_run(main_panics, 2, NULL), 0);
    assert_int_equal(mote_run(main_panics, 3, NULL), 42);
    assert_string_equal(said, "d d d ");
    said[0] = 0;
}

/* What a panic leaves as it was: a mutex stays locked. */
static mote_mutex mutex;

static void panic_locked(void *arg)
{
    mote_mutex_lock(&mutex);
    panic(arg);
}

static void lock_and_panic(void *arg)
{
    (void)arg;
    CHECK(mote_try(panic_locked, "A", NULL) == -ECANCELED);
    CHECK(mote_mutex_try_lock(&mutex) == -EAGAIN);
    mote_mutex_unlock(&mutex);
}

static void test_a_mutex_stays_locked(void **state)
{
    (void)state;
    run_everywhere(lock_and_panic);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_table),     cmocka_unit_test(test_a_panic_ends_the_program),
        cmocka_unit_test(test_plain_threads), cmocka_unit_test(test_what_ends_a_plain_thread_ends_the_program),
        cmocka_unit_test(test_the_main_task), cmocka_unit_test(test_a_mutex_stays_locked),
    };
    watchdog(120);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
