/* SPDX-License-Identifier: MIT */
/* sim_chan - channels and selects in simulations: whatever the order, nothing is lost or doubled, and each sender's elements come in
 * the order in which they were sent. */
#include "support.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SENDERS 3
#define RECEIVERS 3
#define EACH 4
#define RUNS 200

typedef mote_chan(int) channel;

static mote_wg senders, receivers;
static int last_seen[RECEIVERS][SENDERS], times_seen[SENDERS * EACH];

static void assert_passes(void (*fn)(void *arg), void *arg)
{
    assert_int_equal(mote_sim_explore(fn, arg, (int)scale(RUNS)), 0);
}

static void begin(void)
{
    senders = receivers = (mote_wg){0};
    memset(last_seen, -1, sizeof last_seen);
    memset(times_seen, 0, sizeof times_seen);
}

static void note(int receiver, int v)
{
    CHECK(v >= 0 && v < SENDERS * EACH && v % EACH > last_seen[receiver][v / EACH]);
    last_seen[receiver][v / EACH] = v % EACH;
    times_seen[v]++;
}

static void check_each_was_seen(int times)
{
    for (int v = 0; v < SENDERS * EACH; v++)
        CHECK(times_seen[v] == times);
}

static void send_all(int who, channel c)
{
    for (int i = 0; i < EACH; i++)
        CHECK(mote_send(c, who * EACH + i) == 0);
    mote_wg_done(&senders);
}

static void receive_all(int who, channel c)
{
    int v;
    while (mote_recv(c, &v) == 0)
        note(who, v);
    CHECK(v == 0 && mote_recv(c, &v) == -EPIPE);
    mote_wg_done(&receivers);
}

static void start(void (*send)(int who, channel c), void (*receive)(int who, channel c), channel c)
{
    mote_wg_add(&senders, SENDERS);
    mote_wg_add(&receivers, RECEIVERS);
    for (int i = 0; i < SENDERS; i++)
        CHECK(mote_go(send, i, c) == 0);
    for (int i = 0; i < RECEIVERS; i++)
        CHECK(mote_go(receive, i, c) == 0);
}

/* *arg: the capacity. */
static void many_to_many(void *arg)
{
    channel c = mote_chan_make(int, *(const size_t *)arg);
    begin();
    start(send_all, receive_all, c);
    mote_wg_wait(&senders);
    CHECK(mote_chan_close(c) == 0);
    mote_wg_wait(&receivers);
    check_each_was_seen(1);
    mote_chan_free(c);
}

static void test_nothing_is_lost_between_many(void **state)
{
    (void)state;
    for (size_t capacity = 0; capacity <= 4; capacity += 1 + capacity)
        assert_passes(many_to_many, &capacity);
}

/* Each way to send, and to receive, by turns. */

static void send_somehow(int who, channel c)
{
    for (int i = 0; i < EACH; i++) {
        int v = who * EACH + i, error = -EAGAIN;
        if (i % 3 == 0)
            error = mote_send(c, v);
        for (int tries = 0; error == -EAGAIN || error == -ETIMEDOUT; tries++)
            error = tries % 2 ? mote_try_send(c, v) : mote_send_until(c, v, mote_now() + 10);
        CHECK(error == 0);
    }
    mote_wg_done(&senders);
}

static void receive_somehow(int who, channel c)
{
    for (int v, error = 0, turn = 0; error != -EPIPE; turn++) {
        mote_case from = MOTE_RECV(c, &v);
        if (turn % 3 == 0)
            error = mote_recv_until(c, &v, mote_now() + 5);
        else if (turn % 3 == 1)
            error = mote_try_recv(c, &v);
        else
            error = mote_select_n(&from, 1, mote_now() + 7) == 0 ? from.status : -ETIMEDOUT;
        if (error == 0)
            note(who, v);
        mote_sleep(1);
    }
    mote_wg_done(&receivers);
}

static void by_all_ways(void *arg)
{
    channel c = mote_chan_make(int, *(const size_t *)arg);
    begin();
    start(send_somehow, receive_somehow, c);
    mote_wg_wait(&senders);
    CHECK(mote_chan_close(c) == 0);
    mote_wg_wait(&receivers);
    check_each_was_seen(1);
    mote_chan_free(c);
}

static void test_deadlines_and_tries_lose_nothing(void **state)
{
    (void)state;
    for (size_t capacity = 0; capacity <= 2; capacity += 2)
        assert_passes(by_all_ways, &capacity);
}

/* Selects on both sides of the same two channels. */

static void select_send(int who, channel a, channel b)
{
    for (int i = 0; i < EACH; i++) {
        int v = who * EACH + i, chosen = mote_select(MOTE_SEND(a, v), MOTE_SEND(b, v));
        CHECK(chosen == 0 || chosen == 1);
    }
    mote_wg_done(&senders);
}

static void select_receive(channel a, channel b, channel over)
{
    for (int v, chosen; (chosen = mote_select(MOTE_RECV(a, &v), MOTE_RECV(over, NULL), MOTE_RECV(b, &v))) != 1;) {
        CHECK(chosen == 0 || chosen == 2);
        times_seen[v]++;
    }
    mote_wg_done(&receivers);
}

static void selects_meet(void *arg)
{
    size_t capacity = *(const size_t *)arg;
    channel a = mote_chan_make(int, capacity), b = mote_chan_make(int, 0), over = mote_chan_make(int, 0);
    begin();
    mote_wg_add(&senders, SENDERS);
    mote_wg_add(&receivers, RECEIVERS);
    for (int i = 0; i < SENDERS; i++)
        CHECK(mote_go(select_send, i, a, b) == 0);
    for (int i = 0; i < RECEIVERS; i++)
        CHECK(i % 2 ? mote_go(select_receive, a, b, over) == 0 : mote_go(select_receive, b, a, over) == 0);
    mote_wg_wait(&senders);
    while (mote_chan_len(a) > 0)
        mote_yield();
    CHECK(mote_chan_close(over) == 0);
    mote_wg_wait(&receivers);
    check_each_was_seen(1);
    mote_chan_free(a);
    mote_chan_free(b);
    mote_chan_free(over);
}

static void test_selects_on_the_same_channels_meet(void **state)
{
    (void)state;
    for (size_t capacity = 0; capacity < 2; capacity++)
        assert_passes(selects_meet, &capacity);
}

/* Closing while others send, receive and select. */

static int sent, received;

static void send_until_closed(int how, channel c, channel other)
{
    for (int error = 0; error != -EPIPE;) {
        mote_case send = MOTE_SEND(c, how);
        mote_case cases[] = {send, MOTE_RECV(other, NULL)};
        if (how == 0)
            error = mote_send(c, how);
        else if (how == 1)
            error = mote_select_n(cases, 2, MOTE_FOREVER) == 0 ? cases[0].status : 1;
        else
            error = mote_send_until(c, how, mote_now() + 3);
        sent += error == 0;
        CHECK(error == 0 || error == -EPIPE || error == -ETIMEDOUT);
    }
    mote_wg_done(&senders);
}

static void receive_until_closed(int how, channel c, channel other)
{
    for (int v, error = 0; error != -EPIPE;) {
        mote_case cases[] = {MOTE_RECV(other, NULL), MOTE_RECV(c, &v)};
        if (how == 0)
            error = mote_recv(c, &v);
        else if (how == 1)
            error = mote_select_n(cases, 2, MOTE_FOREVER) == 1 ? cases[1].status : 1;
        else
            error = mote_recv_until(c, &v, mote_now() + 2);
        received += error == 0;
        CHECK(error == 0 || error == -EPIPE || error == -ETIMEDOUT);
    }
    mote_wg_done(&senders);
}

static void close_after(channel c, int64_t yields)
{
    while (yields-- > 0)
        mote_yield();
    mote_sleep(1);
    CHECK(mote_chan_close(c) == 0 && mote_chan_close(c) == -EPIPE);
    mote_wg_done(&senders);
}

static void close_meanwhile(void *arg)
{
    channel c = mote_chan_make(int, *(const size_t *)arg), other = mote_chan_make(int, 0);
    begin();
    sent = received = 0;
    mote_wg_add(&senders, 7);
    for (int how = 0; how < 3; how++)
        CHECK(mote_go(send_until_closed, how, c, other) == 0 && mote_go(receive_until_closed, how, c, other) == 0);
    CHECK(mote_go(close_after, c, 5) == 0);
    mote_wg_wait(&senders);
    CHECK(sent == received);
    mote_chan_free(c);
    mote_chan_free(other);
}

static void test_closing_ends_everybody_and_loses_nothing(void **state)
{
    (void)state;
    for (size_t capacity = 0; capacity <= 2; capacity += 2)
        assert_passes(close_meanwhile, &capacity);
}

/* References: the last one frees, whoever that is. */

static void use_and_free(channel c)
{
    int v;
    mote_try_send(c, 1);
    mote_try_recv(c, &v);
    mote_chan_free(c);
    mote_wg_done(&senders);
}

static void free_together(void *arg)
{
    (void)arg;
    channel c = mote_chan_make(int, 1);
    begin();
    mote_wg_add(&senders, 4);
    for (int i = 0; i < 4; i++) {
        channel kept = mote_chan_ref(c);
        CHECK(mote_go(use_and_free, kept) == 0);
    }
    mote_chan_free(c);
    mote_wg_wait(&senders);
}

static void test_the_last_owner_frees(void **state)
{
    (void)state;
    assert_passes(free_together, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_is_lost_between_many),
        cmocka_unit_test(test_deadlines_and_tries_lose_nothing),
        cmocka_unit_test(test_selects_on_the_same_channels_meet),
        cmocka_unit_test(test_closing_ends_everybody_and_loses_nothing),
        cmocka_unit_test(test_the_last_owner_frees),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
