/* SPDX-License-Identifier: MIT */
/* bench_wait - the items that wait for a timer. */
#include "bench.h"

#include <mote.h>

#define NAP (10 * MOTE_MS)

static void sleeper(mote_wg *ended)
{
    bench_check(mote_sleep(NAP) == 0, "sleepers: mote_sleep");
    mote_wg_done(ended);
}

/* n tasks sleep 10 ms each; from before the first is started until the last has ended, per task (so the sleep itself is a
 * part). */
struct measured bench_sleepers(long n)
{
    mote_wg ended = {0};
    mote_wg_add(&ended, (int)n);
    int64_t start = mote_now();
    for (long i = 0; i < n; i++)
        bench_check(mote_go(sleeper, &ended) == 0, "sleepers: mote_go");
    mote_wg_wait(&ended);
    int64_t took = mote_now() - start;
    bench_check(took >= NAP, "sleepers: woken early");
    return (struct measured){n, took};
}
