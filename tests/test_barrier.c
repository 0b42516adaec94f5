/* SPDX-License-Identifier: MIT */
/* test_barrier - nobody goes on before all have come, one of them is the last, and the next round may begin at once. */
#include "support.h"

#include "base/sanitizer.h"

#include <stdlib.h>
#include <string.h>

#define ROUNDS 200

static mote_barrier barrier;
static mote_wg ended;
static int parties, rounds;
static _Atomic int came[ROUNDS], last[ROUNDS];

static void reset(int n)
{
    barrier = (mote_barrier)MOTE_BARRIER(n);
    ended = (mote_wg){0};
    parties = n;
    rounds = (int)scale(ROUNDS);
    memset((void *)came, 0, sizeof came);
    memset((void *)last, 0, sizeof last);
}

static void go_round(void)
{
    for (int i = 0; i < rounds; i++) {
        came[i]++;
        int is_last = mote_barrier_wait(&barrier);
        CHECK(is_last == 0 || is_last == 1);
        CHECK(came[i] == parties);
        last[i] += is_last;
    }
    mote_wg_done(&ended);
}

static void check_rounds(void)
{
    for (int i = 0; i < rounds; i++)
        CHECK(last[i] == 1);
}

static void go_round_in_tasks(void *arg)
{
    (void)arg;
    for (int n = 1; n <= 100; n = n * 3 + 1) {
        reset(n);
        mote_wg_add(&ended, n);
        for (int i = 0; i < n; i++)
            CHECK(mote_go(go_round) == 0);
        mote_wg_wait(&ended);
        check_rounds();
    }
}

static void test_all_come_before_one_goes_on(void **state)
{
    (void)state;
    run_with_each(go_round_in_tasks, NULL);
}

static void *go_round_in_thread(void *arg)
{
    (void)arg;
    go_round();
    return NULL;
}

static void test_tasks_and_threads_meet(void **state)
{
    (void)state;
    reset(3);
    mote_wg_add(&ended, 3);
    run_in_threads(3, go_round_in_thread, NULL); /* no runtime */
    check_rounds();
    reset(10);
    assert_int_equal(mote_start(&two_procs), 0);
    mote_wg_add(&ended, 10);
    for (int i = 0; i < 7; i++)
        assert_int_equal(mote_go(go_round), 0);
    run_in_threads(3, go_round_in_thread, NULL);
    mote_wg_wait(&ended);
    check_rounds();
    assert_int_equal(mote_stop(MOTE_FOREVER), 0);
}

static void test_parties_can_be_set_later(void **state)
{
    (void)state;
    mote_barrier b = {0};
    mote_barrier_init(&b, 1);
    assert_int_equal(mote_barrier_wait(&b), 1);
    assert_int_equal(mote_barrier_wait(&b), 1);
    mote_barrier_init(&b, 2);
    mote_barrier_init(&b, 1);
    assert_int_equal(mote_barrier_wait(&b), 1);
}

static void meet(mote_barrier *b, mote_wg *done)
{
    mote_barrier_wait(b);
    mote_wg_done(done);
}

static void meet_and_free(void *arg)
{
    (void)arg;
    for (long i = 0; i < scale(2000); i++) {
        mote_barrier *b = calloc(1, sizeof *b);
        mote_wg done = {0}; /* this task is pinned */
        CHECK(b);
        mote_barrier_init(b, 3);
        mote_wg_add(&done, 2);
        CHECK(mote_go(meet, b, &done) == 0 && mote_go(meet, b, &done) == 0);
        mote_barrier_wait(b);
        mote_wg_wait(&done);
        memset(b, 0x55, sizeof *b); /* who still used it would hang or stop */
        free(b);
    }
}

static void test_it_may_be_freed_when_all_have_returned(void **state)
{
    (void)state;
    run_with_each(meet_and_free, NULL);
}

/* Fatal misuse */

static void wait_at_none(void *arg)
{
    (void)arg;
    mote_barrier b = {0};
    mote_barrier_wait(&b);
}

static void init_to_none(void *arg)
{
    (void)arg;
    mote_barrier_init(&barrier, 0);
}

static void wait_there(void) { mote_barrier_wait(&barrier); }

static void init_while_one_waits(void *arg)
{
    (void)arg;
    CHECK(mote_go(wait_there) == 0);
    await_parked(1);
    mote_barrier_init(&barrier, 3);
}

static void init_in_use(void *arg) { run_with(&one_proc, init_while_one_waits, arg); }

static void use_a_local(int how)
{
    mote_barrier local = MOTE_BARRIER(1);
    if (how)
        mote_barrier_wait(&local);
    else
        mote_barrier_init(&local, 1);
}

static void use_local(void *arg) { mote_join(mote_spawn(use_a_local, arg != NULL), NULL); }

static void lend_to_init(void *arg) { run_with(&one_proc, use_local, arg); }

static void lend_to_wait(void *arg)
{
    (void)arg;
    run_with(&one_proc, use_local, &barrier);
}

static void test_misuse_is_fatal(void **state)
{
    (void)state;
    reset(2);
    assert_dies_saying(wait_at_none, "mote_barrier_wait: a barrier for nobody");
    assert_dies_saying(init_to_none, "mote_barrier_init: a barrier for nobody");
    assert_dies_saying(init_in_use, "mote_barrier_init: somebody waits at this barrier");
    if (sanitizer_pins_all())
        return;
    assert_dies_saying(lend_to_init, "a barrier at ");
    assert_dies_saying(lend_to_wait, "a barrier at ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_come_before_one_goes_on),
        cmocka_unit_test(test_tasks_and_threads_meet),
        cmocka_unit_test(test_parties_can_be_set_later),
        cmocka_unit_test(test_it_may_be_freed_when_all_have_returned),
        cmocka_unit_test(test_misuse_is_fatal),
    };
    watchdog(60);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
