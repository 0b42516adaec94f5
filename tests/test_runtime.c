/* SPDX-License-Identifier: MIT */
/* test_runtime - starting, stopping, and what is given back. */
#include "support.h"

#include "base/atomic.h"
#include "base/sanitizer.h"

#include <dirent.h>
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static _Atomic long ran;
static _Atomic bool stop;

static void count(void) { ran++; }

static void yield_until_stopped(void)
{
    while (!stop)
        mote_yield();
}

/* What the process holds */

static int entries(const char *path)
{
    DIR *dir = opendir(path);
    CHECK(dir);
    int n = 0;
    while (readdir(dir))
        n++;
    closedir(dir);
    return n;
}

static long resident_kb(void) { return status_kb("VmRSS"); }

/* The checking tools, and emulators, have memory of their own, which grows with what the program maps and gives back. */
static void assert_resident_below(long kb)
{
    if (!sanitizer_pins_all() && !UNDER_EMULATOR)
        assert_in_range(resident_kb(), 0, kb);
}

/* A thread that was joined may still be listed for a moment. */
static bool threads_come_to(int n)
{
    for (int i = 0; i < 5000 && entries("/proc/self/task") > n; i++)
        mote_sleep(5 * MOTE_MS);
    return entries("/proc/self/task") <= n;
}

static void start_work_stop(int round)
{
    mote_task *t;
    assert_int_equal(mote_start(round % 2 ? &one_proc : &two_procs), 0);
    for (int i = 0; i < 20; i++)
        assert_int_equal(i % 5 ? mote_go(count) : mote_go_pinned(count), 0);
    assert_non_null(t = mote_spawn(count));
    assert_int_equal(mote_join(t, NULL), 0);
    assert_int_equal(mote_stop(MOTE_FOREVER), 0);
}

static void test_starting_and_stopping_leaks_nothing(void **state)
{
    (void)state;
    int n = (int)scale(1000) / (UNDER_EMULATOR ? 10 : 1); /* an emulator keeps megabytes for each round */
    for (int i = 0; i < n / 5 + 2; i++)
        start_work_stop(i);
    int fds = entries("/proc/self/fd"), threads = entries("/proc/self/task");
    long kb = resident_kb();
    for (int i = 0; i < n; i++)
        start_work_stop(i);
    assert_int_equal(entries("/proc/self/fd"), fds);
    assert_true(threads_come_to(threads));
    assert_resident_below(kb + 4096);
}

/* mote_run */

static int give_argc(int argc, char **argv)
{
    CHECK(strcmp(argv[0], "zero") == 0 && !argv[argc]);
    CHECK(mote_self() != 0);
    return argc;
}

static int give_negative(int argc, char **argv)
{
    (void)argc, (void)argv;
    return -12345;
}

static int exit_early(int argc, char **argv)
{
    if (argc >= 0)
        mote_exit();
    return argv ? 1 : 2;
}

static void test_run_gives_what_main_returns(void **state)
{
    (void)state;
    char zero[] = "zero", one[] = "one", *argv[] = {zero, one, NULL};
    for (int i = 0; i < 10; i++) {
        assert_int_equal(mote_run(give_argc, 2, argv), 2);
        assert_int_equal(mote_run(give_negative, 0, NULL), -12345);
        assert_int_equal(mote_run(exit_early, 0, NULL), 0);
    }
    assert_int_equal(mote_run(NULL, 0, NULL), -EINVAL);
}

static void park_for_ever(void)
{
    mote_chan(int) nil = NULL;
    ran++;
    mote_recv(nil, NULL);
    ran++;
}

static void sleep_for_ever(void)
{
    ran++;
    mote_sleep(MOTE_FOREVER);
    ran++;
}

static int leave_others(int argc, char **argv)
{
    (void)argv;
    for (int i = 0; i < 50; i++) {
        CHECK(mote_go(park_for_ever) == 0);
        CHECK(mote_go_pinned(park_for_ever) == 0);
        CHECK(mote_go(sleep_for_ever) == 0);
        CHECK(mote_spawn(park_for_ever));
    }
    while (ran < 200)
        mote_yield();
    for (int i = 0; i < 5; i++)
        CHECK(mote_go(yield_until_stopped) == 0);
    for (int i = 0; i < 50; i++)
        CHECK(mote_go(count) == 0); /* perhaps they never run */
    return argc;
}

static void test_return_of_main_discards_the_others(void **state)
{
    (void)state;
    for (int i = 0; i < scale(20); i++) {
        ran = 0;
        stop = false;
        assert_int_equal(mote_run(leave_others, i, NULL), i);
        long after = ran;
        assert_in_range(after, 200, 250);
        mote_sleep(MOTE_MS);
        assert_int_equal(ran, after);
        assert_int_equal(mote_task_count(), 0);
    }
}

/* Refusals */

static void misuse_in_task(void *arg)
{
    (void)arg;
    CHECK(mote_run(give_argc, 0, NULL) == -EBUSY);
    CHECK(mote_start(NULL) == -EBUSY);
    CHECK(mote_stop(mote_now()) == -EDEADLK);
    CHECK(mote_stop(MOTE_FOREVER) == -EDEADLK);
}

static void misuse_in_copied_task(void *arg) { CHECK(mote_join(mote_spawn(misuse_in_task, arg), NULL) == 0); }

static void test_run_and_stop_are_refused_in_a_task(void **state)
{
    (void)state;
    run_with(&two_procs, misuse_in_task, NULL);
    run_with(&two_procs, misuse_in_copied_task, NULL);
}

static void test_second_start_and_second_stop_are_refused(void **state)
{
    (void)state;
    assert_int_equal(mote_stop(MOTE_FOREVER), -ESHUTDOWN);
    assert_int_equal(mote_start(NULL), 0);
    assert_int_equal(mote_start(NULL), -EBUSY);
    assert_int_equal(mote_run(give_argc, 0, NULL), -EBUSY);
    assert_int_equal(mote_stop(MOTE_FOREVER), 0);
    assert_int_equal(mote_stop(MOTE_FOREVER), -ESHUTDOWN);
}

static void test_senseless_settings_are_refused(void **state)
{
    (void)state;
    static const mote_config wrong[] = {
        {.procs = -1}, {.procs = 1025}, {.max_stack = 1}, {.pinned = true, .procs = -5}};
    const char *set = getenv("MOTEDEBUG");
    char *environment = set ? strdup(set) : NULL;
    unsetenv("MOTEDEBUG"); /* it may replace what is to be refused */
    for (unsigned i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(mote_start(&wrong[i]), -EINVAL);
    static const char *const senseless[] = {"procs=-1",        "procs=9999999999", "max_blocked=-2",
                                            "max_blocked=--1", "max_stack=-1",     "max_blocked=99999999999"};
    for (unsigned i = 0; i < sizeof senseless / sizeof *senseless; i++) {
        setenv("MOTEDEBUG", senseless[i], 1);
        assert_int_equal(mote_start(NULL), -EINVAL);
    }
    setenv("MOTEDEBUG", "max_blocked=-1", 1);
    assert_int_equal(mote_start(NULL), 0);
    assert_int_equal(mote_stop(MOTE_FOREVER), 0);
    unsetenv("MOTEDEBUG");
    if (environment)
        setenv("MOTEDEBUG", environment, 1);
    free(environment);
    assert_int_equal(mote_start(NULL), 0);
    assert_int_equal(mote_stop(MOTE_FOREVER), 0);
}

static void *stop_from_outside(void *arg)
{
    CHECK(mote_stop(mote_now()) == -EBUSY);
    CHECK(mote_stop(MOTE_FOREVER) == -EBUSY);
    return arg;
}

static int be_stopped(int argc, char **argv)
{
    pthread_t thread;
    (void)argv;
    CHECK(pthread_create(&thread, NULL, stop_from_outside, NULL) == 0);
    pthread_join(thread, NULL);
    CHECK(mote_go(count) == 0); /* nothing is refused */
    while (ran == 0)
        mote_yield();
    return argc;
}

static void test_stop_is_refused_while_run_is_at_work(void **state)
{
    (void)state;
    ran = 0;
    assert_int_equal(mote_run(be_stopped, 5, NULL), 5);
    assert_int_equal(mote_start(NULL), 0); /* which may be stopped again */
    assert_int_equal(mote_stop(MOTE_FOREVER), 0);
}

static void *stop_again_and_again(void *arg)
{
    while (!stop) {
        int error = mote_stop(MOTE_FOREVER);
        CHECK(error == -EBUSY || error == -ESHUTDOWN);
    }
    return arg;
}

static void test_stop_is_refused_at_every_moment_of_run(void **state)
{
    (void)state;
    pthread_t thread;
    char zero[] = "zero", *argv[] = {zero, NULL};
    stop = false;
    assert_int_equal(pthread_create(&thread, NULL, stop_again_and_again, NULL), 0);
    for (long i = scale(400); i > 0; i--)
        assert_int_equal(mote_run(give_argc, 1, argv), 1);
    stop = true;
    pthread_join(thread, NULL);
}

/* Stopping */

static void test_stop_at_its_deadline_discards_and_counts(void **state)
{
    (void)state;
    for (int i = 0; i < scale(20); i++) {
        ran = 0;
        assert_int_equal(mote_start(i % 2 ? &one_proc : &two_procs), 0);
        for (int k = 0; k < 10; k++) {
            assert_int_equal(mote_go(park_for_ever), 0);
            assert_int_equal(mote_go_pinned(park_for_ever), 0);
            assert_non_null(mote_spawn(sleep_for_ever));
            assert_int_equal(mote_go(count), 0);
        }
        while (ran < 40)
            mote_yield();
        int64_t deadline = mote_now() + 5 * MOTE_MS;
        assert_int_equal(mote_stop(deadline), 30);
        assert_true(mote_now() >= deadline);
        assert_int_equal(ran, 40);
    }
}

static void start_late(mote_chan(int) c)
{
    ran++;
    int error;
    while ((error = mote_go(count)) == 0)
        mote_yield();
    CHECK(error == -ESHUTDOWN);
    mote_send(c, error);
}

static void test_stop_refuses_new_tasks_and_waits_for_the_old(void **state)
{
    (void)state;
    mote_chan(int) c = mote_chan_make(int, 1);
    ran = 0;
    assert_int_equal(mote_start(&two_procs), 0);
    assert_int_equal(mote_go(start_late, c), 0);
    while (!ran)
        mote_yield();
    assert_int_equal(mote_stop(MOTE_FOREVER), 0);
    assert_int_equal(mote_chan_len(c), 1);
    mote_chan_free(c);
}

/* It is never stopped: its worker is left behind. */
static void spin_for_ever(void)
{
    ran++;
    for (;;)
        cpu_relax();
}

static void leave_a_worker_behind(void *arg)
{
    (void)arg;
    ran = 0;
    CHECK(mote_start(&two_procs) == 0);
    CHECK(mote_go(spin_for_ever) == 0);
    while (!ran)
        mote_yield();
    CHECK(mote_procs() == 2);
    CHECK(mote_stop(mote_now()) == -EBUSY);
    CHECK(mote_procs() == 0);
    CHECK(mote_task_count() == 0);
    CHECK(mote_go(count) == -ESHUTDOWN);
    CHECK(mote_set_procs(3) == -ESHUTDOWN);
    CHECK(mote_stop(mote_now()) == -ESHUTDOWN);
    CHECK(mote_start(NULL) == -EBUSY);
}

static void test_a_worker_left_behind_is_not_a_runtime(void **state)
{
    (void)state;
    struct child_result r = run_child(leave_a_worker_behind, NULL);
    if (r.status != 0)
        fail_msg("status %x, it said: %s", (unsigned)r.status, r.err);
}

/* Memory */

typedef struct {
    char bytes[100000];
} large;

static large zeros;

static void send_large(mote_chan(large) c)
{
    ran++;
    mote_send(c, zeros);
    ran++;
}

/* Its first element is taken. */
static void send_large_twice(mote_chan(large) taken, mote_chan(large) c)
{
    CHECK(mote_send(taken, zeros) == 0);
    send_large(c);
}

static void discard_senders(void)
{
    mote_chan(large) c = mote_chan_make(large, 0), taken = mote_chan_make(large, 0);
    ran = 0;
    assert_int_equal(mote_start(&(mote_config){.procs = 2, .max_blocked = -1}),
                     0); /* a thread more has an arena of its own */
    for (int i = 0; i < 10; i++)
        assert_int_equal(i % 2 ? mote_go(send_large, c) : mote_go(send_large_twice, taken, c), 0);
    for (int i = 0; i < 5; i++)
        assert_int_equal(mote_recv(taken, NULL), 0);
    while (ran < 10)
        mote_yield();
    assert_int_equal(mote_stop(mote_now() + 10 * MOTE_MS), 10);
    mote_chan_free(taken);
    mote_chan_free(c); /* nobody waits on it any more */
}

static void test_elements_of_discarded_senders_are_freed(void **state)
{
    (void)state;
    discard_senders();
    long kb = status_kb("VmSize");
    for (int i = 1; i <= 20; i++)
        discard_senders();
    if (stacks_are_copied() && !UNDER_EMULATOR) /* slower threads may each get an arena of malloc's, 64 MB */
        assert_in_range(status_kb("VmSize"), 0, kb + 10000); /* they sent 20 MB */
}

static void wait_for_close(mote_chan(int) c)
{
    ran++;
    mote_recv(c, NULL);
}

static void park_a_million(void *arg)
{
    (void)arg;
    long n = scale(1000000);
    if (sanitizer_pins_all())
        n = n < 2000 ? n : 2000;
    mote_chan(int) c = mote_chan_make(int, 0);
    ran = 0;
    for (long i = 0; i < n; i++)
        CHECK(mote_go(wait_for_close, c) == 0);
    while (ran < n)
        mote_yield();
    mote_chan_close(c);
    yield_until_alone();
    mote_chan_free(c);
}

static void test_memory_comes_back_after_a_million_tasks(void **state)
{
    (void)state;
    assert_int_equal(mote_start(&two_procs), 0);
    long kb = resident_kb();
    assert_int_equal(mote_join(mote_spawn(park_a_million, NULL), NULL), 0);
    if (stacks_are_copied()) {
        for (int i = 0; i < 250 && resident_kb() > kb + 20 * 1024; i++)
            mote_sleep(100 * MOTE_MS);
        assert_resident_below(kb + 20 * 1024);
    }
    assert_int_equal(mote_stop(MOTE_FOREVER), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_starting_and_stopping_leaks_nothing),
        cmocka_unit_test(test_run_gives_what_main_returns),
        cmocka_unit_test(test_return_of_main_discards_the_others),
        cmocka_unit_test(test_run_and_stop_are_refused_in_a_task),
        cmocka_unit_test(test_second_start_and_second_stop_are_refused),
        cmocka_unit_test(test_senseless_settings_are_refused),
        cmocka_unit_test(test_stop_is_refused_while_run_is_at_work),
        cmocka_unit_test(test_stop_is_refused_at_every_moment_of_run),
        cmocka_unit_test(test_stop_at_its_deadline_discards_and_counts),
        cmocka_unit_test(test_stop_refuses_new_tasks_and_waits_for_the_old),
        cmocka_unit_test(test_a_worker_left_behind_is_not_a_runtime),
        cmocka_unit_test(test_elements_of_discarded_senders_are_freed),
        cmocka_unit_test(test_memory_comes_back_after_a_million_tasks),
    };
    mallopt(M_ARENA_MAX, 1); /* another thread's arena is 64 MB more of VmSize, whenever it comes */
    watchdog(120);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
