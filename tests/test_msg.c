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

static const char fatal_head[] = "mote: cause abc\nmote: in a plain thread\nmote: ";

static void test_fatal_says_who_and_where_and_aborts(void **state)
{
    struct child_result r = run_child(die, NULL);
    (void)state;
    assert_killed(&r, SIGABRT);
    assert_memory_equal(r.err, fatal_head, sizeof fatal_head - 1);
    const char *rest = r.err + sizeof fatal_head - 1;
    if (msg_tracer)
        assert_memory_equal(rest, "  #0 die+0x", 11);
    else
        assert_string_equal(rest, "(built without backtraces)\n");
}

/* A report that is longer than its buffer is cut, and written all the same. */
static void report_much(void *arg)
{
    struct msg_text text;
    (void)arg;
    msg_begin(&text);
    for (int i = 0; i < 2000; i++)
        msg_add(&text, "line %d\n", i);
    CHECK(text.n < sizeof text.text);
    msg_end(&text);
}

static void test_a_long_report_is_cut(void **state)
{
    struct child_result r = run_child(report_much, NULL);
    size_t n = strlen(r.err);
    (void)state;
    assert_int_equal(r.status, 0);
    assert_memory_equal(r.err, "line 0\nline 1\n", 14);
    assert_true(n > 5000 && n < sizeof(struct msg_text));
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

/* Of several that would end the process one tells why, and isn't cut off by the others. */
static void *die_in_thread(void *arg)
{
    pthread_barrier_wait(arg);
    die(NULL);
    return NULL;
}

static void die_in_threads(void *arg)
{
    pthread_t thread[THREADS];
    pthread_barrier_t together;
    (void)arg;
    CHECK(pthread_barrier_init(&together, NULL, THREADS) == 0);
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_create(&thread[i], NULL, die_in_thread, &together) == 0);
    pthread_join(thread[0], NULL);
}

static void test_one_thread_has_the_last_words(void **state)
{
    struct child_result r = run_child(die_in_threads, NULL);
    (void)state;
    assert_killed(&r, SIGABRT);
    assert_memory_equal(r.err, fatal_head, sizeof fatal_head - 1);
    assert_null(strstr(r.err + 1, "mote: cause"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_print_is_one_line),
        cmocka_unit_test(test_long_text_is_cut),
        cmocka_unit_test(test_fatal_says_who_and_where_and_aborts),
        cmocka_unit_test(test_a_long_report_is_cut),
        cmocka_unit_test(test_lines_do_not_mix),
        cmocka_unit_test(test_one_thread_has_the_last_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
