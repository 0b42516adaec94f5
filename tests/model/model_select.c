/* SPDX-License-Identifier: MIT */
/* model_select - selects against each other, against closing, and against their deadlines.
 * Checks: G1-G6 of sync/selection.h, U1 and U3 of sync/select.c: each select ends in one way, an element that was sent is received
 *         once, nothing is left in a queue, and nobody touches a selection that was freed.
 */
#include "waits.h"

#include "sync/chan.c"
#include "sync/select.c"

#define DEADLINE WAITS_DEADLINE

static struct mote__chan a, b;
static long sent, received;   /* sums of elements */
static _Atomic uint32_t over; /* threads that have done */

uint32_t sched_random(uint32_t n) { return (uint32_t)model_choose((int)n); }

static mote_case sending(struct mote__chan *c, long *v) { return MOTE__CASE(MOTE__CASE_SEND, c, v); }
static mote_case receiving(struct mote__chan *c, long *v) { return MOTE__CASE(MOTE__CASE_RECV, c, v); }

/* A select of two, and what it did. */
static void select_two(mote_case first, mote_case second, int64_t deadline)
{
    mote_case cases[] = {first, second};
    int i = mote_select_n(cases, 2, deadline);
    MODEL_CHECK(i == 0 || i == 1 || (i == -ETIMEDOUT && deadline == DEADLINE));
    if (i >= 0 && cases[i].mote__kind == MOTE__CASE_SEND)
        sent += cases[i].status == 0 ? *(long *)cases[i].mote__value : 0;
    else if (i >= 0)
        received += *(long *)cases[i].mote__value;
    MODEL_CHECK(i < 0 || cases[i].status == 0 || (cases[i].status == -EPIPE && cases[i].mote__chan->closed));
    atom_add_seq(&over, 1);
}

static void send_a_or_receive_b(void)
{
    long v = 1, w = -1;
    select_two(sending(&a, &v), receiving(&b, &w), MOTE_FOREVER);
}

static void receive_a_or_send_b(void)
{
    long v = 2, w = -1;
    select_two(receiving(&a, &w), sending(&b, &v), MOTE_FOREVER);
}

static void send_or_receive_a(void)
{
    long v = 4, w = -1;
    select_two(sending(&a, &v), receiving(&a, &w), MOTE_FOREVER);
}

static void send_or_receive_a_until(void)
{
    long v = 4, w = -1;
    select_two(sending(&a, &v), receiving(&a, &w), DEADLINE);
}

static void receive_a_or_b(void)
{
    long v = -1, w = -1;
    select_two(receiving(&a, &v), receiving(&b, &w), MOTE_FOREVER);
}

static void receive_a_or_b_until(void)
{
    long v = -1, w = -1;
    select_two(receiving(&a, &v), receiving(&b, &w), DEADLINE);
}

/* The deadline comes, before or after it is armed. */
static void fire(void)
{
    while (!atom_load_rlx(&over)) {
        waits_fire();
        cpu_relax();
    }
}

static void fire_until_three(void)
{
    while (atom_load_rlx(&over) < 3) {
        waits_fire();
        cpu_relax();
    }
}

static void close_a(void) { MODEL_CHECK(mote__chan_close(&a) == 0); }

static void offer(struct mote__chan *c, long v)
{
    int error = mote__chan_try_send(c, &v);
    MODEL_CHECK(error == 0 || error == -EAGAIN);
    sent += error == 0 ? v : 0;
}

static void offer_a(void) { offer(&a, 8); }
static void offer_b(void) { offer(&b, 16); }

static void receive_a_until(void)
{
    long v = -1;
    int error = mote__chan_recv_until(&a, &v, DEADLINE);
    MODEL_CHECK(error == 0 || error == -ETIMEDOUT);
    received += error == 0 ? v : 0;
    atom_add_seq(&over, 1);
}

static void take_a(void)
{
    long v = -1;
    int error = mote__chan_try_recv(&a, &v);
    MODEL_CHECK(error == 0 || error == -EAGAIN);
    received += error == 0 ? v : 0;
}

static void send_a_until(void)
{
    long v = 32;
    int error = mote__chan_send_until(&a, &v, DEADLINE);
    MODEL_CHECK(error == 0 || error == -ETIMEDOUT);
    sent += error == 0 ? v : 0;
    atom_add_seq(&over, 1);
}

static void setup(void)
{
    waits_setup();
    memset(&a, 0, sizeof a);
    memset(&b, 0, sizeof b);
    a.size = b.size = sizeof(long);
    sent = received = 0;
    over = 0;
}

/* Its buffer lies behind it. */
static _Alignas(struct mote__chan) char room[sizeof(struct mote__chan) + sizeof(long)];
#define full ((struct mote__chan *)room)

static void setup_full(void)
{
    setup();
    *full = (struct mote__chan){.size = sizeof(long), .capacity = 1, .limit = 1, .count = 1};
    memcpy(full->buffer, &(long){64}, sizeof(long));
    sent = 64;
}

static void receive_full(void)
{
    long v = -1;
    MODEL_CHECK(mote__chan_recv(full, &v) == 0 && v == 64);
    received += v;
}

static void send_full_until(void)
{
    long v = 32;
    int error = mote__chan_send_until(full, &v, DEADLINE);
    MODEL_CHECK(error == 0 || error == -ETIMEDOUT);
    sent += error == 0 ? v : 0;
    atom_add_seq(&over, 1);
}

static bool empty(const struct mote__chan *c)
{
    return !c->senders.first && !c->receivers.first && c->senders.count == 0 && c->receivers.count == 0;
}

static void check_sums(int done, long left)
{
    MODEL_CHECK((int)over == done && sent == received + left);
    MODEL_CHECK(empty(&a) && empty(&b) && waits_out == 0);
}

static void check_one(void) { check_sums(1, 0); }
static void check_two(void) { check_sums(2, 0); }
static void check_three(void) { check_sums(3, 0); }
static void check_full(void)
{
    long v = 0;
    if (full->count)
        memcpy(&v, full->buffer, sizeof v);
    check_sums(1, v);
    MODEL_CHECK(empty(full));
}

#define BASE .setup = setup, .entered = park_entered

static const struct model models[] = {
    {BASE, .name = "close", .thread = {receive_a_or_b, close_a, offer_b}, .check = check_one, .preemptions = 2,
     .mutants = MUTANT_RELEASE},
    {BASE, .name = "two", .thread = {send_a_or_receive_b, receive_a_or_send_b}, .check = check_two, .preemptions = 3},
    {BASE, .name = "both_ways", .thread = {send_or_receive_a, send_or_receive_a}, .check = check_two, .preemptions = 3},
    {BASE, .name = "three",
     .thread = {send_or_receive_a_until, send_or_receive_a_until, send_or_receive_a_until, fire_until_three},
     .check = check_three, .random = 20000},
    {BASE, .name = "timeout", .thread = {receive_a_until, offer_a, fire}, .check = check_one, .preemptions = 2},
    {BASE, .name = "timeout_of_two", .thread = {receive_a_or_b_until, offer_a, offer_b, fire}, .check = check_one,
     .random = 20000},
    {BASE, .name = "timeout_of_sender", .thread = {send_a_until, take_a, fire}, .check = check_one, .preemptions = 1},
    {BASE, .name = "close_chance", .thread = {receive_a_or_b_until, receive_a_or_b, close_a, fire}, .check = check_two,
     .random = 20000},
    {.setup = setup_full,
     .entered = park_entered,
     .name = "refill",
     .thread = {send_full_until, receive_full, fire},
     .check = check_full,
     .preemptions = 1},
};

int main(int argc, char **argv) { return model_main(argc, argv, models, sizeof models / sizeof models[0]); }
