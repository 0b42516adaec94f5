/* SPDX-License-Identifier: MIT */
/* atomic - the models' stand-in for src/base/atomic.h: the same names, every access under the explorer's control.
 * Job:    an include path that begins with this folder compiles the real sources against model_load, model_store and the
 *         like, which run one model thread at a time and keep its stores in a buffer (memory.h says what that buffer does).
 * Holds:  the names and meanings of src/base/atomic.h. A name that is missing here stops the models from compiling.
 * Why:    a header in front, not a hook in the real one: the models need to catch the value stored, not only the moment.
 */
#ifndef BASE_ATOMIC_H
#define BASE_ATOMIC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where an access stands: for the report of a failure. */
struct model_site {
    const char *file, *function, *what;
    int line;
};

enum model_order { MODEL_RELAXED, MODEL_RELEASE, MODEL_SEQ };
enum model_op { MODEL_SWAP, MODEL_ADD, MODEL_SUB, MODEL_OR, MODEL_AND };

uint64_t model_load(const struct model_site *site, const void *at, size_t size, enum model_order order);
void model_store(const struct model_site *site, void *at, size_t size, uint64_t value, enum model_order order);
uint64_t model_modify(const struct model_site *site, void *at, size_t size, enum model_op op, uint64_t value,
                      enum model_order order);
bool model_cas(const struct model_site *site, void *at, size_t size, void *expected, uint64_t value,
               enum model_order order);
void model_fence(const struct model_site *site);
void model_pause(void);                                     /* in a loop that waits for another thread's store */
void model_count(void *at, size_t size, uint64_t increase); /* a statistic: no step of its own */
void model_point(void);                                     /* another thread may run here */

#define MODEL_SITE(text) (&(const struct model_site){__FILE__, __func__, text, __LINE__})
#define MODEL_TYPE(p) __typeof__((void)0, *(p))
#define MODEL_AT(p) MODEL_SITE(#p), (void *)(uintptr_t)(p), sizeof *(p)
#define MODEL_LOAD(p, order) ((MODEL_TYPE(p))model_load(MODEL_AT(p), order))
/* A statement expression, for callers that don't use the result. */
#define MODEL_MODIFY(p, op, v, order)                                                                                  \
    ({                                                                                                                 \
        MODEL_TYPE(p) old_ = (MODEL_TYPE(p))model_modify(MODEL_AT(p), op, (uint64_t)(v), order);                       \
        old_;                                                                                                          \
    })

#define atom_load_rlx(p) MODEL_LOAD(p, MODEL_RELAXED)
#define atom_load_acq(p) MODEL_LOAD(p, MODEL_RELAXED)
#define atom_load_seq(p) MODEL_LOAD(p, MODEL_SEQ)
#define atom_store_rlx(p, v) model_store(MODEL_AT(p), (uint64_t)(v), MODEL_RELAXED)
#define atom_store_rel(p, v) model_store(MODEL_AT(p), (uint64_t)(v), MODEL_RELEASE)
#define atom_store_seq(p, v) model_store(MODEL_AT(p), (uint64_t)(v), MODEL_SEQ)
#define atom_swap_acq(p, v) MODEL_MODIFY(p, MODEL_SWAP, v, MODEL_RELAXED)
#define atom_swap_rel(p, v) MODEL_MODIFY(p, MODEL_SWAP, v, MODEL_RELEASE)
#define atom_swap_acq_rel(p, v) MODEL_MODIFY(p, MODEL_SWAP, v, MODEL_RELEASE)
#define atom_swap_seq(p, v) MODEL_MODIFY(p, MODEL_SWAP, v, MODEL_SEQ)
#define atom_add_rlx(p, v) MODEL_MODIFY(p, MODEL_ADD, v, MODEL_RELAXED)
#define atom_add_seq(p, v) MODEL_MODIFY(p, MODEL_ADD, v, MODEL_SEQ)
#define atom_sub_rlx(p, v) MODEL_MODIFY(p, MODEL_SUB, v, MODEL_RELAXED)
#define atom_sub_acq_rel(p, v) MODEL_MODIFY(p, MODEL_SUB, v, MODEL_RELEASE)
#define atom_sub_seq(p, v) MODEL_MODIFY(p, MODEL_SUB, v, MODEL_SEQ)
#define atom_or_seq(p, v) MODEL_MODIFY(p, MODEL_OR, v, MODEL_SEQ)
#define atom_and_seq(p, v) MODEL_MODIFY(p, MODEL_AND, v, MODEL_SEQ)
#define atom_cas_rlx(p, expected, v) model_cas(MODEL_AT(p), expected, (uint64_t)(v), MODEL_RELAXED)
#define atom_cas_acq(p, expected, v) model_cas(MODEL_AT(p), expected, (uint64_t)(v), MODEL_RELAXED)
#define atom_cas_rel(p, expected, v) model_cas(MODEL_AT(p), expected, (uint64_t)(v), MODEL_RELEASE)
#define atom_cas_acq_rel(p, expected, v) model_cas(MODEL_AT(p), expected, (uint64_t)(v), MODEL_RELEASE)
#define atom_cas_seq(p, expected, v) model_cas(MODEL_AT(p), expected, (uint64_t)(v), MODEL_SEQ)
#define atom_fence_seq() model_fence(MODEL_SITE("fence"))
#define atom_compiler_barrier() ((void)0)
#define atom_count(p) model_count((void *)(p), sizeof *(p), 1)
#define atom_count_by(p, n) model_count((void *)(p), sizeof *(p), (uint64_t)(n))

static inline void cpu_relax(void) { model_pause(); }

#endif
