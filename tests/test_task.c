/* SPDX-License-Identifier: MIT */
/* test_task - starting tasks: arguments, what is refused, names and numbers, the end, want of memory. */
#include "support.h"

#include "base/os.h"
#include "base/sanitizer.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

static const mote_config one_proc = {.procs = 1}, two_procs = {.procs = 2};
static _Atomic long ran;

static void await(long n)
{
    while (ran < n)
        mote_yield();
}

/* Arguments */

enum color { RED = -3, GREEN = 1000000 };

static void none(void) { ran++; }
static void one(int8_t a)
{
    CHECK(a == INT8_MIN);
    ran++;
}
static void two(uint8_t a, int16_t b)
{
    CHECK(a == UINT8_MAX && b == INT16_MIN);
    ran++;
}
static void three(uint16_t a, int32_t b, uint32_t c)
{
    CHECK(a == UINT16_MAX && b == INT32_MIN && c == UINT32_MAX);
    ran++;
}
static void four(int64_t a, uint64_t b, bool c, bool d)
{
    CHECK(a == INT64_MIN && b == UINT64_MAX && c && !d);
    ran++;
}
static void five(enum color a, enum color b, char c, const char *d, void (*e)(void))
{
    CHECK(a == RED && b == GREEN && c == 'x' && strcmp(d, "text") == 0 && e == none);
    ran++;
}
static void six(long a, const void *b, short c, long *d, unsigned char e, int *restrict f)
{
    CHECK(a == LONG_MAX && b == NULL && c == -1 && d == (long *)&ran && e == 200 && f == NULL);
    ran++;
}

static void pass_arguments(void *arg)
{
    (void)arg;
    enum color color = RED;
    const int8_t least = INT8_MIN;
    ran = 0;
    CHECK(mote_go(none) == 0);
    CHECK(mote_go(one, least) == 0);
    CHECK(mote_go(two, UINT8_MAX, INT16_MIN) == 0);
    CHECK(mote_go(three, (uint16_t)UINT16_MAX, INT32_MIN, UINT32_MAX) == 0);
    CHECK(mote_go(four, INT64_MIN, UINT64_MAX, true, false) == 0);
    CHECK(mote_go(five, color, GREEN, 'x', "text", none) == 0);
    CHECK(mote_go(six, LONG_MAX, NULL, -1, (long *)&ran, 200, NULL) == 0);
    CHECK(mote_go_pinned(four, INT64_MIN, UINT64_MAX, true, false) == 0);
    CHECK(mote_join(mote_spawn(six, LONG_MAX, NULL, -1, (long *)&ran, 200, NULL), NULL) == 0);
    await(9);
}

static void test_arguments_of_every_type_are_passed_by_value(void **state)
{
    (void)state;
    run_with(&one_proc, pass_arguments, NULL);
    run_with(&two_procs, pass_arguments, NULL);
}

static void remember(int n) { ran += n; }

static void pass_changing(void *arg)
{
    (void)arg;
    ran = 0;
    for (int i = 0; i < 100; i++)
        CHECK(mote_go(remember, i) == 0);
    while (mote_task_count() > 1)
        mote_yield();
    CHECK(ran == 4950);
}

static void test_arguments_are_taken_at_the_call(void **state)
{
    (void)state;
    run_with(&one_proc, pass_changing, NULL);
}

/* The one rule */

static void assert_dies_saying(void (*body)(void *), const char *text)
{
    struct child_result child = run_child(body, NULL);
    assert_true(WIFSIGNALED(child.status) && WTERMSIG(child.status) == SIGABRT);
    if (!strstr(child.err, text))
        fail_msg("'%s' is not in: %s", text, child.err);
}

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
    assert_dies_saying(child_lends, "test_task.c:");
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
    while (mote_task_count() > 1)
        mote_yield();
    CHECK(lender_line > 0);
}

static void test_pinned_task_may_lend_its_locals(void **state)
{
    (void)state;
    run_with(&one_proc, lend_pinned, NULL);
    run_with(&two_procs, lend_pinned, NULL);
}

/* Numbers */

static void chain(long left)
{
    ran++;
    if (left > 0)
        CHECK(mote_go(chain, left - 1) == 0);
}

static void start_chain(void *arg)
{
    (void)arg;
    long n = scale(10000);
    ran = 0;
    CHECK(mote_go(chain, n - 1) == 0);
    await(n);
}

static void test_each_task_may_start_the_next(void **state)
{
    (void)state;
    run_with(&one_proc, start_chain, NULL);
    run_with(&two_procs, start_chain, NULL);
}

static void daisy(mote_chan(long) left, mote_chan(long) right)
{
    long v;
    CHECK(mote_recv(right, &v) == 0);
    CHECK(mote_send(left, v + 1) == 0);
    mote_chan_free(right);
}

static void daisy_chain(void *arg)
{
    (void)arg;
    long n = scale(10000), v;
    mote_chan(long) leftmost = mote_chan_make(long, 0), left = leftmost, right = leftmost;
    for (long i = 0; i < n; i++) {
        right = mote_chan_make(long, 0);
        CHECK(mote_go(daisy, left, mote_chan_ref(right)) == 0);
        if (left != leftmost)
            mote_chan_free(left);
        left = right;
    }
    CHECK(mote_send(right, 0) == 0);
    CHECK(mote_recv(leftmost, &v) == 0);
    CHECK(v == n);
    while (mote_task_count() > 1)
        mote_yield();
    mote_chan_free(right);
    mote_chan_free(leftmost);
}

static void test_a_daisy_chain_of_channels_passes_one_number(void **state)
{
    (void)state;
    run_with(&one_proc, daisy_chain, NULL);
    run_with(&two_procs, daisy_chain, NULL);
}

/* Numbers of tasks and names */

static uint64_t *ids;

static void note_id(long i)
{
    ids[i] = mote_self();
    mote_yield();
    CHECK(ids[i] == mote_self());
    ran++;
}

static int compare_ids(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static void note_ids(void *arg)
{
    long *i = arg;
    for (long end = *i + scale(5000); *i < end; ++*i)
        CHECK(mote_go(note_id, *i) == 0);
    await(*i);
}

static void test_ids_are_unique_from_runtime_to_runtime(void **state)
{
    (void)state;
    long n = 0, all = 3 * scale(5000);
    ids = calloc((size_t)all, sizeof *ids);
    ran = 0;
    assert_int_equal(mote_self(), 0);
    for (int i = 0; i < 3; i++)
        run_with(&two_procs, note_ids, &n);
    assert_int_equal(n, all);
    qsort(ids, (size_t)n, sizeof *ids, compare_ids);
    assert_true(ids[0] != 0);
    for (long i = 1; i < n; i++)
        assert_true(ids[i] != ids[i - 1]);
    free(ids);
}

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

/* Counting and ending */

static void hold(mote_chan(int) c)
{
    ran++;
    mote_recv(c, NULL);
}

static void count_tasks(void *arg)
{
    (void)arg;
    mote_chan(int) c = mote_chan_make(int, 0);
    ran = 0;
    CHECK(mote_task_count() == 1);
    for (int i = 1; i <= 100; i++) {
        CHECK(mote_go(hold, c) == 0);
        CHECK(mote_task_count() == (size_t)i + 1);
    }
    await(100);
    CHECK(mote_task_count() == 101);
    mote_chan_close(c);
    while (mote_task_count() > 1)
        mote_yield();
    mote_chan_free(c);
}

static void test_task_count_is_exact_at_rest(void **state)
{
    (void)state;
    assert_int_equal(mote_task_count(), 0);
    run_with(&one_proc, count_tasks, NULL);
    run_with(&two_procs, count_tasks, NULL);
    assert_int_equal(mote_task_count(), 0);
}

static void exit_deep(int depth);
static void (*volatile deeper)(int) = exit_deep; /* hides from the compiler that it never returns */

static void exit_deep(int depth)
{
    if (depth > 0)
        deeper(depth - 1);
    ran++;
    mote_exit();
}

static int exit_with_result(void)
{
    exit_deep(10);
    return 5;
}

static void exit_tasks(void *arg)
{
    (void)arg;
    ran = 0;
    for (int i = 0; i < scale(1000); i++)
        CHECK(mote_go(exit_deep, i % 20) == 0);
    CHECK(mote_go_pinned(exit_deep, 3) == 0);
    await(scale(1000) + 1);
    intptr_t result = 7;
    CHECK(mote_join(mote_spawn(exit_with_result), &result) == 0);
    CHECK(result == 0);
    CHECK(ran == scale(1000) + 2);
}

static void test_exit_ends_the_calling_task_at_any_depth(void **state)
{
    (void)state;
    run_with(&one_proc, exit_tasks, NULL);
    run_with(&two_procs, exit_tasks, NULL);
}

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

/* Refusals */

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

static _Atomic bool occupied, release;

static void occupy(void)
{
    occupied = true;
    while (!release)
        ;
}

/* With the only proc held, new tasks pile up until there is no memory for their records. */
static void test_want_of_memory_is_reported_and_got_over(void **state)
{
    (void)state;
    long started = 0;
    int error = 0;
    ran = 0;
    occupied = release = false;
    assert_int_equal(mote_start(&one_proc), 0);
    assert_int_equal(mote_go_pinned(occupy), 0);
    while (!occupied)
        mote_yield();
    os_fail_after(1);
    while (started < 2000000 && (error = mote_go(none)) == 0)
        started++;
    errno = 0;
    mote_task *joinable = mote_spawn(none);
    int spawn_error = errno;
    os_fail_after(0);
    assert_int_equal(error, -ENOMEM);
    assert_null(joinable);
    assert_int_equal(spawn_error, ENOMEM);
    for (int i = 0; i < 100; i++, started++)
        assert_int_equal(mote_go(none), 0);
    release = true;
    assert_int_equal(mote_stop(MOTE_FOREVER), 0);
    assert_int_equal(ran, started);
}

static void start_without_stacks(void *arg)
{
    (void)arg;
    mote_chan(int) c = mote_chan_make(int, 0);
    ran = 0;
    os_fail_after(1);
    for (int i = 0; i < 50; i++)
        CHECK(mote_go(hold, c) == 0);
    for (int i = 0; i < 20; i++)
        mote_yield();
    os_fail_after(0);
    await(50);
    mote_chan_close(c);
    while (mote_task_count() > 1)
        mote_yield();
    mote_chan_free(c);
}

static void test_tasks_without_memory_for_a_stack_wait_for_it(void **state)
{
    (void)state;
    if (sanitizer_pins_all())
        skip(); /* pinned ones are refused instead */
    run_with(&one_proc, start_without_stacks, NULL);
    run_with(&two_procs, start_without_stacks, NULL);
}

static void test_start_without_memory_fails_and_works_later(void **state)
{
    (void)state;
    for (int n = 1; n < 40; n++) {
        os_fail_after(n);
        int error = mote_start(&two_procs);
        os_fail_after(0);
        if (error == 0)
            assert_int_equal(mote_stop(MOTE_FOREVER), 0);
        else
            assert_int_equal(error, -ENOMEM);
    }
    run_with(&two_procs, pass_arguments, NULL);
}

static void start_many(void *arg)
{
    (void)arg;
    long n = scale(200000);
    size_t most = 0;
    ran = 0;
    for (long i = 0; i < n; i++) {
        CHECK(mote_go(none) == 0);
        size_t count = mote_task_count();
        most = count > most ? count : most;
    }
    await(n);
    CHECK(most < 5000);
}

static void start_many_from_copied(void *arg) { CHECK(mote_join(mote_spawn(start_many, arg), NULL) == 0); }

static void test_a_spawner_far_ahead_gives_way(void **state)
{
    (void)state;
    run_with(&one_proc, start_many, NULL);
    run_with(&two_procs, start_many, NULL);
    run_with(&one_proc, start_many_from_copied, NULL);
    run_with(&two_procs, start_many_from_copied, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arguments_of_every_type_are_passed_by_value),
        cmocka_unit_test(test_arguments_are_taken_at_the_call),
        cmocka_unit_test(test_lent_argument_is_refused_naming_place_and_task),
        cmocka_unit_test(test_pinned_task_may_lend_its_locals),
        cmocka_unit_test(test_each_task_may_start_the_next),
        cmocka_unit_test(test_a_daisy_chain_of_channels_passes_one_number),
        cmocka_unit_test(test_ids_are_unique_from_runtime_to_runtime),
        cmocka_unit_test(test_names_appear_in_messages),
        cmocka_unit_test(test_task_count_is_exact_at_rest),
        cmocka_unit_test(test_exit_ends_the_calling_task_at_any_depth),
        cmocka_unit_test(test_exit_on_a_plain_thread_is_fatal),
        cmocka_unit_test(test_nothing_starts_without_a_runtime),
        cmocka_unit_test(test_want_of_memory_is_reported_and_got_over),
        cmocka_unit_test(test_tasks_without_memory_for_a_stack_wait_for_it),
        cmocka_unit_test(test_start_without_memory_fails_and_works_later),
        cmocka_unit_test(test_a_spawner_far_ahead_gives_way),
    };
    watchdog(60);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
