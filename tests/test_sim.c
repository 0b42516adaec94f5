/* SPDX-License-Identifier: MIT */
/* test_sim - a simulation: the same seed gives the same run, every order has its chance, and what can happen has its result (SI1,
 * SI2). */
#include "support.h"

#include "base/sanitizer.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

typedef mote_chan(int) channel;

static mote_wg wg;
static char trace[4096];
static size_t length;

static void begin(void)
{
    wg = (mote_wg){0};
    memset(trace, 0, sizeof trace);
    length = 0;
}

static void note(char what)
{
    CHECK(length < sizeof trace - 1);
    trace[length++] = what;
}

static int number(void *arg) { return *(int *)arg; }

static void nothing(void *arg) { *(int *)arg = 5; }

static void test_the_result_is_passed_on(void **state)
{
    (void)state;
    int n = 3;
    assert_int_equal(mote_sim_run(1, number, &n), 3);
    n = -7;
    assert_int_equal(mote_sim_run(2, number, &n), -7);
    assert_int_equal(mote_sim_run(3, nothing, &n), 0);
    assert_int_equal(n, 5);
}

static int ends_early(void *arg)
{
    (void)arg;
    mote_exit();
}

static int fails_late(void *arg)
{
    CHECK(mote_defer(nothing, arg) == 0);
    return 2;
}

static void test_what_the_main_task_has_deferred_is_done(void **state)
{
    (void)state;
    int n = 0;
    assert_int_equal(mote_sim_run(1, fails_late, &n), 2);
    assert_int_equal(n, 5);
    assert_int_equal(mote_sim_run(1, ends_early, NULL), 0);
}

/* Every order */

static void say(int who)
{
    note((char)('a' + who));
    mote_wg_done(&wg);
}

static void three(void *arg)
{
    (void)arg;
    begin();
    mote_wg_add(&wg, 3);
    for (int i = 0; i < 3; i++)
        CHECK(mote_go(say, i) == 0);
    mote_wg_wait(&wg);
}

static void test_every_order_has_its_chance(void **state)
{
    (void)state;
    static const char *const orders[] = {"abc", "acb", "bac", "bca", "cab", "cba"};
    int seen[6] = {0};
    for (uint64_t seed = 1; seed <= 200; seed++) {
        assert_int_equal(mote_sim_run(seed, three, NULL), 0);
        for (int i = 0; i < 6; i++)
            seen[i] += strcmp(trace, orders[i]) == 0;
    }
    for (int i = 0; i < 6; i++)
        if (!seen[i])
            fail_msg("never %s", orders[i]);
}

/* The same seed */

static channel results;

static void talk(int who, channel in)
{
    for (int i = 0, v; i < 3; i++) {
        if (mote_recv_until(in, &v, mote_now() + 5 * MOTE_MS) < 0)
            v = 9;
        note((char)('0' + v % 10));
        mote_sleep((v + 1) % 3 * MOTE_MS);
        mote_select(MOTE_SEND(results, who), MOTE_SEND(in, v + 1), MOTE_AFTER(MOTE_MS));
    }
    mote_wg_done(&wg);
}

static int busy(void *arg)
{
    channel in = mote_chan_make(int, 2);
    results = mote_chan_make(int, 3);
    begin();
    mote_wg_add(&wg, 4);
    for (int i = 0; i < 4; i++)
        CHECK(mote_go(talk, i, in) == 0);
    for (int i = 0; i < 5; i++)
        mote_send_until(in, i, mote_now() + MOTE_MS);
    mote_wg_wait(&wg);
    for (int v; mote_try_recv(results, &v) == 0;)
        note((char)('a' + v));
    mote_chan_free(in);
    mote_chan_free(results);
    return arg ? 1 : 0;
}

static void test_a_seed_gives_the_same_run(void **state)
{
    (void)state;
    char first[sizeof trace];
    int different = 0;
    for (uint64_t seed = 1; seed <= 50; seed++) {
        char before[sizeof trace];
        memcpy(before, trace, sizeof trace);
        assert_int_equal(mote_sim_run(seed, busy, NULL), 0);
        memcpy(first, trace, sizeof trace);
        different += strcmp(before, first) != 0;
        assert_int_equal(mote_sim_run(seed, busy, NULL), 0);
        assert_string_equal(trace, first);
    }
    assert_true(different > 25);
}

/* What this program prints of a run when it is called with a seed. */
static void digest(uint64_t seed, char *text, size_t size)
{
    static const int fails = 1;
    const mote_sim_options options = {.runs = 1, .first_seed = seed, .quiet = 1, .as_it_is = 1};
    mote_sim_failure f;
    int found = mote_sim_explore_with(&options, busy, (void *)&fails, &f);
    snprintf(text, size, "%d %llu %llu\n", found, (unsigned long long)f.schedule, (unsigned long long)f.choices);
}

static void ask_another_process(const char *program, uint64_t seed, const char *homes, char *text, size_t size)
{
    char command[512];
    snprintf(command, sizeof command, "MOTEDEBUG=homes=%s %s --digest %llu", homes, program, (unsigned long long)seed);
    FILE *f = popen(command, "r");
    assert_non_null(f);
    if (!fgets(text, (int)size, f))
        text[0] = 0;
    assert_int_equal(pclose(f), 0);
}

static char program[256];

static void test_in_every_process_with_any_number_of_homes(void **state)
{
    (void)state;
    if (UNDER_EMULATOR)
        skip(); /* the program would be started without it */
    static const char *const homes[] = {"1024", "2", "4", "16"};
    for (uint64_t seed = 1; seed <= 5; seed++) {
        char mine[64], other[64];
        digest(seed, mine, sizeof mine);
        assert_memory_equal(mine, "1 ", 2);
        for (unsigned i = 0; i < 4; i++) {
            ask_another_process(program, seed, homes[i], other, sizeof other);
            assert_string_equal(mine, other);
        }
    }
}

static void task(void) {}

/* Ends */

static void receive_for_ever(void *arg)
{
    (void)arg;
    mote_recv((channel)NULL, NULL);
}

static void panic_in_a_task(void) { mote_panic("in a task"); }

static void start_who_panics(void *arg)
{
    (void)arg;
    CHECK(mote_go(panic_in_a_task) == 0);
    mote_sleep(MOTE_S);
    CHECK(false);
}

static void panic_in_main(void *arg)
{
    (void)arg;
    mote_panic("in main");
}

static void catch_a_panic(void *arg)
{
    mote_error error;
    (void)arg;
    CHECK(mote_try(panic_in_main, NULL, &error) == -ECANCELED && strcmp(error.message, "in main") == 0);
}

static void body_ends(void *arg)
{
    (void)arg;
    for (uint64_t seed = 1; seed < 5; seed++) {
        CHECK(mote_sim_run(seed, receive_for_ever, NULL) == -EDEADLK);
        CHECK(mote_sim_run(seed, start_who_panics, NULL) == -ECANCELED);
        CHECK(mote_sim_run(seed, panic_in_main, NULL) == -ECANCELED);
        CHECK(mote_sim_run(seed, catch_a_panic, NULL) == 0);
    }
}

static void test_deadlocks_and_panics_are_results(void **state)
{
    (void)state;
    struct child_result child = run_child(body_ends, NULL);
    if (child.status != 0)
        fail_msg("status %x: %s", (unsigned)child.status, child.err);
    assert_non_null(strstr(child.err, "all tasks are asleep - deadlock"));
    assert_non_null(strstr(child.err, "on a null channel"));
    assert_non_null(strstr(child.err, "panic: in a task"));
    assert_non_null(strstr(child.err, "panic: in main"));
}

static void stay(void)
{
    note('s');
    mote_recv((channel)NULL, NULL);
    CHECK(false);
}

static void go_on(void)
{
    for (;;)
        mote_yield();
}

static void leave_them(void *arg)
{
    (void)arg;
    begin();
    for (int i = 0; i < 10; i++)
        CHECK(mote_go(stay) == 0 && mote_go(go_on) == 0);
    while (length < 10)
        mote_yield();
}

static void test_tasks_that_are_left_are_discarded(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++)
        assert_int_equal(mote_sim_run(seed, leave_them, NULL), 0);
    assert_int_equal(mote_task_count(), 0);
    assert_int_equal(mote_procs(), 0);
}

/* Once the main task has ended nothing runs: what it has freed is not used. */
static int main_lives;

static void look_whether_main_lives(void)
{
    for (;;) {
        CHECK(main_lives);
        mote_yield();
        mote_wg_add(&wg, 1);
    }
}

static void main_ends(void *arg)
{
    main_lives = 0;
    (void)arg;
}

static void leave_lookers(void *arg)
{
    (void)arg;
    begin();
    main_lives = 1;
    CHECK(mote_defer(main_ends, NULL) == 0);
    for (int i = 0; i < 5; i++)
        CHECK(mote_go(look_whether_main_lives) == 0);
    mote_yield();
}

static void test_nothing_runs_when_the_main_task_has_ended(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 50; seed++)
        assert_int_equal(mote_sim_run(seed, leave_lookers, NULL), 0);
}

/* Misuse, and what is different inside */

static void look_inside(void *arg)
{
    (void)arg;
    int n = 0;
    CHECK(mote_procs() == 1 && mote_set_procs(1) == 0 && mote_set_procs(2) == -EBUSY);
    CHECK(mote_sim_run(1, nothing, &n) == -EBUSY && mote_sim_explore(nothing, &n, 1) == -EBUSY && n == 0);
    CHECK(mote_stop(0) == -EDEADLK && mote_start(NULL) == -EBUSY);
}

static void test_one_simulation_at_a_time_on_one_proc(void **state)
{
    (void)state;
    int n = 0;
    assert_int_equal(mote_sim_run(1, look_inside, NULL), 0);
    assert_int_equal(mote_start(&one_proc), 0);
    assert_int_equal(mote_sim_run(1, nothing, &n), -EBUSY);
    assert_int_equal(mote_sim_explore(nothing, &n, 1), -EBUSY);
    assert_int_equal(n, 0);
    assert_int_equal(mote_stop(mote_now() + 10 * MOTE_S), 0);
}

static void *start_from_outside(void *arg)
{
    mote_go(task);
    return arg;
}

static void let_a_thread_come(void *arg)
{
    pthread_t thread;
    (void)arg;
    CHECK(pthread_create(&thread, NULL, start_from_outside, NULL) == 0);
    pthread_join(thread, NULL);
}

static void body_thread(void *arg)
{
    (void)arg;
    mote_sim_run(1, let_a_thread_come, NULL);
}

static void test_threads_that_come_in_stop_the_program(void **state)
{
    (void)state;
    assert_dies_saying(body_thread, "a plain thread calls into a simulation");
}

static mote_mutex mutex;
static int shared;

static void add_locked(void)
{
    for (int i = 0; i < 100; i++) {
        mote_mutex_lock(&mutex);
        int before = shared;
        if (i % 10 == 0)
            mote_yield();
        shared = before + 1;
        mote_mutex_unlock(&mutex);
    }
    mote_wg_done(&wg);
}

static void count_to_many(void *arg)
{
    (void)arg;
    begin();
    mutex = (mote_mutex){0};
    shared = 0;
    mote_wg_add(&wg, 8);
    for (int i = 0; i < 8; i++)
        CHECK(mote_go(add_locked) == 0);
    mote_wg_wait(&wg);
    CHECK(shared == 800);
}

static void sleep_for_long(void *arg)
{
    (void)arg;
    CHECK(mote_sleep(3600 * MOTE_S) == 0);
}

static void test_ordinary_runtimes_are_as_before(void **state)
{
    (void)state;
    int64_t before = mote_now();
    assert_int_equal(mote_sim_run(1, sleep_for_long, NULL), 0);
    assert_true(mote_now() - before < 3600 * MOTE_S);
    run_with_each(count_to_many, NULL);
    assert_int_equal(mote_sim_run(1, count_to_many, NULL), 0);
}

int main(int argc, char **argv)
{
    snprintf(program, sizeof program, "%s", argv[0]);
    if (argc == 3 && strcmp(argv[1], "--digest") == 0) {
        char text[64];
        digest(strtoull(argv[2], NULL, 10), text, sizeof text);
        fputs(text, stdout);
        return 0;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_result_is_passed_on),
        cmocka_unit_test(test_what_the_main_task_has_deferred_is_done),
        cmocka_unit_test(test_every_order_has_its_chance),
        cmocka_unit_test(test_a_seed_gives_the_same_run),
        cmocka_unit_test(test_in_every_process_with_any_number_of_homes),
        cmocka_unit_test(test_deadlocks_and_panics_are_results),
        cmocka_unit_test(test_tasks_that_are_left_are_discarded),
        cmocka_unit_test(test_nothing_runs_when_the_main_task_has_ended),
        cmocka_unit_test(test_one_simulation_at_a_time_on_one_proc),
        cmocka_unit_test(test_threads_that_come_in_stop_the_program),
        cmocka_unit_test(test_ordinary_runtimes_are_as_before),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
