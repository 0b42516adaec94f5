/* SPDX-License-Identifier: MIT */
/* stress_mixed - everything at once, at random: tasks start tasks, join, detach, send, wait, sleep, exit and change the number
 * of procs; at the end each has run once and every joiner has got its result.
 */
#include "support.h"

#include "base/sanitizer.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define SECONDS 3 /* for all rounds together, at the most */
#define TOKENS 5
/* Of the tasks that are started from outside: three generations come of it. TSan spends so long on each task's beginning and
 * end that it gets one generation less, a quarter of the tasks. */
#define BUDGET (UNDER_TSAN ? 4 : 8)

struct token {
    uint64_t number;
    char text[48];
};

static mote_chan(struct token) tokens;
static mote_wg everybody;
static _Atomic long begun, ended;

static void act(uint32_t seed, int budget, bool counted);

static void begin(uint32_t seed, int budget, bool pinned)
{
    mote_wg_add(&everybody, 1);
    begun++;
    CHECK((pinned ? mote_go_pinned(act, seed, budget, true) : mote_go(act, seed, budget, true)) == 0);
}

static long act_for_result(uint32_t seed, int budget)
{
    act(seed, budget, false);
    return (long)seed;
}

static void start_and_join(uint32_t random, int budget)
{
    intptr_t result = -1;
    mote_task *t = mote_spawn(act_for_result, random, budget);
    CHECK(t);
    if (random % 2) {
        int error = mote_join_until(t, &result, mote_now() + random % 200 * MOTE_US);
        CHECK(error == 0 || error == -ETIMEDOUT);
        if (error == 0) {
            CHECK(result == (intptr_t)random);
            return;
        }
    }
    if (random % 16 == 3) {
        mote_detach(t);
        return;
    }
    CHECK(mote_join(t, &result) == 0 && result == (intptr_t)random);
}

static void pass_token(uint32_t random)
{
    struct token t;
    char text[sizeof t.text];
    CHECK(mote_recv(tokens, &t) == 0 && t.number < TOKENS);
    memset(text, 'a' + (int)t.number, sizeof text);
    if (random % 2)
        mote_yield();
    CHECK(memcmp(text, t.text, sizeof text) == 0);
    CHECK(mote_send(tokens, t) == 0);
}

static void finish(mote_wg *wg, int64_t ns)
{
    mote_sleep(ns);
    mote_wg_done(wg);
}

static void wait_for_group(uint32_t random)
{
    int n = 1 + (int)(random % 4);
    mote_wg *wg = calloc(1, sizeof *wg);
    CHECK(wg);
    mote_wg_add(wg, n);
    for (int i = 0; i < n; i++)
        CHECK(mote_go(finish, wg, i * 20 * MOTE_US) == 0);
    mote_wg_wait(wg);
    free(wg);
}

static void use_stack(uint32_t random, int depth)
{
    volatile uint32_t frame[64];
    for (uint32_t i = 0; i < 64; i++)
        frame[i] = random + i;
    if (depth > 0)
        use_stack(random + 1, depth - 1);
    else
        mote_yield();
    for (uint32_t i = 0; i < 64; i++)
        CHECK(frame[i] == random + i);
}

static void change_procs(uint32_t random)
{
    int procs = 1 + (int)(random % 8), error = mote_set_procs(procs);
    CHECK(error == 0);
}

/* One step, which may start tasks with at most half of the budget. */
static void step(uint32_t random, int budget)
{
    uint32_t detail = random >> 8;
    switch (random % 16) {
    case 0:
    case 1:
        if (budget > 1)
            begin(detail | 1, budget / 2, detail % 8 == 0);
        break;
    case 2:
        if (budget > 1)
            start_and_join(detail | 1, budget / 2);
        break;
    case 3:
    case 4:
        pass_token(detail);
        break;
    case 5:
        wait_for_group(detail);
        break;
    case 6:
        mote_sleep(detail % 500 * MOTE_US);
        break;
    case 7:
        use_stack(detail, (int)(detail % 100));
        break;
    case 8:
        if (detail % 16 == 0)
            change_procs(detail >> 4);
        break;
    default:
        mote_yield();
    }
}

static void act(uint32_t seed, int budget, bool counted)
{
    uint32_t state = seed;
    for (int i = 0; i < 20; i++)
        step(test_random(&state), budget);
    if (!counted)
        return;
    ended++;
    mote_wg_done(&everybody);
    if (state % 4 == 0)
        mote_exit();
}

static void make_tokens(void)
{
    tokens = mote_chan_make(struct token, TOKENS - 1);
    for (uint64_t i = 0; i < TOKENS - 1; i++) {
        struct token t = {.number = i};
        memset(t.text, 'a' + (int)i, sizeof t.text);
        CHECK(mote_send(tokens, t) == 0);
    }
}

static void mix(void *arg)
{
    begun = ended = 0;
    make_tokens();
    for (int i = 0; i < 2 + scale(50); i++)
        begin(*(uint32_t *)arg + (uint32_t)i * 7919, BUDGET, i % 10 == 0);
    mote_wg_wait(&everybody);
    while (mote_task_count() > 1) /* the detached ones */
        mote_sleep(50 * MOTE_US);
    CHECK(begun == ended);
    CHECK(mote_chan_len(tokens) == TOKENS - 1);
    mote_chan_free(tokens);
}

static void *mix_from_thread(void *arg)
{
    for (int i = 0; i < 2 + scale(50); i++) {
        begin(*(uint32_t *)arg + (uint32_t)i * 104729, BUDGET, i % 10 == 0);
        pass_token((uint32_t)i);
        mote_sleep(50 * MOTE_US);
    }
    return NULL;
}

/* Plain threads take part. */
static void mix_with_threads(const mote_config *config, uint32_t seed)
{
    enum { N = 3 };
    pthread_t threads[N];
    uint32_t seeds[N];
    begun = ended = 0;
    assert_int_equal(mote_start(config), 0);
    make_tokens();
    for (uint32_t i = 0; i < N; i++) {
        seeds[i] = seed + i * 31;
        assert_int_equal(pthread_create(&threads[i], NULL, mix_from_thread, &seeds[i]), 0);
    }
    for (int i = 0; i < N; i++)
        pthread_join(threads[i], NULL);
    mote_wg_wait(&everybody);
    while (mote_task_count() > 0) /* detached ones still start others, which mote_stop would refuse */
        mote_sleep(50 * MOTE_US);
    assert_int_equal(mote_stop(mote_now() + 20 * MOTE_S), 0);
    assert_int_equal(begun, ended);
    mote_chan_free(tokens);
}

static const mote_config configs[] = {
    {.procs = 1},
    {.procs = 2, .homes = 2},
    {.procs = 4, .queue = 2},
    {.procs = 8, .homes = 2, .queue = 2},
    {.procs = 2, .pinned = true},
};

static void test_a_mix_of_everything_ends_with_nothing_lost(void **state)
{
    (void)state;
    int64_t end = mote_now() + SECONDS * MOTE_S / 2;
    for (uint32_t i = 0; i < (uint32_t)scale(100) && (i < 5 || mote_now() < end); i++) {
        uint32_t seed = i * 1000003 + 17;
        run_with(&configs[i % 5], mix, &seed);
    }
}

static void test_a_mix_with_plain_threads_ends_with_nothing_lost(void **state)
{
    (void)state;
    int64_t end = mote_now() + SECONDS * MOTE_S / 2;
    for (uint32_t i = 0; i < (uint32_t)scale(100) && (i < 5 || mote_now() < end); i++)
        mix_with_threads(&configs[i % 5], i * 1000003 + 29);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_mix_of_everything_ends_with_nothing_lost),
        cmocka_unit_test(test_a_mix_with_plain_threads_ends_with_nothing_lost),
    };
    watchdog(120);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
