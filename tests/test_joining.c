/* SPDX-License-Identifier: MIT */
/* test_joining - joins that a context ends: before, while and after the task does, from tasks and threads. */
#include "support.h"

#include "base/block.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>

static _Atomic int joined, left;

static intptr_t wait_for(mote_chan(intptr_t) c)
{
    intptr_t v = -1;
    mote_recv(c, &v);
    return v;
}

static void cancel_later(mote_ctx *ctx)
{
    mote_sleep(MOTE_MS);
    mote_ctx_cancel(ctx, -EIO);
    mote_ctx_free(ctx);
}

static void send_later(mote_chan(intptr_t) c, intptr_t v)
{
    mote_sleep(MOTE_MS);
    CHECK(mote_send(c, v) == 0);
}

static mote_ctx *new_ctx(void)
{
    mote_ctx *ctx = mote_ctx_with_cancel(mote_ctx_background());
    CHECK(ctx != NULL);
    return ctx;
}

static void try_each_end(void *arg)
{
    (void)arg;
    intptr_t result = 4;
    mote_chan(intptr_t) c = mote_chan_make(intptr_t, 1);
    mote_ctx *ctx = new_ctx(), *late = mote_ctx_with_timeout(mote_ctx_background(), MOTE_MS);
    mote_task *t = mote_spawn(wait_for, c);
    CHECK(mote_join_ctx(late, t, &result) == -ETIMEDOUT && result == 4); /* while it waits */
    CHECK(mote_join_ctx(late, t, &result) == -ETIMEDOUT && result == 4); /* before */
    CHECK(mote_go(send_later, c, INT64_C(5)) == 0);
    CHECK(mote_join_ctx(ctx, t, &result) == 0 && result == 5);
    CHECK(mote_send(c, 6) == 0);
    t = mote_spawn(wait_for, c);
    while (mote_chan_len(c) > 0)
        mote_yield();
    CHECK(mote_join_ctx(ctx, t, NULL) == 0);
    CHECK(mote_send(c, 7) == 0);
    CHECK(mote_join_ctx(NULL, mote_spawn(wait_for, c), &result) == 0 && result == 7);
    CHECK(mote_send(c, 8) == 0);
    CHECK(mote_join_ctx(mote_ctx_background(), mote_spawn(wait_for, c), &result) == 0 && result == 8);
    CHECK(mote_join_ctx(ctx, NULL, &result) == -EINVAL);
    t = mote_spawn(wait_for, c);
    CHECK(mote_go(cancel_later, mote_ctx_ref(ctx)) == 0);
    CHECK(mote_join_ctx(ctx, t, &result) == -ECANCELED && result == 8);
    CHECK(mote_send(c, 9) == 0);
    CHECK(mote_join_ctx(ctx, t, &result) == -ECANCELED && result == 8); /* it comes first */
    CHECK(mote_join(t, &result) == 0 && result == 9);
    mote_ctx_free(ctx);
    mote_ctx_free(late);
    mote_chan_free(c);
}

static void test_each_end_of_a_join(void **state)
{
    (void)state;
    run_everywhere(try_each_end);
    mote_ctx *ctx = new_ctx();
    assert_int_equal(mote_join_ctx(ctx, (mote_task *)(uintptr_t)64, NULL), -ESHUTDOWN); /* no runtime runs */
    mote_ctx_free(ctx);
}

static int join_self(mote_chan(mote_task *) c, mote_ctx *ctx)
{
    mote_task *self;
    CHECK(mote_recv(c, &self) == 0);
    return mote_join_ctx(ctx, self, NULL);
}

static void join_until_cancelled(mote_ctx *ctx, mote_task *t)
{
    CHECK(mote_join_ctx(ctx, t, NULL) == -ECANCELED);
    mote_ctx_free(ctx);
}

static void lack_memory(mote_ctx *ctx, mote_task *t)
{
    block_fail_after(1);
    CHECK(mote_join_ctx(ctx, t, NULL) == -ENOMEM);
    block_fail_after(0);
}

static void refuse(void *arg)
{
    (void)arg;
    intptr_t result = 0;
    mote_ctx *ctx = new_ctx();
    mote_chan(mote_task *) tasks = mote_chan_make(mote_task *, 1);
    mote_chan(intptr_t) c = mote_chan_make(intptr_t, 1);
    mote_task *t = mote_spawn(join_self, tasks, ctx);
    CHECK(mote_send(tasks, t) == 0);
    CHECK(mote_join(t, &result) == 0 && result == -EDEADLK);
    t = mote_spawn(wait_for, c);
    CHECK(mote_join(mote_spawn(lack_memory, ctx, t), NULL) == 0);
    CHECK(mote_go(join_until_cancelled, mote_ctx_ref(ctx), t) == 0);
    await_parked(2);
    CHECK(mote_join(t, NULL) == -EINVAL && mote_join_until(t, NULL, mote_now() + MOTE_S) == -EINVAL);
    mote_ctx *other = new_ctx();
    CHECK(mote_join_ctx(other, t, NULL) == -EINVAL);
    CHECK(mote_ctx_cancel(ctx, 0) == 0);
    while (mote_task_count() > 2) /* its joiner has left */
        mote_yield();
    CHECK(mote_send(c, 3) == 0);
    CHECK(mote_join_ctx(other, t, &result) == 0 && result == 3);
    mote_ctx_free(other);
    mote_ctx_free(ctx);
    mote_chan_free(c);
    mote_chan_free(tasks);
}

static void test_misuse_and_want_of_memory(void **state)
{
    (void)state;
    run_with(&one_proc, refuse, NULL);
}

/* Ends and cancels at the same moment */

static intptr_t end_soon(uint32_t r)
{
    if (r % 3)
        mote_sleep(r % 100 * MOTE_US);
    return (intptr_t)r;
}

static void join_and_cancel(int seed, mote_wg *others)
{
    uint32_t state = (uint32_t)seed * 7919 + 1;
    for (long i = 0, n = scale(300); i < n; i++) {
        uint32_t r = test_random(&state) >> 8;
        intptr_t result = -1;
        mote_ctx *ctx = mote_ctx_with_timeout(mote_ctx_background(), test_random(&state) % 100 * MOTE_US);
        mote_task *t = mote_spawn(end_soon, r);
        CHECK(ctx != NULL && t != NULL);
        int error = mote_join_ctx(ctx, t, &result);
        CHECK(error == 0 || error == -ETIMEDOUT);
        *(error == 0 ? &joined : &left) += 1;
        if (error && r % 2)
            mote_detach(t);
        else
            CHECK((error == 0 || mote_join(t, &result) == 0) && result == (intptr_t)r);
        mote_ctx_free(ctx);
    }
    mote_wg_done(others);
}

static mote_wg others;

static void *join_and_cancel_in_thread(void *arg)
{
    join_and_cancel((int)(intptr_t)arg, &others);
    return NULL;
}

static void race(void *arg)
{
    (void)arg;
    enum { TASKS = 10 };
    pthread_t thread;
    joined = left = 0;
    mote_wg_add(&others, TASKS + 1);
    for (int i = 0; i < TASKS; i++)
        CHECK(mote_go(join_and_cancel, i, &others) == 0);
    CHECK(pthread_create(&thread, NULL, join_and_cancel_in_thread, (void *)(intptr_t)77) == 0);
    mote_wg_wait(&others);
    CHECK(pthread_join(thread, NULL) == 0);
    yield_until_alone();
    CHECK(joined + left == (TASKS + 1) * scale(300));
}

static void test_ends_race_with_cancels(void **state)
{
    (void)state;
    run_with_each(race, NULL);
}

/* A thread that waits when the runtime ends, and its task with it */

static mote_ctx *shared;
static _Atomic(mote_task *) target;

static void *join_in_thread(void *arg)
{
    (void)arg;
    int error;
    while ((error = mote_join_ctx(shared, target, NULL)) == -EINVAL) /* outlive is looking */
        sched_yield();
    CHECK(error == -ESHUTDOWN);
    return NULL;
}

static void outlive(bool restarted)
{
    pthread_t thread;
    mote_chan(intptr_t) c = mote_chan_make(intptr_t, 0);
    shared = new_ctx();
    assert_int_equal(mote_start(&one_proc), 0);
    target = mote_spawn(wait_for, c);
    assert_int_equal(pthread_create(&thread, NULL, join_in_thread, NULL), 0);
    while (mote_join_until(target, NULL, 0) != -EINVAL) /* until the thread waits */
        mote_sleep(MOTE_MS);
    assert_int_equal(mote_stop(0), 1);
    if (restarted)
        assert_int_equal(mote_start(&one_proc), 0);
    assert_int_equal(mote_ctx_cancel(shared, 0), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    if (restarted)
        assert_int_equal(mote_stop(MOTE_FOREVER), 0);
    mote_ctx_free(shared);
    mote_chan_free(c);
}

static void test_a_thread_outlives_the_runtime(void **state)
{
    (void)state;
    outlive(false);
    outlive(true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_end_of_a_join),
        cmocka_unit_test(test_misuse_and_want_of_memory),
        cmocka_unit_test(test_ends_race_with_cancels),
        cmocka_unit_test(test_a_thread_outlives_the_runtime),
    };
    watchdog(120);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
