/* SPDX-License-Identifier: MIT */
/* test_limit_sync - mutexes, readers and writers, conditions, semaphores, barriers and once until a deadline or with a context. */
#include "support.h"

#include "base/block.h"
#include "sched/timer.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>

static mote_mutex mutex;
static mote_rwmutex rwmutex;
static mote_cond cond;
static mote_sem sem;
static mote_barrier barrier;
static mote_once once;
static mote_wg wg;
static bool flag; /* mutex */
static _Atomic int served, without;

static int64_t soon(void) { return mote_now() + MOTE_MS; }
static int64_t in_a_minute(void) { return mote_now() + 60 * MOTE_S; }

/* Somebody else, a thread, who has what is wanted until it is told to let go. */

struct operation;
static struct holder {
    pthread_t thread;
    sem_t has, lets_go;
} holder;

struct operation {
    void (*hold)(void);             /* by the holder; calls wait_to_let_go */
    int (*until)(int64_t deadline); /* NULL: there is no such call */
    int (*with)(mote_ctx *ctx);     /* the same */
    void (*give_back)(void);        /* after 0; NULL: nothing */
};

static void wait_to_let_go(void)
{
    CHECK(sem_post(&holder.has) == 0);
    while (sem_wait(&holder.lets_go) < 0)
        CHECK(errno == EINTR);
}

static void *run_holder(void *arg)
{
    const struct operation *op = arg;
    op->hold();
    return NULL;
}

static void start_holder(const struct operation *op)
{
    CHECK(sem_init(&holder.has, 0, 0) == 0 && sem_init(&holder.lets_go, 0, 0) == 0);
    CHECK(pthread_create(&holder.thread, NULL, run_holder, (void *)(uintptr_t)op) == 0);
    while (sem_wait(&holder.has) < 0)
        CHECK(errno == EINTR);
}

static void let_go(void) { CHECK(sem_post(&holder.lets_go) == 0); }

static void *let_go_later(void *arg)
{
    (void)arg;
    mote_sleep(MOTE_MS);
    let_go();
    return NULL;
}

static void end_holder(void)
{
    CHECK(pthread_join(holder.thread, NULL) == 0);
    sem_destroy(&holder.has);
    sem_destroy(&holder.lets_go);
}

/* The operations */

static void hold_mutex(void)
{
    mote_mutex_lock(&mutex);
    wait_to_let_go();
    mote_mutex_unlock(&mutex);
}

static int lock_until(int64_t deadline) { return mote_mutex_lock_until(&mutex, deadline); }
static int lock_with(mote_ctx *ctx) { return mote_mutex_lock_ctx(ctx, &mutex); }
static void unlock(void) { mote_mutex_unlock(&mutex); }

static void hold_for_writing(void)
{
    mote_rwmutex_lock(&rwmutex);
    wait_to_let_go();
    mote_rwmutex_unlock(&rwmutex);
}

static int rlock_until(int64_t deadline) { return mote_rwmutex_rlock_until(&rwmutex, deadline); }
static void runlock(void) { mote_rwmutex_runlock(&rwmutex); }

static void hold_for_reading(void)
{
    mote_rwmutex_rlock(&rwmutex);
    wait_to_let_go();
    mote_rwmutex_runlock(&rwmutex);
}

static int wlock_until(int64_t deadline) { return mote_rwmutex_lock_until(&rwmutex, deadline); }
static void wunlock(void) { mote_rwmutex_unlock(&rwmutex); }

static void hold_flag(void)
{
    wait_to_let_go();
    mote_mutex_lock(&mutex);
    flag = true;
    mote_cond_signal(&cond);
    mote_mutex_unlock(&mutex);
}

/* The mutex is ours after each wait, whatever it says. */
static int check_locked(int result)
{
    CHECK(mote_mutex_try_lock(&mutex) == -EAGAIN);
    mote_mutex_unlock(&mutex);
    CHECK(mote_mutex_lock_until(&mutex, 0) == 0);
    return result;
}

static int flag_until(int64_t deadline)
{
    int result = 0;
    mote_mutex_lock(&mutex);
    while (!flag && result == 0)
        result = check_locked(mote_cond_wait_until(&cond, &mutex, deadline));
    flag = false;
    mote_mutex_unlock(&mutex);
    return result;
}

static int flag_with(mote_ctx *ctx)
{
    int result = 0;
    mote_mutex_lock(&mutex);
    while (!flag && result == 0)
        result = check_locked(mote_cond_wait_ctx(ctx, &cond, &mutex));
    flag = false;
    mote_mutex_unlock(&mutex);
    return result;
}

static void hold_units(void)
{
    wait_to_let_go();
    mote_sem_release(&sem, 1); /* too few */
    mote_sem_release(&sem, 2);
}

static int acquire_until(int64_t deadline) { return mote_sem_acquire_until(&sem, 3, deadline); }
static int acquire_with(mote_ctx *ctx) { return mote_sem_acquire_ctx(ctx, &sem, 3); }

static _Atomic int lasts;

static void hold_barrier(void)
{
    wait_to_let_go();
    lasts = mote_barrier_wait(&barrier);
}

static int meet_until(int64_t deadline)
{
    int result = mote_barrier_wait_until(&barrier, deadline);
    CHECK(result <= 1);
    return result < 0 ? result : 0;
}

static void run_once(void *arg)
{
    (void)arg;
    wait_to_let_go();
}

static void hold_once(void) { mote_once_do(&once, run_once, NULL); }

static void never(void *arg)
{
    (void)arg;
    CHECK(false);
}

static void count_once(void *arg)
{
    (void)arg;
    served++;
}

static int once_until(int64_t deadline) { return mote_once_do_until(&once, never, NULL, deadline); }
static void forget_once(void) { once = (mote_once){0}; }

static void hold_group(void)
{
    mote_wg_add(&wg, 1);
    wait_to_let_go();
    mote_wg_done(&wg);
}

static int group_until(int64_t deadline) { return mote_wg_wait_until(&wg, deadline); }
static int group_with(mote_ctx *ctx) { return mote_wg_wait_ctx(ctx, &wg); }

static const struct operation operations[] = {
    {hold_mutex, lock_until, lock_with, unlock},     {hold_for_writing, rlock_until, NULL, runlock},
    {hold_for_reading, wlock_until, NULL, wunlock},  {hold_flag, flag_until, flag_with, NULL},
    {hold_units, acquire_until, acquire_with, NULL}, {hold_barrier, meet_until, NULL, NULL},
    {hold_once, once_until, NULL, forget_once},      {hold_group, group_until, group_with, NULL},
};
#define OPERATIONS ((int)(sizeof operations / sizeof operations[0]))

/* Objects that are used like new in every case. */
static void reset(void)
{
    mutex = (mote_mutex){0};
    rwmutex = (mote_rwmutex){0};
    cond = (mote_cond){0};
    sem = (mote_sem){0};
    barrier = (mote_barrier)MOTE_BARRIER(2);
    wg = (mote_wg){0};
    flag = false;
    forget_once();
    served = without = 0;
}

static void give_back(const struct operation *op)
{
    if (op->give_back)
        op->give_back();
}

static void try_deadlines(const struct operation *op, bool for_ever)
{
    pthread_t later;
    start_holder(op);
    CHECK(op->until(0) == -ETIMEDOUT && op->until(INT64_MIN) == -ETIMEDOUT && op->until(mote_now()) == -ETIMEDOUT);
    int64_t deadline = soon();
    CHECK(op->until(deadline) == -ETIMEDOUT && mote_now() >= deadline);
    CHECK(pthread_create(&later, NULL, let_go_later, NULL) == 0);
    CHECK(op->until(for_ever ? MOTE_FOREVER : in_a_minute()) == 0);
    CHECK(pthread_join(later, NULL) == 0);
    end_holder();
    give_back(op);
}

static void try_all_deadlines(void *arg)
{
    (void)arg;
    reset();
    for (int i = 0; i < 2 * OPERATIONS; i++)
        if (operations[i / 2].until)
            try_deadlines(&operations[i / 2], i % 2);
    CHECK(mote_mutex_lock_until(&mutex, 0) == 0); /* what can be done at once is done */
    mote_mutex_unlock(&mutex);
    CHECK(mote_rwmutex_rlock_until(&rwmutex, INT64_MIN) == 0 && mote_rwmutex_rlock_until(&rwmutex, 0) == 0);
    mote_rwmutex_runlock(&rwmutex);
    mote_rwmutex_runlock(&rwmutex);
    CHECK(mote_rwmutex_lock_until(&rwmutex, 0) == 0);
    mote_rwmutex_unlock(&rwmutex);
    CHECK(mote_sem_acquire_until(&sem, 0, 0) == 0);
    mote_sem_release(&sem, 2);
    CHECK(mote_sem_acquire_until(&sem, 2, 0) == 0);
    barrier = (mote_barrier)MOTE_BARRIER(1);
    CHECK(mote_barrier_wait_until(&barrier, 0) == 1);
    CHECK(mote_once_do_until(&once, count_once, NULL, 0) == 0 && served == 1);
    CHECK(mote_once_do_until(&once, never, NULL, 0) == 0);
}

static void test_each_call_with_a_deadline(void **state)
{
    (void)state;
    try_all_deadlines(NULL); /* without a runtime */
    run_everywhere(try_all_deadlines);
}

static void *cancel_later(void *ctx)
{
    mote_sleep(MOTE_MS);
    CHECK(mote_ctx_cancel(ctx, -EIO) == 0);
    return NULL;
}

static void try_contexts(const struct operation *op)
{
    pthread_t later;
    mote_ctx *ctx = mote_ctx_with_cancel(mote_ctx_background()), *child = mote_ctx_with_cancel(ctx);
    mote_ctx *past = mote_ctx_with_timeout(ctx, 0);
    start_holder(op);
    CHECK(op->with(past) == -ETIMEDOUT);
    CHECK(pthread_create(&later, NULL, cancel_later, ctx) == 0);
    CHECK(op->with(child) == -ECANCELED); /* while it waits */
    CHECK(pthread_join(later, NULL) == 0);
    CHECK(op->with(ctx) == -ECANCELED);
    mote_ctx_free(past);
    mote_ctx_free(child);
    mote_ctx_free(ctx);
    ctx = mote_ctx_with_cancel(mote_ctx_background());
    CHECK(pthread_create(&later, NULL, let_go_later, NULL) == 0);
    CHECK(op->with(ctx) == 0);
    CHECK(pthread_join(later, NULL) == 0);
    end_holder();
    give_back(op);
    mote_ctx_free(ctx);
}

static void try_no_context(const struct operation *op, mote_ctx *ctx)
{
    pthread_t later;
    start_holder(op);
    CHECK(pthread_create(&later, NULL, let_go_later, NULL) == 0);
    CHECK(op->with(ctx) == 0);
    CHECK(pthread_join(later, NULL) == 0);
    end_holder();
    give_back(op);
}

static void try_all_contexts(void *arg)
{
    (void)arg;
    reset();
    for (int i = 0; i < OPERATIONS; i++)
        if (operations[i].with) {
            try_contexts(&operations[i]);
            try_no_context(&operations[i], NULL);
            try_no_context(&operations[i], mote_ctx_background());
        }
    mote_ctx *ctx = mote_ctx_with_cancel(mote_ctx_background());
    CHECK(mote_mutex_lock_ctx(ctx, &mutex) == 0);
    mote_mutex_unlock(&mutex);
    mote_sem_release(&sem, 1);
    CHECK(mote_sem_acquire_ctx(ctx, &sem, 1) == 0);
    mote_sem_release(&sem, 1);
    CHECK(mote_ctx_cancel(ctx, 0) == 0); /* its error comes before what could be done */
    CHECK(mote_mutex_lock_ctx(ctx, &mutex) == -ECANCELED && mote_mutex_try_lock(&mutex) == 0);
    mote_mutex_unlock(&mutex);
    CHECK(mote_sem_acquire_ctx(ctx, &sem, 1) == -ECANCELED && mote_sem_try_acquire(&sem, 1) == 0);
    mote_ctx_free(ctx);
}

static void test_each_call_with_a_context(void **state)
{
    (void)state;
    try_all_contexts(NULL);
    run_everywhere(try_all_contexts);
}

/* Without memory */

static mote_mutex own;

static void lack_blocks(void)
{
    mote_ctx *ctx = mote_ctx_with_cancel(mote_ctx_background());
    mote_mutex_lock(&own);
    block_fail_after(1);
    CHECK(mote_mutex_lock_ctx(ctx, &mutex) == -ENOMEM);
    block_fail_after(1);
    CHECK(mote_sem_acquire_ctx(ctx, &sem, 1) == -ENOMEM);
    block_fail_after(1);
    CHECK(mote_cond_wait_ctx(ctx, &cond, &own) == -ENOMEM);
    CHECK(mote_mutex_try_lock(&own) == -EAGAIN); /* never unlocked */
    block_fail_after(0);
    mote_mutex_unlock(&own);
    mote_ctx_free(ctx);
}

static void wait_for_a_minute(int how)
{
    int error = operations[how].until(in_a_minute());
    CHECK(error == 0 || error == -ENOMEM);
    *(error == 0 ? &served : &without) += 1;
    if (error == 0)
        give_back(&operations[how]);
}

/* More deadlines than the heap of timers has room for. */
static void lack_timers(void *arg)
{
    (void)arg;
    enum { MANY = 100 };
    for (int how = 0; how < 3; how++) { /* those that can be given back and had again */
        reset();
        start_holder(&operations[how]);
        timers_fail(true);
        for (int i = 0; i < MANY; i++)
            CHECK(mote_go(wait_for_a_minute, how) == 0);
        while (without == 0)
            mote_yield();
        await_all_parked();
        timers_fail(false);
        CHECK(served == 0);
        let_go();
        end_holder();
        yield_until_alone();
        CHECK(without + served == MANY);
    }
    CHECK(mote_rwmutex_try_lock(&rwmutex) == 0); /* nobody was left in a queue */
    mote_rwmutex_unlock(&rwmutex);
}

static void lack_memory(void *arg)
{
    (void)arg;
    reset();
    mote_mutex_lock(&mutex);
    CHECK(mote_join(mote_spawn(lack_blocks), NULL) == 0);
    CHECK(mote_cond_wait_until(&cond, &mutex, soon()) == -ETIMEDOUT);
    mote_mutex_unlock(&mutex);
}

static void test_without_memory_nothing_is_done(void **state)
{
    (void)state;
    run_with(&one_proc, lack_memory, NULL);
    run_with(&one_proc, lack_timers, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_call_with_a_deadline),
        cmocka_unit_test(test_each_call_with_a_context),
        cmocka_unit_test(test_without_memory_nothing_is_done),
    };
    watchdog(120);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
