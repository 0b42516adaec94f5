/* SPDX-License-Identifier: MIT */
/* test_stats - the numbers: consistent at rest, and the image grows and shrinks with the stack. */
#include "support.h"

#include "base/sanitizer.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define MIB ((size_t)1 << 20)

static _Atomic long ran;
static _Atomic bool stop;

static void wait_for_close(mote_chan(int) c)
{
    ran++;
    mote_recv(c, NULL);
}

static void check_sums(const struct mote_stats *s)
{
    CHECK(s->tasks == s->tasks_new + s->tasks_ready + s->tasks_running + s->tasks_parked);
    CHECK(s->tasks == mote_task_count());
    CHECK(s->stolen >= s->steals);
    CHECK(s->spawned >= s->tasks);
    CHECK(s->copies_out >= s->copies_in);
}

static void look_at_rest(void *arg)
{
    (void)arg;
    struct mote_stats s;
    long n = scale(5000);
    mote_chan(int) c = mote_chan_make(int, 0);
    ran = 0;
    CHECK(mote_stats(&s) == 0);
    CHECK(s.tasks == 1 && s.tasks_running == 1 && s.spawned == 1);
    for (long i = 0; i < n; i++)
        CHECK((i % 10 ? mote_go(wait_for_close, c) : mote_go_pinned(wait_for_close, c)) == 0);
    do { /* those that have counted themselves may still be on their way */
        mote_yield();
        CHECK(mote_stats(&s) == 0);
    } while (ran < n || s.tasks_parked < (uint64_t)n);
    check_sums(&s);
    CHECK(s.procs == mote_procs());
    CHECK(s.tasks == (uint64_t)n + 1 && s.tasks_parked == (uint64_t)n && s.tasks_running == 1);
    CHECK(s.spawned == (uint64_t)n + 1);
    CHECK(s.homes_pinned >= (uint64_t)n / 10 && s.live_bytes >= (uint64_t)n * 16);
    mote_chan_close(c);
    yield_until_alone();
    CHECK(mote_stats(&s) == 0);
    check_sums(&s);
    CHECK(s.tasks == 1 && s.tasks_parked == 0 && s.live_bytes == 0 && s.image_bytes == 0);
    mote_chan_free(c);
}

static void test_sums_are_consistent_at_rest(void **state)
{
    (void)state;
    run_with(&one_proc, look_at_rest, NULL);
    run_with(&two_procs, look_at_rest, NULL);
}

static void test_there_are_no_numbers_without_a_runtime(void **state)
{
    (void)state;
    struct mote_stats s = {.tasks = 7};
    struct mote_stack_info info = {.limit = 7};
    assert_int_equal(mote_stats(&s), -ESHUTDOWN);
    assert_int_equal(s.tasks, 0);
    assert_int_equal(mote_stack_info(&info), -EINVAL);
    assert_int_equal(info.limit, 0);
}

/* One proc after the other */

/* Tiny queues leave most of the others in the common one, which has a turn only now and then. */
static void yield_often(void)
{
    for (int i = 0; i < 500; i++)
        mote_yield();
}

static void look_at_own_proc(void *arg)
{
    (void)arg;
    struct mote_proc_stats p;
    mote_set_name("the looker");
    CHECK(mote_proc_stats(&p, 1) == 1);
    CHECK(p.number == 0 && p.state == MOTE_PROC_RUNNING && p.task == mote_self() && !strcmp(p.name, "the looker"));
    mote_set_name(NULL);
    uint64_t spawned = p.spawned, queued = p.queued_new + p.queued_ready, switches = p.switches;
    ran = 0;
    for (int i = 0; i < 3; i++)
        CHECK(mote_go(yield_often) == 0);
    CHECK(mote_proc_stats(&p, 1) == 1);
    CHECK(p.spawned == spawned + 3 && p.queued_new + p.queued_ready == queued + 3 && p.switches == switches);
    yield_until_alone();
    CHECK(mote_proc_stats(&p, 1) == 1);
    CHECK(p.queued_new + p.queued_ready == queued && p.ended == p.spawned && p.switches >= switches + 1500);
}

static void await_state(int number, enum mote_proc_state state)
{
    struct mote_proc_stats p[2];
    do
        CHECK(mote_proc_stats(p, 2) == 2);
    while (p[number].state != state);
}

static void look_at_two_procs(void *arg)
{
    (void)arg;
    struct mote_stats s;
    struct mote_proc_stats p[2];
    CHECK(mote_proc_stats(NULL, 0) == 2);
    CHECK(mote_proc_stats(p, 1) == 2);
    CHECK(mote_stats(&s) == 0 && s.workers == 2);
    CHECK(mote_proc_stats(p, 2) == 2 && p[0].number == 0 && p[1].number == 1);
    int mine = p[1].task == mote_self();
    CHECK(p[mine].task == mote_self() && p[mine].state == MOTE_PROC_RUNNING && p[mine].switches > 0);
    await_state(!mine, MOTE_PROC_ASLEEP);
    CHECK(mote_set_procs(1) == 0);
    await_state(1, mine ? MOTE_PROC_RUNNING : MOTE_PROC_UNUSED);
}

static void test_each_proc_has_numbers(void **state)
{
    (void)state;
    assert_int_equal(mote_proc_stats(NULL, 0), -ESHUTDOWN);
    run_with(&(mote_config){.procs = 1, .queue = 256, .max_blocked = -1}, look_at_own_proc, NULL);
    run_with(&only_two_procs, look_at_two_procs, NULL);
}

static void yield_some(int times)
{
    for (int i = 0; i < times; i++)
        mote_yield();
    ran++;
}

static void look_while_running(void *arg)
{
    (void)arg;
    struct mote_stats s, last = {0};
    ran = 0;
    for (int i = 0; i < scale(1000); i++) {
        CHECK(mote_go(yield_some, i % 5) == 0);
        CHECK(mote_stats(&s) == 0);
        CHECK(s.spawned > last.spawned && s.copies_out >= last.copies_out && s.copies_in >= last.copies_in);
        CHECK(s.steals >= last.steals && s.wakes >= last.wakes && s.sleeps >= last.sleeps);
        last = s;
    }
    yield_until_alone();
}

static void test_counters_never_fall_while_tasks_run(void **state)
{
    (void)state;
    run_with(&one_proc, look_while_running, NULL);
    run_with(&(mote_config){.procs = 2, .homes = 2}, look_while_running, NULL);
}

/* One task's stack */

static __attribute__((noinline)) struct mote_stack_info look(void)
{
    struct mote_stack_info info;
    CHECK(mote_stack_info(&info) == 0);
    return info;
}

static __attribute__((noinline)) size_t live_below(int depth)
{
    volatile char frame[1024];
    frame[0] = (char)depth;
    __asm__ volatile("" ::"r"(frame) : "memory"); /* all of it is needed */
    size_t live = depth ? live_below(depth - 1) : look().live;
    CHECK(frame[0] == (char)depth);
    return live;
}

static __attribute__((noinline)) void measure(bool pinned)
{
    size_t before = look().live, last = before;
    for (int depth = 1; depth <= 64; depth *= 2) {
        size_t live = live_below(depth);
        CHECK(live >= last + 512 && live >= (size_t)depth * 1024);
        last = live;
    }
    struct mote_stack_info info = look();
    CHECK(info.live == before && info.deepest >= 64 * 1024);
    CHECK(info.pinned == pinned && info.limit >= MIB && (!pinned || info.image == 0));
}

static void measure_both(void *arg)
{
    (void)arg;
    mote_attr pinned = {.pinned = true};
    CHECK(mote_join(mote_spawn_with(&pinned, measure, true), NULL) == 0);
    CHECK(mote_join(mote_spawn(measure, sanitizer_pins_all()), NULL) == 0);
}

static void test_stack_info_grows_with_the_depth(void **state)
{
    (void)state;
    run_with(&one_proc, measure_both, NULL);
}

/* Shares the homes with the task that is measured, so that this is copied out. */
static void yield_until_stopped(void)
{
    while (!stop)
        mote_yield();
}

static uint64_t image_bytes(void)
{
    struct mote_stats s;
    CHECK(mote_stats(&s) == 0);
    return s.image_bytes;
}

static void dive(int depth)
{
    volatile char frame[1024];
    for (size_t i = 0; i < sizeof frame; i += 64)
        frame[i] = (char)(depth + (int)i);
    __asm__ volatile("" ::"r"(frame) : "memory"); /* all of it is needed */
    if (depth)
        dive(depth - 1);
    else
        yield_often();
    if (depth == 0) {
        CHECK(look().live >= 1000 * 1024 && look().image >= 1000 * 1024);
        CHECK(image_bytes() >= 1000 * 1024);
    }
    for (size_t i = 0; i < sizeof frame; i += 64)
        CHECK(frame[i] == (char)(depth + (int)i));
}

static void dive_and_return(void)
{
    struct mote_stats before, after;
    yield_often();
    CHECK(mote_stats(&before) == 0);
    CHECK(look().image < 64 * 1024);
    dive(1000);
    yield_often();
    struct mote_stack_info info = look();
    CHECK(info.image < 64 * 1024 && info.live < 64 * 1024);
    CHECK(info.deepest >= 1000 * 1024 && info.growths >= 1 && look().growths >= info.growths);
    CHECK(mote_stats(&after) == 0);
    CHECK(after.image_grows > before.image_grows && after.image_shrinks > before.image_shrinks);
    CHECK(after.image_bytes < before.image_bytes + 256 * 1024);
    CHECK(after.image_failures == 0 && after.copies_out > before.copies_out);
}

static void dive_in_company(void *arg)
{
    (void)arg;
    stop = false;
    for (int i = 0; i < 40; i++)
        CHECK(mote_go(yield_until_stopped) == 0);
    for (int i = 0; i < 3; i++)
        CHECK(mote_join(mote_spawn(dive_and_return), NULL) == 0);
    stop = true;
    yield_until_alone();
    CHECK(image_bytes() == 0);
}

static void test_image_grows_to_a_megabyte_and_shrinks_again(void **state)
{
    (void)state;
    if (!stacks_are_copied())
        skip();
    run_with(&one_proc_two_homes, dive_in_company, NULL);
}

/* Every worker is in one of the numbers, or runs a task. */
static void hold_up(void)
{
    mote_blocking_begin();
    usleep(20000);
    mote_blocking_end();
}

static void await_spares(void *arg)
{
    (void)arg;
    struct mote_stats s;
    for (int i = 0; i < 6; i++)
        CHECK(mote_go(hold_up) == 0);
    yield_until_alone();
    do {
        mote_sleep(MOTE_MS);
        CHECK(mote_stats(&s) == 0);
    } while (s.workers_spare == 0 ||
             s.workers_asleep + s.workers_spare + s.workers_searching + s.workers_blocked + 1 != s.workers);
    CHECK(s.workers > s.procs);
}

static void test_spares_are_counted(void **state)
{
    (void)state;
    run_with(&two_procs, await_spares, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sums_are_consistent_at_rest),
        cmocka_unit_test(test_there_are_no_numbers_without_a_runtime),
        cmocka_unit_test(test_each_proc_has_numbers),
        cmocka_unit_test(test_spares_are_counted),
        cmocka_unit_test(test_counters_never_fall_while_tasks_run),
        cmocka_unit_test(test_stack_info_grows_with_the_depth),
        cmocka_unit_test(test_image_grows_to_a_megabyte_and_shrinks_again),
    };
    watchdog(60);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
