/* SPDX-License-Identifier: MIT */
/* test_backtrace - reports name the functions from the one that panicked up to where the task was started, and end there;
 * a long message is cut. */
#include "support.h"

#include "base/attr.h"
#include "base/msg.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

/* Not inlined, and no tail calls: each must have its frame. */
static volatile int after;

static void call_panic(const char *text) { mote_panic("%s", text); }
static void (*volatile panic_now)(const char *text) = call_panic;

static NOINLINE void innermost(void)
{
    panic_now("told");
    after++;
}

static NOINLINE void in_between(int depth)
{
    if (depth > 0)
        in_between(depth - 1);
    else
        innermost();
    after++;
}

static void body_of_task(int depth)
{
    mote_yield();
    in_between(depth);
    after++;
}

/* The frames of a report, each of which must be a line with a number and a name; in all. */
static int frames(const char *err, char names[][64], int max)
{
    int n = 0;
    for (const char *line = err; line && *line; line = strchr(line, '\n'), line += line != NULL) {
        int number;
        char name[64];
        if (sscanf(line, "mote:   #%d %63[^+ ]+0x", &number, name) != 2)
            continue;
        assert_int_equal(number, n);
        assert_true(n < max);
        strcpy(names[n++], name);
    }
    return n;
}

static void assert_names(const char *err, const char *const *want, int n)
{
    char names[32][64];
    if (!msg_tracer) {
        assert_non_null(strstr(err, "mote: (built without backtraces)\n"));
        return;
    }
    int found = frames(err, names, 32);
    if (found != n)
        fail_msg("%d frames, not %d: %s", found, n, err);
    for (int i = 0; i < n; i++)
        if (strcmp(names[i], want[i]) != 0)
            fail_msg("frame %d is %s, not %s", i, names[i], want[i]);
}

/* From copied stacks that have been elsewhere, too. */
static void yield_often(void)
{
    for (int i = 0; i < 1000; i++)
        mote_yield();
}

static void panic_in_task(void *arg)
{
    for (int i = 0; i < 20; i++)
        mote_go(yield_often);
    mote_go(body_of_task, (int)(intptr_t)arg);
    yield_until_alone();
}

static void panic_in_runtime(void *arg)
{
    const mote_config crowded = {.procs = 2, .homes = 2};
    run_with(&crowded, panic_in_task, arg);
}

static void test_a_panic_shows_the_way_to_the_task(void **state)
{
    static const char *const want[] = {"call_panic", "innermost",  "in_between",
                                       "in_between", "in_between", "body_of_task"};
    (void)state;
    struct child_result child = run_child(panic_in_runtime, (void *)2);
    assert_killed(&child, SIGABRT);
    assert_memory_equal(child.err, "mote: panic: told\nmote: in task ", 32);
    assert_non_null(strstr(child.err, " (body_of_task), started at "));
    assert_non_null(strstr(child.err, "test_backtrace.c:"));
    assert_names(child.err, want, 6);
}

/* As many as fit, from the inside. */
static void test_of_great_depth_the_innermost_are_shown(void **state)
{
    char names[40][64];
    (void)state;
    struct child_result child = run_child(panic_in_runtime, (void *)200);
    assert_killed(&child, SIGABRT);
    if (!msg_tracer)
        return;
    int n = frames(child.err, names, 40);
    assert_true(n >= 16);
    assert_string_equal(names[1], "innermost");
    assert_string_equal(names[n - 1], "in_between");
}

/* What mote_try caught, printed later, elsewhere. */
static void dive(void *arg) { in_between((int)(intptr_t)arg); }

static void catch_and_print(void *arg)
{
    mote_error *error = arg;
    CHECK(mote_try(dive, (void *)1, error) == -ECANCELED);
}

static void print_caught(void *arg)
{
    mote_error error;
    (void)arg;
    run_with(&one_proc, catch_and_print, &error);
    mote_error_print(&error);
}

static void test_a_caught_one_can_be_printed_later(void **state)
{
    static const char *const want[] = {"call_panic", "innermost", "in_between", "in_between"};
    char names[32][64];
    (void)state;
    struct child_result child = run_child(print_caught, NULL);
    assert_int_equal(child.status, 0);
    assert_memory_equal(child.err, "mote: panic: told\nmote: in task ", 32);
    if (!msg_tracer)
        return;
    assert_true(frames(child.err, names, 32) > 4);
    for (int i = 0; i < 4; i++)
        assert_string_equal(names[i], want[i]);
}

/* The runtime's own messages */

static mote_mutex unlocked;

static NOINLINE void misuse(void)
{
    mote_mutex_unlock(&unlocked);
    after++;
}

static void misuse_in_task(void)
{
    misuse();
    after++;
}

static void start_misuse(void *arg)
{
    (void)arg;
    mote_set_name("body");
    mote_go(misuse_in_task);
    yield_until_alone();
}

static void misuse_in_runtime(void *arg) { run_with(&two_procs, start_misuse, arg); }

static void misuse_in_thread(void *arg)
{
    (void)arg;
    misuse();
    after++;
}

static void test_misuse_shows_who_and_where(void **state)
{
    (void)state;
    struct child_result child = run_child(misuse_in_runtime, NULL);
    assert_killed(&child, SIGABRT);
    assert_non_null(strstr(child.err, " (misuse_in_task), started at "));
    if (msg_tracer) {
        assert_non_null(strstr(child.err, " misuse+0x"));
        assert_non_null(strstr(child.err, " misuse_in_task+0x"));
    }
    child = run_child(misuse_in_thread, NULL);
    assert_killed(&child, SIGABRT);
    assert_non_null(strstr(child.err, "mote: in a plain thread\n"));
    assert_true(!msg_tracer || strstr(child.err, " misuse_in_thread+0x"));
}

/* Messages */

static void panic_long(void *arg)
{
    char text[1000];
    memset(text, 'x', sizeof text);
    memcpy(text, "0123", (size_t)(intptr_t)arg);
    for (size_t i = (size_t)(intptr_t)arg; i + 2 < sizeof text; i += 2)
        memcpy(text + i, "\xc3\xa4", 2);
    text[sizeof text - 3] = 0;
    mote_panic("%s", text);
}

static void catch_long(void *arg)
{
    (void)arg;
    for (intptr_t shift = 0; shift < 2; shift++) {
        mote_error error;
        memset(&error, 0xff, sizeof error);
        CHECK(mote_try(panic_long, (void *)shift, &error) == -ECANCELED);
        size_t n = strlen(error.message);
        CHECK(n >= sizeof error.message - 3 && n < sizeof error.message);
        CHECK(strcmp(error.message + n - 3, "...") == 0);
        CHECK((n - 3 - (size_t)shift) % 2 == 0); /* whole characters */
        CHECK(error.frames >= 0 && error.frames <= MOTE_ERROR_FRAMES);
    }
}

static void test_a_long_message_is_cut_between_characters(void **state)
{
    (void)state;
    run_everywhere(catch_long);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_panic_shows_the_way_to_the_task),
        cmocka_unit_test(test_of_great_depth_the_innermost_are_shown),
        cmocka_unit_test(test_a_caught_one_can_be_printed_later),
        cmocka_unit_test(test_misuse_shows_who_and_where),
        cmocka_unit_test(test_a_long_message_is_cut_between_characters),
    };
    watchdog(60);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
