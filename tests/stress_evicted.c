/* SPDX-License-Identifier: MIT */
/* stress_evicted - whoever waits for a channel or for a time is woken by every kind of event while its stack is copied out, and
 * finds its locals as they were.
 */
#include "evicted.h"

struct large {
    int number;
    char text[300];
};

static mote_chan(struct large) large;

static void make_large(void) { CHECK((large = mote_chan_make(struct large, 0))); }
static void free_large(void) { mote_chan_free(large); }

/* Channels */

static void wait_recv(int i)
{
    int v = -1 - i;
    CHECK(mote_recv(c, &v) == 0);
    arrive(v);
}
static void wait_recv_until(int i)
{
    int v = -1 - i;
    CHECK(mote_recv_until(c, &v, mote_now() + LONG) == 0);
    arrive(v);
}
static void wait_select_recv(int i)
{
    int v = -1, w = -2 - i;
    CHECK(mote_select(MOTE_RECV(other, &w), MOTE_RECV(c, &v), MOTE_SEND(third, i)) == 1 && w == -2 - i);
    arrive(v);
}
static void wait_recv_large(int i)
{
    struct large l = {.number = -i};
    CHECK(mote_recv(large, &l) == 0 && l.text[299] == 'a' + l.number);
    arrive(l.number);
}
static void wait_select_recv_large(int i)
{
    struct large l = {.number = -i};
    CHECK(mote_select(MOTE_RECV(other, NULL), MOTE_RECV(large, &l)) == 1 && l.text[299] == 'a' + l.number);
    arrive(l.number);
}
static void wait_send(int i) { CHECK(mote_send(c, i) == 0); }
static void wait_send_until(int i) { CHECK(mote_send_until(c, i, mote_now() + LONG) == 0); }
static void wait_select_send(int i) { CHECK(mote_select(MOTE_RECV(other, NULL), MOTE_SEND(c, i)) == 1); }
static void wait_send_large(int i)
{
    struct large l = {.number = i};
    memset(l.text, 'a' + i, sizeof l.text);
    CHECK(mote_send(large, l) == 0);
}
static void wait_select_send_large(int i)
{
    struct large l = {.number = i};
    memset(l.text, 'a' + i, sizeof l.text);
    CHECK(mote_select(MOTE_RECV(other, NULL), MOTE_SEND_FROM(large, &l)) == 1);
}

static void wake_send(void)
{
    for (int i = 0; i < WAITERS; i++)
        CHECK(mote_send(c, i) == 0);
}
static void wake_select_send(void)
{
    for (int i = 0; i < WAITERS; i++)
        CHECK(mote_select(MOTE_RECV(other, NULL), MOTE_SEND(c, i)) == 1);
}
static void wake_recv(void)
{
    for (int i = 0, v = -1; i < WAITERS; i++) {
        CHECK(mote_recv(c, &v) == 0);
        arrive(v);
    }
}
static void wake_select_recv(void)
{
    for (int i = 0, v = -1; i < WAITERS; i++) {
        CHECK(mote_select(MOTE_RECV(c, &v), MOTE_RECV(other, NULL)) == 0);
        arrive(v);
    }
}
static void wake_send_large(void)
{
    for (int i = 0; i < WAITERS; i++)
        wait_send_large(i);
}
static void wake_recv_large(void)
{
    for (int i = 0; i < WAITERS; i++)
        wait_recv_large(i);
}

static void wait_recv_closed(int i)
{
    int v = -1;
    CHECK(mote_recv(c, &v) == -EPIPE && v == 0);
    arrive(i);
}
static void wait_send_closed(int i)
{
    CHECK(mote_send(c, i) == -EPIPE);
    arrive(i);
}
static void wait_until_closed(int i)
{
    CHECK((i % 2 ? mote_recv_until(c, NULL, mote_now() + LONG) : mote_recv(c, NULL)) == -EPIPE);
    arrive(i);
}
static void wait_select_recv_closed(int i)
{
    int status = 5, v = -1;
    CHECK(mote_select_status(&status, MOTE_RECV(other, &v), MOTE_RECV(c, &v)) == 1 && status == -EPIPE && v == 0);
    arrive(i);
}
static void wait_select_send_closed(int i)
{
    int status = 5;
    CHECK(mote_select_status(&status, MOTE_RECV(other, NULL), MOTE_SEND(c, i)) == 1 && status == -EPIPE);
    arrive(i);
}
static void wake_close(void) { CHECK(mote_chan_close(c) == 0); }

/* Deadlines */

static void wait_recv_late(int i)
{
    int v = -7;
    CHECK((i % 2 ? mote_recv_until(c, &v, due) : mote_send_until(third, i, due)) == -ETIMEDOUT && v == -7);
    arrive(i);
}
static void wait_select_late(int i)
{
    int v = -7;
    mote_case cases[] = {MOTE_RECV(c, &v), MOTE_RECV(other, &v)};
    if (i % 2)
        CHECK(mote_select_n(cases, 2, due) == -ETIMEDOUT);
    else
        CHECK(mote_select(MOTE_RECV(c, &v), MOTE_SEND(third, 1), MOTE_AFTER(due - mote_now())) == 2);
    CHECK(v == -7);
    arrive(i);
}
static void wait_sleep(int i)
{
    CHECK(mote_sleep(due - mote_now()) == 0);
    arrive(i);
}
static void wait_after(int i)
{
    int64_t at = 0;
    mote_time_chan after = mote_after(due - mote_now());
    CHECK(mote_recv(after, &at) == 0 && at >= due);
    mote_chan_free(after);
    arrive(i);
}
static void wait_timer(int i)
{
    int64_t at = 0;
    mote_timer *timer = mote_timer_make(due - mote_now());
    CHECK(mote_select(MOTE_RECV(other, NULL), MOTE_RECV(mote_timer_chan(timer), &at)) == 1 && at >= due);
    mote_timer_free(timer);
    arrive(i);
}
static void wait_ticker(int i)
{
    int64_t at = 0, ns = due - mote_now();
    mote_ticker *ticker = mote_ticker_make(ns > 0 ? ns : 1);
    CHECK(mote_recv(mote_ticker_chan(ticker), &at) == 0 && at >= due);
    mote_ticker_free(ticker);
    arrive(i);
}

static const struct kind kinds[] = {
    {"receive, send", NULL, wait_recv, wake_send, 0, NULL},
    {"receive, select", NULL, wait_recv, wake_select_send, 0, NULL},
    {"receive until, send", NULL, wait_recv_until, wake_send, 0, NULL},
    {"select, send", NULL, wait_select_recv, wake_send, 0, NULL},
    {"select, select that sends", NULL, wait_select_recv, wake_select_send, 0, NULL},
    {"receive large", make_large, wait_recv_large, wake_send_large, 0, free_large},
    {"select large", make_large, wait_select_recv_large, wake_send_large, 0, free_large},
    {"send, receive", NULL, wait_send, wake_recv, 0, NULL},
    {"send, select", NULL, wait_send, wake_select_recv, 0, NULL},
    {"send until, receive", NULL, wait_send_until, wake_recv, 0, NULL},
    {"select, receive", NULL, wait_select_send, wake_recv, 0, NULL},
    {"select, select that receives", NULL, wait_select_send, wake_select_recv, 0, NULL},
    {"send large", make_large, wait_send_large, wake_recv_large, 0, free_large},
    {"select that sends large", make_large, wait_select_send_large, wake_recv_large, 0, free_large},
    {"receive, close", NULL, wait_recv_closed, wake_close, 0, NULL},
    {"send, close", NULL, wait_send_closed, wake_close, 0, NULL},
    {"receive until, close", NULL, wait_until_closed, wake_close, 0, NULL},
    {"select that receives, close", NULL, wait_select_recv_closed, wake_close, 0, NULL},
    {"select that sends, close", NULL, wait_select_send_closed, wake_close, 0, NULL},
    {"channel, deadline", NULL, wait_recv_late, NULL, 0, NULL},
    {"select, deadline", NULL, wait_select_late, NULL, 0, NULL},
    {"sleep", NULL, wait_sleep, NULL, 0, NULL},
    {"after", NULL, wait_after, NULL, 0, NULL},
    {"timer", NULL, wait_timer, NULL, 0, NULL},
    {"ticker", NULL, wait_ticker, NULL, 0, NULL},
};

static void test_channels_and_times_wake_whoever_is_copied_out(void **state)
{
    (void)state;
    wake_evicted_ones(kinds, sizeof kinds / sizeof kinds[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_channels_and_times_wake_whoever_is_copied_out)};
    watchdog(120);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
