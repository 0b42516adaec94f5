/* SPDX-License-Identifier: MIT */
/* test_trace - a trace says what the program did: TR1, TR2, TR5, TF1-TF3, and what mote_stats counts.
 * tests/trace/check reads whole files; this one looks at single lines, for there is a line for each event. */
#include "support.h"

#include "base/sanitizer.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static char path[100];

static int set_path(void **state)
{
    (void)state;
    int fd = mkstemp(temporary_name(path, sizeof path));
    return fd < 0 ? -1 : close(fd);
}

static int remove_file(void **state)
{
    (void)state;
    return unlink(path);
}

static char *read_all(const char *from)
{
    FILE *file = fopen(from, "r");
    assert_non_null(file);
    size_t size = 0, room = 1 << 16;
    char *text = malloc(room);
    for (size_t n; text && (n = fread(text + size, 1, room - size - 1, file)) > 0;)
        if ((size += n) == room - 1)
            text = realloc(text, room *= 2);
    assert_non_null(text);
    fclose(file);
    text[size] = 0;
    return text;
}

/* Lines with both texts. */
static uint64_t count_lines(const char *text, const char *one, const char *two)
{
    uint64_t n = 0;
    while (*text) {
        size_t length = strcspn(text, "\n");
        n += memmem(text, length, one, strlen(one)) && memmem(text, length, two, strlen(two));
        text += length + (text[length] == '\n');
    }
    return n;
}

/* The sum of the numbers behind `key` in lines with `one`. */
static uint64_t sum_lines(const char *text, const char *one, const char *key)
{
    uint64_t n = 0;
    while (*text) {
        size_t length = strcspn(text, "\n");
        const char *at = memmem(text, length, one, strlen(one)) ? memmem(text, length, key, strlen(key)) : NULL;
        n += at ? strtoull(at + strlen(key), NULL, 10) : 0;
        text += length + (text[length] == '\n');
    }
    return n;
}

static void assert_whole(const char *text)
{
    size_t n = strlen(text);
    assert_true(n > 100 && text[0] == '[' && strcmp(text + n - 5, "}}\n]\n") == 0);
}

static uint64_t lost_of(const char *text) { return sum_lines(text, "\"name\":\"mote\"", "\"lost\":"); }

#define RUN "\"ph\":\"X\",\"pid\":1"

static void test_refused(void **state)
{
    (void)state;
    assert_int_equal(mote_trace_start(path), -ESHUTDOWN);
    assert_int_equal(mote_trace_stop(), -EINVAL);
    assert_int_equal(mote_start(&one_proc), 0);
    assert_int_equal(mote_trace_start(NULL), -EINVAL);
    assert_int_equal(mote_trace_start("/nonexistent/file"), -ENOENT);
    assert_int_equal(mote_trace_start(""), -ENOENT);
    assert_int_equal(mote_trace_stop(), -EINVAL);
    assert_int_equal(mote_trace_start(path), 0);
    assert_int_equal(mote_trace_start(path), -EBUSY);
    assert_int_equal(mote_trace_stop(), 0);
    assert_int_equal(mote_trace_stop(), -EINVAL);
    assert_int_equal(mote_stop(MOTE_FOREVER), 0);
    char *text = read_all(path);
    assert_whole(text);
    free(text);
}

static void yielder(int times)
{
    for (int i = 0; i < times; i++)
        mote_yield();
}

static void receiver(mote_chan(int) c)
{
    while (mote_recv(c, NULL) == 0)
        ;
}

static void named(mote_chan(int) c)
{
    mote_set_name("\"na\\me\"\n\x80");
    mote_recv(c, NULL);
}

/* With one proc, nothing is up to chance. */
static void do_known_things(void *arg)
{
    (void)arg;
    mote_chan(int) c = mote_chan_make(int, 0);
    CHECK(mote_trace_start(path) == 0);
    CHECK(mote_go(yielder, 3) == 0);
    CHECK(mote_go(receiver, c) == 0);
    CHECK(mote_go(named, c) == 0);
    for (int i = 0; i < 10; i++)
        CHECK(mote_send(c, i) == 0);
    mote_chan_close(c);
    yield_until_alone();
    mote_sleep(MOTE_MS);
    CHECK(mote_trace_stop() == 0);
    mote_chan_free(c);
}

static void test_says_what_happened(void **state)
{
    (void)state;
    run_with(&one_proc, do_known_things, NULL);
    char *text = read_all(path);
    assert_whole(text);
    assert_int_equal(lost_of(text), 0);
    assert_int_equal(count_lines(text, RUN, "\"then\":\"ended\""), 3);
    assert_int_equal(count_lines(text, "\"name\":\"yielder\"", "\"then\":\"yielded\""), 3);
    assert_int_equal(count_lines(text, "\"name\":\"yielder\"", "\"then\":\"ended\""), 1);
    assert_true(count_lines(text, "\"name\":\"receiver\"", "\"on\":\"receive\"") > 0);
    assert_true(count_lines(text, RUN, "\"on\":\"sleep\"") > 0);
    assert_true(count_lines(text, RUN, "\"by\":\"timer\"") > 0);
    assert_int_equal(count_lines(text, RUN, "\"then\":\"still running\""), 1); /* who stopped the trace */
    assert_true(count_lines(text, RUN, "\"name\":\"\\\"na\\\\me\\\"\\u000a?\"") > 0);
    assert_true(count_lines(text, RUN, __FILE__) > 0);
    assert_int_equal(count_lines(text, "\"ph\":\"s\"", ""), count_lines(text, "\"ph\":\"f\"", ""));
    assert_int_equal(count_lines(text, "\"ph\":\"b\"", ""), count_lines(text, "\"ph\":\"e\"", ""));
    free(text);
}

/* Deep enough to be copied to and fro where homes are few. */
static int fold(int depth)
{
    volatile char room[64];
    room[0] = (char)depth;
    if (depth == 0)
        mote_yield();
    return room[0] + (depth > 0 ? fold(depth - 1) : 0);
}

static void folder(int depth) { fold(depth); }

static void test_counts_as_stats_do(void **state)
{
    (void)state;
    mote_config config = {.procs = 2, .homes = 4, .trace = path};
    struct mote_stats s;
    assert_int_equal(mote_start(&config), 0);
    long tasks = scale(400);
    for (long i = 0; i < tasks; i++)
        assert_int_equal(mote_go(folder, (int)(i % 20)), 0);
    while (mote_task_count() > 0)
        mote_yield();
    assert_int_equal(mote_stats(&s), 0);
    assert_int_equal(mote_stop(MOTE_FOREVER), 0);
    char *text = read_all(path);
    assert_whole(text);
    if (lost_of(text) == 0) { /* a machine whose writer gets no time */
        assert_int_equal(count_lines(text, "\"name\":\"steal\"", ""), s.steals);
        assert_int_equal(sum_lines(text, "\"name\":\"steal\"", "\"tasks\":"), s.stolen);
        assert_int_equal(count_lines(text, "\"name\":\"copy out\"", ""), s.copies_out);
        assert_int_equal(count_lines(text, "\"name\":\"copy in\"", ""), s.copies_in);
        assert_int_equal(count_lines(text, "\"name\":\"home is taken\"", ""), s.home_conflicts);
        assert_int_equal(count_lines(text, "\"name\":\"starts a task\"", ""), tasks);
        assert_int_equal(count_lines(text, RUN, "\"then\":\"ended\""), tasks);
        assert_true(count_lines(text, "\"name\":\"asleep\"", "") >= s.sleeps);
    }
    free(text);
}

static _Atomic bool enough;

static void *stop_and_go(void *arg)
{
    (void)arg;
    for (long i = 0; i < scale(60); i++) {
        CHECK(mote_trace_start(path) == 0);
        CHECK(mote_trace_stop() >= 0);
        char *text = read_all(path);
        assert_whole(text);
        CHECK(count_lines(text, "\"ph\":\"s\"", "") == count_lines(text, "\"ph\":\"f\"", ""));
        CHECK(count_lines(text, "\"ph\":\"b\"", "") == count_lines(text, "\"ph\":\"e\"", ""));
        free(text);
    }
    enough = true;
    return NULL;
}

static void spin(void)
{
    while (!enough)
        mote_yield();
}

static void pass_on(mote_chan(int) from, mote_chan(int) to)
{
    int n;
    while (mote_recv(from, &n) == 0 && mote_send(to, n) == 0)
        ;
}

/* Start and stop come anywhere between the tasks' steps. */
static void test_starts_and_stops_at_any_time(void **state)
{
    (void)state;
    mote_config config = {.procs = 3, .homes = 4};
    enough = false;
    assert_int_equal(mote_start(&config), 0);
    mote_chan(int) a = mote_chan_make(int, 0);
    mote_chan(int) b = mote_chan_make(int, 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(mote_go(spin), 0);
    for (int i = 0; i < 2; i++)
        assert_true(mote_go(pass_on, a, b) == 0 && mote_go(pass_on, b, a) == 0);
    assert_int_equal(mote_send(a, 1), 0);
    run_in_threads(1, stop_and_go, NULL);
    mote_chan_close(a);
    mote_chan_close(b);
    assert_int_equal(mote_stop(mote_now() + 10 * MOTE_S), 0);
    mote_chan_free(a);
    mote_chan_free(b);
}

static void grows_and_shrinks(void *arg)
{
    (void)arg;
    CHECK(mote_trace_start(path) == 0);
    for (int i = 1; i <= 4; i++) {
        CHECK(mote_set_procs(i) == 0);
        for (int k = 0; k < 20; k++)
            CHECK(mote_go(yielder, 5) == 0);
        yield_until_alone();
    }
    CHECK(mote_set_procs(1) == 0);
    CHECK(mote_trace_stop() == 0);
}

static void test_procs_that_come_later(void **state)
{
    (void)state;
    run_with(&one_proc, grows_and_shrinks, NULL);
    char *text = read_all(path);
    assert_whole(text);
    assert_int_equal(count_lines(text, "\"name\":\"number of procs\"", ""), 5);
    /* Of the last one on each proc the trace may have ended before that proc could tell. */
    uint64_t ended = count_lines(text, RUN, "\"then\":\"ended\"");
    uint64_t unknown = count_lines(text, RUN, "\"then\":\"unknown\"");
    assert_true(ended <= 80 && ended + unknown >= 80 && unknown <= 4);
    free(text);
}

static void overrun(void *arg)
{
    (void)arg;
    CHECK(mote_trace_start(path) == 0);
    struct mote_stats before, after;
    CHECK(mote_stats(&before) == 0);
    CHECK(mote_go(yielder, (int)scale(2000000)) == 0);
    yield_until_alone();
    CHECK(mote_stats(&after) == 0);
    int lost = mote_trace_stop();
    CHECK(lost >= 0);
    *(int *)arg = lost;
}

/* Whether any are lost is up to the machine; that they are told is not. */
static void test_tells_what_is_lost(void **state)
{
    (void)state;
    int *lost = malloc(sizeof *lost);
    assert_non_null(lost);
    run_with(&one_proc, overrun, lost);
    char *text = read_all(path);
    assert_whole(text);
    assert_int_equal(lost_of(text), *lost);
    assert_true(sum_lines(text, "\"name\":\"events lost\"", "\"count\":") <= (uint64_t)*lost);
    free(text);
    free(lost);
}

static void wakes_many(void *arg)
{
    (void)arg;
    mote_chan(int) c = mote_chan_make(int, 0);
    for (int i = 0; i < 50; i++)
        CHECK(mote_go(receiver, c) == 0);
    struct mote_stats s = {0};
    while (s.tasks_parked < 50) {
        mote_yield();
        CHECK(mote_stats(&s) == 0);
    }
    CHECK(mote_trace_start(path) == 0);
    mote_chan_close(c); /* all at once */
    yield_until_alone();
    CHECK(mote_trace_stop() == 0);
    mote_chan_free(c);
}

static void test_names_who_woke_a_crowd(void **state)
{
    (void)state;
    run_with(&one_proc, wakes_many, NULL);
    char *text = read_all(path);
    assert_int_equal(count_lines(text, "\"name\":\"receiver\"", "\"by\":"), 50);
    assert_int_equal(count_lines(text, "\"name\":\"receiver\"", "\"by\":\""), 0);
    free(text);
}

/* Ends of programs: the child writes to the same path. */
static void trace_by_environment(void)
{
    char text[128];
    snprintf(text, sizeof text, "trace=%s,procs=1", path);
    CHECK(setenv("MOTEDEBUG", text, 1) == 0);
}

static int main_exits(int argc, char **argv)
{
    (void)argc, (void)argv;
    CHECK(mote_go(yielder, 3) == 0);
    yield_until_alone();
    exit(0);
}

static void body_exits(void *arg)
{
    (void)arg;
    trace_by_environment();
    mote_run(main_exits, 0, NULL);
}

static int main_waits_for_ever(int argc, char **argv)
{
    (void)argc, (void)argv;
    mote_wg wg = {0};
    mote_wg_add(&wg, 1);
    mote_wg_wait(&wg);
    return 0;
}

static void body_deadlock(void *arg)
{
    (void)arg;
    trace_by_environment();
    mote_run(main_waits_for_ever, 0, NULL);
}

static int main_panics(int argc, char **argv)
{
    (void)argc, (void)argv;
    mote_panic("on purpose");
}

static void body_panics(void *arg)
{
    (void)arg;
    trace_by_environment();
    mote_run(main_panics, 0, NULL);
}

static void test_whole_after_exit(void **state)
{
    (void)state;
    struct child_result child = run_child(body_exits, NULL);
    if (!UNDER_ASAN) /* what the tasks hold at exit counts as leaked there */
        assert_int_equal(child.status, 0);
    char *text = read_all(path);
    assert_whole(text);
    assert_int_equal(count_lines(text, RUN, "\"then\":\"ended\""), 1);
    assert_int_equal(count_lines(text, RUN, "\"then\":\"still running\""), 1);
    free(text);
}

/* The thread that writes the trace wakes nobody (E1). */
static void test_whole_after_a_deadlock(void **state)
{
    (void)state;
    if (UNDER_TSAN || UNDER_EMULATOR) /* as in test_stall */
        skip();
    struct child_result child = run_child(body_deadlock, NULL);
    assert_true(WIFEXITED(child.status) && WEXITSTATUS(child.status) == 2);
    char *text = read_all(path);
    assert_whole(text);
    assert_int_equal(count_lines(text, "\"name\":\"main\"", "\"on\":\"wait group\""), 1);
    free(text);
}

static void test_whole_after_a_panic(void **state)
{
    (void)state;
    if (UNDER_ASAN || UNDER_TSAN) /* they take the signal */
        skip();
    struct child_result child = run_child(body_panics, NULL);
    assert_killed(&child, SIGABRT);
    char *text = read_all(path);
    assert_whole(text);
    assert_int_equal(count_lines(text, "\"name\":\"panic\"", ""), 1);
    assert_int_equal(count_lines(text, "\"name\":\"main\"", "\"then\":\"still running\""), 1);
    free(text);
}

static void body_two_runtimes(void *arg)
{
    (void)arg;
    char text[128];
    snprintf(text, sizeof text, "%s.%d", path, (int)getpid());
    for (int i = 0; i < 2; i++) {
        char setting[128];
        snprintf(setting, sizeof setting, "%s.%%p", path);
        CHECK(mote_start(&(mote_config){.procs = 1, .trace = setting}) == 0);
        CHECK(mote_stop(MOTE_FOREVER) == 0);
        CHECK(unlink(text) == 0);
    }
    char bad[128];
    snprintf(bad, sizeof bad, "%s/no/such/folder", path);
    CHECK(mote_start(&(mote_config){.procs = 1, .trace = bad}) == -ENOTDIR);
    CHECK(mote_start(&one_proc) == 0); /* nothing is left of the other */
    CHECK(mote_stop(MOTE_FOREVER) == 0);
}

static void test_by_setting(void **state)
{
    (void)state;
    struct child_result child = run_child(body_two_runtimes, NULL);
    if (child.status != 0)
        fail_msg("status %x: %s", (unsigned)child.status, child.err);
    assert_non_null(strstr(child.err, "mote: trace: "));
}

static void test_full_disk(void **state)
{
    (void)state;
    if (access("/dev/full", W_OK) != 0)
        skip();
    assert_int_equal(mote_start(&one_proc), 0);
    assert_int_equal(mote_trace_start("/dev/full"), 0);
    assert_int_equal(mote_trace_stop(), -ENOSPC);
    assert_int_equal(mote_stop(MOTE_FOREVER), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_path, remove_file)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_refused),
        TEST(test_says_what_happened),
        TEST(test_counts_as_stats_do),
        TEST(test_starts_and_stops_at_any_time),
        TEST(test_procs_that_come_later),
        TEST(test_tells_what_is_lost),
        TEST(test_names_who_woke_a_crowd),
        TEST(test_whole_after_exit),
        TEST(test_whole_after_a_deadlock),
        TEST(test_whole_after_a_panic),
        TEST(test_by_setting),
        TEST(test_full_disk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
