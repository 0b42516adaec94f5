/* SPDX-License-Identifier: MIT */
/* test_stackcheck - check mode: whoever touches the stack of another task is reported with both, and nobody else is. */
#include "borrower.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static NOINLINE void read_from_it(void) { after += *(volatile char *)shared; }

static NOINLINE void copy_from_it(void)
{
    char to[SIZE];
    volatile size_t n = SIZE - AT;
    memcpy(to, shared, n);
    after += ((volatile char *)to)[n / 2];
}

static void touch_below_it(void) { after += shared[-2000]; }

static void *touch_in_thread(void *way)
{
    ((void (*)(void))way)();
    return NULL;
}

static void touch_from_outside(void *way)
{
    CHECK(mote_start(config) == 0);
    CHECK(mote_join(mote_spawn(start_victim), NULL) == 0);
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, touch_in_thread, way) == 0);
    pthread_join(thread, NULL);
}

static void touch_the_ended(void *way)
{
    CHECK(mote_start(config) == 0);
    CHECK(mote_join(mote_spawn(start_victim), NULL) == 0);
    mote_chan_close(gate);
    while (mote_task_count() > 0)
        mote_yield();
    touch_in_thread(way);
}

static int main_touches(int argc, char **argv)
{
    (void)argc, (void)argv;
    start_victim();
    write_to_it();
    return 0;
}

static void touch_by_main(void *arg)
{
    (void)arg;
    setenv("MOTEDEBUG", "stackcheck=1", 1);
    mote_run(main_touches, 0, NULL);
}

static void test_accesses_by_a_task_are_reported(void **state)
{
    (void)state;
    needs_check_mode();
    expect(write_to_it, WROTE, " write_to_it+0x");
    expect(read_from_it, READ, " read_from_it+0x");
    expect(copy_from_it, READ, " copy_from_it+0x");
}

static void test_accesses_by_others_are_reported(void **state)
{
    (void)state;
    needs_check_mode();
    config = &two;
    struct child_result child = run_child(touch_from_outside, (void *)write_to_it);
    must_report(&child, ": a plain thread ", WROTE, " write_to_it+0x");
    child = run_child(touch_by_main, NULL);
    must_report(&child, " (main) ", WROTE, " write_to_it+0x");
}

static void test_what_has_returned_or_ended_is_told(void **state)
{
    (void)state;
    needs_check_mode();
    config = &two;
    struct child_result child = run_child(touch, (void *)touch_below_it);
    assert_killed(&child, SIGABRT);
    if (has_names())
        must_say(&child, " bytes below its innermost frame");
    child = run_child(touch_the_ended, (void *)write_to_it);
    assert_killed(&child, SIGABRT);
    must_say(&child, " (lender), which has ended, at 0x");
    assert_null(strstr(child.err, "mote_go_pinned"));
}

/* Two at once: one of them is told, wholly. */
static _Atomic int ready;

static void write_together(void)
{
    for (ready++; ready < 2;)
        continue;
    write_to_it();
}

static void touch_twice(void *way)
{
    const mote_attr attr = {.name = "borrower"};
    CHECK(mote_start(config) == 0);
    CHECK(mote_join(mote_spawn(start_victim), NULL) == 0);
    mote_spawn_with(&attr, (void (*)(void))way);
    mote_join(mote_spawn_with(&attr, (void (*)(void))way), NULL);
}

static void test_of_two_accesses_one_is_told(void **state)
{
    (void)state;
    needs_check_mode();
    if (UNDER_EMULATOR) /* it kills the copy that tells, so all is told again */
        skip();
    config = &two;
    for (int i = 0; i < 5; i++) {
        struct child_result child = run_child(touch_twice, (void *)write_together);
        must_report(&child, " (borrower) ", WROTE, " write_to_it+0x");
        assert_null(strstr(strstr(child.err, "mote: stackcheck: ") + 1, "mote: stackcheck: "));
    }
}

/* Other faults, and what must not be lent at all, are reported as without the mode. */

static int *volatile nowhere = (int *)16;
static void follow_nowhere(void) { after += *nowhere; }

static NOINLINE int dive(int depth)
{
    volatile char frame[256];
    frame[0] = (char)depth;
    __asm__ volatile("" ::"r"(frame) : "memory"); /* all of it is needed, each time */
    return depth > 100000000 ? 0 : dive(depth + 1) + frame[0];
}

static void dive_without_end(void) { after += dive(0); }

/* Further than the guard is wide: into the home below, which is another's, or nobody's. */
static NOINLINE void leap(void)
{
    volatile char frame[140 << 10];
    frame[0] = 1;
    __asm__ volatile("" ::"r"(frame) : "memory"); /* all of it is needed */
    after += frame[0];
}

static void lend_own(void)
{
    int local = 0;
    mote_go(touch_in_thread, &local);
}

static void test_other_faults_are_reported_as_ever(void **state)
{
    (void)state;
    needs_check_mode();
    config = &small;
    struct child_result child = run_child(touch, (void *)follow_nowhere);
    assert_killed(&child, SIGSEGV);
    must_say(&child, "mote: SIGSEGV in task ");
    child = run_child(touch, (void *)dive_without_end);
    assert_killed(&child, SIGSEGV);
    must_say(&child, "mote: stack overflow in task ");
    child = run_child(touch, (void *)lend_own);
    assert_killed(&child, SIGABRT);
    must_say(&child, "points into the stack of task ");
    child = run_child(touch, (void *)leap);
    assert_killed(&child, SIGSEGV);
    must_say(&child, "mote: stack overflow in task ");
}

/* Programs that do nothing wrong. */

static NOINLINE int deep(int depth)
{
    volatile char frame[512];
    volatile int below = 0; /* no tail call */
    memset((char *)frame, depth, sizeof frame);
    if (depth > 0)
        below = deep(depth - 1);
    else
        mote_yield();
    CHECK(below == (depth > 0 ? (char)(depth - 1) : 0));
    for (size_t i = 0; i < sizeof frame; i += 32)
        CHECK(frame[i] == (char)depth);
    return frame[0];
}

static void fail_in_try(void *arg)
{
    (void)arg;
    mote_panic("tried");
}

static void worker(unsigned seed)
{
    char text[64];
    snprintf(text, sizeof text, "worker %u", seed);
    mote_set_name(text);
    for (int i = 0; i < 5; i++) {
        deep((int)(seed % 50));
        mote_sleep((int64_t)(seed % 100) * MOTE_US);
        if (i == 2 && seed % 7 == 0)
            CHECK(mote_try(fail_in_try, NULL, NULL) == -ECANCELED);
    }
    CHECK(strncmp(text, "worker ", 7) == 0);
}

static void borrow_from_pinned(int *to)
{
    mote_yield();
    *to = 7;
}

static void lend_of_pinned(void)
{
    int local = 0;
    CHECK(mote_join(mote_spawn(borrow_from_pinned, &local), NULL) == 0);
    CHECK(local == 7);
}

static void work_together(void *arg)
{
    (void)arg;
    for (unsigned i = 0; i < 300; i++)
        CHECK(mote_go(worker, i) == 0);
    lend_of_pinned();
    int null = open("/dev/null", O_WRONLY);
    CHECK(null >= 0 && mote_dump(null, 0) == 0 && close(null) == 0);
    yield_until_alone();
}

static void run_silently(void *arg) { run_with(arg, work_together, NULL); }

static void test_correct_programs_are_not_disturbed(void **state)
{
    (void)state;
    needs_check_mode();
    static const mote_config each[] = {{.procs = 1, .stackcheck = 1},
                                       {.procs = 4, .stackcheck = 1, .homes = 2},
                                       {.procs = 2, .stackcheck = 2},
                                       {.procs = 2, .stackcheck = 1, .queue = 2}};
    for (size_t i = 0; i < ARRAY_LENGTH(each); i++) {
        struct child_result child = run_child(run_silently, (void *)&each[i]);
        assert_quiet(&child);
    }
}

static void test_nothing_to_check_is_said(void **state)
{
    (void)state;
    static const mote_config pinned = {.procs = 1, .stackcheck = 1, .pinned = true};
    struct child_result child = run_child(run_silently, (void *)&pinned);
    assert_int_equal(child.status, 0);
    must_say(&child, "stackcheck: every task is pinned");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accesses_by_a_task_are_reported),
        cmocka_unit_test(test_accesses_by_others_are_reported),
        cmocka_unit_test(test_of_two_accesses_one_is_told),
        cmocka_unit_test(test_what_has_returned_or_ended_is_told),
        cmocka_unit_test(test_other_faults_are_reported_as_ever),
        cmocka_unit_test(test_correct_programs_are_not_disturbed),
        cmocka_unit_test(test_nothing_to_check_is_said),
    };
    if (in_check_mode())
        unsetenv("MOTEDEBUG"); /* how it is done differs from test to test */
    watchdog(120);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
