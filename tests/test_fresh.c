/* SPDX-License-Identifier: MIT */
/* test_fresh - newest first for the owner, oldest first for thieves, bounded; with thieves every task is taken once (F1-F3). */
#include "support.h"

#include "sched/fresh.h"

#include <pthread.h>
#include <sched.h>
#include <string.h>

#define THIEVES 3
#define TASKS 2000

static struct fresh f;
static struct task task[TASKS];

static int set_up(void **state)
{
    (void)state;
    memset(&f, 0, sizeof f);
    f.capacity = FRESH_MAX;
    return 0;
}

static void test_owner_takes_the_newest(void **state)
{
    (void)state;
    for (int64_t capacity = 2; capacity <= FRESH_MAX; capacity *= 2) {
        f.capacity = capacity;
        for (int alone = 0; alone < 2; alone++) {
            assert_null(fresh_pop_owner(&f, alone));
            for (int64_t i = 0; i < capacity; i++)
                assert_true(fresh_push_owner(&f, &task[i]));
            assert_false(fresh_push_owner(&f, &task[capacity]));
            assert_int_equal(fresh_length(&f), capacity);
            for (int64_t i = capacity - 1; i >= 0; i--)
                assert_ptr_equal(fresh_pop_owner(&f, alone), &task[i]);
            assert_null(fresh_pop_owner(&f, alone));
            assert_int_equal(fresh_length(&f), 0);
        }
    }
}

static void test_owner_takes_the_oldest_when_it_wants(void **state)
{
    (void)state;
    for (int alone = 0; alone < 2; alone++) {
        assert_null(fresh_pop_oldest_owner(&f, alone));
        for (int i = 0; i < FRESH_MAX; i++)
            assert_true(fresh_push_owner(&f, &task[i]));
        for (int i = 0; i < FRESH_MAX / 2; i++)
            assert_ptr_equal(fresh_pop_oldest_owner(&f, alone), &task[i]);
        assert_ptr_equal(fresh_pop_owner(&f, alone), &task[FRESH_MAX - 1]);
        assert_ptr_equal(fresh_steal(&f), &task[FRESH_MAX / 2]);
        for (int i = FRESH_MAX / 2 + 1; i < FRESH_MAX - 1; i++)
            assert_ptr_equal(fresh_pop_oldest_owner(&f, alone), &task[i]);
        assert_null(fresh_pop_oldest_owner(&f, alone));
        assert_int_equal(fresh_length(&f), 0);
    }
}

static void test_thief_takes_the_oldest(void **state)
{
    (void)state;
    assert_null(fresh_steal(&f));
    for (int i = 0; i < FRESH_MAX; i++)
        assert_true(fresh_push_owner(&f, &task[i]));
    for (int i = 0; i < FRESH_MAX; i++)
        assert_ptr_equal(fresh_steal(&f), &task[i]);
    assert_null(fresh_steal(&f));
    assert_null(fresh_pop_owner(&f, false));
}

static void test_against_a_model(void **state)
{
    uint32_t random = 4711;
    struct task *model[8];
    uint32_t have = 0, next = 0;
    (void)state;
    f.capacity = 8;
    for (long i = scale(200000); i > 0; i--) {
        uint32_t what = test_random(&random) % 4;
        if (what < 2) {
            assert_int_equal(fresh_push_owner(&f, &task[next]), have < 8);
            if (have < 8)
                model[have++] = &task[next];
            next = (next + 1) % TASKS;
        } else if (what == 2) {
            assert_ptr_equal(fresh_pop_owner(&f, i & 1), have ? model[have - 1] : NULL);
            have -= have > 0;
        } else {
            assert_ptr_equal(fresh_steal(&f), have ? model[0] : NULL);
            have -= have > 0;
            memmove(model, model + 1, have * sizeof *model);
        }
        assert_int_equal(fresh_length(&f), have);
    }
}

static _Atomic uint32_t taken[TASKS];
static _Atomic uint64_t total;
static _Atomic uint32_t done;

static void take(struct task *t)
{
    atom_add_seq(&taken[t - task], 1);
    atom_add_seq(&total, 1);
}

static void *thief(void *arg)
{
    while (!atom_load_seq(&done)) {
        struct task *t = fresh_steal(&f);
        if (t)
            take(t);
        else
            sched_yield();
    }
    return arg;
}

static void own_once(uint32_t *random)
{
    struct task *t;
    for (int i = 0; i < TASKS; i++) {
        while (!fresh_push_owner(&f, &task[i]))
            if ((t = fresh_pop_owner(&f, false)))
                take(t);
        while (test_random(random) % 2 == 0 && (t = fresh_pop_owner(&f, false)))
            take(t);
    }
    while ((t = fresh_pop_owner(&f, false)))
        take(t);
}

static void test_every_task_is_taken_once(void **state)
{
    pthread_t thread[THIEVES];
    uint32_t random = 31;
    uint64_t pushed = 0;
    (void)state;
    f.capacity = 4;
    for (int i = 0; i < THIEVES; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, thief, NULL), 0);
    for (uint32_t round = 1; round <= (uint32_t)scale(500); round++) {
        own_once(&random);
        pushed += TASKS;
        while (atom_load_seq(&total) < pushed) /* a thief is on his way with the last one */
            sched_yield();
        for (int i = 0; i < TASKS; i++)
            assert_int_equal(taken[i], round);
    }
    atom_store_seq(&done, 1);
    for (int i = 0; i < THIEVES; i++)
        pthread_join(thread[i], NULL);
    assert_int_equal(total, pushed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_owner_takes_the_newest, set_up),
        cmocka_unit_test_setup(test_owner_takes_the_oldest_when_it_wants, set_up),
        cmocka_unit_test_setup(test_thief_takes_the_oldest, set_up),
        cmocka_unit_test_setup(test_against_a_model, set_up),
        cmocka_unit_test_setup(test_every_task_is_taken_once, set_up),
    };
    watchdog(120);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
