/* SPDX-License-Identifier: MIT */
/* sim_sync - mutexes, readers and writers, conditions, semaphores, barriers and once in simulations: what each promises holds whatever
 * the order, also when some give up waiting at the same time. */
#include "support.h"

#include <errno.h>
#include <string.h>

#define TASKS 4
#define ROUNDS 3
#define RUNS 150

static mote_wg wg;
static mote_mutex mutex;
static mote_rwmutex rwmutex;
static mote_cond cond;
static mote_sem sem;
static mote_barrier barrier;
static mote_once once;
static int inside, readers, total, gave_up;

static void run_tasks(void (*body)(int who))
{
    wg = (mote_wg){0};
    mutex = (mote_mutex){0};
    rwmutex = (mote_rwmutex){0};
    cond = (mote_cond){0};
    once = (mote_once){0};
    inside = readers = total = gave_up = 0;
    mote_wg_add(&wg, TASKS);
    for (int i = 0; i < TASKS; i++)
        CHECK(mote_go(body, i) == 0);
    mote_wg_wait(&wg);
}

static void assert_passes(void (*fn)(void *arg)) { assert_int_equal(mote_sim_explore(fn, NULL, (int)scale(RUNS)), 0); }

static void stay_alone(void)
{
    CHECK(inside++ == 0 && readers == 0);
    if (total++ % 2)
        mote_sleep(3);
    else
        mote_yield();
    CHECK(--inside == 0 && readers == 0);
}

/* Who is `late` waits until a deadline. */
static bool lock_somehow(int who, int round)
{
    bool late = (who + round) % 3 == 0;
    int error = late ? mote_mutex_lock_until(&mutex, mote_now() + who + 2) : 0;
    if (!late && (who + round) % 3 == 1)
        mote_mutex_lock(&mutex);
    else if (!late)
        while (mote_mutex_try_lock(&mutex) < 0)
            mote_sleep(1);
    CHECK(error == 0 || error == -ETIMEDOUT);
    gave_up += error < 0;
    return error == 0;
}

static void lock_and_stay(int who)
{
    for (int round = 0; round < ROUNDS; round++) {
        if (!lock_somehow(who, round))
            continue;
        stay_alone();
        mote_mutex_unlock(&mutex);
    }
    mote_wg_done(&wg);
}

static void use_a_mutex(void *arg)
{
    (void)arg;
    run_tasks(lock_and_stay);
    CHECK(total + gave_up == TASKS * ROUNDS && mote_mutex_try_lock(&mutex) == 0);
}

static void test_one_at_a_time_has_a_mutex(void **state)
{
    (void)state;
    assert_passes(use_a_mutex);
}

static void read_or_write(int who)
{
    for (int round = 0; round < ROUNDS; round++) {
        int64_t deadline = round % 2 ? mote_now() + 4 : MOTE_FOREVER;
        bool writes = (who + round) % 3 == 0;
        int error = writes ? mote_rwmutex_lock_until(&rwmutex, deadline) : mote_rwmutex_rlock_until(&rwmutex, deadline);
        CHECK(error == 0 || (error == -ETIMEDOUT && deadline != MOTE_FOREVER));
        gave_up += error < 0;
        if (error < 0)
            continue;
        if (writes) {
            stay_alone();
            mote_rwmutex_unlock(&rwmutex);
            continue;
        }
        readers++;
        total++;
        mote_sleep(2);
        CHECK(inside == 0);
        readers--;
        mote_rwmutex_runlock(&rwmutex);
    }
    mote_wg_done(&wg);
}

static void use_an_rwmutex(void *arg)
{
    (void)arg;
    run_tasks(read_or_write);
    CHECK(total + gave_up == TASKS * ROUNDS && mote_rwmutex_try_lock(&rwmutex) == 0);
}

static void test_many_read_or_one_writes(void **state)
{
    (void)state;
    assert_passes(use_an_rwmutex);
}

/* A queue of numbers with a condition: half of the tasks put, half take, one of them until a deadline. */
static int waiting_numbers;

static void put_or_take(int who)
{
    for (int round = 0; round < ROUNDS; round++) {
        mote_mutex_lock(&mutex);
        if (who % 2) {
            waiting_numbers++;
            mote_cond_signal(&cond);
        } else {
            while (waiting_numbers == 0)
                if (who == 0)
                    gave_up += mote_cond_wait_until(&cond, &mutex, mote_now() + 5) < 0;
                else
                    mote_cond_wait(&cond, &mutex);
            waiting_numbers--;
            total++;
        }
        CHECK(mote_mutex_try_lock(&mutex) == -EAGAIN);
        mote_mutex_unlock(&mutex);
        if (who == 1)
            mote_sleep(8);
    }
    mote_wg_done(&wg);
}

static void use_a_condition(void *arg)
{
    (void)arg;
    waiting_numbers = 0;
    run_tasks(put_or_take);
    CHECK(total == TASKS / 2 * ROUNDS && waiting_numbers == 0);
}

static void test_no_signal_is_lost(void **state)
{
    (void)state;
    assert_passes(use_a_condition);
}

static void take_units(int who)
{
    for (int round = 0; round < ROUNDS; round++) {
        int n = 1 + (who + round) % 3,
            error = mote_sem_acquire_until(&sem, n, round % 2 ? mote_now() + 5 : MOTE_FOREVER);
        CHECK(error == 0 || error == -ETIMEDOUT);
        if (error < 0)
            continue;
        total += n;
        CHECK(total <= 4);
        mote_sleep(who + 1);
        total -= n;
        mote_sem_release(&sem, n);
    }
    mote_wg_done(&wg);
}

static void use_a_semaphore(void *arg)
{
    (void)arg;
    sem = (mote_sem)MOTE_SEM(4);
    run_tasks(take_units);
    CHECK(mote_sem_try_acquire(&sem, 4) == 0 && mote_sem_try_acquire(&sem, 1) == -EAGAIN);
}

static void test_units_are_never_more_than_there_are(void **state)
{
    (void)state;
    assert_passes(use_a_semaphore);
}

static int rounds_of[TASKS], last_ones;

static void meet(int who)
{
    for (int round = 0; round < ROUNDS; round++) {
        rounds_of[who]++;
        last_ones += mote_barrier_wait(&barrier);
        for (int i = 0; i < TASKS; i++)
            CHECK(rounds_of[i] == round + 1 || rounds_of[i] == round + 2);
    }
    mote_wg_done(&wg);
}

static void use_a_barrier(void *arg)
{
    (void)arg;
    memset(rounds_of, 0, sizeof rounds_of);
    last_ones = 0;
    barrier = (mote_barrier)MOTE_BARRIER(TASKS);
    run_tasks(meet);
    CHECK(last_ones == ROUNDS);
}

static void test_all_are_in_the_same_round_of_a_barrier(void **state)
{
    (void)state;
    assert_passes(use_a_barrier);
}

static void set_total(void *arg)
{
    (void)arg;
    mote_sleep(5);
    total++;
}

static void do_once(int who)
{
    int error = who % 2 ? mote_once_do_until(&once, set_total, NULL, mote_now() + who) : 0;
    if (who % 2 == 0)
        mote_once_do(&once, set_total, NULL);
    CHECK(error == 0 ? total == 1 : error == -ETIMEDOUT && total == 0);
    mote_wg_done(&wg);
}

static void use_a_once(void *arg)
{
    (void)arg;
    run_tasks(do_once);
    CHECK(total == 1);
}

static void test_once_is_once(void **state)
{
    (void)state;
    assert_passes(use_a_once);
}

/* Joined by the end, by a deadline, or detached meanwhile. */

static int sleep_and_return(int n)
{
    mote_sleep(n);
    return n;
}

static void join_somehow(int who)
{
    intptr_t result = -1;
    mote_task *task = mote_spawn(sleep_and_return, 3);
    CHECK(task);
    int error = mote_join_until(task, &result, mote_now() + who + 1);
    CHECK(error == 0 ? result == 3 : error == -ETIMEDOUT && who <= 2);
    if (error < 0 && who == 0)
        mote_detach(task);
    else if (error < 0)
        CHECK(mote_join(task, &result) == 0 && result == 3);
    mote_wg_done(&wg);
}

static void use_joins(void *arg)
{
    (void)arg;
    run_tasks(join_somehow);
}

static void test_tasks_are_joined_once(void **state)
{
    (void)state;
    assert_passes(use_joins);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_at_a_time_has_a_mutex),
        cmocka_unit_test(test_many_read_or_one_writes),
        cmocka_unit_test(test_no_signal_is_lost),
        cmocka_unit_test(test_units_are_never_more_than_there_are),
        cmocka_unit_test(test_all_are_in_the_same_round_of_a_barrier),
        cmocka_unit_test(test_once_is_once),
        cmocka_unit_test(test_tasks_are_joined_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
