/* SPDX-License-Identifier: MIT */
/* test_monitor - what a proc's task that doesn't call mote leaves undone, another proc does (N4, D3). */
#include "support.h"

#include "base/atomic.h"

typedef mote_chan(int) channel;

static const mote_config two = {.procs = 2};
static _Atomic uint32_t flag;

static void await_flag(void)
{
    while (!atom_load_acq(&flag))
        cpu_relax(); /* not a call of mote: nobody runs here meanwhile */
}

static void raise_when_woken(channel c)
{
    mote_recv(c, NULL);
    atom_store_rel(&flag, 1);
    mote_chan_free(c);
}

static void raise_flag(void) { atom_store_rel(&flag, 1); }

/* The one that is woken goes into the next slot. */
static void spin_after_waking(void *arg)
{
    for (long i = scale(100); i > 0; i--) {
        channel c = mote_chan_make(int, 1);
        CHECK(c != NULL);
        atom_store_seq(&flag, 0);
        CHECK(mote_go(raise_when_woken, mote_chan_ref(c)) == 0);
        await_parked(1);
        if (i % 4 == 0)
            mote_sleep(i % 8 ? 100 * MOTE_US : 25 * MOTE_MS); /* the other sleeps; the monitor too */
        CHECK(mote_send(c, 1) == 0);
        await_flag();
        mote_chan_free(c);
    }
    (void)arg;
}

/* The new one lies among the proc's new tasks. */
static void spin_after_spawning(void *arg)
{
    for (long i = scale(100); i > 0; i--) {
        atom_store_seq(&flag, 0);
        if (i % 4 == 0)
            mote_sleep(i % 8 ? 100 * MOTE_US : 25 * MOTE_MS);
        CHECK(mote_go(raise_flag) == 0);
        await_flag();
    }
    (void)arg;
}

static void sleep_and_raise(void)
{
    mote_sleep(MOTE_MS);
    atom_store_rel(&flag, 1);
}

/* The timer is on the spinning proc. */
static void spin_while_one_sleeps(void *arg)
{
    for (long i = scale(40); i > 0; i--) {
        atom_store_seq(&flag, 0);
        CHECK(mote_go(sleep_and_raise) == 0);
        for (int k = 0; k < 5; k++)
            mote_yield();
        await_flag();
    }
    (void)arg;
}

static void test_next_slot_of_a_spinning_proc_is_raided(void **state)
{
    (void)state;
    run_with(&two, spin_after_waking, NULL);
}

static void test_new_task_of_a_spinning_proc_is_stolen(void **state)
{
    (void)state;
    run_with(&two, spin_after_spawning, NULL);
}

static void test_timer_of_a_spinning_proc_fires(void **state)
{
    (void)state;
    run_with(&two, spin_while_one_sleeps, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_next_slot_of_a_spinning_proc_is_raided),
        cmocka_unit_test(test_new_task_of_a_spinning_proc_is_stolen),
        cmocka_unit_test(test_timer_of_a_spinning_proc_fires),
    };
    watchdog(50);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
