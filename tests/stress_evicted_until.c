/* SPDX-License-Identifier: MIT */
/* stress_evicted_until - whoever waits until a deadline, or until a context is cancelled, is woken by what it waits for, by the
 * deadline and by the context, while its stack is copied out, and finds its locals as they were.
 */
#include "evicted.h"

static mote_ctx *ctx;
static mote_mutex mutex, free_mutex;
static mote_rwmutex rwmutex;
static mote_cond cond;
static mote_sem sem;
static mote_barrier barrier;
static mote_once once;
static mote_wg group;
static mote_task *joined;
static _Atomic int expected; /* what each wait is to give */
static bool flag;            /* free_mutex */

static void do_nothing(void *arg) { (void)arg; }
static void take_long(void *arg)
{
    (void)arg;
    mote_recv(c, NULL);
}
static void be_first(void) { mote_once_do(&once, take_long, NULL); }
static int end_later(void) { return mote_recv(c, NULL) + 7; }

/* Everything is taken, so every wait waits. */
static void take_all(int result)
{
    expected = result;
    ctx = NULL;
    joined = NULL;
    mutex = free_mutex = (mote_mutex){0};
    rwmutex = (mote_rwmutex){0};
    cond = (mote_cond){0};
    sem = (mote_sem){0};
    barrier = (mote_barrier)MOTE_BARRIER(2);
    once = (mote_once){0};
    group = (mote_wg){0};
    flag = false;
    mote_mutex_lock(&mutex);
    mote_rwmutex_lock(&rwmutex);
    mote_wg_add(&group, 1);
}

/* With two helpers. */
static void take_all_and_start(int result)
{
    take_all(result);
    CHECK(mote_go(be_first) == 0);
    wait_until_parked(1);
    CHECK((joined = mote_spawn(end_later)));
    wait_until_parked(2);
}

static void raise_flag(void)
{
    mote_mutex_lock(&free_mutex);
    flag = true;
    mote_cond_broadcast(&cond);
    mote_mutex_unlock(&free_mutex);
}

static void give_all(void)
{
    mote_mutex_unlock(&mutex);
    mote_rwmutex_unlock(&rwmutex);
    raise_flag();
    mote_sem_release(&sem, 1);
    mote_wg_done(&group);
}

/* When the waits have ended otherwise. */
static void clean(void)
{
    if (expected)
        give_all();
    if (expected && joined)
        CHECK(mote_join(joined, NULL) == 0);
    mote_ctx_free(ctx);
}

static int wait_for_flag_until(int64_t deadline)
{
    int result = 0;
    mote_mutex_lock(&free_mutex);
    while (!flag && result == 0)
        result = mote_cond_wait_until(&cond, &free_mutex, deadline);
    mote_mutex_unlock(&free_mutex);
    return result;
}

static int wait_for_flag_ctx(void)
{
    int result = 0;
    mote_mutex_lock(&free_mutex);
    while (!flag && result == 0)
        result = mote_cond_wait_ctx(ctx, &cond, &free_mutex);
    mote_mutex_unlock(&free_mutex);
    return result;
}

/* Each waiter waits for a thing of its own. */
static int wait_until(int i, int64_t deadline)
{
    int result;
    switch (i) {
    case 0:
        if ((result = mote_mutex_lock_until(&mutex, deadline)) == 0)
            mote_mutex_unlock(&mutex);
        return result;
    case 1:
        if ((result = mote_rwmutex_rlock_until(&rwmutex, deadline)) == 0)
            mote_rwmutex_runlock(&rwmutex);
        return result;
    case 2:
        if ((result = mote_rwmutex_lock_until(&rwmutex, deadline)) == 0)
            mote_rwmutex_unlock(&rwmutex);
        return result;
    case 3:
        return wait_for_flag_until(deadline);
    case 4:
        return mote_sem_acquire_until(&sem, 1, deadline);
    case 5:
        return mote_barrier_wait_until(&barrier, deadline);
    case 6:
        return mote_once_do_until(&once, do_nothing, NULL, deadline);
    default:
        return mote_join_until(joined, NULL, deadline);
    }
}

static int wait_ctx(int i)
{
    int result, v = -1;
    switch (i) {
    case 0:
        if ((result = mote_mutex_lock_ctx(ctx, &mutex)) == 0)
            mote_mutex_unlock(&mutex);
        return result;
    case 1:
        return wait_for_flag_ctx();
    case 2:
        return mote_sem_acquire_ctx(ctx, &sem, 1);
    case 3:
        return mote_wg_wait_ctx(ctx, &group);
    case 4:
        return expected ? mote_sleep_ctx(ctx, LONG) : mote_recv_ctx(ctx, third, NULL);
    case 5:
        result = mote_recv_ctx(ctx, third, &v);
        CHECK(result == 0 ? v == 9 : v == -1);
        return result;
    case 6:
        return mote_send_ctx(ctx, other, 9);
    default:
        CHECK(mote_select_status(&result, MOTE_RECV(third, &v), MOTE_DONE(ctx)) == (expected ? 1 : 0));
        return result;
    }
}

static void wait_ctx_as_expected(int i)
{
    CHECK(wait_ctx(i) == expected);
    arrive(i);
}
static void wait_in_time(int i)
{
    CHECK(wait_until(i, mote_now() + LONG) == 0);
    arrive(i);
}
static void wait_too_long(int i)
{
    CHECK(wait_until(i, due) == -ETIMEDOUT && mote_now() >= due);
    arrive(i);
}

static void prepare_in_time(void) { take_all_and_start(0); }
static void prepare_too_long(void) { take_all_and_start(-ETIMEDOUT); }
static void prepare_ctx(void)
{
    take_all(0);
    CHECK((ctx = mote_ctx_with_cancel(mote_ctx_background())));
}
static void prepare_cancel(void)
{
    take_all(-ECANCELED);
    CHECK((ctx = mote_ctx_with_cancel(mote_ctx_background())));
}
static void prepare_deadline(void)
{
    take_all(-ETIMEDOUT);
    CHECK((ctx = mote_ctx_with_deadline(mote_ctx_background(), due)));
}

static void wake_in_time(void)
{
    give_all();
    CHECK(mote_send(c, 1) == 0 && mote_send(c, 1) == 0); /* the helpers */
    CHECK(mote_barrier_wait(&barrier) == 1);
}
static void wake_ctx(void)
{
    int v = 0;
    give_all();
    for (int i = 0; i < 3; i++)
        CHECK(mote_send(third, 9) == 0);
    CHECK(mote_recv(other, &v) == 0 && v == 9);
}
static void wake_cancel(void) { CHECK(mote_ctx_cancel(ctx, 0) == 0); }

static const struct kind kinds[] = {
    {"until, in time", prepare_in_time, wait_in_time, wake_in_time, 2, clean},
    {"until, too long", prepare_too_long, wait_too_long, NULL, 2, clean},
    {"context, in time", prepare_ctx, wait_ctx_as_expected, wake_ctx, 0, clean},
    {"context, cancelled", prepare_cancel, wait_ctx_as_expected, wake_cancel, 0, clean},
    {"context, deadline", prepare_deadline, wait_ctx_as_expected, NULL, 0, clean},
};

static void test_deadlines_and_contexts_wake_whoever_is_copied_out(void **state)
{
    (void)state;
    wake_evicted_ones(kinds, sizeof kinds / sizeof kinds[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_deadlines_and_contexts_wake_whoever_is_copied_out)};
    watchdog(120);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
