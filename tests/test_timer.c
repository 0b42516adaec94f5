/* SPDX-License-Identifier: MIT */
/* test_timer - timers fire in the order of their times, once or never (M1-M4), also when one thread fires what another
 * cancels. */
#include "support.h"

#include "sched/timer.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#define TIMERS 1000

static struct timers heap, second;
static struct timer timer[TIMERS];
static int64_t fired_at[TIMERS];
static int fired;

static int set_up(void **state)
{
    (void)state;
    timers_init(&heap);
    timers_init(&second);
    memset(timer, 0, sizeof timer);
    fired = 0;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    timers_close(&heap);
    timers_close(&second);
    return 0;
}

static void note(struct timer *t)
{
    CHECK(atom_load_rlx(&t->fired) == 1);
    fired_at[fired++] = t->when;
    t->arg = t;
}

static void arm(struct timers *ts, int i, int64_t when)
{
    timer[i].when = when;
    timer[i].fire = note;
    timer[i].arg = NULL;
    assert_int_equal(timer_add(ts, &timer[i]), 0);
}

static void assert_heap(struct timers *ts)
{
    int64_t least = INT64_MAX;
    for (uint32_t i = 0; i < ts->count; i++) {
        assert_int_equal(ts->heap[i].timer->index, i); /* M1 */
        assert_true(i == 0 || ts->heap[(i - 1) / 4].when <= ts->heap[i].when);
        least = ts->heap[i].when < least ? ts->heap[i].when : least;
    }
    assert_true(timers_earliest(ts) == least); /* M2 */
}

static int ascending(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

static void test_against_a_sorted_array(void **state)
{
    uint32_t random = 271828;
    int64_t want[TIMERS];
    (void)state;
    for (long round = scale(40); round > 0; round--) {
        int n = 0;
        fired = 0;
        for (int i = 0; i < TIMERS; i++)
            arm(&heap, i, test_random(&random) % (round % 2 ? 100 : 1000000));
        assert_heap(&heap);
        for (int i = 0; i < TIMERS; i++) {
            if (test_random(&random) % 3 == 0) {
                assert_true(timer_cancel(&timer[i]));
                if (i % 64 == 0)
                    assert_heap(&heap);
                memset(&timer[i], 0xee, sizeof timer[i]); /* M4 */
            } else {
                want[n++] = timer[i].when;
            }
        }
        assert_heap(&heap);
        qsort(want, (size_t)n, sizeof *want, ascending);
        assert_int_equal(timers_run(&heap, want[0] - 1), 0);
        int half = timers_run(&heap, want[n / 2]);
        assert_true(half > n / 2 && (half == n || want[half] > want[n / 2]));
        assert_heap(&heap);
        assert_int_equal(half + timers_run(&heap, INT64_MAX - 1), n);
        assert_memory_equal(fired_at, want, (size_t)n * sizeof *want);
        assert_int_equal(heap.count, 0);
    }
}

static void test_cancel_says_whether_it_fired(void **state)
{
    (void)state;
    arm(&heap, 0, 10);
    arm(&heap, 1, 20);
    assert_true(timers_earliest(&heap) == 10);
    assert_int_equal(timers_run(&heap, 10), 1);
    assert_false(timer_cancel(&timer[0]));
    assert_ptr_equal(timer[0].arg, &timer[0]);
    assert_true(timer_cancel(&timer[1]));
    assert_null(timer[1].arg);
    assert_true(timers_earliest(&heap) == INT64_MAX);
    arm(&heap, 0, 5); /* armed again */
    assert_true(timer_cancel(&timer[0]));
}

static void test_move(void **state)
{
    (void)state;
    for (int i = 0; i < TIMERS; i++)
        arm(i % 3 ? &heap : &second, i, (i * 7919) % TIMERS);
    assert_int_equal(timers_move(&heap, &second), 0);
    assert_int_equal(heap.count, 0);
    assert_true(timers_earliest(&heap) == INT64_MAX);
    assert_int_equal(second.count, TIMERS);
    assert_heap(&second);
    assert_true(timer_cancel(&timer[1]));
    assert_int_equal(timers_run(&second, TIMERS), TIMERS - 1);
    for (int i = 1; i < fired; i++)
        assert_true(fired_at[i - 1] <= fired_at[i]);
}

static void test_no_memory_leaves_timers_where_they_are(void **state)
{
    (void)state;
    for (int i = 0; i < 100; i++)
        arm(&heap, i, i);
    arm(&second, 100, 50);
    timers_fail(true);
    assert_int_equal(timers_move(&heap, &second), -ENOMEM); /* it has room for 63 */
    timer[101].fire = note;
    assert_int_equal(timer_add(&second, &timer[101]), -ENOMEM);
    timers_fail(false);
    assert_int_equal(heap.count, 37);
    assert_int_equal(second.count, 64);
    assert_heap(&heap);
    assert_heap(&second);
    assert_int_equal(timers_move(&heap, &second), 0);
    assert_int_equal(timers_run(&second, 100), 101);
}

static void repeat(struct timer *t)
{
    note(t);
    t->when += 10;
    t->again = t->when <= 50;
}

static void test_a_kept_timer_can_be_armed_again_by_its_function(void **state)
{
    (void)state;
    for (int i = 1; i < 64; i++)
        arm(&heap, i, 1000);
    arm(&heap, 0, 10);
    timer[0].fire = repeat;
    timer[0].kind = TIMER_KEPT;
    timers_fail(true); /* the heap is full: M5 */
    for (int now = 9; now < 100; now += 10)
        assert_int_equal(timers_run(&heap, now), now > 9 && now <= 59);
    timers_fail(false);
    assert_int_equal(fired, 5);
    assert_heap(&heap);
    assert_int_equal(heap.firing, 0);
    assert_false(timer_cancel(&timer[0]));
    arm(&heap, 0, 10);
    timer[0].fire = repeat;
    assert_int_equal(timers_run(&heap, 10), 1);
    assert_true(timer_cancel(&timer[0]));
    assert_false(timer_cancel(&timer[0]));
    assert_int_equal(timers_run(&heap, 500), 0);
    assert_int_equal(timers_run(&heap, 1000), 63);
}

static void go_by(struct timer *t)
{
    fired += atom_load_rlx(&t->fired) == TIMER_DROPPED ? 100 : 1;
    free(t);
}

static void test_the_end_leaves_each_timer_to_its_owner(void **state)
{
    (void)state;
    struct timer pooled = {.when = 20, .fire = note};
    for (int i = 0; i < 3; i++) {
        struct timer *loose = calloc(1, sizeof *loose), *block = calloc(1, sizeof *block);
        assert_true(loose && block);
        *loose = (struct timer){.when = i, .fire = go_by, .kind = TIMER_LOOSE};
        *block = (struct timer){.when = 10 + i, .fire = note, .kind = TIMER_BLOCK};
        assert_int_equal(timer_add(&heap, loose), 0);
        assert_int_equal(timer_add(&heap, block), 0);
    }
    assert_int_equal(timer_add(&heap, &pooled), 0);
    arm(&heap, 0, 10);
    timer[0].kind = TIMER_KEPT;
    assert_int_equal(timers_run(&heap, 1), 2);
    timers_close(&heap);
    assert_int_equal(fired, 102);
    assert_false(timer_cancel(&timer[0]));
}

static void test_the_heap_gets_smaller(void **state)
{
    (void)state;
    for (int i = 0; i < TIMERS; i++)
        arm(&heap, i, i);
    assert_int_equal(heap.room, 1024);
    assert_int_equal(timers_run(&heap, TIMERS - 129), TIMERS - 128);
    assert_int_equal(heap.room, 1024);
    assert_true(timer_cancel(&timer[TIMERS - 1]));
    assert_int_equal(heap.room, 256);
    assert_heap(&heap);
    timers_fail(true); /* then it stays as it is */
    assert_int_equal(timers_run(&heap, TIMERS - 11), 118);
    timers_fail(false);
    assert_int_equal(heap.room, 256);
    assert_int_equal(timers_run(&heap, TIMERS), 9);
    assert_int_equal(heap.room, 64);
}

static _Atomic uint32_t fires[TIMERS], stop;

static void count_fire(struct timer *t) { atom_store_seq((_Atomic uint32_t *)t->arg, 1); }

static void *fire_all(void *arg)
{
    while (!atom_load_seq(&stop))
        if (timers_run(arg, mote_now()) == 0)
            sched_yield();
    return NULL;
}

static void *move_all(void *arg)
{
    while (!atom_load_seq(&stop)) {
        CHECK(timers_move(&second, arg) == 0);
        sched_yield();
    }
    return NULL;
}

/* Arms and cancels timers that are due about now, in two heaps; one is moved into the other meanwhile. */
static void race(uint32_t *random, long *cancelled)
{
    for (int i = 0; i < TIMERS; i++) {
        atom_store_seq(&fires[i], 0);
        timer[i] = (struct timer){
            .when = mote_now() + test_random(random) % 20000, .fire = count_fire, .arg = (void *)&fires[i]};
        assert_int_equal(timer_add(i % 2 ? &heap : &second, &timer[i]), 0);
        int k = i - (int)(test_random(random) % 8);
        if (k < 0 || !timer[k].arg)
            continue;
        bool off = timer_cancel(&timer[k]);
        assert_int_equal(atom_load_seq(&fires[k]), !off); /* M3 */
        memset(&timer[k], 0, sizeof timer[k]);            /* M4 */
        *cancelled += off;
    }
    for (int i = 0; i < TIMERS; i++) {
        bool off = timer[i].arg && timer_cancel(&timer[i]);
        if (timer[i].arg)
            assert_int_equal(atom_load_seq(&fires[i]), !off);
    }
}

static void test_cancel_against_fire(void **state)
{
    pthread_t one, two, mover;
    uint32_t random = 17;
    long cancelled = 0;
    (void)state;
    atom_store_seq(&stop, 0);
    assert_int_equal(pthread_create(&one, NULL, fire_all, &heap), 0);
    assert_int_equal(pthread_create(&two, NULL, fire_all, &second), 0);
    assert_int_equal(pthread_create(&mover, NULL, move_all, &heap), 0);
    for (long i = scale(100); i > 0; i--)
        race(&random, &cancelled);
    atom_store_seq(&stop, 1);
    pthread_join(one, NULL);
    pthread_join(two, NULL);
    pthread_join(mover, NULL);
    assert_int_equal(heap.count + second.count, 0);
    assert_true(cancelled > 0);
}

static void test_ties_can_be_fired_in_any_order(void **state)
{
    (void)state;
    for (int i = 0; i < 9; i++)
        arm(&heap, i, i % 3 ? 20 + i : 10);
    assert_int_equal(timers_ties(&heap, 9), 3);
    assert_int_equal(timers_ties(&heap, 1), 1);
    for (uint32_t left = 3; left > 0; left--) {
        assert_int_equal(timers_ties(&heap, 9), left);
        timers_fire(&heap, left - 1);
    }
    assert_int_equal(fired, 3);
    for (int i = 0; i < 9; i++)
        assert_int_equal(timer_cancel(&timer[i]), i % 3 != 0);
    memset(timer, 0, sizeof timer);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_against_a_sorted_array),
        TEST(test_cancel_says_whether_it_fired),
        TEST(test_move),
        TEST(test_no_memory_leaves_timers_where_they_are),
        TEST(test_a_kept_timer_can_be_armed_again_by_its_function),
        TEST(test_the_end_leaves_each_timer_to_its_owner),
        TEST(test_the_heap_gets_smaller),
        TEST(test_cancel_against_fire),
        TEST(test_ties_can_be_fired_in_any_order),
    };
    watchdog(120);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
