/* SPDX-License-Identifier: MIT */
/* test_select - what a select gives in each state of its channels, from tasks and threads; chance among the ready; order among
 * those who wait. */
#include "support.h"

#include <errno.h>

/* The truth table: each kind of channel on both sides */

enum channel { NONE, EMPTY, HALF, FULL, CLOSED, CLOSED_HALF, CHANNELS };

static mote_chan(int) make(enum channel kind)
{
    if (kind == NONE)
        return NULL;
    mote_chan(int) c = mote_chan_make(int, 2);
    int elements = kind == HALF || kind == CLOSED_HALF ? 1 : kind == FULL ? 2 : 0;
    for (int i = 0; i < elements; i++)
        CHECK(mote_send(c, 70 + i) == 0);
    if (kind >= CLOSED)
        CHECK(mote_chan_close(c) == 0);
    return c;
}

static bool can_send(enum channel kind) { return kind == EMPTY || kind == HALF || kind >= CLOSED; }
static bool can_receive(enum channel kind) { return kind >= HALF; }

static void check_sent(mote_chan(int) c, enum channel kind, int status)
{
    CHECK(status == (kind >= CLOSED ? -EPIPE : 0));
    CHECK(mote_chan_len(c) == (size_t)(kind == EMPTY ? 1 : kind == HALF ? 2 : kind == CLOSED_HALF ? 1 : 0));
}

static void check_received(mote_chan(int) c, enum channel kind, int status, int v)
{
    CHECK(status == (kind == CLOSED ? -EPIPE : 0));
    CHECK(v == (kind == CLOSED ? 0 : 70));
    CHECK(mote_chan_len(c) == (size_t)(kind == FULL));
}

/* One pair of channels, with a default or a deadline that has passed or soon will. */
static void check_pair(enum channel to, enum channel from, int way)
{
    mote_chan(int) out = make(to);
    mote_chan(int) in = make(from);
    size_t in_len = mote_chan_len(in), out_len = mote_chan_len(out);
    int v = 5, status = 99, i;
    if (way == 0) {
        i = mote_select_status(&status, MOTE_SEND(out, 7), MOTE_RECV(in, &v), MOTE_DEFAULT);
    } else if (way == 1) {
        i = mote_select_status(&status, MOTE_SEND(out, 7), MOTE_RECV(in, &v), MOTE_AFTER(100 * MOTE_US));
    } else {
        mote_case cases[] = {MOTE_SEND(out, 7), MOTE_RECV(in, &v)};
        i = mote_select_n(cases, 2, way == 2 ? 0 : mote_now() + 100 * MOTE_US);
        status = i >= 0 ? cases[i].status : 0;
        i = i == -ETIMEDOUT ? 2 : i;
    }
    CHECK(i == 2   ? !can_send(to) && !can_receive(from) && status == 0
          : i == 0 ? can_send(to)
                   : i == 1 && can_receive(from));
    if (i == 0)
        check_sent(out, to, status);
    else
        CHECK(mote_chan_len(out) == out_len);
    if (i == 1)
        check_received(in, from, status, v);
    else
        CHECK(v == 5 && mote_chan_len(in) == in_len);
    mote_chan_free(out);
    mote_chan_free(in);
}

static void check_table(void *arg)
{
    (void)arg;
    for (enum channel to = 0; to < CHANNELS; to++)
        for (enum channel from = 0; from < CHANNELS; from++)
            for (int way = 0; way < 4; way++)
                for (int times = 0; times < 3; times++)
                    check_pair(to, from, way);
}

static void in_copied_task(void *arg)
{
    (void)arg;
    for (int i = 0; i < 3; i++)
        CHECK(mote_go(check_table, NULL) == 0);
    yield_until_alone();
}

static void test_each_state_of_two_channels(void **state)
{
    (void)state;
    check_table(NULL); /* a plain thread without a runtime */
    run_with(&one_proc, check_table, NULL);
    run_with(&one_proc, in_copied_task, NULL);
    run_with(&two_procs, in_copied_task, NULL);
    assert_int_equal(mote_start(&one_proc), 0);
    check_table(NULL); /* and with one */
    assert_int_equal(mote_stop(MOTE_FOREVER), 0);
}

/* The edges of the arguments */

static void check_edges(void *arg)
{
    (void)arg;
    int v = 5;
    mote_chan(int) none = NULL;
    mote_case cases[] = {MOTE_RECV(none, &v), MOTE_AFTER(-MOTE_S), MOTE_AFTER(MOTE_FOREVER)};
    CHECK(mote_select_n(cases, 3, MOTE_FOREVER) == 1);
    CHECK(mote_select_n(cases, 1, mote_now() + MOTE_MS) == -ETIMEDOUT);
    CHECK(mote_select_n(cases, 0, mote_now() + MOTE_MS) == -ETIMEDOUT);
    CHECK(mote_select_n(NULL, 0, INT64_MIN) == -ETIMEDOUT);
    CHECK(mote_select_n(cases, -1, 0) == -EINVAL);
    CHECK(mote_select_n(cases, MOTE_CASES_MAX + 1, 0) == -EINVAL);
    cases[0].mote__kind = MOTE__CASE_DONE + 1;
    CHECK(mote_select_n(cases, 3, 0) == -EINVAL);
    CHECK(mote_select(MOTE_AFTER(MOTE_S), MOTE_DEFAULT, MOTE_AFTER(0)) == 1);
    CHECK(mote_select(MOTE_AFTER(5 * MOTE_S), MOTE_AFTER(MOTE_MS), MOTE_AFTER(MOTE_FOREVER)) == 1);
    CHECK(v == 5);
}

static void test_deadlines_and_bad_arguments(void **state)
{
    (void)state;
    check_edges(NULL);
    run_with(&two_procs, check_edges, NULL);
}

/* A select that waits, and what wakes it */

static _Atomic int parked, over;

static void receive_from_two(mote_chan(int) a, mote_chan(int) b, int index, int status, int value)
{
    int v = 5, w = 5, got;
    parked++;
    CHECK(mote_select_status(&got, MOTE_RECV(a, &v), MOTE_RECV(b, &w), MOTE_RECV(a, &v)) == index);
    CHECK(got == status);
    CHECK((index == 1 ? w : v) == value && (index == 1 ? v : w) == 5);
    over++;
}

static void send_to_two(mote_chan(int) a, mote_chan(int) b, int index, int status)
{
    int got;
    parked++;
    CHECK(mote_select_status(&got, MOTE_SEND(a, 8), MOTE_SEND(b, 9)) == index);
    CHECK(got == status);
    over++;
}

/* On one proc a task that has counted itself is parked as soon as it switches. */
static void yield_until_parked(int n)
{
    while (parked < n)
        mote_yield();
}

/* Nobody waits on it. */
static void check_unused(mote_chan(int) c)
{
    int v;
    CHECK(mote_try_recv(c, &v) == -EAGAIN && mote_try_send(c, 1) == -EAGAIN);
}

static void wake_receiving_selects(mote_chan(int) a, mote_chan(int) b)
{
    parked = over = 0;
    CHECK(mote_go(receive_from_two, a, b, 1, 0, 3) == 0);
    yield_until_parked(1);
    CHECK(mote_send(b, 3) == 0);
    CHECK(mote_try_send(a, 4) == -EAGAIN); /* it has been chosen, though it hasn't run yet */
    yield_until_alone();
    CHECK(over == 1);
    for (int i = 0; i < 3; i++) { /* in the order in which they came */
        CHECK(mote_go(receive_from_two, a, b, i % 2, 0, 10 + i) == 0);
        yield_until_parked(2 + i);
    }
    CHECK(mote_send(a, 10) == 0 && mote_send(b, 11) == 0 && mote_try_send(a, 12) == 0);
    check_unused(a);
    check_unused(b);
    yield_until_alone();
    CHECK(over == 4);
}

static void wake_sending_selects(mote_chan(int) a, mote_chan(int) b)
{
    int v = 0;
    parked = over = 0;
    CHECK(mote_go(send_to_two, a, b, 1, 0) == 0);
    yield_until_parked(1);
    CHECK(mote_go(send_to_two, a, b, 0, 0) == 0);
    yield_until_parked(2);
    CHECK(mote_recv(b, &v) == 0 && v == 9);
    CHECK(mote_recv(a, &v) == 0 && v == 8);
    check_unused(a);
    check_unused(b);
    yield_until_alone();
    CHECK(over == 2);
    CHECK(mote_go(send_to_two, a, b, 1, 0) == 0);
    yield_until_parked(3);
    CHECK(mote_select(MOTE_RECV(b, &v), MOTE_DEFAULT) == 0 && v == 9); /* by another select */
    CHECK(mote_select(MOTE_RECV(a, &v), MOTE_DEFAULT) == 1);
    yield_until_alone();
    CHECK(over == 3);
}

static void wake_waiting_selects(void *arg)
{
    (void)arg;
    mote_chan(int) a = mote_chan_make(int, 0);
    mote_chan(int) b = mote_chan_make(int, 0);
    wake_receiving_selects(a, b);
    wake_sending_selects(a, b);
    mote_chan_free(a);
    mote_chan_free(b);
}

static void test_waiting_selects_are_woken_once_and_leave_nothing(void **state)
{
    (void)state;
    run_with(&one_proc, wake_waiting_selects, NULL);
}

static void close_under_selects(void *arg)
{
    (void)arg;
    mote_chan(int) a = mote_chan_make(int, 0);
    mote_chan(int) b = mote_chan_make(int, 0);
    parked = over = 0;
    for (int i = 0; i < 10; i++)
        CHECK(mote_go(send_to_two, a, b, 1, -EPIPE) == 0);
    yield_until_parked(10);
    CHECK(mote_chan_close(b) == 0);
    check_unused(a);
    yield_until_alone();
    CHECK(over == 10);
    for (int i = 0; i < 10; i++)
        CHECK(mote_go(receive_from_two, a, NULL, 0, -EPIPE, 0) == 0);
    yield_until_parked(20);
    CHECK(mote_chan_close(a) == 0);
    yield_until_alone();
    CHECK(over == 20);
    mote_chan_free(a);
    mote_chan_free(b);
}

static void test_closing_wakes_selects(void **state)
{
    (void)state;
    run_with(&one_proc, close_under_selects, NULL);
}

/* Plain and selecting ones stand in one line, by turns. */

static void send_in_line(mote_chan(int) c, mote_chan(int) other, int i)
{
    parked++;
    if (i % 2)
        CHECK(mote_send(c, i) == 0);
    else
        CHECK(mote_select(MOTE_RECV(other, NULL), MOTE_SEND(c, i), MOTE_SEND(c, i)) >= 1);
}

static void receive_in_line(mote_chan(int) c, mote_chan(int) other, int i)
{
    int v = -1;
    parked++;
    if (i % 2)
        CHECK(mote_recv(c, &v) == 0);
    else
        CHECK(mote_select(MOTE_RECV(c, &v), MOTE_RECV(other, NULL), MOTE_RECV(c, &v)) != 1);
    CHECK(v == i);
}

static void stand_in_line(void *arg)
{
    (void)arg;
    int n = (int)scale(1000);
    mote_chan(int) c = mote_chan_make(int, 0);
    mote_chan(int) other = mote_chan_make(int, 0);
    for (int senders = 0; senders < 2; senders++) {
        parked = 0;
        for (int i = 0; i < n; i++) {
            CHECK((senders ? mote_go(send_in_line, c, other, i) : mote_go(receive_in_line, c, other, i)) == 0);
            yield_until_parked(i + 1);
        }
        for (int i = 0, v = i; i < n; i++, v = i)
            CHECK((senders ? mote_recv(c, &v) : mote_send(c, i)) == 0 && v == i);
        yield_until_alone();
        check_unused(c);
        check_unused(other);
    }
    mote_chan_free(c);
    mote_chan_free(other);
}

static void test_selects_are_served_first_in_first_out(void **state)
{
    (void)state;
    run_with(&one_proc, stand_in_line, NULL);
    run_with(&one_proc_two_homes, stand_in_line, NULL);
}

/* Both directions of one channel: two such selects meet, one never meets itself. */

static void either_way(mote_chan(int) c, int rounds)
{
    int v = 0, sum = 0;
    for (int i = 0; i < rounds; i++) {
        int way = mote_select(MOTE_SEND(c, 1), MOTE_RECV(c, &v), MOTE_SEND(c, 1));
        CHECK(way != 1 || v == 1);
        sum += way == 1 ? -1 : 1;
    }
    parked += sum;
}

static void meet(void *arg)
{
    (void)arg;
    mote_chan(int) c = mote_chan_make(int, 0);
    int v = 0, rounds = (int)scale(2000);
    parked = 0;
    CHECK(mote_select(MOTE_SEND(c, 1), MOTE_RECV(c, &v), MOTE_AFTER(MOTE_MS)) == 2);
    mote_task *one = mote_spawn(either_way, c, rounds), *two = mote_spawn(either_way, c, rounds);
    CHECK(mote_join(one, NULL) == 0 && mote_join(two, NULL) == 0);
    CHECK(parked == 0); /* as many sent as received */
    mote_chan_free(c);
}

static void test_selects_in_both_directions_meet_each_other(void **state)
{
    (void)state;
    run_with(&one_proc, meet, NULL);
    run_with(&two_procs, meet, NULL);
}

/* Chance */

static void count_choices(void *arg)
{
    (void)arg;
    enum { CASES = 4, TIMES = 20000 };
    int times = (int)scale(TIMES), count[CASES] = {0}, v;
    mote_chan(int) full = mote_chan_make(int, 1);
    mote_chan(int) none = NULL;
    mote_chan(int) waited = mote_chan_make(int, 0);
    mote_chan(int) closed = mote_chan_make(int, 0);
    mote_chan_close(closed);
    for (int i = 0; i < times; i++) {
        mote_try_send(full, 1);
        int k = mote_select(MOTE_RECV(full, &v), MOTE_RECV(closed, &v), MOTE_RECV(none, &v), MOTE_RECV(closed, NULL),
                            MOTE_RECV(waited, &v));
        CHECK(k == 0 || k == 1 || k == 3);
        count[k]++;
    }
    /* A third each: six standard deviations. */
    for (int k = 0; k < CASES; k++)
        CHECK(k == 2 || (count[k] - times / 3) * (count[k] - times / 3) < 8 * times);
    mote_chan_free(full);
    mote_chan_free(waited);
    mote_chan_free(closed);
}

static void test_chance_decides_among_the_ready_cases(void **state)
{
    (void)state;
    count_choices(NULL);
    run_with(&one_proc, count_choices, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_state_of_two_channels),
        cmocka_unit_test(test_deadlines_and_bad_arguments),
        cmocka_unit_test(test_waiting_selects_are_woken_once_and_leave_nothing),
        cmocka_unit_test(test_closing_wakes_selects),
        cmocka_unit_test(test_selects_are_served_first_in_first_out),
        cmocka_unit_test(test_selects_in_both_directions_meet_each_other),
        cmocka_unit_test(test_chance_decides_among_the_ready_cases),
    };
    watchdog(60);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
