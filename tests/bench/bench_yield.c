/* SPDX-License-Identifier: MIT */
/* bench_yield - the item that only switches. */
#include "bench.h"

#include <mote.h>

#include <stdatomic.h>

struct yields {
    mote_wg ended;
    atomic_long calls;
};

static void yielder(long n, struct yields *y)
{
    long i = 0;
    for (; i < n; i++)
        mote_yield();
    atomic_fetch_add(&y->calls, i);
    mote_wg_done(&y->ended);
}

/* Two tasks call mote_yield n times each; per call. */
struct measured bench_yield(long n)
{
    struct yields y = {0};
    mote_wg_add(&y.ended, 2);
    int64_t start = mote_now();
    for (int t = 0; t < 2; t++)
        bench_check(mote_go(yielder, n, &y) == 0, "yield: mote_go");
    mote_wg_wait(&y.ended);
    int64_t took = mote_now() - start;
    bench_check(y.calls == 2 * n, "yield: calls");
    return (struct measured){2 * n, took};
}
