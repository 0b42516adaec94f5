/* SPDX-License-Identifier: MIT */
/* bench_sync - the items that wait for locks and conditions. */
#include "bench.h"

#include <mote.h>

struct pairs {
    mote_mutex mutex;
    mote_rwmutex rwmutex;
    mote_wg wg;
    long each;
    long count;
};

static void lock_and_unlock(struct pairs *p)
{
    for (long i = 0; i < p->each; i++) {
        mote_mutex_lock(&p->mutex);
        p->count++;
        mote_mutex_unlock(&p->mutex);
    }
    mote_wg_done(&p->wg);
}

static void read_lock_and_unlock(struct pairs *p)
{
    for (long i = 0; i < p->each; i++) {
        mote_rwmutex_rlock(&p->rwmutex);
        mote_rwmutex_runlock(&p->rwmutex);
    }
    mote_rwmutex_lock(&p->rwmutex);
    p->count += p->each;
    mote_rwmutex_unlock(&p->rwmutex);
    mote_wg_done(&p->wg);
}

/* n pairs in all, shared out evenly to the tasks; per pair. */
static struct measured share_out(void (*task)(struct pairs *p), int tasks, long n)
{
    struct pairs p = {.each = n / tasks};
    mote_wg_add(&p.wg, tasks);
    int64_t start = mote_now();
    for (int i = 0; i < tasks; i++)
        bench_check(mote_go(task, &p) == 0, "sync: mote_go");
    mote_wg_wait(&p.wg);
    int64_t took = mote_now() - start;
    bench_check(p.count == p.each * tasks, "sync: count");
    return (struct measured){p.count, took};
}

/* n lock and unlock pairs on one mutex. */
struct measured bench_mutex_1(long n) { return share_out(lock_and_unlock, 1, n); }

struct measured bench_mutex_4(long n) { return share_out(lock_and_unlock, 4, n); }

/* n pairs of four readers; at its end each writes once. */
struct measured bench_rwmutex_read(long n) { return share_out(read_lock_and_unlock, 4, n); }

struct crowd {
    mote_mutex mutex;
    mote_cond cond;
    mote_wg ended;
    long waiting, woken;
    bool go;
};

static void wait_for_broadcast(struct crowd *c)
{
    mote_mutex_lock(&c->mutex);
    c->waiting++;
    while (!c->go)
        mote_cond_wait(&c->cond, &c->mutex);
    c->woken++;
    mote_mutex_unlock(&c->mutex);
    mote_wg_done(&c->ended);
}

/* n tasks wait for one condition; from the broadcast until all have ended, per task. */
struct measured bench_cond_broadcast(long n)
{
    struct crowd c = {0};
    mote_wg_add(&c.ended, (int)n);
    for (long i = 0; i < n; i++)
        bench_check(mote_go(wait_for_broadcast, &c) == 0, "cond_broadcast: mote_go");
    for (long waiting = 0; waiting < n;) {
        mote_yield();
        mote_mutex_lock(&c.mutex);
        waiting = c.waiting;
        mote_mutex_unlock(&c.mutex);
    }
    int64_t start = mote_now();
    mote_mutex_lock(&c.mutex);
    c.go = true;
    mote_cond_broadcast(&c.cond);
    mote_mutex_unlock(&c.mutex);
    mote_wg_wait(&c.ended);
    int64_t took = mote_now() - start;
    bench_check(c.woken == n, "cond_broadcast: woken");
    return (struct measured){n, took};
}
