/* SPDX-License-Identifier: MIT */
/* The checking tools see tasks: real errors in tasks are found, and none where there is none. Each program that is wrong on purpose is a
 * child, and only does something under the tool that is to find it. */
#include "support.h"

#include "base/atomic.h"
#include "base/attr.h"
#include "base/sanitizer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#ifdef MOTE_VALGRIND
#include <valgrind/memcheck.h>
#define UNDER_VALGRIND RUNNING_ON_VALGRIND
#else
#define UNDER_VALGRIND 0
#endif

#define TSAN_STATUS 66
#define ASAN_STATUS 1
#define VALGRIND_STATUS 99 /* --error-exitcode in CMakePresets.json */

/* The compiler knows nothing about it any more. */
#define LAUNDER(p) __asm__ volatile("" : "+r"(p)::"memory")

static volatile long shared;
static int *volatile left;
static _Atomic uint32_t arrived;
static mote_wg all;

static void in_tasks(const mote_config *config, void (*body)(void))
{
    CHECK(mote_start(config) == 0);
    mote_task *task = mote_spawn_with(&(mote_attr){.pinned = true}, body);
    CHECK(task && mote_join(task, NULL) == 0);
    CHECK(mote_stop(MOTE_FOREVER) == 0);
}

static void on_one(void *body) { in_tasks(&one_proc, ((void (*const *)(void))body)[0]); }
static void on_two(void *body) { in_tasks(&two_procs, ((void (*const *)(void))body)[0]); }

static void must_exit(const struct child_result *child, int status)
{
    if (!WIFEXITED(child->status) || WEXITSTATUS(child->status) != status)
        fail_msg("status %x, not exit %d; it said: %s", (unsigned)child->status, status, child->err);
}

static void must_say(const struct child_result *child, const char *text)
{
    if (!strstr(child->err, text))
        fail_msg("'%s' is not in: %s", text, child->err);
}

/* Each task on a proc of its own: on one, a switch comes between them, which orders all that they do. */
static void meet(void)
{
    atom_add_rlx(&arrived, 1); /* rlx: it must order nothing */
    while (atom_load_rlx(&arrived) < 2) {
    }
}

static NOINLINE void race_here(void)
{
    meet();
    shared++;
    mote_wg_done(&all);
}

static NOINLINE void race_there(void)
{
    meet();
    shared += 2;
    mote_wg_done(&all);
}

static void race(void)
{
    mote_wg_add(&all, 2);
    CHECK(mote_go(race_here) == 0 && mote_go(race_there) == 0);
    mote_wg_wait(&all);
}

static void test_tsan_finds_a_race_between_tasks(void **state)
{
    (void)state;
    void (*body)(void) = race;
    if (!UNDER_TSAN)
        skip();
    struct child_result child;
    do /* a busy machine may let one thread do both, in order: then once more; ctest's limit ends it */
        child = run_child(on_two, &body);
    while (child.status == 0);
    must_exit(&child, TSAN_STATUS);
    must_say(&child, "data race");
    must_say(&child, "race_here");
    must_say(&child, "race_there");
}

/* The same, in order: by each thing that orders. */
static mote_chan(int) turn;
static mote_mutex mutex;

static void add_by_turns(void)
{
    for (int i = 0, v; i < 50; i++) {
        CHECK(mote_recv(turn, &v) == 0);
        shared++;
        CHECK(mote_send(turn, v) == 0);
    }
    mote_wg_done(&all);
}

static void add_locked(void)
{
    for (int i = 0; i < 50; i++) {
        mote_mutex_lock(&mutex);
        shared++;
        mote_mutex_unlock(&mutex);
        mote_yield();
    }
    mote_wg_done(&all);
}

static void add_last(void) { shared++; }

static void in_order(void)
{
    shared = 0;
    turn = mote_chan_make(int, 1);
    mote_wg_add(&all, 4);
    CHECK(mote_send(turn, 0) == 0);
    for (int i = 0; i < 4; i++)
        CHECK(mote_go(add_by_turns) == 0);
    mote_wg_wait(&all);
    mote_wg_add(&all, 4);
    for (int i = 0; i < 4; i++)
        CHECK(mote_go(add_locked) == 0);
    mote_wg_wait(&all);
    mote_task *last = mote_spawn(add_last);
    CHECK(mote_join(last, NULL) == 0 && shared == 401);
    mote_chan_free(turn);
}

static void test_nothing_is_found_in_what_is_ordered(void **state)
{
    (void)state;
    void (*body)(void) = in_order;
    struct child_result child = run_child(on_one, &body);
    must_exit(&child, 0);
    assert_string_equal(child.err, "");
    child = run_child(on_two, &body);
    must_exit(&child, 0);
    assert_string_equal(child.err, "");
}

/* AddressSanitizer */

static NOINLINE void leave_a_local(void)
{
    int local[4] = {1, 2, 3, 4};
    int *p = local;
    LAUNDER(p);
    left = p;
    mote_yield();
}

static NOINLINE void read_what_was_left(void)
{
    leave_a_local();
    mote_yield();
    shared = left[1];
}

static NOINLINE void overflow_a_local(int n)
{
    int local[4] = {1, 2, 3, 4}, *p = local;
    mote_yield();
    LAUNDER(p);
    LAUNDER(n);
    p[n] = 1;
    LAUNDER(p);
}

static void overflow(void) { overflow_a_local(4); }

static void free_it(void)
{
    free(left);
    mote_wg_done(&all);
}

static NOINLINE void use_what_another_freed(void)
{
    left = malloc(4 * sizeof *left);
    mote_wg_add(&all, 1);
    CHECK(mote_go(free_it) == 0);
    mote_wg_wait(&all);
    shared = left[1];
}

/* From a task that is one of many, after switches to and fro. */
static void switch_about(void)
{
    for (int i = 0; i < 20; i++)
        mote_yield();
}

static void (*wrong)(void);

static void among_others(void)
{
    for (int i = 0; i < 3; i++)
        CHECK(mote_go(switch_about) == 0);
    mote_task *task = mote_spawn(wrong);
    CHECK(mote_join(task, NULL) == 0);
}

static void assert_asan_says(void (*body)(void), const char *what, const char *where)
{
    void (*outer)(void) = among_others;
    wrong = body;
    for (int i = 0; i < 2; i++) {
        struct child_result child = run_child(i == 0 ? on_one : on_two, &outer);
        must_exit(&child, ASAN_STATUS);
        must_say(&child, what);
        must_say(&child, where);
    }
}

static void test_asan_finds_errors_in_tasks(void **state)
{
    (void)state;
    if (!UNDER_ASAN)
        skip();
    assert_asan_says(read_what_was_left, "stack-use-after-return", "read_what_was_left");
    assert_asan_says(overflow, "stack-buffer-overflow", "overflow_a_local");
    assert_asan_says(use_what_another_freed, "heap-use-after-free", "use_what_another_freed");
}

/* Valgrind: it reports on a descriptor of its own, so only the status tells. */

static NOINLINE void read_what_nobody_wrote(void)
{
    int local[4], *p = local;
    LAUNDER(p);
    mote_yield();
    if (p[2] == 7)
        shared = 1;
}

static void test_valgrind_finds_an_uninitialised_read_in_a_task(void **state)
{
    (void)state;
    void (*outer)(void) = among_others;
    if (!UNDER_VALGRIND)
        skip();
    wrong = read_what_nobody_wrote;
    struct child_result child = run_child(on_one, &outer);
    must_exit(&child, VALGRIND_STATUS);
    wrong = switch_about;
    child = run_child(on_two, &outer);
    must_exit(&child, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tsan_finds_a_race_between_tasks),
        cmocka_unit_test(test_nothing_is_found_in_what_is_ordered),
        cmocka_unit_test(test_asan_finds_errors_in_tasks),
        cmocka_unit_test(test_valgrind_finds_an_uninitialised_read_in_a_task),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
