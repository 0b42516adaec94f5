/* SPDX-License-Identifier: MIT */
/* stress_sync - all that waits, in one long mix of tasks and plain threads: a lost wake-up leaves somebody asleep, and the watchdog
 * stops the program.
 */
#include "support.h"

#include <pthread.h>

#define STATIONS 4
#define TASKS 60
#define THREADS 3

/* Somewhere to meet: everything that its objects guard is counted. */
static struct station {
    mote_mutex mutex;
    mote_cond cond;
    mote_rwmutex rwmutex;
    mote_sem sem;
    mote_once once;
    long tokens;        /* mutex; cond: there are some */
    long written[2];    /* rwmutex: the two are equal */
    _Atomic long units; /* of sem, taken */
    _Atomic int onces;
} stations[STATIONS];

static mote_barrier barrier;
static mote_wg ended;

static void pause_a_little(uint32_t r)
{
    if (r % 4 == 0)
        mote_yield();
    else if (r % 64 == 1)
        mote_sleep(r % 50 * MOTE_US);
}

static void put_token(struct station *s, uint32_t r)
{
    mote_mutex_lock(&s->mutex);
    s->tokens += 2;
    pause_a_little(r);
    if (r & 256)
        mote_cond_signal(&s->cond);
    else
        mote_cond_broadcast(&s->cond);
    mote_mutex_unlock(&s->mutex);
    mote_cond_signal(&s->cond); /* for the second one */
}

/* Everybody puts two and then takes two, so there are always enough in the end. */
static void take_token(struct station *s)
{
    mote_mutex_lock(&s->mutex);
    while (s->tokens == 0)
        mote_cond_wait(&s->cond, &s->mutex);
    s->tokens--;
    mote_mutex_unlock(&s->mutex);
}

static void read_or_write(struct station *s, uint32_t r)
{
    if (r % 4) {
        mote_rwmutex_rlock(&s->rwmutex);
        long first = s->written[0];
        pause_a_little(r >> 8);
        CHECK(s->written[1] == first);
        mote_rwmutex_runlock(&s->rwmutex);
    } else {
        mote_rwmutex_lock(&s->rwmutex);
        s->written[0]++;
        pause_a_little(r >> 8);
        s->written[1]++;
        mote_rwmutex_unlock(&s->rwmutex);
    }
}

static void take_units(struct station *s, uint32_t r)
{
    long n = r % 8;
    mote_sem_acquire(&s->sem, n);
    s->units += n;
    CHECK(s->units <= 8);
    pause_a_little(r >> 8);
    s->units -= n;
    mote_sem_release(&s->sem, n);
}

static void count_once(void *arg)
{
    struct station *s = arg;
    mote_yield();
    s->onces++;
}

static void visit(uint32_t *state)
{
    uint32_t r = test_random(state);
    struct station *s = &stations[test_random(state) % STATIONS];
    mote_once_do(&s->once, count_once, s);
    CHECK(s->onces == 1);
    switch (r % 3) {
    case 0:
        put_token(s, r >> 4);
        take_token(s);
        take_token(s);
        break;
    case 1:
        read_or_write(s, r >> 4);
        break;
    default:
        take_units(s, r >> 4);
    }
}

static void go_about(uint32_t seed, int rounds)
{
    uint32_t state = seed * 7919 + 1;
    for (int i = 0; i < rounds; i++) {
        for (int k = 0; k < 40; k++)
            visit(&state);
        mote_barrier_wait(&barrier);
    }
    mote_wg_done(&ended);
}

static int rounds;

static void *go_about_in_thread(void *arg)
{
    go_about((uint32_t)(uintptr_t)&arg, rounds);
    return NULL;
}

static void run_mix(const mote_config *config)
{
    rounds = (int)scale(60);
    barrier = (mote_barrier)MOTE_BARRIER(TASKS + THREADS);
    for (int i = 0; i < STATIONS; i++)
        stations[i] = (struct station){.sem = MOTE_SEM(8)};
    assert_int_equal(mote_start(config), 0);
    mote_wg_add(&ended, TASKS + THREADS);
    for (uint32_t i = 0; i < TASKS; i++)
        assert_int_equal(i % 8 ? mote_go(go_about, i, rounds) : mote_go_pinned(go_about, i, rounds), 0);
    run_in_threads(THREADS, go_about_in_thread, NULL);
    mote_wg_wait(&ended);
    assert_int_equal(mote_stop(MOTE_FOREVER), 0);
    for (int i = 0; i < STATIONS; i++) {
        assert_int_equal(stations[i].tokens, 0);
        assert_int_equal(stations[i].units, 0);
        assert_int_equal(stations[i].written[0], stations[i].written[1]);
    }
}

static void test_one_proc(void **state)
{
    (void)state;
    run_mix(&one_proc);
}

static void test_two_procs(void **state)
{
    (void)state;
    run_mix(&two_procs);
}

static void test_eight_procs(void **state)
{
    (void)state;
    run_mix(&(mote_config){.procs = 8});
}

static void test_two_homes(void **state)
{
    (void)state;
    run_mix(&(mote_config){.procs = 2, .homes = 2});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_proc),
        cmocka_unit_test(test_two_procs),
        cmocka_unit_test(test_eight_procs),
        cmocka_unit_test(test_two_homes),
    };
    watchdog(120);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
