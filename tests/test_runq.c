/* SPDX-License-Identifier: MIT */
/* test_runq - first in, first out, bounded, across the wrap of the indexes; with thieves every task is taken once (Q1-Q3). */
#include "support.h"

#include "sched/runq.h"

#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/wait.h>

#define THIEVES 3
#define TASKS 2000

static struct runq q, mine;
static struct task task[TASKS];

static int set_up(void **state)
{
    (void)state;
    memset(&q, 0, sizeof q);
    memset(&mine, 0, sizeof mine);
    q.capacity = mine.capacity = RUNQ_MAX;
    return 0;
}

static void test_first_in_first_out_and_bounded(void **state)
{
    (void)state;
    for (uint32_t capacity = 2; capacity <= RUNQ_MAX; capacity *= 2) {
        q.capacity = capacity;
        q.head = q.tail = UINT32_MAX - 100; /* the indexes wrap */
        for (int round = 0; round < 200; round++) {
            assert_null(runq_pop_owner(&q, round & 1));
            for (uint32_t i = 0; i < capacity; i++)
                assert_true(runq_push_owner(&q, &task[i]));
            assert_false(runq_push_owner(&q, &task[capacity]));
            assert_int_equal(runq_length(&q), capacity);
            assert_ptr_equal(runq_peek_owner(&q, 1), &task[1]);
            assert_null(runq_peek_owner(&q, capacity));
            for (uint32_t i = 0; i < capacity; i++)
                assert_ptr_equal(runq_pop_owner(&q, round & 1), &task[i]);
        }
    }
}

static void test_against_a_model(void **state)
{
    uint32_t random = 4711, pushed = 0, popped = 0;
    (void)state;
    q.capacity = 8;
    for (long i = scale(200000); i > 0; i--) {
        if (test_random(&random) & 1) {
            bool room = pushed - popped < 8;
            assert_int_equal(runq_push_owner(&q, &task[pushed % TASKS]), room);
            pushed += room;
        } else {
            struct task *want = pushed == popped ? NULL : &task[popped % TASKS];
            assert_ptr_equal(runq_pop_owner(&q, test_random(&random) & 1), want);
            popped += want != NULL;
        }
        assert_int_equal(runq_length(&q), pushed - popped);
    }
}

static void test_halve_takes_the_older_half(void **state)
{
    struct task *last = NULL;
    uint32_t n = 0;
    (void)state;
    assert_null(runq_halve_owner(&q, &last, &n));
    for (uint32_t size = 1; size <= RUNQ_MAX; size++) {
        for (uint32_t i = 0; i < size; i++)
            assert_true(runq_push_owner(&q, &task[i]));
        struct task *t = runq_halve_owner(&q, &last, &n);
        assert_int_equal(n, (size + 1) / 2);
        assert_ptr_equal(last, &task[n - 1]);
        for (uint32_t i = 0; i < n; i++, t = t->next)
            assert_ptr_equal(t, &task[i]);
        assert_null(t);
        for (uint32_t i = n; i < size; i++)
            assert_ptr_equal(runq_pop_owner(&q, false), &task[i]);
    }
}

static void test_steal_moves_the_older_half(void **state)
{
    (void)state;
    assert_int_equal(runq_steal(&q, &mine), 0);
    for (uint32_t size = 1; size <= RUNQ_MAX; size++) {
        for (uint32_t i = 0; i < size; i++)
            assert_true(runq_push_owner(&q, &task[i]));
        uint32_t n = runq_steal(&q, &mine);
        assert_int_equal(n, (size + 1) / 2);
        assert_int_equal(runq_length(&mine), n);
        for (uint32_t i = 0; i < size; i++)
            assert_ptr_equal(runq_pop_owner(i < n ? &mine : &q, false), &task[i]);
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
    struct runq own = {.capacity = q.capacity};
    while (!atom_load_seq(&done)) {
        struct task *t;
        if (runq_steal(&q, &own) == 0)
            sched_yield();
        while ((t = runq_pop_owner(&own, false)))
            take(t);
    }
    return arg;
}

/* The owner pushes each task once a round, pops some, and halves when it is full. */
static void own_once(uint32_t *random)
{
    struct task *t, *last;
    uint32_t n;
    for (int i = 0; i < TASKS; i++) {
        while (!runq_push_owner(&q, &task[i])) {
            t = runq_halve_owner(&q, &last, &n);
            for (uint32_t k = 0; t && k < n; k++, t = t->next)
                take(t);
        }
        if (test_random(random) % 3 == 0 && (t = runq_pop_owner(&q, false)))
            take(t);
    }
}

static void test_every_task_is_taken_once(void **state)
{
    pthread_t thread[THIEVES];
    uint32_t random = 31;
    uint64_t pushed = 0;
    (void)state;
    q.capacity = 4;
    q.head = q.tail = UINT32_MAX - 1000;
    for (int i = 0; i < THIEVES; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, thief, NULL), 0);
    for (uint32_t round = 1; round <= (uint32_t)scale(500); round++) {
        own_once(&random);
        pushed += TASKS;
        while (atom_load_seq(&total) < pushed) { /* all of a round before the next: `next` links are in use */
            struct task *t = runq_pop_owner(&q, false);
            if (t)
                take(t);
        }
        for (int i = 0; i < TASKS; i++)
            assert_int_equal(taken[i], round);
    }
    atom_store_seq(&done, 1);
    for (int i = 0; i < THIEVES; i++)
        pthread_join(thread[i], NULL);
    assert_int_equal(total, pushed);
}

static void steal_without_room(void *arg)
{
    (void)arg;
    for (int i = 0; i < 8; i++)
        CHECK(runq_push_owner(&q, &task[i]));
    mine.capacity = 4;
    CHECK(runq_push_owner(&mine, &task[8]));
    runq_steal(&q, &mine);
}

static void test_stealing_without_room_is_noticed(void **state)
{
    (void)state;
#ifndef MOTE_DEBUG
    skip();
#endif
    struct child_result r = run_child(steal_without_room, NULL);
    assert_true(WIFSIGNALED(r.status));
    assert_non_null(strstr(r.err, "a defect of mote: not true: n <= to->capacity"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_first_in_first_out_and_bounded, set_up),
        cmocka_unit_test_setup(test_against_a_model, set_up),
        cmocka_unit_test_setup(test_halve_takes_the_older_half, set_up),
        cmocka_unit_test_setup(test_steal_moves_the_older_half, set_up),
        cmocka_unit_test_setup(test_every_task_is_taken_once, set_up),
        cmocka_unit_test_setup(test_stealing_without_room_is_noticed, set_up),
    };
    watchdog(120);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
