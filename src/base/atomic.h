/* SPDX-License-Identifier: MIT */
/* atomic - the only door to <stdatomic.h>, with the memory order in the name.
 * Job:    every atomic access in the library goes through these, so that a reader sees the order at the call, the lint pairs
 *         the tags, and the model tests can put a header of theirs in front (tests/model/base/atomic.h).
 * Holds:  the pair tags. Each `[Name what]` comment stands at both ends; tests/lint checks that and src/README.md lists them.
 * Not here: the asymmetric barrier (os.h), whose cheap side is atom_compiler_barrier.
 */
#ifndef BASE_ATOMIC_H
#define BASE_ATOMIC_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define atom_load_rlx(p) atomic_load_explicit((p), memory_order_relaxed)
#define atom_load_acq(p) atomic_load_explicit((p), memory_order_acquire)
#define atom_load_seq(p) atomic_load_explicit((p), memory_order_seq_cst)
#define atom_store_rlx(p, v) atomic_store_explicit((p), (v), memory_order_relaxed)
#define atom_store_rel(p, v) atomic_store_explicit((p), (v), memory_order_release)
#define atom_store_seq(p, v) atomic_store_explicit((p), (v), memory_order_seq_cst)
#define atom_swap_acq(p, v) atomic_exchange_explicit((p), (v), memory_order_acquire)
#define atom_swap_rel(p, v) atomic_exchange_explicit((p), (v), memory_order_release)
#define atom_swap_seq(p, v) atomic_exchange_explicit((p), (v), memory_order_seq_cst)
#define atom_add_rlx(p, v) atomic_fetch_add_explicit((p), (v), memory_order_relaxed)
#define atom_add_seq(p, v) atomic_fetch_add_explicit((p), (v), memory_order_seq_cst)
#define atom_sub_acq_rel(p, v) atomic_fetch_sub_explicit((p), (v), memory_order_acq_rel)
#define atom_sub_seq(p, v) atomic_fetch_sub_explicit((p), (v), memory_order_seq_cst)
#define atom_or_seq(p, v) atomic_fetch_or_explicit((p), (v), memory_order_seq_cst)
#define atom_and_seq(p, v) atomic_fetch_and_explicit((p), (v), memory_order_seq_cst)
#define atom_cas_rlx(p, expected, v)                                                                                   \
    atomic_compare_exchange_strong_explicit((p), (expected), (v), memory_order_relaxed, memory_order_relaxed)
#define atom_cas_acq(p, expected, v)                                                                                   \
    atomic_compare_exchange_strong_explicit((p), (expected), (v), memory_order_acquire, memory_order_relaxed)
#define atom_cas_rel(p, expected, v)                                                                                   \
    atomic_compare_exchange_strong_explicit((p), (expected), (v), memory_order_release, memory_order_relaxed)
#define atom_cas_acq_rel(p, expected, v)                                                                               \
    atomic_compare_exchange_strong_explicit((p), (expected), (v), memory_order_acq_rel, memory_order_acquire)
#define atom_cas_seq(p, expected, v)                                                                                   \
    atomic_compare_exchange_strong_explicit((p), (expected), (v), memory_order_seq_cst, memory_order_seq_cst)

/* ThreadSanitizer doesn't model fences; where the library uses one, the accesses beside it are seq_cst under it. */
#define atom_fence_seq() atomic_thread_fence(memory_order_seq_cst)
#define atom_compiler_barrier() atomic_signal_fence(memory_order_seq_cst)

/* A counter that one thread writes and others read at any time. */
#define atom_count(p)                                                                                                  \
    atomic_store_explicit((p), atomic_load_explicit((p), memory_order_relaxed) + 1, memory_order_relaxed)
#define atom_count_by(p, n)                                                                                            \
    atomic_store_explicit((p), atomic_load_explicit((p), memory_order_relaxed) + (n), memory_order_relaxed)

static inline void cpu_relax(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("isb" ::: "memory");
#endif
}

#endif
