/* SPDX-License-Identifier: MIT */
/* test_limit - waits that a context ends: selects, channels, sleeping and wait groups. */
#include "support.h"

#include "base/block.h"
#include "sched/timer.h"
#include "sync/selection.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

static _Atomic int waiting, done;

/* Cancels in a while, so that who waits is probably parked. */
static void cancel_later(mote_ctx *ctx)
{
    mote_sleep(MOTE_MS);
    mote_ctx_cancel(ctx, 0);
    mote_ctx_free(ctx);
}

static void *cancel_in_thread(void *ctx)
{
    cancel_later(ctx);
    return NULL;
}

/* In a thread, which works with and without a runtime. */
static pthread_t start_cancelling(mote_ctx *ctx)
{
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, cancel_in_thread, mote_ctx_ref(ctx)) == 0);
    return thread;
}

static mote_ctx *new_ctx(void)
{
    mote_ctx *ctx = mote_ctx_with_cancel(mote_ctx_background());
    CHECK(ctx != NULL);
    return ctx;
}

static mote_ctx *cancelled_ctx(int cause)
{
    mote_ctx *ctx = new_ctx();
    CHECK(mote_ctx_cancel(ctx, cause) == 0);
    return ctx;
}

/* What each call says */

static void try_null_contexts(mote_ctx *none)
{
    int v = 0, status = 1;
    mote_wg wg = {0}; /* pinned, or a thread */
    mote_chan(int) c = mote_chan_make(int, 1);
    CHECK(mote_send_ctx(none, c, 7) == 0);
    CHECK(mote_recv_ctx(none, c, &v) == 0 && v == 7);
    CHECK(mote_sleep_ctx(none, 0) == 0 && mote_sleep_ctx(none, -1) == 0 && mote_sleep_ctx(none, 1000) == 0);
    CHECK(mote_wg_wait_ctx(none, &wg) == 0);
    CHECK(mote_select(MOTE_DONE(none), MOTE_DEFAULT) == 1);
    CHECK(mote_select_status(&status, MOTE_DONE(none), MOTE_AFTER(1000)) == 1 && status == 0);
    CHECK(mote_select(MOTE_DONE(none), MOTE_RECV(c, &v), MOTE_SEND(c, 8)) == 2);
    CHECK(mote_chan_close(c) == 0);
    CHECK(mote_recv_ctx(none, c, &v) == 0 && v == 8);
    CHECK(mote_recv_ctx(none, c, &v) == -EPIPE && v == 0 && mote_send_ctx(none, c, 9) == -EPIPE);
    mote_chan_free(c);
}

static void try_cancelled(mote_ctx *ctx, int error)
{
    int v = 5, status = 0;
    mote_wg wg = {0};
    mote_chan(int) c = mote_chan_make(int, 2);
    CHECK(mote_send(c, 1) == 0);
    CHECK(mote_send_ctx(ctx, c, 7) == error && mote_chan_len(c) == 1); /* it comes before what could be done */
    CHECK(mote_recv_ctx(ctx, c, &v) == error && v == 5 && mote_chan_len(c) == 1);
    CHECK(mote_sleep_ctx(ctx, 0) == error && mote_sleep_ctx(ctx, 3600 * MOTE_S) == error);
    CHECK(mote_wg_wait_ctx(ctx, &wg) == error);
    CHECK(mote_select(MOTE_DONE(ctx)) == 0);
    CHECK(mote_select_status(&status, MOTE_DEFAULT, MOTE_DONE(ctx)) == 1 && status == error);
    mote_case cases[] = {MOTE_AFTER(0), MOTE_DONE(ctx), MOTE_DONE(NULL)};
    CHECK(mote_select_n(cases, 3, 0) == 1 && cases[1].status == error);
    int chosen[2] = {0};
    for (int i = 0; i < 200; i++) /* each ready case is as likely */
        chosen[mote_select(MOTE_DONE(ctx), MOTE_RECV(mote_ctx_done(ctx), NULL))]++;
    CHECK(chosen[0] > 20 && chosen[1] > 20);
    mote_chan_free(c);
}

static void try_at_once(void *arg)
{
    (void)arg;
    int v = 0;
    mote_wg wg = {0};
    mote_ctx *ctx = new_ctx();
    mote_chan(int) c = mote_chan_make(int, 1);
    CHECK(mote_send_ctx(ctx, c, 7) == 0 && mote_recv_ctx(ctx, c, &v) == 0 && v == 7);
    CHECK(mote_wg_wait_ctx(ctx, &wg) == 0);
    CHECK(mote_sleep_ctx(ctx, 0) == 0);
    int64_t before = mote_now();
    CHECK(mote_sleep_ctx(ctx, MOTE_MS) == 0 && mote_now() >= before + MOTE_MS);
    CHECK(mote_select(MOTE_DONE(ctx), MOTE_DEFAULT) == 1);
    CHECK(mote_select(MOTE_DONE(ctx), MOTE_AFTER(1000)) == 1);
    mote_chan_free(c);
    mote_ctx_free(ctx);
}

static void try_all(void *arg)
{
    try_null_contexts(NULL);
    try_null_contexts(mote_ctx_background());
    mote_ctx *ctx = cancelled_ctx(-EIO), *late = mote_ctx_with_timeout(mote_ctx_background(), 0);
    mote_ctx *child = mote_ctx_with_cancel(late);
    try_cancelled(ctx, -ECANCELED); /* the error, not the cause */
    try_cancelled(late, -ETIMEDOUT);
    try_cancelled(child, -ETIMEDOUT);
    mote_ctx_free(child);
    mote_ctx_free(late);
    mote_ctx_free(ctx);
    try_at_once(arg);
}

static void test_what_each_call_says(void **state)
{
    (void)state;
    try_all(NULL); /* without a runtime */
    run_everywhere(try_all);
}

/* Cancelled while it waits */

enum how { SEND, RECV, SLEEP, GROUP, SELECT, SELECT_TWICE, SELECT_CHILD, HOWS };

static int wait_in(enum how how, mote_ctx *ctx)
{
    static mote_wg never = {0};
    int result = 0, status = 0, v;
    mote_chan(int) c = mote_chan_make(int, 0);
    mote_ctx *child = mote_ctx_with_cancel(ctx);
    if (how == SEND)
        result = mote_send_ctx(ctx, c, 1);
    else if (how == RECV)
        result = mote_recv_ctx(ctx, c, &v);
    else if (how == SLEEP)
        result = mote_sleep_ctx(ctx, 3600 * MOTE_S);
    else if (how == GROUP) {
        mote_wg_add(&never, 1);
        result = mote_wg_wait_ctx(ctx, &never);
        mote_wg_done(&never);
    } else if (how == SELECT)
        CHECK(mote_select_status(&result, MOTE_RECV(c, &v), MOTE_DONE(ctx), MOTE_SEND(c, 1)) == 1);
    else if (how == SELECT_TWICE)
        CHECK(mote_select_status(&result, MOTE_DONE(ctx), MOTE_DONE(ctx)) < 2);
    else {
        mote_case cases[] = {MOTE_DONE(NULL), MOTE_AFTER(3600 * MOTE_S), MOTE_DONE(child)};
        CHECK(mote_select_n(cases, 3, MOTE_FOREVER) == 2);
        result = cases[2].status;
    }
    CHECK(mote_select_status(&status, MOTE_RECV(c, &v), MOTE_SEND(c, 1), MOTE_DEFAULT) ==
          2); /* nothing is left behind */
    mote_ctx_free(child);
    mote_chan_free(c);
    return result;
}

static void be_cancelled(void *arg)
{
    (void)arg;
    for (int how = 0; how < HOWS; how++) {
        mote_ctx *ctx = new_ctx();
        pthread_t thread = start_cancelling(ctx);
        CHECK(wait_in((enum how)how, ctx) == -ECANCELED);
        CHECK(pthread_join(thread, NULL) == 0);
        mote_ctx_free(ctx);
    }
}

static void be_late(void *arg)
{
    (void)arg;
    for (int how = 0; how < HOWS; how++) {
        mote_ctx *ctx = mote_ctx_with_timeout(mote_ctx_background(), MOTE_MS);
        CHECK(wait_in((enum how)how, ctx) == -ETIMEDOUT);
        mote_ctx_free(ctx);
    }
}

static void test_a_wait_ends_when_its_context_does(void **state)
{
    (void)state;
    be_cancelled(NULL);
    run_everywhere(be_cancelled);
    run_everywhere(be_late);
}

/* Many wait with one context, tasks and threads */

static void wait_with(mote_ctx *ctx, int how)
{
    waiting++;
    CHECK(wait_in((enum how)how, ctx) == -ECANCELED);
    done++;
    mote_ctx_free(ctx);
}

static void *wait_with_in_thread(void *ctx)
{
    wait_with(ctx, RECV);
    return NULL;
}

static void cancel_many(void *arg)
{
    (void)arg;
    enum { THREADS = 3 };
    pthread_t thread[THREADS];
    int n = (int)scale(2000);
    mote_ctx *ctx = new_ctx(), *child = mote_ctx_with_cancel(ctx);
    waiting = done = 0;
    for (int i = 0; i < n; i++)
        CHECK(mote_go(wait_with, mote_ctx_ref(i % 2 ? ctx : child), i % HOWS) == 0);
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_create(&thread[i], NULL, wait_with_in_thread, mote_ctx_ref(ctx)) == 0);
    while (waiting < n / 2)
        mote_yield();
    CHECK(done == 0);
    CHECK(mote_ctx_cancel(ctx, 0) == 0);
    while (done < n + THREADS)
        mote_yield();
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_join(thread[i], NULL) == 0);
    yield_until_alone();
    mote_ctx_free(child);
    mote_ctx_free(ctx);
}

static void test_one_cancel_ends_many_waits(void **state)
{
    (void)state;
    run_with_each(cancel_many, NULL);
}

/* Cancelling races with what is waited for: every element that was sent is received. */

static _Atomic long sent, received;
static mote_chan(long) shared;

static void pass_until_cancelled(mote_ctx *ctx, int sends, mote_wg *others)
{
    long v = 1;
    int error;
    while ((error = sends ? mote_send_ctx(ctx, shared, v) : mote_recv_ctx(ctx, shared, &v)) == 0) {
        CHECK(v == 1);
        *(sends ? &sent : &received) += 1;
    }
    CHECK(error == -ECANCELED || error == -ETIMEDOUT);
    mote_ctx_free(ctx);
    mote_wg_done(others);
}

static void pass_and_cancel(void *arg)
{
    (void)arg;
    enum { TASKS = 6 };
    static mote_wg others;
    uint32_t random = 17;
    sent = received = 0;
    shared = mote_chan_make(long, 0);
    for (int round = 0; round < scale(200) + 5; round++) {
        mote_wg_add(&others, TASKS);
        for (int i = 0; i < TASKS; i++) {
            int64_t ns = test_random(&random) % 100000;
            mote_ctx *ctx =
                i < 2 ? mote_ctx_with_cancel(mote_ctx_background()) : mote_ctx_with_timeout(mote_ctx_background(), ns);
            CHECK(ctx != NULL);
            if (i < 2)
                CHECK(mote_go(cancel_later, mote_ctx_ref(ctx)) == 0);
            CHECK(mote_go(pass_until_cancelled, ctx, i % 2, &others) == 0);
        }
        mote_wg_wait(&others);
        CHECK(sent == received);
    }
    yield_until_alone();
    mote_chan_free(shared);
}

static void test_cancelling_races_with_channels(void **state)
{
    (void)state;
    run_with_each(pass_and_cancel, NULL);
}

/* Without memory */

static mote_wg group;

static void lack_memory(mote_chan(int) c)
{
    int v;
    mote_ctx *ctx = new_ctx();
    mote_wg_add(&group, 1);
    block_fail_after(1);
    CHECK(mote_recv_ctx(ctx, c, &v) == -ENOMEM);
    block_fail_after(1);
    CHECK(mote_wg_wait_ctx(ctx, &group) == -ENOMEM);
    block_fail_after(1);
    CHECK(mote_select(MOTE_DONE(ctx)) == -ENOMEM);
    block_fail_after(1);
    CHECK(mote_send_ctx(NULL, c, 1) == 0); /* needs none */
    CHECK(mote_recv_ctx(NULL, c, &v) == 0);
    block_fail_after(0);
    mote_wg_done(&group);
    mote_ctx_free(ctx);
}

/* More timers than the heap has room for: some get no place in it. */
static _Atomic int without_timer;

static void sleep_without_room(mote_ctx *ctx)
{
    int error = mote_sleep_ctx(ctx, 3600 * MOTE_S);
    CHECK(error == -ENOMEM || error == -ECANCELED);
    without_timer += error == -ENOMEM;
    mote_ctx_free(ctx);
}

static void lack_timers(void *arg)
{
    (void)arg;
    enum { MANY = 100 };
    mote_ctx *ctx = new_ctx();
    without_timer = 0;
    timers_fail(true);
    for (int i = 0; i < MANY; i++)
        CHECK(mote_go(sleep_without_room, mote_ctx_ref(ctx)) == 0);
    while (without_timer == 0)
        mote_yield();
    await_all_parked();
    timers_fail(false);
    CHECK(mote_ctx_cancel(ctx, 0) == 0);
    yield_until_alone();
    mote_ctx_free(ctx);
}

static void lack_blocks(void *arg)
{
    (void)arg;
    mote_chan(int) c = mote_chan_make(int, 1);
    CHECK(mote_join(mote_spawn(lack_memory, c), NULL) == 0);
    mote_chan_free(c);
}

static void test_without_memory_nothing_is_done(void **state)
{
    (void)state;
    run_with(&one_proc, lack_blocks, NULL);
    run_with(&one_proc, lack_timers, NULL);
}

/* A select may name a context twice, and it may be cancelled before either node is in its queue. */
static void decide_twice(void *arg)
{
    (void)arg;
    struct selection *s = selection_new(sched_self(), 2);
    CHECK(s != NULL);
    selection_decide(s, 1);
    selection_decide(s, 0);
    CHECK(selection_wait(s, MOTE_FOREVER, wait_for(WAIT_SELECT, NULL)) == 1);
    selection_free(s);
}

static void test_the_first_of_two_decides(void **state)
{
    (void)state;
    decide_twice(NULL);
    run_everywhere(decide_twice);
}

/* The end of a context that somebody waits with */

static void free_while_waited_for(void *arg)
{
    (void)arg;
    mote_ctx *ctx = new_ctx();
    CHECK(mote_go(mote_sleep_ctx, ctx, 3600 * MOTE_S) == 0); /* has no reference */
    await_parked(1);
    mote_ctx_free(ctx);
}

static void free_in_child(void *arg)
{
    (void)arg;
    run_with(&one_proc, free_while_waited_for, NULL);
}

static void test_freed_with_somebody_waiting(void **state)
{
    (void)state;
    assert_dies_saying(free_in_child, "mote_ctx_free: somebody still waits with this context");
    mote_ctx *ctx = new_ctx();
    assert_int_equal(mote_start(&one_proc), 0);
    assert_int_equal(mote_go(mote_sleep_ctx, ctx, 3600 * MOTE_S), 0);
    await_parked(1);
    assert_int_equal(mote_stop(0), 1); /* discarded */
    mote_ctx_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_each_call_says),
        cmocka_unit_test(test_a_wait_ends_when_its_context_does),
        cmocka_unit_test(test_one_cancel_ends_many_waits),
        cmocka_unit_test(test_cancelling_races_with_channels),
        cmocka_unit_test(test_without_memory_nothing_is_done),
        cmocka_unit_test(test_the_first_of_two_decides),
        cmocka_unit_test(test_freed_with_somebody_waiting),
    };
    watchdog(120);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
