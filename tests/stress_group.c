/* SPDX-License-Identifier: MIT */
/* stress_group - groups that are started, limited, failed, cancelled, asked for contexts, waited for and freed by tasks and plain
 * threads at once: a lost wake-up leaves somebody asleep, and the watchdog stops the program.
 */
#include "support.h"

#include <errno.h>
#include <stdlib.h>

#define STARTERS 4
#define EACH 40

/* One group on the heap, freed by whoever finds that all are done with it. */
struct site {
    mote_group group;
    _Atomic int users; /* who still uses it */
    _Atomic int limit; /* the largest that it ever had; 0: none */
    _Atomic int running, ended;
};

static mote_wg all;
static _Atomic long sites;

static void pause_a_little(uint32_t r)
{
    if (r % 4 == 0)
        mote_yield();
    else if (r % 64 == 1)
        mote_sleep(r % 50 * MOTE_US);
}

/* A task of the group: fails, exits, or ends. A failing one may find that it wasn't the first. */
static int work(struct site *s, uint32_t r)
{
    int now = ++s->running;
    CHECK(s->limit == 0 || now <= s->limit);
    pause_a_little(r);
    if (r % 16 == 3) {
        mote_ctx *ctx = mote_group_ctx(&s->group);
        CHECK(ctx);
        if (r % 32 == 3)
            mote_recv_until(mote_ctx_done(ctx), NULL, mote_now() + r % 100 * MOTE_US);
    }
    s->running--;
    s->ended++;
    if (r % 8 == 5)
        mote_exit();
    return r % 32 == 7 ? -(int)(r % 1000) - 1 : (int)(r % 1000);
}

static void drop(struct site *s)
{
    if (--s->users > 0)
        return;
    CHECK(mote_group_wait(&s->group) <= 0);
    CHECK(s->running == 0);
    free(s);
    sites--;
    mote_wg_done(&all);
}

static bool go_somehow(struct site *s, uint32_t r)
{
    int error;
    if (r % 3 == 0)
        error = mote_group_try_go(&s->group, work, s, r);
    else if (r % 3 == 1)
        error = mote_group_go_until(&s->group, mote_now() + r % 40 * MOTE_US, work, s, r);
    else
        error = mote_group_go(&s->group, work, s, r);
    return error == 0 || (error == -EAGAIN && r % 3 == 0) || (error == -ETIMEDOUT && r % 3 == 1);
}

static void start_work(struct site *s, uint32_t seed)
{
    uint32_t state = seed * 7919 + 1;
    for (int i = 0; i < EACH; i++) {
        uint32_t r = test_random(&state);
        CHECK(go_somehow(s, r));
        if (r % 128 == 9)
            mote_group_cancel(&s->group, -9);
        if (r % 64 == 11 && s->limit)
            mote_group_set_limit(&s->group, (int)(1 + r / 64 % (uint32_t)s->limit));
        if (r % 32 == 13)
            mote_group_wait_until(&s->group, mote_now() + r % 50 * MOTE_US);
        if (r % 64 == 14)
            mote_group_wait(&s->group);
        pause_a_little(r >> 16);
    }
    if (seed % 2)
        CHECK(mote_group_wait(&s->group) <= 0);
    drop(s);
}

static struct site *make_site(uint32_t r, mote_ctx *parent)
{
    struct site *s = calloc(1, sizeof *s);
    CHECK(s);
    s->users = STARTERS;
    s->limit = r % 4 ? (int)(r % 8) : 0;
    mote_group_init(&s->group, parent);
    mote_group_set_limit(&s->group, s->limit);
    mote_wg_add(&all, 1);
    sites++;
    return s;
}

static void run_sites(uint32_t seed, int n, mote_ctx *parent)
{
    uint32_t state = seed * 104729 + 1;
    for (int i = 0; i < n; i++) {
        struct site *s = make_site(test_random(&state), parent);
        for (uint32_t k = 1; k < STARTERS; k++)
            CHECK(mote_go(start_work, s, seed + k + (uint32_t)i * STARTERS) == 0);
        start_work(s, seed + (uint32_t)i * STARTERS);
    }
    mote_wg_done(&all);
}

static mote_ctx *shared;

static void *run_sites_in_thread(void *arg)
{
    (void)arg;
    run_sites(4711, (int)scale(40), shared);
    return NULL;
}

static void run_mix(const mote_config *config)
{
    shared = mote_ctx_with_cancel(mote_ctx_background());
    assert_int_equal(mote_start(config), 0);
    mote_wg_add(&all, 8 + 2);
    for (uint32_t i = 0; i < 8; i++)
        assert_int_equal(mote_go(run_sites, i * 1000, (int)scale(60), i % 2 ? shared : NULL), 0);
    run_in_threads(2, run_sites_in_thread, NULL);
    mote_ctx_cancel(shared, 0);
    mote_wg_wait(&all);
    assert_int_equal(mote_stop(mote_now() + 10 * MOTE_S), 0);
    assert_int_equal(sites, 0);
    mote_ctx_free(shared);
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
