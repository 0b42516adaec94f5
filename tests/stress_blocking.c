/* SPDX-License-Identifier: MIT */
/* stress_blocking - tasks that begin and end sections at every opportunity, among channels, sleeps, new tasks and changes of the number of
 * procs: nothing is lost, and in the end as many workers run as at first. */
#include "support.h"

#include "base/sanitizer.h"
#include "sched/proc.h"

#include <errno.h>
#include <sched.h>
#include <time.h>
#include <unistd.h>

typedef mote_chan(long) channel;

static _Atomic long ended;

static void nap(long ns)
{
    struct timespec t = {.tv_nsec = ns};
    nanosleep(&t, NULL);
}

static void nothing(void) {}

static void start_nothing(void)
{
    int error = mote_go(nothing);
    CHECK(error == 0 || error == -ESHUTDOWN);
}

static void something(uint32_t r)
{
    switch (r % 8) {
    case 0:
        mote_blocking(nap, (long)(r / 8 % 100000));
        break;
    case 1:
        mote_blocking(sched_yield);
        break;
    case 2:
        mote_sleep(r / 8 % 100 * MOTE_US);
        break;
    case 3:
        mote_yield();
        break;
    case 4:
        mote_blocking_begin();
        break;
    case 5:
        mote_blocking_end();
        break;
    case 6:
        start_nothing();
        break;
    default:
        break;
    }
}

/* Numbers go round; each passes every task of the ring. */
static void pass_on(channel in, channel out, uint32_t random)
{
    mote_chan_range (in, v) {
        something(test_random(&random));
        CHECK(mote_send(out, v) == 0);
        something(test_random(&random));
    }
    mote_chan_close(out);
    ended++;
}

static void spin_and_nap(uint32_t random)
{
    for (int i = 0; i < 5; i++) {
        nap(test_random(&random) % 30000000); /* undeclared */
        mote_yield();
    }
    ended++;
}

static void await_balance(void)
{
    for (;;) {
        uint32_t here = 0, made = atom_load_acq(&rt.made);
        lock_take(&rt.spares.lock);
        for (uint32_t i = 0; i < made; i++)
            here += proc_in_use(rt.proc[i]) && !rt.spares.away[i];
        lock_drop(&rt.spares.lock);
        if (here == (uint32_t)mote_procs() && !atom_load_seq(&rt.spares.count))
            return;
        mote_sleep(MOTE_MS);
    }
}

enum { ROWS = 6, LENGTH = 6 };

static void run_rows(long n, bool change)
{
    channel c[ROWS][LENGTH + 1];
    uint32_t random = 12345;
    ended = 0;
    for (int r = 0; r < ROWS; r++) {
        for (int i = 0; i <= LENGTH; i++)
            c[r][i] = mote_chan_make(long, (size_t)(i % 3));
        for (int i = 0; i < LENGTH; i++)
            CHECK(mote_go_pinned(pass_on, c[r][i], c[r][i + 1], (uint32_t)(r * LENGTH + i + 1)) == 0);
        CHECK(mote_go_pinned(spin_and_nap, (uint32_t)r + 1) == 0);
    }
    for (long i = 0; i < n; i++) {
        long v;
        for (int r = 0; r < ROWS; r++)
            CHECK(mote_send(c[r][0], i) == 0);
        for (int r = 0; r < ROWS; r++)
            CHECK(mote_recv(c[r][LENGTH], &v) == 0 && v == i);
        if (change && i % 16 == 0)
            CHECK(mote_set_procs(1 + (int)(test_random(&random) % 6)) == 0);
    }
    for (int r = 0; r < ROWS; r++) {
        mote_chan_close(c[r][0]);
        CHECK(mote_recv(c[r][LENGTH], NULL) == -EPIPE);
    }
    while (ended < ROWS * (LENGTH + 1))
        mote_sleep(MOTE_MS);
    yield_until_alone();
    for (int r = 0; r < ROWS; r++)
        for (int i = 0; i <= LENGTH; i++)
            mote_chan_free(c[r][i]);
    await_balance();
}

static void storm(void *arg)
{
    (void)arg;
    run_rows(scale(300), false);
    run_rows(scale(300), true);
}

static void test_sections_among_everything_else(void **state)
{
    (void)state;
    run_with_each(storm, NULL);
    run_with(&(mote_config){.procs = 4, .queue = 2, .max_blocked = 3}, storm, NULL);
    run_with(&(mote_config){.procs = 2, .max_blocked = -1}, storm, NULL);
}

static void end_threads_at_once(void *arg)
{
    atom_store_seq(&rt.spares.patience, 1);
    storm(arg);
}

static void test_sections_while_threads_come_and_go(void **state)
{
    (void)state;
    run_with(&(mote_config){.procs = 2}, end_threads_at_once, NULL);
}

static void nap_for_ever(uint32_t random)
{
    for (;;)
        something(test_random(&random));
}

static void test_the_end_finds_tasks_in_sections(void **state)
{
    (void)state;
    for (long i = scale(100); i > 0; i--) {
        assert_int_equal(mote_start(&two_procs), 0);
        for (uint32_t k = 1; k <= 10; k++)
            assert_int_equal(mote_go_pinned(nap_for_ever, (uint32_t)i * 10 + k), 0);
        usleep((useconds_t)(i % 20 * 100));
        assert_true(mote_stop(mote_now()) >= 10);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sections_among_everything_else),
        cmocka_unit_test(test_sections_while_threads_come_and_go),
        cmocka_unit_test(test_the_end_finds_tasks_in_sections),
    };
    watchdog(80);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
