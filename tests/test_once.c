/* SPDX-License-Identifier: MIT */
/* test_once - the function is called once, and nobody goes on before it has ended, by whatever way. */
#include "support.h"

#include "base/sanitizer.h"

static mote_once once, outer;
static _Atomic int calls;
static _Atomic bool slow_done;
static long value; /* written by the function alone */

static void reset(void)
{
    once = outer = (mote_once){0};
    calls = 0;
    slow_done = false;
    value = 0;
}

static void set_slowly(void *arg)
{
    calls++;
    for (int i = 0; i < 20; i++)
        mote_yield();
    value = *(long *)arg;
}

static long given = 4711;

static void do_and_look(void)
{
    mote_once_do(&once, set_slowly, &given);
    CHECK(value == given);
    mote_once_do(&once, set_slowly, NULL);
}

static void do_in_many_tasks(void *arg)
{
    (void)arg;
    for (int round = 0; round < 10; round++) {
        reset();
        for (long i = 0; i < scale(200) + 2; i++)
            CHECK(mote_go(do_and_look) == 0);
        yield_until_alone();
        CHECK(calls == 1 && value == given);
    }
}

static void test_one_call_and_all_wait_for_it(void **state)
{
    (void)state;
    run_with_each(do_in_many_tasks, NULL);
}

static void *do_in_thread(void *arg)
{
    (void)arg;
    do_and_look();
    return NULL;
}

static void test_tasks_and_threads_wait_for_it(void **state)
{
    (void)state;
    reset();
    run_in_threads(8, do_in_thread, NULL); /* no runtime */
    assert_int_equal(calls, 1);
    for (int i = 0; i < 10; i++) {
        reset();
        assert_int_equal(mote_start(&two_procs), 0);
        for (int k = 0; k < 8; k++)
            assert_int_equal(mote_go(do_and_look), 0);
        run_in_threads(8, do_in_thread, NULL);
        assert_int_equal(mote_stop(MOTE_FOREVER), 0);
        assert_int_equal(calls, 1);
    }
}

/* mote_exit */

static void exit_slowly(void *arg)
{
    (void)arg;
    calls++;
    for (int i = 0; i < 20; i++)
        mote_yield();
    slow_done = true;
    mote_exit();
}

static void do_and_exit(void)
{
    mote_once_do(&once, exit_slowly, NULL);
    CHECK(slow_done && calls == 1);
}

static void exit_in_many_tasks(void *arg)
{
    (void)arg;
    reset();
    for (int i = 0; i < 20; i++)
        CHECK(mote_go(do_and_exit) == 0);
    yield_until_alone();
    do_and_exit();
    CHECK(calls == 1);
}

static void test_it_is_done_when_the_function_ends_its_task(void **state)
{
    (void)state;
    run_with_each(exit_in_many_tasks, NULL);
}

static void do_inner(void *arg)
{
    (void)arg;
    mote_once_do(&once, exit_slowly, NULL);
}

static void do_both(void) { mote_once_do(&outer, do_inner, NULL); }

static void nothing(void *arg) { (void)arg; }

static void exit_in_both(void *arg)
{
    (void)arg;
    reset();
    CHECK(mote_join(mote_spawn(do_both), NULL) == 0);
    mote_once_do(&outer, set_slowly, &given);
    mote_once_do(&once, set_slowly, &given);
    CHECK(calls == 1 && slow_done);
    /* One that has returned is not run again at the exit. */
    reset();
    mote_once_do(&once, nothing, NULL);
    CHECK(mote_join(mote_spawn(do_both), NULL) == 0);
    CHECK(calls == 0);
}

static void test_an_exit_ends_nested_ones(void **state)
{
    (void)state;
    run_with_each(exit_in_both, NULL);
}

/* Panics */

static _Atomic int caught;

static void panic_slowly(void *arg)
{
    (void)arg;
    calls++;
    for (int i = 0; i < 20; i++)
        mote_yield();
    slow_done = true;
    mote_panic("once");
}

static void do_panic(void *arg)
{
    (void)arg;
    mote_once_do(&once, panic_slowly, NULL);
    CHECK(slow_done && calls == 1);
}

static void do_and_catch(void)
{
    if (mote_try(do_panic, NULL, NULL) < 0)
        caught++;
    CHECK(slow_done && calls == 1);
}

static void panic_in_many_tasks(void *arg)
{
    (void)arg;
    reset();
    caught = 0;
    for (int i = 0; i < 20; i++)
        CHECK(mote_go(do_and_catch) == 0);
    do_and_catch();
    yield_until_alone();
    CHECK(calls == 1 && caught == 1);
}

static void *panic_in_thread(void *arg)
{
    (void)arg;
    do_and_catch();
    return NULL;
}

static void test_a_panic_goes_to_one_and_it_is_done(void **state)
{
    (void)state;
    run_with_each(panic_in_many_tasks, NULL);
    reset();
    caught = 0;
    run_in_threads(8, panic_in_thread, NULL);
    assert_int_equal(calls, 1);
    assert_int_equal(caught, 1);
}

/* Fatal misuse */

static void do_again(void *arg)
{
    (void)arg;
    mote_once_do(&once, do_again, NULL);
}

static void do_again_in_task(void *arg) { run_with(&one_proc, do_again, arg); }

static void do_a_local(void)
{
    mote_once local = {0};
    mote_once_do(&local, nothing, NULL);
}

static void use_local(void *arg)
{
    (void)arg;
    mote_join(mote_spawn(do_a_local), NULL);
}

static void lend_a_local(void *arg) { run_with(&one_proc, use_local, arg); }

static void test_misuse_is_fatal(void **state)
{
    (void)state;
    reset();
    assert_dies_saying(do_again, "mote_once_do within the function that it calls");
    assert_dies_saying(do_again_in_task, "mote_once_do within the function that it calls");
    if (!sanitizer_pins_all())
        assert_dies_saying(lend_a_local, "a once at ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_call_and_all_wait_for_it),
        cmocka_unit_test(test_tasks_and_threads_wait_for_it),
        cmocka_unit_test(test_it_is_done_when_the_function_ends_its_task),
        cmocka_unit_test(test_an_exit_ends_nested_ones),
        cmocka_unit_test(test_a_panic_goes_to_one_and_it_is_done),
        cmocka_unit_test(test_misuse_is_fatal),
    };
    watchdog(60);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
