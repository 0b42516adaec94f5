/* SPDX-License-Identifier: MIT */
/* bench_group - tasks under a group. */
#include "bench.h"

#include <mote.h>

#define BATCH 1000

static int succeed(long i) { return i < 0; }

static int fail(long i) { return i < 0 ? 0 : -1; }

/* n batches of 1000 tasks that return 0, each batch under a group with a context; per task. */
struct measured bench_group_go(long n)
{
    mote_group group = {0};
    int64_t start = mote_now();
    for (long i = 0; i < n; i++) {
        bench_check(mote_group_ctx(&group) != NULL, "group_go: mote_group_ctx");
        for (long j = 0; j < BATCH; j++)
            bench_check(mote_group_go(&group, succeed, j) == 0, "group_go: mote_group_go");
        bench_check(mote_group_wait(&group) == 0, "group_go: result");
    }
    int64_t took = mote_now() - start;
    bench_check(mote_group_go(&group, fail, 1) == 0 && mote_group_wait(&group) == -1, "group_go: error");
    return (struct measured){n * BATCH, took};
}
