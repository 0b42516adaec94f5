/* SPDX-License-Identifier: MIT */
/* test_task_memory - starting tasks, or a runtime, when memory runs out; a spawner that is far ahead. */
#include "support.h"

#include "base/os.h"
#include "base/sanitizer.h"

#include <errno.h>

static _Atomic long ran;

static void await(long n)
{
    while (ran < n)
        mote_yield();
}

static void none(void) { ran++; }

static void hold(mote_chan(int) c)
{
    ran++;
    mote_recv(c, NULL);
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
    yield_until_alone();
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

static void start_some(void *arg)
{
    (void)arg;
    ran = 0;
    for (int i = 0; i < 10; i++)
        CHECK((i % 2 ? mote_go(none) : mote_go_pinned(none)) == 0);
    await(10);
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
    run_with(&two_procs, start_some, NULL);
}

static void start_many(void *arg)
{
    (void)arg;
    long n = scale(120000);
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
    /* each worker that stands in has queues of its own */
    run_with(&one_proc, start_many, NULL);
    run_with(&only_two_procs, start_many, NULL);
    run_with(&one_proc, start_many_from_copied, NULL);
    run_with(&only_two_procs, start_many_from_copied, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_want_of_memory_is_reported_and_got_over),
        cmocka_unit_test(test_tasks_without_memory_for_a_stack_wait_for_it),
        cmocka_unit_test(test_start_without_memory_fails_and_works_later),
        cmocka_unit_test(test_a_spawner_far_ahead_gives_way),
    };
    watchdog(60);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
