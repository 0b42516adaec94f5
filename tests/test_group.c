/* SPDX-License-Identifier: MIT */
/* test_group - every task of a group is waited for, no more run at a time than the limit says, and the first error wins. */
#include "support.h"

#include "base/sanitizer.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>

static mote_group group;
static _Atomic long ran;

static void reset(void)
{
    group = (mote_group){0};
    ran = 0;
}

static void nothing(void) { ran++; }

static int give(int result)
{
    ran++;
    return result;
}

/* What each call says */

static long give_long(long result) { return result; }
static signed char give_char(signed char result) { return result; }
static short give_short(short result) { return result; }
static unsigned give_unsigned(unsigned result) { return result; }
static unsigned char give_byte(unsigned char result) { return result; }

static int result_of(int started)
{
    CHECK(started == 0);
    return mote_group_wait(&group);
}

static void walk_through_results(void *arg)
{
    (void)arg;
    reset();
    CHECK(result_of(mote_group_go(&group, nothing)) == 0);
    CHECK(result_of(mote_group_go(&group, give, 0)) == 0);
    CHECK(result_of(mote_group_go(&group, give, 7)) == 0);
    CHECK(result_of(mote_group_go(&group, give, -7)) == -7);
    CHECK(result_of(mote_group_go(&group, give, INT_MIN)) == INT_MIN);
    CHECK(result_of(mote_group_go(&group, give_long, 1L << 40)) == 0);
    CHECK(result_of(mote_group_go(&group, give_long, -5L)) == -5);
    CHECK(result_of(mote_group_go(&group, give_long, LONG_MIN)) == INT_MIN);
    CHECK(result_of(mote_group_go(&group, give_char, -3)) == -3);
    CHECK(result_of(mote_group_go(&group, give_short, -300)) == -300);
    CHECK(result_of(mote_group_go(&group, give_unsigned, UINT_MAX)) == 0);
    CHECK(result_of(mote_group_go(&group, give_byte, 255)) == 0);
    CHECK(ran == 5);
}

static int six(int a, long b, const char *c, short d, unsigned char e, int64_t f)
{
    CHECK(a == -1 && b == LONG_MIN && c[0] == 'c' && d == -4 && e == 200 && f == INT64_MAX);
    ran++;
    return -66;
}

static void walk_through(void *arg)
{
    (void)arg;
    reset();
    CHECK(mote_group_wait(&group) == 0);
    CHECK(mote_group_wait_until(&group, 0) == 0);
    CHECK(mote_group_wait_until(&group, MOTE_FOREVER) == 0);
    CHECK(mote_group_wait_ctx(mote_ctx_background(), &group) == 0);
    CHECK(result_of(mote_group_go(&group, six, -1, LONG_MIN, "c", -4, 200, INT64_MAX)) == -66);
    CHECK(result_of(mote_group_go_pinned(&group, six, -1, LONG_MIN, "c", -4, 200, INT64_MAX)) == -66);
    CHECK(result_of(mote_group_try_go(&group, six, -1, LONG_MIN, "c", -4, 200, INT64_MAX)) == -66);
    CHECK(ran == 3);
    CHECK(mote_group_cancel(&group, 1) == -EINVAL);
    CHECK(mote_group_cancel(&group, 0) == 0);
    CHECK(mote_group_cancel(&group, -9) == -EALREADY);
    CHECK(mote_group_wait(&group) == -ECANCELED);
    CHECK(mote_group_cancel(&group, -9) == 0);
    CHECK(result_of(mote_group_go(&group, nothing)) == -9); /* it is started all the same */
    CHECK(ran == 4);
    CHECK(mote_group_wait(&group) == 0);
}

static void test_what_each_call_says(void **state)
{
    (void)state;
    reset();
    assert_int_equal(mote_group_go(&group, nothing), -ESHUTDOWN); /* without a runtime */
    assert_int_equal(mote_group_try_go(&group, nothing), -ESHUTDOWN);
    assert_int_equal(mote_group_go_pinned(&group, nothing), -ESHUTDOWN);
    assert_int_equal(mote_group_wait(&group), 0);
    assert_int_equal(mote_group_wait_until(&group, mote_now() + MOTE_S), 0);
    assert_non_null(mote_group_ctx(&group));
    assert_int_equal(mote_group_cancel(&group, -5), 0);
    assert_int_equal(mote_group_wait(&group), -5);
    run_everywhere(walk_through);
    run_everywhere(walk_through_results);
    assert_in_range(sizeof(mote_group), 1, 104); /* as group.h says */
}

/* Waiting for all */

static void hold(mote_chan(int) gate)
{
    mote_recv(gate, NULL);
    ran++;
}

static void end_by_exit(mote_chan(int) gate)
{
    mote_recv(gate, NULL);
    ran++;
    mote_exit();
}

static _Atomic int returned;

static void wait_too(int error)
{
    CHECK(mote_group_wait(&group) == error);
    CHECK(ran == 20);
    returned++;
}

static void wait_for_all(void *arg)
{
    (void)arg;
    mote_chan(int) gate = mote_chan_make(int, 0);
    reset();
    returned = 0;
    for (int i = 0; i < 10; i++) {
        CHECK(mote_group_go(&group, hold, gate) == 0);
        CHECK(mote_group_go(&group, end_by_exit, gate) == 0);
    }
    CHECK(mote_group_cancel(&group, -77) == 0);
    for (int i = 0; i < 3; i++)
        CHECK(mote_go(wait_too, -77) == 0);
    await_all_parked();
    CHECK(mote_group_wait_until(&group, mote_now()) == -ETIMEDOUT);
    CHECK(mote_group_wait_until(&group, mote_now() + MOTE_MS) == -ETIMEDOUT);
    CHECK(returned == 0 && ran == 0);
    mote_chan_close(gate);
    int error = mote_group_wait_until(&group, mote_now() + 60 * MOTE_S);
    CHECK(error == -77 || error == 0); /* 0: the round was over */
    CHECK(ran == 20);
    while (returned < 3)
        mote_yield();
    CHECK(mote_group_wait(&group) == 0);
    mote_chan_free(gate);
}

static void test_waits_for_all_and_tells_everyone(void **state)
{
    (void)state;
    run_with_each(wait_for_all, NULL);
}

/* A late deadline leaves the round, its error and its context as they are. */
static void wait_late(void *arg)
{
    (void)arg;
    mote_chan(int) gate = mote_chan_make(int, 0);
    reset();
    mote_ctx *ctx = mote_group_ctx(&group);
    CHECK(mote_group_go(&group, hold, gate) == 0);
    CHECK(mote_group_go(&group, give, -8) == 0);
    for (int i = 0; i < 5; i++)
        CHECK(mote_group_wait_until(&group, mote_now() + 100 * MOTE_US) == -ETIMEDOUT);
    while (!mote_ctx_err(ctx))
        mote_yield();
    CHECK(mote_group_ctx(&group) == ctx);
    mote_chan_close(gate);
    while (mote_task_count() > 1)
        mote_yield();
    CHECK(mote_ctx_cause(ctx) == -8);
    CHECK(mote_group_wait_until(&group, 0) == -8); /* over, so at once */
    CHECK(mote_group_wait(&group) == 0);
    mote_chan_free(gate);
}

static void test_a_late_deadline_leaves_the_round_as_it_is(void **state)
{
    (void)state;
    run_with_each(wait_late, NULL);
}

/* Who waits with a context, and whose context ends. */
static void wait_with_context(void *arg)
{
    (void)arg;
    mote_chan(int) gate = mote_chan_make(int, 0);
    mote_ctx *timed = mote_ctx_with_timeout(mote_ctx_background(), MOTE_MS);
    mote_ctx *open = mote_ctx_with_cancel(mote_ctx_background());
    reset();
    CHECK(mote_group_go(&group, hold, gate) == 0);
    CHECK(mote_group_wait_ctx(timed, &group) == -ETIMEDOUT);
    CHECK(mote_group_wait_ctx(timed, &group) == -ETIMEDOUT); /* cancelled before */
    mote_ctx_cancel(open, -5);
    CHECK(mote_group_wait_ctx(open, &group) == -ECANCELED);
    mote_ctx_free(open);
    open = mote_ctx_with_cancel(mote_ctx_background());
    CHECK(mote_group_go(&group, give, -19) == 0);
    mote_chan_close(gate);
    CHECK(mote_group_wait_ctx(open, &group) == -19);
    CHECK(mote_group_go(&group, give, -20) == 0);
    CHECK(mote_group_wait_until(&group, mote_now() + 60 * MOTE_S) == -20);
    CHECK(mote_group_go(&group, give, -21) == 0);
    CHECK(mote_group_wait_ctx(mote_ctx_background(), &group) == -21);
    mote_ctx_free(open);
    mote_ctx_free(timed);
    mote_chan_free(gate);
}

static void test_waits_with_a_context(void **state)
{
    (void)state;
    run_everywhere(wait_with_context);
}

/* Errors and the context */

static int fail_when_told(mote_chan(int) turn)
{
    int error = 0;
    mote_recv(turn, &error);
    return error;
}

static int until_cancelled(mote_ctx *ctx)
{
    mote_recv(mote_ctx_done(ctx), NULL);
    ran++;
    return mote_ctx_cause(ctx) - 1; /* an error, but not the first */
}

static void first_wins(void *arg)
{
    (void)arg;
    reset();
    mote_chan(int) turn = mote_chan_make(int, 0);
    mote_ctx *ctx = mote_ctx_ref(mote_group_ctx(&group));
    CHECK(mote_group_ctx(&group) == ctx);
    for (int i = 0; i < 10; i++)
        CHECK(mote_group_go(&group, until_cancelled, ctx) == 0);
    CHECK(mote_group_go(&group, fail_when_told, turn) == 0);
    await_all_parked();
    CHECK(mote_ctx_err(ctx) == 0 && ran == 0);
    mote_send(turn, -33);
    CHECK(mote_group_wait(&group) == -33);
    CHECK(ran == 10);
    CHECK(mote_ctx_err(ctx) == -ECANCELED);
    CHECK(mote_ctx_cause(ctx) == -33);
    /* The next round knows nothing of it. */
    mote_ctx *next = mote_ctx_ref(mote_group_ctx(&group));
    CHECK(next != ctx && mote_ctx_err(next) == 0);
    CHECK(result_of(mote_group_go(&group, nothing)) == 0);
    CHECK(mote_ctx_err(next) == -ECANCELED && mote_ctx_cause(next) == -ECANCELED); /* the round is over */
    mote_ctx_free(ctx);
    mote_ctx_free(next);
    mote_chan_free(turn);
}

/* A context that is asked for late. */
static void ask_late(void *arg)
{
    (void)arg;
    reset();
    CHECK(mote_group_go(&group, give, -12) == 0);
    yield_until_alone();
    CHECK(mote_ctx_cause(mote_group_ctx(&group)) == -12);
    CHECK(mote_group_wait(&group) == -12);
    mote_chan(int) turn = mote_chan_make(int, 0);
    CHECK(mote_group_go(&group, fail_when_told, turn) == 0);
    CHECK(mote_group_cancel(&group, -13) == 0);
    CHECK(mote_ctx_cause(mote_group_ctx(&group)) == -13);
    mote_send(turn, -14);
    CHECK(mote_group_wait(&group) == -13);
    mote_chan_free(turn);
}

static void under_a_parent(void *arg)
{
    (void)arg;
    reset();
    mote_ctx *parent = mote_ctx_with_cancel(mote_ctx_background());
    mote_group_init(&group, parent);
    for (int round = 0; round < 2; round++) { /* in the second it is cancelled already */
        mote_ctx *ctx = mote_group_ctx(&group);
        for (int i = 0; i < 5; i++)
            CHECK(mote_group_go(&group, until_cancelled, ctx) == 0);
        await_all_parked();
        CHECK(mote_ctx_cancel(parent, -44) == (round ? -EALREADY : 0));
        CHECK(mote_group_wait(&group) == -45);
        CHECK(ran == 5 * (round + 1));
    }
    CHECK(result_of(mote_group_go(&group, nothing)) == 0); /* a parent's end is no error of the group */
    mote_group_init(&group, NULL);
    CHECK(mote_ctx_err(mote_group_ctx(&group)) == 0);
    CHECK(mote_group_wait(&group) == 0);
    mote_ctx_free(parent);
}

static void test_the_first_error_wins_and_cancels(void **state)
{
    (void)state;
    run_everywhere(first_wins);
    run_with_each(ask_late, NULL);
    run_everywhere(under_a_parent);
}

/* Groups within groups, on the heap since their tasks are copied ones. */

static int branch(int depth)
{
    if (depth == 0)
        return ran++ == 20 ? -21 : 0;
    mote_group *g = calloc(1, sizeof *g);
    CHECK(g);
    for (int i = 0; i < 4; i++)
        CHECK(mote_group_go(g, branch, depth - 1) == 0);
    int error = mote_group_wait(g);
    free(g);
    return error;
}

static void nest(void *arg)
{
    (void)arg;
    reset();
    CHECK(mote_group_go(&group, branch, 4) == 0);
    CHECK(mote_group_wait(&group) == -21);
    CHECK(ran == 256);
}

static void test_groups_within_groups(void **state)
{
    (void)state;
    run_with_each(nest, NULL);
}

/* Misuse, and the end of the runtime */

static void wait_for_own(void) { mote_group_wait(&group); }
static void wait_for_own_until(void) { mote_group_wait_until(&group, mote_now() + MOTE_S); }

static void run_wait_for_own(void *arg)
{
    CHECK((arg ? mote_group_go(&group, wait_for_own_until) : mote_group_go(&group, wait_for_own)) == 0);
    mote_group_wait(&group);
}

static void child_waits_for_own(void *arg) { run_with(&one_proc, run_wait_for_own, arg); }
static void child_waits_for_own_until(void *arg)
{
    (void)arg;
    run_with(&one_proc, run_wait_for_own, &group);
}

static void use_a_local(int how)
{
    mote_group local = {0};
    switch (how) {
    case 0:
        mote_group_go(&local, nothing);
        break;
    case 1:
        mote_group_wait(&local);
        break;
    case 2:
        mote_group_set_limit(&local, 2);
        break;
    case 3:
        mote_group_init(&local, NULL);
        break;
    default:
        mote_group_ctx(&local);
    }
}

static void run_use_a_local(void *arg) { mote_join(mote_spawn(use_a_local, *(int *)arg), NULL); }

static int how_used;
static void child_uses_a_local(void *arg)
{
    (void)arg;
    run_with(&one_proc, run_use_a_local, &how_used);
}

static void take_pointer(int n, int *lent) { *lent = n; }

static void lend_a_local(void)
{
    int local = 0;
    mote_group_go(&group, take_pointer, 1, &local);
}

static void run_lend_a_local(void *arg)
{
    (void)arg;
    CHECK(mote_group_go(&group, lend_a_local) == 0); /* a group's tasks go by their own names */
    mote_group_wait(&group);
}
static void child_lends(void *arg) { run_with(&one_proc, run_lend_a_local, arg); }

static void test_misuse_is_fatal(void **state)
{
    (void)state;
    reset();
    assert_dies_saying(child_waits_for_own, "mote_group_wait by a task of the group");
    assert_dies_saying(child_waits_for_own_until, "mote_group_wait by a task of the group");
    if (sanitizer_pins_all())
        return;
    for (how_used = 0; how_used <= 4; how_used++)
        assert_dies_saying(child_uses_a_local, "a group at ");
    assert_dies_saying(child_lends, "test_group.c:");
    assert_dies_saying(child_lends, "argument 2 of take_pointer points into the stack of task");
    assert_dies_saying(child_lends, "(lend_a_local)");
}

/* Tasks that are discarded never end, so who waits for them never goes on; the group is free for other use. */
static void test_the_runtime_stops_in_the_middle(void **state)
{
    (void)state;
    reset();
    mote_chan(int) gate = mote_chan_make(int, 0);
    assert_int_equal(mote_start(&two_procs), 0);
    mote_group_set_limit(&group, 100);
    for (int i = 0; i < 100; i++)
        assert_int_equal(mote_group_go(&group, hold, gate), 0);
    assert_int_equal(mote_go(wait_too, 0), 0);
    assert_int_equal(mote_stop(mote_now() + 10 * MOTE_MS), 101);
    assert_int_equal(mote_group_try_go(&group, nothing), -EAGAIN);
    mote_group_set_limit(&group, 0);
    assert_int_equal(mote_group_go(&group, nothing), -ESHUTDOWN);
    assert_int_equal(ran, 0);
    mote_chan_free(gate);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_each_call_says),
        cmocka_unit_test(test_waits_for_all_and_tells_everyone),
        cmocka_unit_test(test_a_late_deadline_leaves_the_round_as_it_is),
        cmocka_unit_test(test_waits_with_a_context),
        cmocka_unit_test(test_the_first_error_wins_and_cancels),
        cmocka_unit_test(test_groups_within_groups),
        cmocka_unit_test(test_misuse_is_fatal),
        cmocka_unit_test(test_the_runtime_stops_in_the_middle),
    };
    watchdog(120);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
