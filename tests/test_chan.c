/* SPDX-License-Identifier: MIT */
/* test_chan - channels keep the order of elements and of who waits, and the contents of elements of every size. */
#include "support.h"

#include <string.h>

#define LARGEST 4096
#define EACH 4 /* elements for each size */

static _Atomic int started;

/* On one proc a task that has counted itself is parked as soon as it switches. */
static void yield_until_started(int n)
{
    while (started < n)
        mote_yield();
}

/* Order */

static void send_one(struct mote__chan *c, int v)
{
    started++;
    CHECK(mote__chan_send(c, &v) == 0);
}

static void receive_waiting_senders_in_order(void *arg)
{
    int n = (int)scale(1000);
    mote_chan(int) c = mote_chan_make(int, *(size_t *)arg);
    started = 0;
    for (int i = 0; i < n; i++) {
        CHECK(mote_go(send_one, (struct mote__chan *)c, i) == 0);
        yield_until_started(i + 1);
    }
    for (int i = 0; i < n; i++) {
        int v = -1;
        CHECK(mote_recv(c, &v) == 0);
        CHECK(v == i);
    }
    mote_chan_free(c);
}

static void test_waiting_senders_are_served_first_in_first_out(void **state)
{
    (void)state;
    static const size_t capacities[] = {0, 1, 7};
    for (int i = 0; i < 3; i++)
        run_with(&one_proc, receive_waiting_senders_in_order, (void *)&capacities[i]);
}

static void take_turn(struct mote__chan *c, int turn)
{
    int v;
    started++;
    CHECK(mote__chan_recv(c, &v) == 0);
    CHECK(v == turn);
}

static void serve_waiting_receivers(void *arg)
{
    (void)arg;
    int n = (int)scale(1000);
    mote_chan(int) c = mote_chan_make(int, 0);
    started = 0;
    for (int i = 0; i < n; i++) {
        CHECK(mote_go(take_turn, (struct mote__chan *)c, i) == 0);
        yield_until_started(i + 1);
    }
    for (int i = 0; i < n; i++)
        CHECK(mote_send(c, i) == 0);
    yield_until_alone();
    mote_chan_free(c);
}

static void test_waiting_receivers_are_served_first_in_first_out(void **state)
{
    (void)state;
    run_with(&one_proc, serve_waiting_receivers, NULL);
}

static void send_numbers(mote_chan(long) c, long n)
{
    for (long i = 0; i < n; i++)
        CHECK(mote_send(c, i) == 0);
    CHECK(mote_chan_close(c) == 0);
}

static void receive_numbers(void *arg)
{
    (void)arg;
    for (size_t capacity = 0; capacity <= 64; capacity = capacity * 4 + 1) {
        long n = scale(20000), expected = 0;
        mote_chan(long) c = mote_chan_make(long, capacity);
        CHECK(mote_go(send_numbers, mote_chan_ref(c), n) == 0);
        mote_chan_range (c, v)
            CHECK(v == expected++);
        CHECK(expected == n);
        yield_until_alone();
        mote_chan_free(c);
        mote_chan_free(c);
    }
}

static void test_elements_arrive_in_the_order_sent(void **state)
{
    (void)state;
    run_with(&one_proc, receive_numbers, NULL);
    run_with(&two_procs, receive_numbers, NULL);
}

/* Every size */

static void fill(unsigned char *at, size_t size, unsigned seed)
{
    for (size_t i = 0; i < size; i++)
        at[i] = (unsigned char)(seed * 31 + i * 7 + (i >> 8) + 1);
}

/* at has room for LARGEST + 1: whether `size` bytes are as filled and the one behind them is untouched. */
static bool is_filled(const unsigned char *at, size_t size, unsigned seed)
{
    unsigned char expected[LARGEST];
    fill(expected, size, seed);
    return memcmp(at, expected, size) == 0 && at[size] == 0xee;
}

static void send_sized(struct mote__chan *c, size_t size)
{
    unsigned char v[LARGEST];
    for (unsigned k = 0; k < EACH; k++) {
        fill(v, size, k);
        CHECK(mote__chan_send(c, v) == 0);
    }
}

static void receive_sized(struct mote__chan *c, size_t size)
{
    unsigned char v[LARGEST + 1];
    for (unsigned k = 0; k < EACH; k++) {
        memset(v, 0xee, sizeof v);
        CHECK(mote__chan_recv(c, v) == 0);
        CHECK(is_filled(v, size, k));
    }
}

static void pass_size(size_t size, size_t capacity)
{
    struct mote__chan *c = mote__chan_make(size, capacity, false);
    CHECK(c);
    mote_task *sender = mote_spawn(send_sized, c, size);
    await_parked(1); /* it has filled the buffer */
    CHECK(mote__chan_len(c) == capacity);
    receive_sized(c, size);
    CHECK(mote_join(sender, NULL) == 0);
    mote_task *receiver = mote_spawn(receive_sized, c, size);
    await_parked(1);
    send_sized(c, size);
    CHECK(mote_join(receiver, NULL) == 0);
    CHECK(mote__chan_len(c) == 0);
    mote__chan_free(c);
}

static void pass_every_size(void *arg)
{
    (void)arg;
    size_t step = scale(100) < 100 ? 37 : 1;
    for (size_t size = 0; size <= LARGEST; size += size < 64 ? 1 : step)
        for (size_t capacity = 0; capacity < EACH; capacity++)
            pass_size(size, capacity);
}

static void test_elements_of_every_size_pass_unharmed(void **state)
{
    (void)state;
    run_with(&one_proc, pass_every_size, NULL);
}

static void pass_some_sizes_on_two_procs(void *arg)
{
    (void)arg;
    for (size_t size = 0; size <= LARGEST; size += size < 20 ? 1 : 509)
        for (size_t capacity = 0; capacity < EACH; capacity++)
            for (int i = 0; i < scale(20); i++) {
                struct mote__chan *c = mote__chan_make(size, capacity, false);
                mote_task *a = mote_spawn(send_sized, c, size), *b = mote_spawn(receive_sized, c, size);
                CHECK(mote_join(a, NULL) == 0 && mote_join(b, NULL) == 0);
                mote__chan_free(c);
            }
}

static void test_elements_pass_unharmed_between_procs(void **state)
{
    (void)state;
    run_with(&two_procs, pass_some_sizes_on_two_procs, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_waiting_senders_are_served_first_in_first_out),
        cmocka_unit_test(test_waiting_receivers_are_served_first_in_first_out),
        cmocka_unit_test(test_elements_arrive_in_the_order_sent),
        cmocka_unit_test(test_elements_of_every_size_pass_unharmed),
        cmocka_unit_test(test_elements_pass_unharmed_between_procs),
    };
    watchdog(60);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
