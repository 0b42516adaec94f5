/* SPDX-License-Identifier: MIT */
/* bench - what the files of mote-bench share: how an item reports, how a wrong result ends the program. */
#ifndef MOTE_BENCH_H
#define MOTE_BENCH_H

#include <stdbool.h>
#include <stdint.h>

/* What one run of an item did: so many operations, in so many nanoseconds. */
struct measured {
    long ops;
    int64_t took;
};

/* Ends the program with status 1 and a message unless ok. Tasks, threads and main may call it. */
void bench_check(bool ok, const char *what);

/* The items. Most sizes are counts of operations; where not, the definition says what the size is. */
struct measured bench_yield(long n);
struct measured bench_chan_pingpong(long n);
struct measured bench_select_pingpong(long n);
struct measured bench_chan_spsc(long n);
struct measured bench_chan_mpmc(long n);
struct measured bench_ring_hop(long rounds);
struct measured bench_skynet(long leaves);
struct measured bench_spawn_wait(long n);
struct measured bench_spawn_batch(long n);
struct measured bench_group_go(long n);
struct measured bench_fib(long n);
struct measured bench_fib_copied(long n);
struct measured bench_churn(long n);
struct measured bench_sleepers(long n);
struct measured bench_ctx_cancel(long n);
struct measured bench_mutex_1(long n);
struct measured bench_mutex_4(long n);
struct measured bench_rwmutex_read(long n);
struct measured bench_cond_broadcast(long n);
struct measured bench_thread_spawn(long n);
struct measured bench_thread_switch(long n);

#endif
