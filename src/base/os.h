/* SPDX-License-Identifier: MIT */
/* os - the seam to the operating system: pages, clock, futex, processors, the asymmetric barrier.
 * Job:    the only file whose functions differ between systems. Everything above it is the same everywhere.
 * Holds:  O1 pages are zero when they are got or given back. O2 a failure is returned, never printed; injected failures
 *         (os_fail_after) take the same path as real ones.
 * Not here: policy: how much, when.
 */
#ifndef BASE_OS_H
#define BASE_OS_H

#include "base/atomic.h"

#include <stddef.h>
#include <stdint.h>

/* Address space without memory: nothing may touch it before os_commit. NULL when there is none. `align` is a power of two,
 * at least the page size. */
void *os_reserve(size_t bytes, size_t align);
/* Makes part of a reservation readable and writable. -ENOMEM on failure. */
int os_commit(void *at, size_t bytes);
/* os_reserve and os_commit in one. */
void *os_pages(size_t bytes, size_t align);
void os_release(void *at, size_t bytes);
/* Gives the memory back but keeps the range; it reads as zero then. */
void os_discard(void *at, size_t bytes);
/* Has the pages there before they are used, if the kernel can do that: one by one they cost a fault each. */
void os_touch(void *at, size_t bytes);
void os_no_huge(void *at, size_t bytes);

int64_t os_now(void);
/* os_now is clock() from now on, for the callers for whom that isn't 0; NULL: for nobody. */
void os_set_clock(int64_t (*clock)(void));

/* Sleeps while *word == expected, until woken or the absolute deadline (INT64_MAX: none). May return early. */
void os_futex_wait(_Atomic uint32_t *word, uint32_t expected, int64_t deadline);
void os_futex_wake(_Atomic uint32_t *word, int how_many);

/* Gives the processor away for a moment: a longer one the more often the caller has tried. */
void os_back_off(unsigned tries);

/* Processors that this process may use: the affinity mask, cut to the cgroup's quota (rounded up); at least 1. */
int os_processors(void);

/* Threads of this process; 0: unknown. */
int os_threads(void);

/* The calling thread's number for the kernel, and whether the thread of that number computes, or would if it had a processor: false
 * when it waits in the kernel, and when nobody knows. */
int os_thread_id(void);
bool os_thread_runs(int id);

/* The asymmetric barrier: after os_barrier_heavy, every other thread has passed a full fence since the call began, so the
 * frequent side of a store-load race needs only a compiler barrier. About 10 us. os_barrier_ready says whether the kernel has
 * it; where not, both sides use real fences. */
bool os_barrier_ready(void);
void os_barrier_heavy(void);

/* Tests: the nth os_reserve/os_commit/os_pages from now on fails (1: the next), and all after it; 0: none. */
void os_fail_after(int n);

#endif
