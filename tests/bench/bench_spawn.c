/* SPDX-License-Identifier: MIT */
/* bench_spawn - the items that start tasks and join them. */
#include "bench.h"

#include <mote.h>

#include <stdlib.h>

#define BATCH 1000

static void empty(mote_wg *wg) { mote_wg_done(wg); }

/* n times, start one empty task and wait for it. */
struct measured bench_spawn_wait(long n)
{
    mote_wg wg = {0};
    int64_t start = mote_now();
    for (long i = 0; i < n; i++) {
        mote_wg_add(&wg, 1);
        bench_check(mote_go(empty, &wg) == 0, "spawn_wait: mote_go");
        mote_wg_wait(&wg);
    }
    return (struct measured){n, mote_now() - start};
}

/* n batches of 1000 empty tasks; per task. */
struct measured bench_spawn_batch(long n)
{
    mote_wg wg = {0};
    int64_t start = mote_now();
    for (long i = 0; i < n; i++) {
        mote_wg_add(&wg, BATCH);
        for (int j = 0; j < BATCH; j++)
            bench_check(mote_go(empty, &wg) == 0, "spawn_batch: mote_go");
        mote_wg_wait(&wg);
    }
    return (struct measured){n * BATCH, mote_now() - start};
}

/* Runs one of the two below; per task started, which is one for each call with n >= 2, so fib(n+1) - 1 in all (317,810
 * for fib(27)). */
static struct measured measure_fib(long (*fib)(long n), long n, const char *what)
{
    int64_t start = mote_now();
    long got = fib(n);
    int64_t took = mote_now() - start;
    long a = 0, b = 1; /* fib(i), fib(i+1) */
    for (long i = 0; i < n; i++) {
        long next = a + b;
        a = b;
        b = next;
    }
    bench_check(got == a, what);
    return (struct measured){b - 1, took};
}

static void fib_half(long n, long *result, mote_wg *wg);

/* On a pinned task: the other half works on this one's locals. */
static __attribute__((noinline)) long fib_lent(long n)
{
    if (n < 2)
        return n;
    mote_wg wg = {0};
    long a;
    mote_wg_add(&wg, 1);
    bench_check(mote_go_pinned(fib_half, n - 1, &a, &wg) == 0, "fib: mote_go_pinned");
    long b = fib_lent(n - 2);
    mote_wg_wait(&wg);
    return a + b;
}

static void fib_half(long n, long *result, mote_wg *wg)
{
    *result = fib_lent(n);
    mote_wg_done(wg);
}

/* The size is n. Each task has a stack of its own, on which its parent's half is lent the result and the wait group. */
struct measured bench_fib(long n) { return measure_fib(fib_lent, n, "fib: value"); }

struct join {
    mote_wg wg;
    long result;
};

static void fib_copied_half(long n, struct join *join);

static __attribute__((noinline)) long fib_heap(long n)
{
    if (n < 2)
        return n;
    struct join *join = calloc(1, sizeof *join);
    bench_check(join != NULL, "fib_copied: calloc");
    mote_wg_add(&join->wg, 1);
    bench_check(mote_go(fib_copied_half, n - 1, join) == 0, "fib_copied: mote_go");
    long b = fib_heap(n - 2);
    mote_wg_wait(&join->wg);
    long a = join->result;
    free(join);
    return a + b;
}

static void fib_copied_half(long n, struct join *join)
{
    join->result = fib_heap(n);
    mote_wg_done(&join->wg);
}

/* The same with ordinary tasks, whose stacks are copied: what they share is on the heap. */
struct measured bench_fib_copied(long n) { return measure_fib(fib_heap, n, "fib_copied: value"); }
