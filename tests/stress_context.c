/* SPDX-License-Identifier: MIT */
/* stress_context - trees of contexts that tasks and threads grow, ask, cancel and free all at once, under deadlines; in the end
 * every waiter has gone on and every function was called or stopped. */
#include "support.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#define SLOTS 64

static const mote_config eight_procs = {.procs = 8}, two_homes = {.procs = 2, .homes = 2};
static const mote_config *const configs[] = {&one_proc, &two_procs, &eight_procs, &two_homes};

/* Contexts that everybody may take a reference to. */
static struct slot {
    pthread_mutex_t lock;
    mote_ctx *ctx;
} slots[SLOTS];

static _Atomic long added, called, stopped, waiting;
static mote_wg ended;

static mote_ctx *take(uint32_t i)
{
    struct slot *s = &slots[i % SLOTS];
    pthread_mutex_lock(&s->lock);
    mote_ctx *ctx = mote_ctx_ref(s->ctx);
    pthread_mutex_unlock(&s->lock);
    return ctx;
}

static void put(uint32_t i, mote_ctx *ctx)
{
    struct slot *s = &slots[i % SLOTS];
    pthread_mutex_lock(&s->lock);
    mote_ctx *old = s->ctx;
    s->ctx = ctx;
    pthread_mutex_unlock(&s->lock);
    mote_ctx_free(old);
}

static void wait_until_done(mote_ctx *ctx)
{
    CHECK(mote_recv(mote_ctx_done(ctx), NULL) == -EPIPE);
    CHECK(mote_ctx_err(ctx) == -ECANCELED || mote_ctx_err(ctx) == -ETIMEDOUT);
    CHECK(mote_ctx_cause(ctx) < 0);
    mote_ctx_free(ctx);
    waiting--;
}

static void count(void *arg)
{
    (void)arg;
    called++;
}

static mote_ctx *make(mote_ctx *parent, uint32_t x)
{
    static int key;
    mote_ctx *c = x % 4 == 0   ? mote_ctx_with_timeout(parent, x / 4 % 200000)
                  : x % 4 == 1 ? mote_ctx_with_value(parent, &key, &key)
                               : mote_ctx_with_cancel(parent);
    CHECK(c);
    return c;
}

static void with_hook(mote_ctx *ctx, uint32_t x)
{
    mote_ctx_hook *hook;
    CHECK(mote_ctx_after_func(ctx, count, NULL, &hook) == 0);
    added++;
    if (x % 2)
        mote_sleep(x % 50000);
    if (x % 3 == 0)
        mote_ctx_cancel(ctx, -EIO);
    stopped += mote_ctx_hook_stop(hook);
}

static void one_step(uint32_t *random)
{
    uint32_t x = test_random(random), i = test_random(random);
    mote_ctx *ctx = take(i);
    if (x % 8 < 4) {
        put(i / SLOTS, make(ctx, x / 8));
    } else if (x % 8 == 4) {
        mote_ctx_cancel(ctx, x & 8 ? -EIO : 0);
        CHECK(mote_ctx_err(ctx) != 0);
    } else if (x % 8 == 5) {
        with_hook(ctx, x / 8);
    } else if (mote_self() && mote_ctx_done(ctx)) {
        waiting++;
        CHECK(mote_go(wait_until_done, mote_ctx_with_timeout(ctx, 5 * MOTE_MS)) == 0);
    }
    if (x % 64 == 7)
        put(i, make(mote_ctx_background(), 2)); /* what nobody else has a reference to is gone */
    mote_ctx_free(ctx);
}

static void steps(uint32_t seed, long n)
{
    uint32_t random = seed;
    while (n--)
        one_step(&random);
    mote_wg_done(&ended);
}

static void *steps_in_thread(void *arg)
{
    steps((uint32_t)(uintptr_t)arg, scale(4000));
    return NULL;
}

/* Contexts that have lost their slot are cancelled by nobody: so who waits has a deadline. */
static void grow_and_cut(void *arg)
{
    pthread_t threads[2];
    (void)arg;
    added = called = stopped = waiting = 0;
    mote_ctx *top = mote_ctx_with_cancel(mote_ctx_background());
    for (uint32_t i = 0; i < SLOTS; i++)
        put(i, mote_ctx_with_cancel(top));
    mote_wg_add(&ended, 10);
    for (uint32_t i = 0; i < 8; i++)
        CHECK(mote_go(steps, 7 * i + 1, scale(4000)) == 0);
    for (uintptr_t i = 0; i < 2; i++)
        CHECK(pthread_create(&threads[i], NULL, steps_in_thread, (void *)(i + 100)) == 0);
    mote_wg_wait(&ended);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    CHECK(mote_ctx_cancel(top, 0) == 0);
    for (uint32_t i = 0; i < SLOTS; i++) {
        mote_ctx *ctx = take(i);
        mote_ctx_cancel(ctx, 0);
        mote_ctx_free(ctx);
        put(i, NULL);
    }
    mote_ctx_free(top);
    while (waiting > 0 || called + stopped < added)
        mote_sleep(MOTE_MS);
}

static void test_trees(void **state)
{
    (void)state;
    for (int i = 0; i < SLOTS; i++)
        pthread_mutex_init(&slots[i].lock, NULL);
    for (unsigned i = 0; i < 4; i++) {
        run_with(configs[i], grow_and_cut, NULL);
        assert_int_equal(called + stopped, added);
        assert_int_equal(waiting, 0);
    }
}

/* Parents and children of one line are cancelled at the same time, from tasks and threads. */

#define LINE 6
#define CANCELLERS 12

static mote_ctx *line[LINE]; /* each the parent of the next */
static _Atomic int first[LINE], ready;

static void cancel_one(int who)
{
    int i = who % LINE;
    ready++;
    while (ready < CANCELLERS)
        if (mote_self())
            mote_yield();
    int result = mote_ctx_cancel(line[i], -1000 - i);
    CHECK(result == 0 || result == -EALREADY);
    first[i] += result == 0;
    for (int k = i; k < LINE; k++) { /* whoever did it */
        CHECK(mote_ctx_err(line[k]) == -ECANCELED);
        CHECK(mote_ctx_cause(line[k]) <= -1000 && mote_ctx_cause(line[k]) >= -1000 - k);
    }
    mote_wg_done(&ended);
}

static void *cancel_in_thread(void *arg)
{
    cancel_one((int)(uintptr_t)arg);
    return NULL;
}

static void make_line(void)
{
    called = waiting = 0;
    ready = 0;
    for (int i = 0; i < LINE; i++) {
        first[i] = 0;
        CHECK((line[i] = mote_ctx_with_cancel(i ? line[i - 1] : mote_ctx_background())));
        CHECK(mote_ctx_after_func(line[i], count, NULL, NULL) == 0);
        waiting++;
        CHECK(mote_go(wait_until_done, mote_ctx_ref(line[i])) == 0);
    }
}

static void cancel_at_once(void *arg)
{
    pthread_t threads[2];
    (void)arg;
    for (long round = scale(200); round > 0; round--) {
        make_line();
        mote_wg_add(&ended, CANCELLERS);
        for (uintptr_t i = 0; i < 2; i++)
            CHECK(pthread_create(&threads[i], NULL, cancel_in_thread, (void *)(i * 4)) == 0);
        for (int i = 2; i < CANCELLERS; i++)
            CHECK(mote_go(cancel_one, i) == 0);
        mote_wg_wait(&ended);
        for (int i = 0; i < 2; i++)
            pthread_join(threads[i], NULL);
        while (waiting > 0 || called < LINE)
            mote_yield();
        CHECK(first[0] == 1 && called == LINE);
        for (int i = 0; i < LINE; i++) {
            CHECK(first[i] <= 1);
            mote_ctx_free(line[i]);
        }
    }
    yield_until_alone();
    CHECK(called == LINE);
}

static void test_parents_and_children_cancelled_at_once(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 4; i++)
        run_with(configs[i], cancel_at_once, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_trees),
        cmocka_unit_test(test_parents_and_children_cancelled_at_once),
    };
    watchdog(120);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
