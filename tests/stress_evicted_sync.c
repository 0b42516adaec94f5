/* SPDX-License-Identifier: MIT */
/* stress_evicted_sync - whoever waits for a context, a lock, a group or another task is woken by every kind of event while its
 * stack is copied out, and finds its locals as they were.
 */
#include "evicted.h"

static mote_ctx *ctx;
static mote_mutex mutex;
static mote_rwmutex rwmutex;
static mote_cond cond;
static mote_sem sem;
static mote_barrier barrier;
static mote_once once;
static mote_wg group;
static mote_task *joined[WAITERS];
static bool flag; /* mutex */

static void reset(void)
{
    mutex = (mote_mutex){0};
    rwmutex = (mote_rwmutex){0};
    cond = (mote_cond){0};
    sem = (mote_sem){0};
    barrier = (mote_barrier)MOTE_BARRIER(WAITERS + 1);
    once = (mote_once){0};
    group = (mote_wg){0};
    flag = false;
}

/* Contexts */

static void prepare_ctx(void) { CHECK((ctx = mote_ctx_with_cancel(mote_ctx_background()))); }
static void free_ctx(void) { mote_ctx_free(ctx); }
static void prepare_deadline(void) { CHECK((ctx = mote_ctx_with_deadline(mote_ctx_background(), due))); }
static void wait_ctx(int i)
{
    if (i % 2)
        CHECK(mote_recv(mote_ctx_done(ctx), NULL) == -EPIPE);
    else
        CHECK(mote_select(MOTE_RECV(other, NULL), MOTE_RECV(mote_ctx_done(ctx), NULL)) == 1);
    CHECK(mote_ctx_err(ctx) != 0);
    arrive(i);
}
static void wake_cancel(void) { CHECK(mote_ctx_cancel(ctx, 0) == 0); }

/* Locks and the like */

static void prepare_mutex(void)
{
    reset();
    mote_mutex_lock(&mutex);
}
static void wait_mutex(int i)
{
    mote_mutex_lock(&mutex);
    arrive(i);
    mote_mutex_unlock(&mutex);
}
static void wake_mutex(void) { mote_mutex_unlock(&mutex); }

static void prepare_rwmutex(void)
{
    reset();
    mote_rwmutex_lock(&rwmutex);
}
static void wait_rwmutex(int i)
{
    if (i % 2) {
        mote_rwmutex_rlock(&rwmutex);
        arrive(i);
        mote_rwmutex_runlock(&rwmutex);
    } else {
        mote_rwmutex_lock(&rwmutex);
        arrive(i);
        mote_rwmutex_unlock(&rwmutex);
    }
}
static void wake_rwmutex(void) { mote_rwmutex_unlock(&rwmutex); }

static void wait_cond(int i)
{
    mote_mutex_lock(&mutex);
    while (!flag)
        mote_cond_wait(&cond, &mutex);
    arrive(i);
    mote_mutex_unlock(&mutex);
}
static void wake_broadcast(void)
{
    mote_mutex_lock(&mutex);
    flag = true;
    mote_cond_broadcast(&cond);
    mote_mutex_unlock(&mutex);
}
static void wake_signals(void)
{
    mote_mutex_lock(&mutex);
    flag = true;
    mote_mutex_unlock(&mutex);
    for (int i = 0; i < WAITERS; i++)
        mote_cond_signal(&cond);
}

static void wait_sem(int i)
{
    mote_sem_acquire(&sem, i + 1);
    arrive(i);
}
static void wake_sem(void) { mote_sem_release(&sem, WAITERS * (WAITERS + 1) / 2); }

static void wait_barrier(int i)
{
    CHECK(mote_barrier_wait(&barrier) == 0);
    arrive(i);
}
static void wake_barrier(void) { CHECK(mote_barrier_wait(&barrier) == 1); }

static void wait_inside(void *arg)
{
    (void)arg;
    CHECK(mote_recv(c, NULL) == 0);
    flag = true;
}
static void be_first(void) { mote_once_do(&once, wait_inside, NULL); }
static void prepare_once(void)
{
    reset();
    CHECK(mote_go(be_first) == 0);
    mote_sleep(MOTE_MS); /* so that it is; if it isn't, a waiter is, and all goes as well */
}
static void wait_once(int i)
{
    mote_once_do(&once, wait_inside, NULL);
    CHECK(flag);
    arrive(i);
}
static void wake_one_send(void) { CHECK(mote_send(c, 1) == 0); }

static void prepare_group(void)
{
    reset();
    mote_wg_add(&group, 1);
}
static void wait_group(int i)
{
    if (i % 2)
        CHECK(mote_wg_wait_until(&group, mote_now() + LONG) == 0);
    else
        mote_wg_wait(&group);
    arrive(i);
}
static void wake_group(void) { mote_wg_done(&group); }

static int end_later(int i)
{
    CHECK(mote_recv(c, NULL) == -EPIPE);
    return i + 70;
}
static void prepare_join(void)
{
    for (int i = 0; i < WAITERS; i++)
        CHECK((joined[i] = mote_spawn(end_later, i)));
}
static void wait_join(int i)
{
    intptr_t result = 0;
    CHECK((i % 2 ? mote_join(joined[i], &result) : mote_join_until(joined[i], &result, mote_now() + LONG)) == 0);
    CHECK(result == i + 70);
    arrive(i);
}
static void wait_group_late(int i)
{
    CHECK(mote_wg_wait_until(&group, due) == -ETIMEDOUT);
    arrive(i);
}
static void wait_join_late(int i)
{
    intptr_t result = -7;
    CHECK(mote_join_until(joined[i], &result, due) == -ETIMEDOUT && result == -7);
    mote_detach(joined[i]);
    arrive(i);
}

static void wake_close(void) { CHECK(mote_chan_close(c) == 0); }

static const struct kind kinds[] = {
    {"group, deadline", prepare_group, wait_group_late, NULL, 0, NULL},
    {"join, deadline", prepare_join, wait_join_late, NULL, WAITERS, NULL},
    {"context, cancel", prepare_ctx, wait_ctx, wake_cancel, 0, free_ctx},
    {"context, deadline", prepare_deadline, wait_ctx, NULL, 0, free_ctx},
    {"mutex", prepare_mutex, wait_mutex, wake_mutex, 0, NULL},
    {"rwmutex", prepare_rwmutex, wait_rwmutex, wake_rwmutex, 0, NULL},
    {"condition, broadcast", reset, wait_cond, wake_broadcast, 0, NULL},
    {"condition, signals", reset, wait_cond, wake_signals, 0, NULL},
    {"semaphore", reset, wait_sem, wake_sem, 0, NULL},
    {"barrier", reset, wait_barrier, wake_barrier, 0, NULL},
    {"once", prepare_once, wait_once, wake_one_send, 1, NULL},
    {"wait group", prepare_group, wait_group, wake_group, 0, NULL},
    {"join", prepare_join, wait_join, wake_close, WAITERS, NULL},
};

static void test_objects_and_tasks_wake_whoever_is_copied_out(void **state)
{
    (void)state;
    wake_evicted_ones(kinds, sizeof kinds / sizeof kinds[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_objects_and_tasks_wake_whoever_is_copied_out)};
    watchdog(120);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
