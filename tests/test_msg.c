/* SPDX-License-Identifier: MIT */
/* test_msg - a message is one line with the library's name before it, cut when it is long; a fatal one aborts. */
#include "support.h"

#include "base/msg.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>

#define THREADS 4
#define LINES 50

static void print_one(void *arg) { msg_print("%s has %d", (const char *)arg, 3); }

static void test_print_is_one_line(void **state)
{
    struct child_result r = run_child(print_one, "queue");
    (void)state;
    assert_int_equal(r.status, 0);
    assert_string_equal(r.err, "mote: queue has 3\n");
}

static void test_long_text_is_cut(void **state)
{
    char text[2000];
    (void)state;
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = 0;
    struct child_result r = run_child(print_one, text);
    size_t n = strlen(r.err);
    assert_int_equal(r.status, 0);
    assert_true(n > 400 && n <= 512);
    assert_int_equal(r.err[n - 1], '\n');
    assert_ptr_equal(strchr(r.err, '\n'), r.err + n - 1);
    assert_int_equal(r.err[n - 2], 'x');
}

static void die(void *arg)
{
    (void)arg;
    msg_fatal("cause %x", 0xabcu);
}

static void test_fatal_aborts(void **state)
{
    struct child_result r = run_child(die, NULL);
    (void)state;
    assert_killed(&r, SIGABRT);
    assert_string_equal(r.err, "mote: cause abc\n");
}

static void *print_many(void *arg)
{
    for (int i = 0; i < LINES; i++)
        msg_print("%s", (const char *)arg);
    return NULL;
}

static void print_from_threads(void *arg)
{
    pthread_t thread[THREADS];
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_create(&thread[i], NULL, print_many, arg) == 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(thread[i], NULL);
}

static void test_lines_do_not_mix(void **state)
{
    struct child_result r = run_child(print_from_threads, "abcdefghijkl");
    const char *line = r.err, want[] = "mote: abcdefghijkl\n";
    int lines = 0;
    (void)state;
    assert_int_equal(r.status, 0);
    for (; *line; line += sizeof want - 1, lines++)
        assert_memory_equal(line, want, sizeof want - 1);
    assert_int_equal(lines, THREADS * LINES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_print_is_one_line),
        cmocka_unit_test(test_long_text_is_cut),
        cmocka_unit_test(test_fatal_aborts),
        cmocka_unit_test(test_lines_do_not_mix),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
