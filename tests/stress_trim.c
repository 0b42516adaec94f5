/* SPDX-License-Identifier: MIT */
/* stress_trim - workers that give memory back whenever they fall asleep, while others want the homes that they empty: every task finds
 * its locals as it left them, and in the end no home keeps a page. */
#include "support.h"

#include "base/sanitizer.h"
#include "sched/proc.h"

#include <string.h>
#include <sys/mman.h>

enum { TASKS = 300, DEEPEST = 4000 };

typedef mote_chan(int) channel;

static channel in[TASKS], out;

static void fill(volatile char *at, size_t n, unsigned seed)
{
    for (size_t i = 0; i < n; i++)
        at[i] = (char)(seed * 31 + i);
}

static void check(const volatile char *at, size_t n, unsigned seed)
{
    for (size_t i = 0; i < n; i++)
        CHECK(at[i] == (char)(seed * 31 + i));
}

/* Some are small enough to be copied out when nobody wants their home, others not. */
static NOINLINE void wait_with(size_t n, int number)
{
    volatile char locals[n];
    unsigned seed = (unsigned)number;
    for (int v; fill(locals, n, seed), mote_recv(in[number], &v) == 0; seed++) {
        check(locals, n, seed);
        CHECK(mote_send(out, number) == 0);
    }
    check(locals, n, seed);
}

static void waits(int number) { wait_with((size_t)(number * 97 % DEEPEST) + 1, number); }

static bool all_empty(void)
{
    unsigned char page;
    for (unsigned i = 1; i <= atom_load_acq(&homes.copied); i++) {
        const struct home *h = &homes.at[i];
        if (mincore((void *)((uintptr_t)(h->top - 1) & -(uintptr_t)4096), 1, &page) < 0 || page & 1)
            return false;
    }
    return true;
}

static void talk(void *arg)
{
    uint32_t random = 77;
    atom_store_rlx(&rt.idle.trim_after, *(const int64_t *)arg);
    out = mote_chan_make(int, 4);
    for (int i = 0; i < TASKS; i++) {
        in[i] = mote_chan_make(int, 0);
        CHECK(mote_go(waits, i) == 0);
    }
    for (long round = scale(10000); round > 0; round--) {
        int n = 1 + (int)(test_random(&random) % 5), v;
        for (int i = 0; i < n; i++)
            CHECK(mote_send(in[test_random(&random) % TASKS], i) == 0);
        for (int i = 0; i < n; i++)
            CHECK(mote_recv(out, &v) == 0);
        if (round % 16 == 0)
            mote_sleep((int64_t)(test_random(&random) % 300) * MOTE_US);
    }
    for (int i = 0; i < TASKS; i++)
        mote_chan_close(in[i]);
    yield_until_alone();
    for (int i = 0; i < TASKS; i++)
        mote_chan_free(in[i]);
    mote_chan_free(out);
}

static void test_locals_survive(void **state)
{
    (void)state;
    static int64_t at_once = 1, soon = 20 * MOTE_US;
    static const mote_config configs[] = {
        {.procs = 1, .homes = 2}, {.procs = 2, .homes = 2}, {.procs = 2, .homes = 40}, {.procs = 8, .homes = 16}};
    for (size_t i = 0; i < sizeof configs / sizeof *configs; i++) {
        run_with(&configs[i], talk, &at_once);
        run_with(&configs[i], talk, &soon);
    }
}

static void waits_with_little(int number) { wait_with(200, number); }

static void test_no_page_is_kept(void **state)
{
    (void)state;
    if (!stacks_are_copied())
        skip();
    assert_int_equal(mote_start(&(mote_config){.procs = 2, .homes = 40}), 0);
    for (int i = 0; i < TASKS; i++) {
        in[i] = mote_chan_make(int, 0);
        assert_int_equal(mote_go(waits_with_little, i), 0);
    }
    while (!all_empty()) /* as soon as a worker has slept for long; the watchdog ends it if that never comes */
        mote_sleep(MOTE_MS);
    for (int i = 0; i < TASKS; i++)
        mote_chan_close(in[i]);
    assert_int_equal(mote_stop(MOTE_FOREVER), 0);
    for (int i = 0; i < TASKS; i++)
        mote_chan_free(in[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_locals_survive),
        cmocka_unit_test(test_no_page_is_kept),
    };
    watchdog(80);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
