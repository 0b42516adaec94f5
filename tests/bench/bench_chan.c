/* SPDX-License-Identifier: MIT */
/* bench_chan - the items that pass messages. In those with two sides of one task each, the caller is one of them.
 * Holds:  a channel is freed by who received the last message: who sent it doesn't touch the channel again. */
#include "bench.h"

#include <mote.h>

#include <stdatomic.h>
#include <stdlib.h>

#define BUFFERED 128
#define SIDES 4
#define RING 1000
#define FAN_OUT 10

static mote_chan(long) make(size_t capacity)
{
    mote_chan(long) c = mote_chan_make(long, capacity);
    bench_check(c != NULL, "mote_chan_make");
    return c;
}

static void send(mote_chan(long) c, long v) { bench_check(mote_send(c, v) == 0, "mote_send"); }

static long receive(mote_chan(long) c)
{
    long v;
    bench_check(mote_recv(c, &v) == 0, "mote_recv");
    return v;
}

static void ponger(mote_chan(long) a, mote_chan(long) b, long n)
{
    for (long i = 0; i < n; i++)
        send(b, receive(a) + 1);
}

/* n round trips over two unbuffered channels; per round trip. */
struct measured bench_chan_pingpong(long n)
{
    mote_chan(long) a = make(0), b = make(0);
    int64_t start = mote_now();
    bench_check(mote_go(ponger, a, b, n) == 0, "chan_pingpong: mote_go");
    long sum = 0;
    for (long i = 0; i < n; i++) {
        send(a, i);
        sum += receive(b);
    }
    int64_t took = mote_now() - start;
    bench_check(sum == n * (n + 1) / 2, "chan_pingpong: sum");
    mote_chan_free(a);
    mote_chan_free(b);
    return (struct measured){n, took};
}

static void select_send(mote_chan(long) c, long v, mote_chan(long) never)
{
    long dropped;
    bench_check(mote_select(MOTE_SEND(c, v), MOTE_RECV(never, &dropped)) == 0, "mote_select, sending");
}

static long select_receive(mote_chan(long) c, mote_chan(long) never)
{
    long v, dropped;
    bench_check(mote_select(MOTE_RECV(c, &v), MOTE_RECV(never, &dropped)) == 0, "mote_select, receiving");
    return v;
}

static void select_ponger(mote_chan(long) a, mote_chan(long) b, mote_chan(long) never, long n, mote_wg *wg)
{
    for (long i = 0; i < n; i++)
        select_send(b, select_receive(a, never) + 1, never);
    mote_wg_done(wg);
}

/* The same with every send and receive in a two-way select whose other way, a receive both sides share, is never ready. */
struct measured bench_select_pingpong(long n)
{
    mote_chan(long) a = make(0), b = make(0), never = make(0);
    mote_wg wg = {0}; /* for who has sent the last message may still leave its queue */
    mote_wg_add(&wg, 1);
    int64_t start = mote_now();
    bench_check(mote_go(select_ponger, a, b, never, n, &wg) == 0, "select_pingpong: mote_go");
    long sum = 0;
    for (long i = 0; i < n; i++) {
        select_send(a, i, never);
        sum += select_receive(b, never);
    }
    int64_t took = mote_now() - start;
    bench_check(sum == n * (n + 1) / 2, "select_pingpong: sum");
    mote_wg_wait(&wg);
    mote_chan_free(a);
    mote_chan_free(b);
    mote_chan_free(never);
    return (struct measured){n, took};
}

static void producer(mote_chan(long) c, long n)
{
    for (long i = 0; i < n; i++)
        send(c, i);
}

/* n messages from one task to the caller through a buffer of 128; per message. */
struct measured bench_chan_spsc(long n)
{
    mote_chan(long) c = make(BUFFERED);
    int64_t start = mote_now();
    bench_check(mote_go(producer, c, n) == 0, "chan_spsc: mote_go");
    long sum = 0;
    for (long i = 0; i < n; i++)
        sum += receive(c);
    int64_t took = mote_now() - start;
    bench_check(sum == n * (n - 1) / 2, "chan_spsc: sum");
    mote_chan_free(c);
    return (struct measured){n, took};
}

struct crowd {
    mote_chan(long) c;
    mote_wg producers, consumers;
    atomic_long sum;
};

static void crowd_producer(struct crowd *m, long n)
{
    producer(m->c, n);
    mote_wg_done(&m->producers);
}

static void crowd_consumer(struct crowd *m)
{
    long part = 0;
    mote_chan_range (m->c, v)
        part += v;
    atomic_fetch_add(&m->sum, part);
    mote_wg_done(&m->consumers);
}

/* n messages in all from four tasks to four others through one buffer of 128, closed when the last is sent; per
 * message. Each producer sends 0 to n/4 - 1. */
struct measured bench_chan_mpmc(long n)
{
    struct crowd m = {.c = make(BUFFERED)};
    long each = n / SIDES;
    mote_wg_add(&m.producers, SIDES);
    mote_wg_add(&m.consumers, SIDES);
    int64_t start = mote_now();
    for (int t = 0; t < SIDES; t++) {
        bench_check(mote_go(crowd_producer, &m, each) == 0, "chan_mpmc: mote_go");
        bench_check(mote_go(crowd_consumer, &m) == 0, "chan_mpmc: mote_go");
    }
    mote_wg_wait(&m.producers);
    mote_chan_close(m.c);
    mote_wg_wait(&m.consumers);
    int64_t took = mote_now() - start;
    bench_check(m.sum == SIDES * (each * (each - 1) / 2), "chan_mpmc: sum");
    mote_chan_free(m.c);
    return (struct measured){each * SIDES, took};
}

static void ring_node(mote_chan(long) in, mote_chan(long) out, long n)
{
    for (long i = 0; i < n; i++)
        send(out, receive(in) + 1);
}

static void ring_last(mote_chan(long) in, mote_chan(long) first, mote_chan(long) done, long n)
{
    ring_node(in, first, n - 1);
    send(done, receive(in) + 1);
}

/* The size is how often one message goes round a ring of 1000 tasks linked by unbuffered channels; per hop. The caller
 * puts the message in and the last task hands it back at the end; the tasks are started before the clock. */
struct measured bench_ring_hop(long rounds)
{
    mote_chan(long) done = make(0);
    mote_chan(long) links[RING];
    for (int i = 0; i < RING; i++)
        links[i] = make(0);
    for (int i = 0; i < RING - 1; i++)
        bench_check(mote_go(ring_node, links[i], links[i + 1], rounds) == 0, "ring_hop: mote_go");
    bench_check(mote_go(ring_last, links[RING - 1], links[0], done, rounds) == 0, "ring_hop: mote_go");
    int64_t start = mote_now();
    send(links[0], 0);
    long hops = receive(done);
    int64_t took = mote_now() - start;
    bench_check(hops == RING * rounds, "ring_hop: hops");
    for (int i = 0; i < RING; i++)
        mote_chan_free(links[i]);
    mote_chan_free(done);
    return (struct measured){hops, took};
}

/* Sends to up the sum of the leaves number .. number + leaves - 1: its own number for a leaf, else what its ten
 * children send to its channel. */
static void skynet_node(mote_chan(long) up, long number, long leaves)
{
    if (leaves == 1) {
        send(up, number);
        return;
    }
    mote_chan(long) c = make(0);
    for (long i = 0; i < FAN_OUT; i++)
        bench_check(mote_go(skynet_node, c, number + i * leaves / FAN_OUT, leaves / FAN_OUT) == 0, "skynet: mote_go");
    long sum = 0;
    for (int i = 0; i < FAN_OUT; i++)
        sum += receive(c);
    mote_chan_free(c);
    send(up, sum);
}

/* The size is the number of leaves, a power of ten. Every node is a task; the channels are unbuffered. Per leaf. */
struct measured bench_skynet(long leaves)
{
    mote_chan(long) c = make(0);
    int64_t start = mote_now();
    bench_check(mote_go(skynet_node, c, 0L, leaves) == 0, "skynet: mote_go");
    long sum = receive(c);
    int64_t took = mote_now() - start;
    bench_check(sum == leaves * (leaves - 1) / 2, "skynet: sum");
    mote_chan_free(c);
    return (struct measured){leaves, took};
}
