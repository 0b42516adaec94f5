/* SPDX-License-Identifier: MIT */
/* test_chan_close - what each call gives in each state of a channel; whom closing wakes; the last reference frees. */
#include "support.h"

#include "base/sanitizer.h"

#include <errno.h>
#include <string.h>

static _Atomic int started, woken, wrong;

static void reset(void) { started = woken = wrong = 0; }

/* On one proc a task that has counted itself is parked as soon as it switches. */
static void yield_until_started(int n)
{
    while (started < n)
        mote_yield();
}

static void yield_until_woken(int n)
{
    while (woken < n)
        mote_yield();
}

/* Every call in every state */

struct row {
    size_t capacity;
    int buffered;
    bool closed;
    int try_send, try_recv, close; /* what they return */
};

static const struct row rows[] = {
    {0, 0, false, -EAGAIN, -EAGAIN, 0}, /* nobody at the other end */
    {0, 0, true, -EPIPE, -EPIPE, -EPIPE}, {2, 0, false, 0, -EAGAIN, 0},         {2, 1, false, 0, 0, 0},
    {2, 2, false, -EAGAIN, 0, 0},         {2, 0, true, -EPIPE, -EPIPE, -EPIPE}, {2, 1, true, -EPIPE, 0, -EPIPE},
    {2, 2, true, -EPIPE, 0, -EPIPE},
};

static mote_chan(int) in_state(const struct row *r)
{
    mote_chan(int) c = mote_chan_make(int, r->capacity);
    for (int i = 0; i < r->buffered; i++)
        CHECK(mote_send(c, 70 + i) == 0);
    if (r->closed)
        CHECK(mote_chan_close(c) == 0);
    CHECK(mote_chan_len(c) == (size_t)r->buffered);
    CHECK(mote_chan_cap(c) == r->capacity);
    return c;
}

/* send and recv where they don't wait. */
static void check_waiting_calls(const struct row *r)
{
    int v = 5;
    mote_chan(int) c = in_state(r);
    if (r->try_send != -EAGAIN)
        CHECK(mote_send(c, 1) == r->try_send);
    mote_chan_free(c);
    c = in_state(r);
    if (r->try_recv != -EAGAIN) {
        CHECK(mote_recv(c, &v) == r->try_recv);
        CHECK(v == (r->buffered ? 70 : 0));
        CHECK(mote_chan_len(c) == (size_t)(r->buffered ? r->buffered - 1 : 0));
    }
    mote_chan_free(c);
    c = in_state(r);
    if (r->try_recv != -EAGAIN)
        CHECK(mote_recv(c, NULL) == r->try_recv);
    mote_chan_free(c);
}

static void check_row(const struct row *r)
{
    check_waiting_calls(r);
    mote_chan(int) c = in_state(r);
    CHECK(mote_try_send(c, 1) == r->try_send);
    CHECK(mote_chan_len(c) == (size_t)(r->buffered + (r->try_send == 0)));
    mote_chan_free(c);
    c = in_state(r);
    int v = 5;
    CHECK(mote_try_recv(c, &v) == r->try_recv);
    CHECK(v == (r->try_recv == 0 ? 70 : r->try_recv == -EPIPE ? 0 : 5));
    mote_chan_free(c);
    c = in_state(r);
    CHECK(mote_try_recv(c, NULL) == r->try_recv);
    mote_chan_free(c);
    c = in_state(r);
    CHECK(mote_chan_close(c) == r->close);
    CHECK(mote_chan_close(c) == -EPIPE);
    mote_chan_free(c);
}

static void check_truth_table(void *arg)
{
    (void)arg;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        check_row(&rows[i]);
    mote_chan(int) nil = NULL;
    int v = 5;
    CHECK(mote_try_send(nil, 1) == -EAGAIN);
    CHECK(mote_try_recv(nil, &v) == -EAGAIN && v == 5);
    CHECK(mote_chan_close(nil) == -EINVAL);
    CHECK(mote_chan_len(nil) == 0 && mote_chan_cap(nil) == 0);
    CHECK(mote_chan_ref(nil) == NULL);
    mote_chan_free(nil);
}

static void check_truth_table_in_copied_task(void *arg)
{
    mote_task *t = mote_spawn(check_truth_table, arg);
    CHECK(mote_join(t, NULL) == 0);
}

static void test_every_call_in_every_state_of_the_channel(void **state)
{
    (void)state;
    check_truth_table(NULL); /* without a runtime */
    run_with(&one_proc, check_truth_table, NULL);
    run_with(&one_proc, check_truth_table_in_copied_task, NULL);
}

static void receive_from_nil(void)
{
    mote_chan(int) nil = NULL;
    mote_recv(nil, NULL);
    woken++;
}

static void send_to_nil(void)
{
    mote_chan(int) nil = NULL;
    mote_send(nil, 1);
    woken++;
}

static void test_nil_channel_blocks_for_ever(void **state)
{
    (void)state;
    reset();
    assert_int_equal(mote_start(&two_procs), 0);
    assert_int_equal(mote_go(receive_from_nil), 0);
    assert_int_equal(mote_go(send_to_nil), 0);
    assert_int_equal(mote_stop(mote_now() + 50 * MOTE_MS), 2);
    assert_int_equal(woken, 0);
}

static void test_absurd_capacity_is_refused(void **state)
{
    (void)state;
    errno = 0;
    assert_null(mote__chan_make(SIZE_MAX / 2, 4, false));
    assert_int_equal(errno, EINVAL);
    errno = 0;
    assert_null(mote__chan_make(0, SIZE_MAX / 2, false));
    assert_int_equal(errno, EINVAL);
}

/* Closing */

static void await_close(struct mote__chan *c, size_t size)
{
    unsigned char v[64];
    memset(v, 0xee, sizeof v);
    started++;
    int error = mote__chan_recv(c, v);
    for (size_t i = 0; i < sizeof v; i++)
        wrong += v[i] != (i < size ? 0 : 0xee);
    wrong += error != -EPIPE;
    woken++;
}

static void await_close_dropping(struct mote__chan *c)
{
    started++;
    wrong += mote__chan_recv(c, NULL) != -EPIPE;
    woken++;
}

static void close_many_receivers(size_t size, int n)
{
    struct mote__chan *c = mote__chan_make(size, 3, false);
    reset();
    for (int i = 0; i < n; i++)
        CHECK((i % 2 ? mote_go(await_close_dropping, c) : mote_go(await_close, c, size)) == 0);
    yield_until_started(n);
    mote_sleep(MOTE_MS);
    CHECK(woken == 0);
    CHECK(mote__chan_close(c) == 0);
    yield_until_woken(n);
    CHECK(wrong == 0);
    yield_until_alone();
    mote__chan_free(c);
}

static void close_receivers(void *arg)
{
    (void)arg;
    close_many_receivers(4, (int)scale(10000));
    for (size_t size = 0; size <= 64; size += size < 17 ? 1 : 47)
        close_many_receivers(size, 10);
}

static void test_close_wakes_all_receivers_and_zeroes_their_elements(void **state)
{
    (void)state;
    run_with(&one_proc, close_receivers, NULL);
    run_with(&two_procs, close_receivers, NULL);
}

static void send_into_close(struct mote__chan *c, size_t size, int expected)
{
    unsigned char v[64] = {1};
    CHECK(size <= sizeof v);
    started++;
    wrong += mote__chan_send(c, v) != expected;
    woken++;
}

static void close_senders(void *arg)
{
    (void)arg;
    int n = (int)scale(2000);
    for (size_t size = 0; size <= 64; size += 8) {
        struct mote__chan *c = mote__chan_make(size, 2, false);
        reset();
        for (int i = 0; i < n; i++) {
            CHECK(mote_go(send_into_close, c, size, i < 2 ? 0 : -EPIPE) == 0);
            if (i < 2)
                yield_until_woken(i + 1);
        }
        await_parked((uint64_t)n - 2);
        CHECK(mote__chan_close(c) == 0);
        yield_until_woken(n);
        CHECK(wrong == 0 && mote__chan_len(c) == 2);
        CHECK(mote__chan_recv(c, NULL) == 0 && mote__chan_recv(c, NULL) == 0);
        CHECK(mote__chan_recv(c, NULL) == -EPIPE);
        yield_until_alone();
        mote__chan_free(c);
    }
}

static void test_close_refuses_waiting_senders_and_keeps_the_buffer(void **state)
{
    (void)state;
    run_with(&one_proc, close_senders, NULL);
}

/* References */

static void test_last_reference_frees(void **state)
{
    (void)state;
    mote_chan(int) c = mote_chan_make(int, 4), d = mote_chan_ref(c);
    assert_ptr_equal(c, d);
    mote_chan_free(c);
    assert_int_equal(mote_send(d, 3), 0); /* still there */
    mote_chan_free(d);                    /* with an element in it */
}

static void free_with_waiter(void *arg)
{
    (void)arg;
    mote_chan(int) c = mote_chan_make(int, 0);
    reset();
    CHECK(mote_go(await_close_dropping, (struct mote__chan *)c) == 0);
    await_parked(1);
    mote_chan_free(c);
}

static void child_free_with_waiter(void *arg) { run_with(&one_proc, free_with_waiter, arg); }

static void test_free_with_waiters_is_fatal(void **state)
{
    (void)state;
    if (UNDER_TSAN)
        skip(); /* it lets a child of a threaded process start no threads */
    assert_dies_saying(child_free_with_waiter, "mote_chan_free: somebody still waits");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_call_in_every_state_of_the_channel),
        cmocka_unit_test(test_nil_channel_blocks_for_ever),
        cmocka_unit_test(test_absurd_capacity_is_refused),
        cmocka_unit_test(test_close_wakes_all_receivers_and_zeroes_their_elements),
        cmocka_unit_test(test_close_refuses_waiting_senders_and_keeps_the_buffer),
        cmocka_unit_test(test_last_reference_frees),
        cmocka_unit_test(test_free_with_waiters_is_fatal),
    };
    watchdog(60);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
