/* SPDX-License-Identifier: MIT */
/* test_spare - while tasks block or compute, the others go on; afterwards as many run as before (V1-V5 of spare.c). */
#include "support.h"

#include "base/sanitizer.h"
#include "sched/proc.h"

#include <errno.h>
#include <pthread.h>
#include <unistd.h>

static _Atomic long ran;
static _Atomic bool stop;
static int ends[2]; /* of a pipe */

static void open_pipe(void) { CHECK(pipe(ends) == 0); }

static void close_pipe(void)
{
    close(ends[0]);
    close(ends[1]);
}

static void count(void) { ran++; }

static ssize_t read_byte(char *to) { return read(ends[0], to, 1); }

/* Blocks until somebody writes. */
static void read_declared(mote_wg *wg)
{
    char byte = 0;
    errno = 77;
    CHECK(mote_blocking(read_byte, &byte) == 1 && byte == 'x');
    CHECK(errno == 77);
    ran++;
    mote_wg_done(wg);
}

static void read_undeclared(mote_wg *wg)
{
    char byte;
    CHECK(read_byte(&byte) == 1);
    ran++;
    mote_wg_done(wg);
}

static void spin(mote_wg *wg)
{
    while (!stop)
        cpu_relax(); /* not a call of mote */
    ran++;
    mote_wg_done(wg);
}

static void answer(mote_chan(int) in, mote_chan(int) out)
{
    mote_chan_range (in, v)
        CHECK(mote_send(out, v + 1) == 0);
    mote_chan_close(out);
}

/* What needs tasks, timers and channels. */
static void work(int rounds)
{
    mote_chan(int) to = mote_chan_make(int, 0), from = mote_chan_make(int, 0);
    CHECK(mote_go(answer, to, from) == 0);
    for (int i = 0; i < rounds; i++) {
        int v;
        CHECK(mote_send(to, i) == 0);
        CHECK(mote_recv(from, &v) == 0 && v == i + 1);
        if (i % 10 == 0)
            mote_sleep(100 * MOTE_US);
        if (i % 7 == 0)
            CHECK(mote_join(mote_spawn(count), NULL) == 0);
    }
    mote_chan_close(to);
    CHECK(mote_recv(from, NULL) == -EPIPE);
    mote_chan_free(to);
    mote_chan_free(from);
}

/* n tasks that block, and others that go on meanwhile; the last thing that they need is done by these. */
static void work_beside(void (*block)(mote_wg *), int n)
{
    mote_wg wg = {0};
    mote_wg_add(&wg, n);
    open_pipe();
    for (int i = 0; i < n; i++)
        CHECK(mote_go_pinned(block, &wg) == 0); /* else the few homes of some runs are all held */
    work((int)scale(200));
    ran = 0;
    stop = true;
    for (int i = 0; i < n; i++)
        CHECK(write(ends[1], "x", 1) == 1);
    mote_wg_wait(&wg);
    CHECK(ran == n);
    stop = false;
    close_pipe();
}

static void beside_declared(void *arg)
{
    (void)arg;
    for (int n = 1; n <= 20; n += 3)
        work_beside(read_declared, n);
}

static void beside_undeclared(void *arg)
{
    (void)arg;
    work_beside(read_undeclared, 1);
    work_beside(read_undeclared, 10);
}

static void beside_spinners(void *arg)
{
    (void)arg;
    work_beside(spin, 1);
    work_beside(spin, 4);
}

static void test_others_go_on_while_tasks_block(void **state)
{
    (void)state;
    run_with_each(beside_declared, NULL);
}

static void test_others_go_on_while_tasks_block_without_saying_so(void **state)
{
    (void)state;
    run_with_each(beside_undeclared, NULL);
}

static void test_others_go_on_while_tasks_spin(void **state)
{
    (void)state;
    run_with_each(beside_spinners, NULL);
}

/* Procs in use whose workers aren't away. */
static uint32_t count_here(void)
{
    uint32_t n = 0, made = atom_load_acq(&rt.made);
    lock_take(&rt.spares.lock);
    for (uint32_t i = 0; i < made; i++)
        n += proc_in_use(rt.proc[i]) && !rt.spares.away[i];
    lock_drop(&rt.spares.lock);
    return n;
}

/* Workers in blocking sections that nobody waits for: away, or called back before their task began one. */
static uint32_t count_away(void)
{
    uint32_t n = 0, made = atom_load_acq(&rt.made);
    lock_take(&rt.spares.lock);
    for (uint32_t i = 0; i < made; i++)
        n +=
            rt.spares.away[i] || (!proc_in_use(rt.proc[i]) && (atom_load_seq(&rt.proc[i]->summons) & SUMMONS_BLOCKING));
    lock_drop(&rt.spares.lock);
    return n;
}

static void await_state(uint32_t here, uint32_t away)
{
    while (count_here() != here || count_away() != away)
        mote_sleep(MOTE_MS);
}

/* n tasks in blocking calls, seen by the monitor. */
static void start_blocked(int n, mote_wg *wg)
{
    open_pipe();
    mote_wg_add(wg, n);
    for (int i = 0; i < n; i++)
        CHECK(mote_go_pinned(read_declared, wg) == 0);
}

static void end_blocked(int n, mote_wg *wg)
{
    for (int i = 0; i < n; i++)
        CHECK(write(ends[1], "x", 1) == 1);
    mote_wg_wait(wg);
    close_pipe();
}

static void balance_again(void *arg)
{
    const uint32_t procs = (uint32_t)(intptr_t)arg;
    mote_wg wg = {0};
    for (int n = 1; n <= 12; n += 5) {
        start_blocked(n, &wg);
        await_state(procs, (uint32_t)n);
        end_blocked(n, &wg);
        await_state(procs, 0);
    }
}

static void test_as_many_run_as_before_when_tasks_are_back(void **state)
{
    (void)state;
    run_with(&(mote_config){.procs = 1}, balance_again, (void *)1);
    run_with(&(mote_config){.procs = 3}, balance_again, (void *)3);
}

static void change_procs(void *arg)
{
    (void)arg;
    mote_wg wg = {0};
    start_blocked(5, &wg);
    await_state(2, 5);
    static const int numbers[] = {4, 1, 7, 2, 8, 1};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        CHECK(mote_set_procs(numbers[i]) == 0);
        await_state((uint32_t)numbers[i], 5);
    }
    end_blocked(5, &wg);
    await_state(1, 0);
    work(50);
}

static void test_procs_change_while_tasks_block(void **state)
{
    (void)state;
    run_with(&two_procs, change_procs, NULL);
}

/* The blocked ones wait; nothing else is to be done. */
static void test_monitor_sleeps_while_tasks_block(void **state)
{
    (void)state;
    mote_wg wg = {0};
    assert_int_equal(mote_start(&two_procs), 0);
    start_blocked(3, &wg);
    while (atom_load_seq(&rt.spares.quiet) < 3 || !atom_load_seq(&rt.monitor_asleep))
        usleep(1000);
    end_blocked(3, &wg);
    assert_int_equal(mote_stop(MOTE_FOREVER), 0);
}

static void spin_for(int64_t ns)
{
    for (int64_t end = mote_now() + ns; mote_now() < end;)
        cpu_relax();
}

static void spin_alone(void *arg)
{
    (void)arg;
    CHECK(mote_join(mote_spawn(spin_for, 100 * MOTE_MS), NULL) == 0);
    CHECK(rt.made == 1);
}

static void test_nobody_stands_in_where_nothing_waits(void **state)
{
    (void)state;
    run_with(&(mote_config){.procs = 1}, spin_alone, NULL);
}

static void test_no_more_stand_in_than_may(void **state)
{
    (void)state;
    mote_wg wg = {0};
    assert_int_equal(mote_start(&(mote_config){.procs = 1, .max_blocked = 2}), 0);
    start_blocked(10, &wg);
    while (count_away() < 3)
        usleep(1000);
    usleep(10000);
    assert_int_equal(rt.made, 3);
    end_blocked(10, &wg);
    assert_int_equal(mote_stop(MOTE_FOREVER), 0);
}

static void end_threads(void *arg)
{
    (void)arg;
    mote_wg wg = {0};
    for (int i = 0; i < 3; i++) {
        atom_store_seq(&rt.spares.patience, MOTE_MS);
        start_blocked(6, &wg);
        await_state(2, 6);
        end_blocked(6, &wg);
        while (atom_load_seq(&rt.live_workers) != 2)
            mote_sleep(MOTE_MS);
        work(20);
    }
}

static void test_threads_that_nobody_needs_end_and_begin_anew(void **state)
{
    (void)state;
    run_with(&two_procs, end_threads, NULL);
}

static void wait_for_stop(mote_chan(int) c)
{
    mote_wg wg = {0};
    mote_wg_add(&wg, 1);
    read_declared(&wg);
    CHECK(mote_send(c, 1) == 0);
}

static void *write_later(void *arg)
{
    usleep(20000);
    CHECK(write(ends[1], "x", 1) == 1);
    return arg;
}

static void test_stop_waits_for_a_task_that_blocks(void **state)
{
    (void)state;
    pthread_t thread;
    for (int i = 0; i < 3; i++) {
        mote_chan(int) c = mote_chan_make(int, 1);
        open_pipe();
        assert_int_equal(mote_start(&(mote_config){.procs = 1}), 0);
        assert_int_equal(mote_go_pinned(wait_for_stop, c), 0);
        assert_int_equal(pthread_create(&thread, NULL, write_later, NULL), 0);
        assert_int_equal(mote_stop(MOTE_FOREVER), 0);
        pthread_join(thread, NULL);
        assert_int_equal(mote_chan_len(c), 1);
        mote_chan_free(c);
        close_pipe();
    }
}

static void stop_too_early(void *arg)
{
    (void)arg;
    mote_wg wg = {0};
    CHECK(mote_start(&two_procs) == 0);
    start_blocked(3, &wg);
    while (count_away() < 3)
        usleep(1000);
    CHECK(mote_stop(mote_now()) == -EBUSY);
    for (int i = 0; i < 3; i++)
        CHECK(write(ends[1], "x", 1) == 1);
    usleep(20000); /* they come back to what was left behind */
}

static void test_a_task_that_blocks_at_the_end_is_left_behind(void **state)
{
    (void)state;
    if (sanitizer_pins_all())
        skip(); /* what is left behind is a leak */
    struct child_result r = run_child(stop_too_early, NULL);
    if (r.status != 0)
        fail_msg("status %x, it said: %s", (unsigned)r.status, r.err);
}

static _Atomic int reports;

static void note_deadlock(void) { reports++; }

static void receive(mote_chan(int) c) { mote_recv(c, NULL); }

static void test_a_task_that_blocks_is_no_deadlock(void **state)
{
    (void)state;
    mote_chan(int) c = mote_chan_make(int, 0);
    mote_wg wg = {0};
    reports = 0;
    assert_int_equal(mote_start(&(mote_config){.procs = 2, .on_deadlock = note_deadlock}), 0);
    assert_int_equal(mote_go(receive, c), 0);
    start_blocked(1, &wg);
    while (!atom_load_seq(&rt.monitor_asleep))
        usleep(1000);
    assert_int_equal(reports, 0);
    end_blocked(1, &wg);
    assert_int_equal(reports, 0); /* this thread runs */
    mote_chan_close(c);
    assert_int_equal(mote_stop(MOTE_FOREVER), 0);
    mote_chan_free(c);
}

static bool is_in_section(void) { return worker_self() && worker_self()->blocking > 0; }

static void nest(void *arg)
{
    (void)arg;
    for (int i = 0; i < 3; i++) {
        mote_blocking_begin();
        mote_blocking_begin();
        CHECK(is_in_section());
        mote_blocking_end();
        CHECK(is_in_section());
        mote_blocking_end();
        CHECK(!is_in_section());
        mote_blocking_end(); /* of nothing */
        mote_blocking_begin();
        mote_blocking_begin();
        i % 2 ? mote_yield() : mote_sleep(MOTE_MS);
        CHECK(!is_in_section()); /* over */
        mote_blocking_begin();
        mote_blocking_end();
        CHECK(!is_in_section());
        mote_blocking_end();
        mote_blocking_end();
    }
}

static void test_sections_nest_and_end_with_a_switch(void **state)
{
    (void)state;
    run_with_each(nest, NULL);
}

static void exit_within(void)
{
    mote_blocking_begin();
    mote_exit();
}

static void panic_within(void *arg)
{
    (void)arg;
    mote_blocking_begin();
    mote_panic("within");
}

static void leave_sections(void *arg)
{
    (void)arg;
    for (int i = 0; i < 20; i++) {
        CHECK(mote_join(mote_spawn(exit_within), NULL) == 0);
        CHECK(mote_try(panic_within, NULL, NULL) == -ECANCELED);
        mote_yield();
        CHECK(!is_in_section());
    }
    await_state((uint32_t)mote_procs(), 0);
}

static void test_exit_and_panic_leave_sections(void **state)
{
    (void)state;
    run_with_each(leave_sections, NULL);
}

struct pair {
    double a, b;
};

static struct pair swapped(struct pair p) { return (struct pair){p.b, p.a}; }
static signed char narrow(int v) { return (signed char)v; }
static const char *text(void) { return "text"; }
static void set(int *to, int value) { *to = value; }

static void call_all_types(void *arg)
{
    (void)arg;
    int local = 0;
    mote_blocking(set, &local, 3);
    CHECK(local == 3);
    CHECK(mote_blocking(narrow, -7) == -7 && sizeof(mote_blocking(narrow, 1)) == 1);
    CHECK(mote_blocking(text)[1] == 'e');
    struct pair p = mote_blocking(swapped, ((struct pair){1, 2}));
    CHECK(p.a == 2 && p.b == 1);
    CHECK(mote_blocking(close, -1) == -1 && errno == EBADF);
    CHECK(!is_in_section());
}

static void test_any_function_can_be_called_anywhere(void **state)
{
    (void)state;
    call_all_types(NULL); /* no runtime runs */
    run_everywhere(call_all_types);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_others_go_on_while_tasks_block),
        cmocka_unit_test(test_others_go_on_while_tasks_block_without_saying_so),
        cmocka_unit_test(test_others_go_on_while_tasks_spin),
        cmocka_unit_test(test_as_many_run_as_before_when_tasks_are_back),
        cmocka_unit_test(test_procs_change_while_tasks_block),
        cmocka_unit_test(test_monitor_sleeps_while_tasks_block),
        cmocka_unit_test(test_nobody_stands_in_where_nothing_waits),
        cmocka_unit_test(test_no_more_stand_in_than_may),
        cmocka_unit_test(test_threads_that_nobody_needs_end_and_begin_anew),
        cmocka_unit_test(test_stop_waits_for_a_task_that_blocks),
        cmocka_unit_test(test_a_task_that_blocks_at_the_end_is_left_behind),
        cmocka_unit_test(test_a_task_that_blocks_is_no_deadlock),
        cmocka_unit_test(test_sections_nest_and_end_with_a_switch),
        cmocka_unit_test(test_exit_and_panic_leave_sections),
        cmocka_unit_test(test_any_function_can_be_called_anywhere),
    };
    watchdog(100);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
