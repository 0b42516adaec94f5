/* SPDX-License-Identifier: MIT */
/* test_globq - lists go in and come out in order, count is the length (G1); with many threads every task comes out once. */
#include "support.h"

#include "sched/globq.h"

#include <pthread.h>
#include <sched.h>
#include <string.h>

#define THREADS 4
#define TASKS 400 /* of each thread */

static struct globq q;
static struct task task[THREADS * TASKS];

static void push(int first, int n)
{
    for (int i = first; i < first + n - 1; i++)
        task[i].next = &task[i + 1];
    task[first + n - 1].next = &task[0]; /* globq_push ends the list */
    globq_push(&q, &task[first], &task[first + n - 1], (uint64_t)n);
}

static void expect(uint64_t max, int first, uint64_t n)
{
    uint64_t taken = 99;
    struct task *t = globq_take(&q, max, &taken);
    assert_int_equal(taken, n);
    for (uint64_t i = 0; i < n; i++, t = t->next)
        assert_ptr_equal(t, &task[(uint64_t)first + i]);
    assert_null(t);
}

static void test_first_in_first_out(void **state)
{
    (void)state;
    expect(5, 0, 0);
    push(0, 1);
    push(1, 10);
    push(11, 5);
    assert_int_equal(globq_count(&q), 16);
    expect(0, 0, 0);
    expect(1, 0, 1);
    expect(7, 1, 7);
    assert_int_equal(globq_count(&q), 8);
    push(16, 2);
    expect(100, 8, 10);
    assert_int_equal(globq_count(&q), 0);
    assert_null(q.first);
    assert_null(q.last);
    push(0, 3); /* and again from empty */
    expect(3, 0, 3);
}

static void test_against_a_model(void **state)
{
    uint32_t random = 5;
    int pushed = 0, taken = 0;
    (void)state;
    while (taken < THREADS * TASKS) {
        int n = 1 + (int)(test_random(&random) % 20), left = THREADS * TASKS - pushed;
        if (left && test_random(&random) % 2) {
            n = n < left ? n : left;
            push(pushed, n);
            pushed += n;
        } else {
            n = n < pushed - taken ? n : pushed - taken;
            expect((uint64_t)n, taken, (uint64_t)n);
            taken += n;
        }
        assert_int_equal(globq_count(&q), pushed - taken);
    }
}

static _Atomic uint32_t seen[THREADS * TASKS];
static _Atomic uint64_t total;

static void take_some(uint64_t max)
{
    uint64_t n;
    struct task *t = globq_take(&q, max, &n);
    for (uint64_t i = 0; i < n; i++, t = t->next) {
        atom_add_seq(&seen[t - task], 1);
        atom_add_seq(&total, 1);
    }
    CHECK(t == NULL);
}

static void *pusher(void *arg)
{
    int from = (int)(intptr_t)arg * TASKS;
    uint32_t random = (uint32_t)from + 1;
    for (int i = 0, n; i < TASKS; i += n) {
        n = 1 + (int)(test_random(&random) % 8);
        n = n < TASKS - i ? n : TASKS - i;
        push(from + i, n);
        take_some(test_random(&random) % 8);
    }
    return NULL;
}

static void test_every_task_comes_out_once(void **state)
{
    pthread_t thread[THREADS];
    (void)state;
    for (uint32_t round = 1; round <= (uint32_t)scale(200); round++) {
        for (intptr_t i = 0; i < THREADS; i++)
            assert_int_equal(pthread_create(&thread[i], NULL, pusher, (void *)i), 0);
        for (int i = 0; i < THREADS; i++)
            pthread_join(thread[i], NULL);
        take_some(UINT64_MAX);
        assert_int_equal(globq_count(&q), 0);
        for (int i = 0; i < THREADS * TASKS; i++)
            assert_int_equal(seen[i], round);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_first_in_first_out),
        cmocka_unit_test(test_against_a_model),
        cmocka_unit_test(test_every_task_comes_out_once),
    };
    watchdog(120);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
