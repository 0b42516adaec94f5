/* SPDX-License-Identifier: MIT */
/* bench_thread - what the same costs with plain threads, on as many processors as there are: --procs means nothing
 * here. */
#include "bench.h"

#include <mote.h>

#include <pthread.h>

static void *count_one(void *arg)
{
    ++*(long *)arg;
    return NULL;
}

/* n times, start one thread and join it. */
struct measured bench_thread_spawn(long n)
{
    long count = 0;
    int64_t start = mote_now();
    for (long i = 0; i < n; i++) {
        pthread_t thread;
        bench_check(pthread_create(&thread, NULL, count_one, &count) == 0, "thread_spawn: pthread_create");
        pthread_join(thread, NULL);
    }
    int64_t took = mote_now() - start;
    bench_check(count == n, "thread_spawn: count");
    return (struct measured){n, took};
}

struct table {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    long turns; /* lock: taken by both sides; even ones are the first side's */
    long n;
};

static void play(struct table *t, long side)
{
    pthread_mutex_lock(&t->lock);
    for (long i = 0; i < t->n; i++) {
        while (t->turns % 2 != side)
            pthread_cond_wait(&t->changed, &t->lock);
        t->turns++;
        pthread_cond_signal(&t->changed);
    }
    pthread_mutex_unlock(&t->lock);
}

static void *play_first(void *arg)
{
    play(arg, 0);
    return NULL;
}

static void *play_second(void *arg)
{
    play(arg, 1);
    return NULL;
}

/* Two threads hand the turn back and forth n times over a condition variable; per round trip. */
struct measured bench_thread_switch(long n)
{
    struct table t = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER, .n = n};
    pthread_t first, second;
    int64_t start = mote_now();
    bench_check(pthread_create(&first, NULL, play_first, &t) == 0, "thread_switch: pthread_create");
    bench_check(pthread_create(&second, NULL, play_second, &t) == 0, "thread_switch: pthread_create");
    pthread_join(first, NULL);
    pthread_join(second, NULL);
    int64_t took = mote_now() - start;
    bench_check(t.turns == 2 * n, "thread_switch: turns");
    return (struct measured){n, took};
}
