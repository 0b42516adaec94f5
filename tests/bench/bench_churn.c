/* SPDX-License-Identifier: MIT */
/* bench_churn - the item with many live stacks of changing depth. */
#include "bench.h"

#include <mote.h>

#include <stdatomic.h>

#define ROUNDS 20
#define DEPTHS 20
#define WORDS 8
#define STEP UINT64_C(0x9e3779b97f4a7c15)

/* Yields under depth frames of eight words each. Word i of a frame is seed + i * STEP, the next frame's seed is word 7
 * + 1, and each frame looks at its words again on the way back. Returns how many were wrong. The words are volatile so
 * that the compiler really keeps them on the stack. */
static __attribute__((noinline)) int descend(int depth, uint64_t seed)
{
    if (depth == 0) {
        mote_yield();
        return 0;
    }
    volatile uint64_t words[WORDS];
    for (unsigned i = 0; i < WORDS; i++)
        words[i] = seed + i * STEP;
    int wrong = descend(depth - 1, words[WORDS - 1] + 1);
    for (unsigned i = 0; i < WORDS; i++)
        wrong += words[i] != seed + i * STEP;
    return wrong;
}

struct churn {
    mote_wg ended;
    atomic_long wrong, yields;
};

static void churner(uint64_t id, struct churn *c)
{
    uint64_t state = id;
    int bad = 0, rounds = 0;
    for (; rounds < ROUNDS; rounds++) {
        state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        bad += descend((int)((state >> 33) % DEPTHS), state);
    }
    if (bad)
        atomic_fetch_add(&c->wrong, bad);
    atomic_fetch_add(&c->yields, rounds);
    mote_wg_done(&c->ended);
}

/* n tasks, all alive together, of 20 rounds each: step a linear congruential generator that starts at the task's
 * number, take the depth from its upper bits and the seed from the whole, descend. Per yield. */
struct measured bench_churn(long n)
{
    struct churn c = {0};
    mote_wg_add(&c.ended, (int)n);
    int64_t start = mote_now();
    for (long i = 0; i < n; i++)
        bench_check(mote_go(churner, (uint64_t)i, &c) == 0, "churn: mote_go");
    mote_wg_wait(&c.ended);
    int64_t took = mote_now() - start;
    bench_check(c.wrong == 0, "churn: words");
    bench_check(c.yields == n * ROUNDS, "churn: yields");
    return (struct measured){n * ROUNDS, took};
}
