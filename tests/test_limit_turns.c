/* SPDX-License-Identifier: MIT */
/* test_limit_turns - who gives up holds nobody up, who waits with a limit has its turn; and misuse that no deadline excuses. */
#include "support.h"

#include <errno.h>

static mote_mutex mutex;
static mote_rwmutex rwmutex;
static mote_cond cond;
static mote_sem sem;
static mote_barrier barrier;
static mote_once once;
static _Atomic int served, late;

static int64_t soon(void) { return mote_now() + MOTE_MS; }
static int64_t in_a_minute(void) { return mote_now() + 60 * MOTE_S; }

static void reset(void)
{
    mutex = (mote_mutex){0};
    rwmutex = (mote_rwmutex){0};
    sem = (mote_sem){0};
    served = late = 0;
}

static void acquire_and_count(int64_t n, int64_t deadline)
{
    int error = mote_sem_acquire_until(&sem, n, deadline);
    CHECK(error == 0 || error == -ETIMEDOUT);
    *(error == 0 ? &served : &late) += 1;
}

static void head_gives_up(void *arg)
{
    (void)arg;
    reset();
    mote_sem_release(&sem, 2);
    CHECK(mote_go(acquire_and_count, INT64_C(3), mote_now() + 20 * MOTE_MS) == 0);
    await_all_parked();
    CHECK(mote_go(acquire_and_count, INT64_C(1), in_a_minute()) == 0);
    CHECK(mote_go(acquire_and_count, INT64_C(1), MOTE_FOREVER) == 0);
    yield_until_alone();
    CHECK(served == 2 && late == 1);
    CHECK(mote_sem_try_acquire(&sem, 1) == -EAGAIN);
}

static void read_and_count(void)
{
    mote_rwmutex_rlock(&rwmutex);
    served++;
    mote_rwmutex_runlock(&rwmutex);
}

static void write_and_count(int64_t deadline)
{
    int error = mote_rwmutex_lock_until(&rwmutex, deadline);
    CHECK(error == 0 || error == -ETIMEDOUT);
    if (error == 0)
        mote_rwmutex_unlock(&rwmutex);
    *(error == 0 ? &served : &late) += 1;
}

static void writer_gives_up(void *arg)
{
    (void)arg;
    reset();
    mote_rwmutex_rlock(&rwmutex);
    CHECK(mote_go(write_and_count, mote_now() + 20 * MOTE_MS) == 0);
    CHECK(mote_go(write_and_count, mote_now() + 10 * MOTE_MS) == 0);
    await_all_parked();
    for (int i = 0; i < 5; i++)
        CHECK(mote_go(read_and_count) == 0);
    yield_until_alone(); /* while we still read */
    CHECK(served == 5 && late == 2);
    mote_rwmutex_runlock(&rwmutex);
    CHECK(mote_rwmutex_try_lock(&rwmutex) == 0);
    mote_rwmutex_unlock(&rwmutex);
}

static void meet_and_count(int64_t deadline)
{
    int result = mote_barrier_wait_until(&barrier, deadline);
    *(result >= 0 ? &served : &late) += 1;
}

static void party_gives_up(void *arg)
{
    (void)arg;
    reset();
    mote_barrier b = MOTE_BARRIER(3);
    barrier = b;
    CHECK(mote_go(meet_and_count, soon()) == 0);
    while (late == 0)
        mote_yield();
    CHECK(mote_go(meet_and_count, in_a_minute()) == 0);
    CHECK(mote_go(meet_and_count, MOTE_FOREVER) == 0);
    await_all_parked();
    CHECK(served == 0); /* two of three */
    CHECK(mote_barrier_wait_until(&barrier, in_a_minute()) >= 0);
    yield_until_alone();
    CHECK(served == 2 && late == 1);
    mote_barrier_init(&barrier, 7); /* nobody waits */
}

/* A waiter with a deadline has its turn as any other: a task that locks again and again can't keep it out. */
static void lock_once(void)
{
    CHECK(mote_mutex_lock_until(&mutex, in_a_minute()) == 0);
    served++;
    mote_mutex_unlock(&mutex);
}

static void hog(void *arg)
{
    (void)arg;
    reset();
    for (int i = 0; i < 3; i++)
        CHECK(mote_go(lock_once) == 0);
    while (served < 3) {
        mote_mutex_lock(&mutex);
        mote_yield();
        mote_mutex_unlock(&mutex);
    }
    yield_until_alone();
}

static void test_who_gives_up_holds_nobody_up(void **state)
{
    (void)state;
    run_with_each(head_gives_up, NULL);
    run_with_each(writer_gives_up, NULL);
    run_with_each(party_gives_up, NULL);
    run_with_each(hog, NULL);
}

/* Fatal misuse: a deadline doesn't excuse it. */

static void lock_twice(void *arg)
{
    (void)arg;
    mote_mutex_lock(&mutex);
    mote_mutex_lock_until(&mutex, soon());
}

static void wait_unlocked(void *arg)
{
    (void)arg;
    mote_cond_wait_until(&cond, &mutex, soon());
}

static void wait_unlocked_too_late(void *arg)
{
    (void)arg;
    mote_cond_wait_until(&cond, &mutex, 1);
}

static void wait_unlocked_cancelled(void *arg)
{
    mote_ctx *ctx = mote_ctx_with_timeout(mote_ctx_background(), 0);
    (void)arg;
    mote_cond_wait_ctx(ctx, &cond, &mutex);
}

static void acquire_negative(void *arg)
{
    (void)arg;
    mote_sem_acquire_until(&sem, -1, 0);
}

static void do_within(void *arg) { mote_once_do_until(&once, do_within, arg, soon()); }

static void meet_nobody(void *arg)
{
    (void)arg;
    mote_barrier none = {0};
    mote_barrier_wait_until(&none, soon());
}

static void test_misuse_is_fatal(void **state)
{
    (void)state;
    reset();
    assert_dies_saying(lock_twice, "mote_mutex_lock: the caller has locked this mutex already");
    assert_dies_saying(wait_unlocked, "mote_mutex_unlock: nobody has locked this mutex");
    assert_dies_saying(wait_unlocked_too_late, "mote_mutex_unlock: nobody has locked this mutex");
    assert_dies_saying(wait_unlocked_cancelled, "mote_mutex_unlock: nobody has locked this mutex");
    assert_dies_saying(acquire_negative, "mote_sem_acquire_until: -1 units");
    assert_dies_saying(do_within, "mote_once_do within the function that it calls");
    assert_dies_saying(meet_nobody, "mote_barrier_wait_until: a barrier for nobody");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_who_gives_up_holds_nobody_up),
        cmocka_unit_test(test_misuse_is_fatal),
    };
    watchdog(120);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
