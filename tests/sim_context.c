/* SPDX-License-Identifier: MIT */
/* sim_context - contexts, timers and groups in simulations: cancelling reaches every descendant exactly once, whatever happens at the
 * same time, and deadlines are kept to the nanosecond. */
#include "support.h"

#include <errno.h>
#include <string.h>

#define RUNS 200

static mote_wg wg;
static int calls;

static void assert_passes(void (*fn)(void *arg)) { assert_int_equal(mote_sim_explore(fn, NULL, (int)scale(RUNS)), 0); }

static void begin(int tasks)
{
    wg = (mote_wg){0};
    calls = 0;
    mote_wg_add(&wg, tasks);
}

/* A tree: each context has a task that waits with it, and a function to call; two cancel parts of it at the same time, while
 * others add and free children. */

static void wait_until_cancelled(mote_ctx *ctx, int how)
{
    mote_chan(int) never = NULL;
    if (how % 3 == 0)
        CHECK(mote_recv_ctx(ctx, never, NULL) == mote_ctx_err(ctx));
    else if (how % 3 == 1)
        CHECK(mote_select(MOTE_DONE(ctx)) == 0);
    else
        CHECK(mote_recv(mote_ctx_done(ctx), NULL) == -EPIPE);
    CHECK(mote_ctx_err(ctx) == -ECANCELED && mote_ctx_cause(ctx) < 0);
    mote_ctx_free(ctx);
    mote_wg_done(&wg);
}

static void count_call(void *arg)
{
    (void)arg;
    calls++;
    mote_wg_done(&wg);
}

static void cancel(mote_ctx *ctx, int cause)
{
    mote_ctx_cancel(ctx, cause);
    mote_ctx_free(ctx);
    mote_wg_done(&wg);
}

static void come_and_go(mote_ctx *parent)
{
    mote_ctx *child = mote_ctx_with_cancel(parent), *timed = mote_ctx_with_timeout(child, MOTE_S);
    CHECK(child && timed);
    mote_yield();
    CHECK(mote_ctx_err(timed) == 0 || mote_ctx_err(parent) == -ECANCELED);
    mote_ctx_free(child);
    mote_ctx_free(timed);
    mote_ctx_free(parent);
    mote_wg_done(&wg);
}

static void cancel_a_tree(void *arg)
{
    (void)arg;
    mote_ctx *tree[7];
    begin(7 + 7 + 2 + 1);
    for (int i = 0; i < 7; i++) {
        tree[i] = mote_ctx_with_cancel(i ? tree[(i - 1) / 2] : mote_ctx_background());
        CHECK(tree[i] && mote_ctx_after_func(tree[i], count_call, NULL, NULL) == 0);
        CHECK(mote_go(wait_until_cancelled, mote_ctx_ref(tree[i]), i) == 0);
    }
    CHECK(mote_go(cancel, mote_ctx_ref(tree[1]), -5) == 0);
    CHECK(mote_go(come_and_go, mote_ctx_ref(tree[4])) == 0);
    CHECK(mote_go(cancel, mote_ctx_ref(tree[0]), -6) == 0);
    mote_wg_wait(&wg);
    CHECK(calls == 7);
    for (int i = 0; i < 7; i++) {
        int cause = mote_ctx_cause(tree[i]);
        bool below_1 = i == 1 || i == 3 || i == 4;
        CHECK(cause == -6 || (below_1 && cause == -5));
        mote_ctx_free(tree[i]);
    }
}

static void test_cancelling_reaches_all_once(void **state)
{
    (void)state;
    assert_passes(cancel_a_tree);
}

/* Stop or call, one of the two. */

static void stop(mote_ctx_hook *hook)
{
    if (mote_ctx_hook_stop(hook))
        count_call(NULL);
    mote_wg_done(&wg);
}

static void stop_while_cancelled(void *arg)
{
    (void)arg;
    mote_ctx *ctx = mote_ctx_with_cancel(mote_ctx_background());
    begin(2 * 3 + 1);
    for (int i = 0; i < 3; i++) {
        mote_ctx_hook *hook;
        CHECK(mote_ctx_after_func(ctx, count_call, NULL, &hook) == 0 && mote_go(stop, hook) == 0);
    }
    CHECK(mote_go(cancel, mote_ctx_ref(ctx), 0) == 0);
    mote_wg_wait(&wg);
    CHECK(calls == 3);
    mote_ctx_free(ctx);
}

static void test_a_function_is_called_or_stopped(void **state)
{
    (void)state;
    assert_passes(stop_while_cancelled);
}

/* Time */

static void wait_for_the_earlier(int64_t timeout, int64_t cancel_after)
{
    int64_t before = mote_now();
    mote_ctx *ctx = mote_ctx_with_timeout(mote_ctx_background(), timeout);
    CHECK(ctx);
    int error = mote_sleep_ctx(ctx, cancel_after);
    int64_t took = mote_now() - before;
    CHECK(took == (timeout < cancel_after ? timeout : cancel_after));
    CHECK(error == 0 ? cancel_after <= timeout : error == -ETIMEDOUT && timeout <= cancel_after);
    mote_ctx_free(ctx);
    mote_wg_done(&wg);
}

static void keep_deadlines(void *arg)
{
    (void)arg;
    begin(9);
    for (int i = 0; i < 9; i++)
        CHECK(mote_go(wait_for_the_earlier, (1 + i % 3) * 3600 * MOTE_S, (1 + i / 3) * 3600 * MOTE_S) == 0);
    mote_wg_wait(&wg);
}

static void test_deadlines_are_exact(void **state)
{
    (void)state;
    assert_passes(keep_deadlines);
}

static int rings;

static void ring(void *arg)
{
    (void)arg;
    rings++;
}

static void set_again(mote_timer *timer, int64_t ns)
{
    int was = mote_timer_reset(timer, ns);
    CHECK(was == 0 || was == 1);
    rings += was; /* instead of the function */
    mote_wg_done(&wg);
}

static void reset_timers(void *arg)
{
    (void)arg;
    begin(3);
    rings = 0;
    mote_timer *timer = mote_timer_make_func(10, ring, NULL);
    for (int i = 0; i < 3; i++)
        CHECK(timer && mote_go(set_again, timer, 10 * i) == 0);
    mote_wg_wait(&wg);
    mote_sleep(MOTE_S);
    CHECK(rings == 4); /* each of the four settings happened, or was taken back */
    CHECK(mote_timer_stop(timer) == 0);
    mote_timer_free(timer);
}

static void test_a_setting_happens_or_is_taken_back(void **state)
{
    (void)state;
    assert_passes(reset_timers);
}

/* Groups */

static int running, most;

static int work(mote_group *group, int i)
{
    most = ++running > most ? running : most;
    int error = mote_sleep_ctx(mote_group_ctx(group), (5 - i) * MOTE_S);
    running--;
    if (i == 3 && error == 0)
        return -EIO;
    return error == 0 ? 0 : error;
}

static void group_fails(void *arg)
{
    (void)arg;
    static mote_group group;
    mote_group_init(&group, NULL);
    mote_group_set_limit(&group, 4);
    running = most = 0;
    int64_t before = mote_now();
    for (int i = 0; i < 4; i++)
        CHECK(mote_group_go(&group, work, &group, i) == 0);
    CHECK(mote_group_wait(&group) == -EIO && mote_now() - before == 2 * MOTE_S && running == 0 && most <= 4);
    for (int i = 0; i < 8; i++)
        CHECK(mote_group_go(&group, work, &group, i % 2) == 0);
    CHECK(mote_group_wait(&group) == 0 && most <= 4);
}

static void test_the_first_error_cancels_a_group(void **state)
{
    (void)state;
    assert_passes(group_fails);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cancelling_reaches_all_once),
        cmocka_unit_test(test_a_function_is_called_or_stopped),
        cmocka_unit_test(test_deadlines_are_exact),
        cmocka_unit_test(test_a_setting_happens_or_is_taken_back),
        cmocka_unit_test(test_the_first_error_cancels_a_group),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
