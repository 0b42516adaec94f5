/* SPDX-License-Identifier: MIT */
/* bench_wait - the items that wait for a timer or a context. */
#include "bench.h"

#include <mote.h>

#include <stdatomic.h>

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

struct crowd {
    mote_ctx *ctx;
    mote_wg ready, ended;
    atomic_long woken;
};

static void wait_for_cancel(struct crowd *m)
{
    mote_wg_done(&m->ready);
    bench_check(mote_recv(mote_ctx_done(m->ctx), NULL) == -EPIPE, "ctx_cancel: mote_recv");
    atomic_fetch_add(&m->woken, 1);
    mote_wg_done(&m->ended);
}

/* n tasks wait for one context to be cancelled; from the cancel until all have ended, per task. */
struct measured bench_ctx_cancel(long n)
{
    struct crowd m = {.ctx = mote_ctx_with_cancel(mote_ctx_background())};
    bench_check(m.ctx != NULL, "ctx_cancel: mote_ctx_with_cancel");
    mote_wg_add(&m.ready, (int)n);
    mote_wg_add(&m.ended, (int)n);
    for (long i = 0; i < n; i++)
        bench_check(mote_go(wait_for_cancel, &m) == 0, "ctx_cancel: mote_go");
    mote_wg_wait(&m.ready);
    mote_sleep(MOTE_MS); /* let the last ones reach their receive */
    long early = m.woken;
    int64_t start = mote_now();
    mote_ctx_cancel(m.ctx, 0);
    mote_wg_wait(&m.ended);
    int64_t took = mote_now() - start;
    bench_check(early == 0 && m.woken == n, "ctx_cancel: woken");
    mote_ctx_free(m.ctx);
    return (struct measured){n, took};
}
