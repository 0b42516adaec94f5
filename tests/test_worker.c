/* SPDX-License-Identifier: MIT */
/* test_worker - what runs next: every task once, and nobody waits for ever. */
#include "support.h"

#include "base/atomic.h"
#include "base/sanitizer.h"
#include "sched/sched.h"
#include "sched/timer.h"

#include <stdlib.h>
#include <sys/resource.h>

static _Atomic long ran;
static _Atomic uint8_t *times; /* [i]: how often task i ran */
static _Atomic bool flag, stop;

static void reset(void)
{
    ran = 0;
    flag = stop = false;
}

static void settle(void)
{
    stop = true;
    yield_until_alone();
}

/* Once */

static void count_once(long i)
{
    times[i]++;
    ran++;
}

static void count_between_yields(long i)
{
    mote_yield();
    times[i]++;
    mote_yield();
    ran++;
}

static void start_part(long from, long to)
{
    for (long i = from; i < to; i++)
        CHECK((i % 3 ? mote_go(count_once, i) : mote_go(count_between_yields, i)) == 0);
}

static void start_all(void *arg)
{
    (void)arg;
    enum { PARTS = 8 };
    mote_task *parts[PARTS];
    long each = scale(5000), n = PARTS * each;
    reset();
    times = calloc((size_t)n, sizeof *times);
    for (long i = 0; i < PARTS; i++)
        parts[i] = mote_spawn(start_part, i * each, (i + 1) * each);
    for (long i = 0; i < PARTS; i++)
        CHECK(mote_join(parts[i], NULL) == 0);
    while (ran < n)
        mote_yield();
    settle();
    CHECK(ran == n);
    for (long i = 0; i < n; i++)
        CHECK(times[i] == 1);
    free((void *)times);
}

static void test_each_task_runs_once_under_stealing(void **state)
{
    (void)state;
    static const int procs[] = {1, 2, 8};
    for (int i = 0; i < 3; i++)
        for (int queue = 2; queue <= 256; queue *= 128)
            run_with(&(mote_config){.procs = procs[i], .queue = queue}, start_all, NULL);
}

/* The next slot */

static void ping(mote_chan(int) in, mote_chan(int) out)
{
    int v;
    while (mote_recv(in, &v) == 0 && mote_send(out, v + 1) == 0)
        ;
    mote_chan_close(out);
}

static void run_beside_pairs(void *arg)
{
    (void)arg;
    mote_chan(int) a = mote_chan_make(int, 0), b = mote_chan_make(int, 0);
    reset();
    mote_go(ping, a, b);
    mote_go(ping, b, a);
    CHECK(mote_send(a, 1) == 0);
    for (int i = 0; i < scale(10000); i++)
        mote_yield(); /* this task is the third */
    times = calloc(1, 1);
    for (int i = 0; i < 100; i++)
        CHECK(mote_go(count_once, 0L) == 0); /* and these */
    while (ran < 100)
        mote_yield();
    mote_chan_close(a);
    settle();
    free((void *)times);
    mote_chan_free(a);
    mote_chan_free(b);
}

static void run_with_each_queue(int procs, void (*body)(void *))
{
    for (int queue = 2; queue <= 256; queue *= 128)
        run_with(&(mote_config){.procs = procs, .queue = queue}, body, NULL);
}

static void test_a_pair_that_talks_starves_no_third(void **state)
{
    (void)state;
    run_with_each_queue(1, run_beside_pairs);
    run_with_each_queue(2, run_beside_pairs);
}

/* New ones and old ones */

static void yield_until_stopped(void)
{
    while (!stop)
        mote_yield();
}

static void raise_flag(void) { flag = true; }

static void start_beside_yielders(void *arg)
{
    (void)arg;
    reset();
    for (int i = 0; i < 20; i++)
        CHECK(mote_go(yield_until_stopped) == 0);
    for (int i = 0; i < scale(500); i++) {
        flag = false;
        CHECK(mote_go(raise_flag) == 0);
        while (!flag)
            mote_yield();
    }
    settle();
}

static void test_yielding_tasks_starve_no_new_one(void **state)
{
    (void)state;
    run_with_each_queue(1, start_beside_yielders);
    run_with_each_queue(2, start_beside_yielders);
}

/* Each keeps the number of its kind by starting the next. */
static void start_next(void)
{
    if (!stop)
        CHECK(mote_go(start_next) == 0);
}

static void yield_beside_new_ones(void *arg)
{
    (void)arg;
    /* More than the tiny queues hold. Thousands of tasks come of it, and the tools take long for each. */
    int kept = sanitizer_pins_all() ? 6 : 20;
    reset();
    for (int i = 0; i < kept; i++)
        CHECK(mote_go(start_next) == 0);
    for (int i = 0; i < scale(400); i++)
        mote_yield();
    settle();
}

static void test_new_tasks_starve_no_yielding_one(void **state)
{
    (void)state;
    run_with_each_queue(1, yield_beside_new_ones);
    run_with_each_queue(2, yield_beside_new_ones);
}

static void do_nothing(void) {}

static void spawn_until_stopped(void)
{
    while (!stop)
        CHECK(mote_go(do_nothing) == 0);
}

static void run_beside_spawner(void *arg)
{
    (void)arg;
    reset();
    CHECK(mote_go(spawn_until_stopped) == 0);
    for (int i = 0; i < scale(200); i++)
        mote_yield();
    for (int i = 0; i < scale(100); i++) {
        flag = false;
        CHECK(mote_go(raise_flag) == 0);
        while (!flag)
            mote_yield();
    }
    mote_sleep(MOTE_MS);
    settle();
}

static void test_a_spawner_starves_no_other(void **state)
{
    (void)state;
    run_with_each_queue(1, run_beside_spawner);
    run_with_each_queue(2, run_beside_spawner);
}

/* The common queue: what plain threads start. */
static void test_yielding_tasks_starve_no_task_of_a_plain_thread(void **state)
{
    (void)state;
    for (int procs = 1; procs <= 2; procs++) {
        reset();
        assert_int_equal(mote_start(&(mote_config){.procs = procs}), 0);
        for (int i = 0; i < 2; i++)
            assert_int_equal(mote_go(yield_until_stopped), 0);
        for (int i = 0; i < scale(100); i++) {
            flag = false;
            assert_int_equal(mote_go(raise_flag), 0);
            while (!flag)
                mote_yield();
        }
        stop = true;
        assert_int_equal(mote_stop(MOTE_FOREVER), 0);
    }
}

static void test_yielding_tasks_starve_no_sleeper(void **state)
{
    (void)state;
    for (int procs = 1; procs <= 2; procs++) {
        reset();
        assert_int_equal(mote_start(&(mote_config){.procs = procs}), 0);
        for (int i = 0; i < 4; i++)
            assert_int_equal(mote_go(yield_until_stopped), 0);
        for (int i = 0; i < scale(100); i++)
            assert_int_equal(mote_join(mote_spawn(mote_sleep, 10 * MOTE_US), NULL), 0);
        stop = true;
        assert_int_equal(mote_stop(MOTE_FOREVER), 0);
    }
}

/* Two timers that arm each other: one of them is always due. */
static struct timer twin[2];

static void arm_the_other(struct timer *t)
{
    struct timer *other = t == &twin[0] ? &twin[1] : &twin[0];
    other->when = mote_now() + 1;
    if (!stop)
        CHECK(sched_timer_add(other) == 0);
}

static void start_twins(void)
{
    twin[0] = twin[1] = (struct timer){.fire = arm_the_other};
    arm_the_other(&twin[1]);
}

static void test_timers_that_are_always_due_starve_no_task(void **state)
{
    (void)state;
    reset();
    assert_int_equal(mote_start(&(mote_config){.procs = 1}), 0);
    for (int i = 0; i < 2; i++)
        assert_int_equal(mote_go(yield_until_stopped), 0);
    assert_int_equal(mote_join(mote_spawn(start_twins), NULL), 0);
    for (int i = 0; i < scale(100); i++) {
        flag = false;
        assert_int_equal(mote_go(raise_flag), 0);
        while (!flag)
            mote_yield();
    }
    assert_int_equal(mote_join(mote_spawn(mote_sleep, MOTE_MS), NULL), 0);
    stop = true;
    assert_int_equal(mote_join(mote_spawn(mote_sleep, MOTE_MS), NULL), 0); /* later than the twins */
    assert_int_equal(mote_stop(MOTE_FOREVER), 0);
}

/* Flags */

static void wait_for_turn(long i)
{
    while (ran != i)
        mote_yield();
    ran++;
}

static void take_turns(void *arg)
{
    (void)arg;
    long n = scale(200);
    reset();
    for (long i = n - 1; i >= 0; i--)
        CHECK((i % 7 ? mote_go(wait_for_turn, i) : mote_go_pinned(wait_for_turn, i)) == 0);
    while (ran < n)
        mote_yield();
    settle();
}

static void test_loops_that_yield_for_a_flag_end(void **state)
{
    (void)state;
    static const int homes[] = {2, 1024};
    for (int i = 0; i < 2; i++)
        for (int procs = 1; procs <= 8; procs *= 2)
            run_with(&(mote_config){.procs = procs, .homes = homes[i]}, take_turns, NULL);
}

/* Homes */

static void hold_a_home(void)
{
    ran++;
    while (!stop)
        cpu_relax(); /* not a call of mote */
}

/* How often this worker has gone to sleep. */
static long pauses(void)
{
    struct rusage usage;
    CHECK(getrusage(RUSAGE_THREAD, &usage) == 0);
    return usage.ru_nvcsw;
}

static void yield_beside_one_without_home(void *arg)
{
    (void)arg;
    reset();
    for (int i = 0; i < 4; i++)
        CHECK(mote_go(hold_a_home) == 0);
    while (ran < 4)
        mote_yield();
    CHECK(mote_go(raise_flag) == 0); /* it finds all four homes held */
    long before = pauses();
    for (int i = 0; i < 20000; i++)
        mote_yield(); /* it is tried again in some hundreds of these */
    CHECK(pauses() - before < 100);
    CHECK(!flag);
    settle();
    CHECK(flag);
}

static void test_a_task_that_finds_no_home_makes_nobody_pause(void **state)
{
    (void)state;
    if (!stacks_are_copied())
        skip();
    run_with(&(mote_config){.procs = 5, .homes = 4}, yield_beside_one_without_home, NULL);
}

/* All of them new, more than the procs' queues hold, and more procs than homes. */
static void start_many_new(void *arg)
{
    (void)arg;
    long n = scale(50000);
    reset();
    times = calloc(1, sizeof *times);
    for (long i = 0; i < n; i++)
        CHECK((i % 2 ? mote_go(count_between_yields, 0L) : mote_go(count_once, 0L)) == 0);
    while (ran < n)
        mote_yield();
    settle();
    CHECK(ran == n);
    free((void *)times);
}

static void test_more_procs_than_homes_run_every_task(void **state)
{
    (void)state;
    for (int queue = 2; queue <= 256; queue *= 128)
        run_with(&(mote_config){.procs = 8, .homes = 2, .queue = queue}, start_many_new, NULL);
}

enum { SHARERS = 5 }; /* of two homes, or of four where the environment says so: some have the same */
enum order { WAIT_FOR_FLAG, RAISE_FLAG };

static _Atomic uint32_t home_of_sharer[SHARERS];

static void obey(int i, mote_chan(enum order) orders)
{
    home_of_sharer[i] = sched_self()->home;
    ran++;
    mote_chan_range (orders, order) {
        flag = order == RAISE_FLAG;
        ran++;
        while (!flag)
            mote_yield();
        ran++;
    }
}

/* First the one waits, by itself on its proc, then the other is to end that. From a plain thread: no task yields but that. */
static void raise_from_the_same_home(mote_chan(enum order) waiter, mote_chan(enum order) raiser)
{
    for (long i = scale(50); i > 0; i--) {
        ran = 0;
        assert_int_equal(mote_send(waiter, WAIT_FOR_FLAG), 0);
        while (ran < 1)
            mote_yield();
        assert_int_equal(mote_send(raiser, RAISE_FLAG), 0);
        while (ran < 4)
            mote_yield();
    }
}

static void test_a_loop_that_yields_leaves_its_home_to_whom_it_waits_for(void **state)
{
    (void)state;
    mote_chan(enum order) orders[SHARERS];
    if (!stacks_are_copied())
        skip();
    reset();
    assert_int_equal(mote_start(&(mote_config){.procs = 2, .homes = 2}), 0);
    for (int i = 0; i < SHARERS; i++) {
        orders[i] = mote_chan_make(enum order, 0);
        assert_int_equal(mote_go(obey, i, orders[i]), 0);
    }
    while (ran < SHARERS)
        mote_yield();
    int one = 0, other = 1;
    while (home_of_sharer[one] != home_of_sharer[other])
        if (++other == SHARERS)
            other = ++one + 1;
    raise_from_the_same_home(orders[one], orders[other]);
    for (int i = 0; i < SHARERS; i++)
        mote_chan_close(orders[i]);
    assert_int_equal(mote_stop(MOTE_FOREVER), 0);
    for (int i = 0; i < SHARERS; i++)
        mote_chan_free(orders[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_task_runs_once_under_stealing),
        cmocka_unit_test(test_a_pair_that_talks_starves_no_third),
        cmocka_unit_test(test_yielding_tasks_starve_no_new_one),
        cmocka_unit_test(test_new_tasks_starve_no_yielding_one),
        cmocka_unit_test(test_a_spawner_starves_no_other),
        cmocka_unit_test(test_yielding_tasks_starve_no_task_of_a_plain_thread),
        cmocka_unit_test(test_yielding_tasks_starve_no_sleeper),
        cmocka_unit_test(test_timers_that_are_always_due_starve_no_task),
        cmocka_unit_test(test_loops_that_yield_for_a_flag_end),
        cmocka_unit_test(test_a_task_that_finds_no_home_makes_nobody_pause),
        cmocka_unit_test(test_more_procs_than_homes_run_every_task),
        cmocka_unit_test(test_a_loop_that_yields_leaves_its_home_to_whom_it_waits_for),
    };
    watchdog(60);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
