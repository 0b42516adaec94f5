/* SPDX-License-Identifier: MIT */
/* explore - running a few model threads through their interleavings.
 * Job:    what a model is made of, and what it may call. A model includes the real sources, and a stub for each thing they
 *         call that is left out; its main is one call of model_main.
 * How:    model threads are coroutines of one thread. Before every access to a word that several of them use, the explorer
 *         chooses who goes on, and which delayed stores of the others have arrived by then (memory.h). The choices of one
 *         execution are a list of small numbers; the search goes through all lists, depth first, with a bound on
 *         preemptions: switches away from a thread that could have gone on. Few bugs need more than two or three.
 * Holds:  E1 setup puts everything that the threads use into the same state, at the same addresses, at each execution.
 *         E2 threads and setup depend on nothing but what they share: no clock, no randomness, no address.
 * Callers: the models. model_*.c names what it checks; --only runs one of its models, --mutant those that must catch that
 *         mutant, --random so many executions by chance.
 */
#ifndef MODEL_EXPLORE_H
#define MODEL_EXPLORE_H

#include "base/atomic.h"

#define MODEL_THREADS 4
#define MODEL_ALL 1000 /* preemptions: no bound */

/* What can be made wrong on purpose, to see that a model notices. */
enum model_mutant {
    MUTANT_FENCE = 1,   /* atom_fence_seq does nothing */
    MUTANT_HEAVY = 2,   /* os_barrier_heavy does nothing */
    MUTANT_SEQ = 4,     /* sequentially consistent loads and stores are no more than acquire and release */
    MUTANT_RELEASE = 8, /* release stores are relaxed */
    MUTANT_MODIFY = 16, /* a read-modify-write is a load and a store */
};

struct model {
    const char *name;
    void (*setup)(void);
    void (*thread[MODEL_THREADS])(void); /* NULL: fewer of them */
    void (*check)(void);                 /* when nothing can go on any more, with all stores arrived; NULL: nothing */
    void (*entered)(int thread);         /* before a thread goes on; NULL: nothing to do */
    unsigned sleepers;                   /* bit i: thread i may sleep for ever at the end */
    int preemptions;                     /* bound of the search */
    unsigned random;                     /* instead of the search: so many executions by chance, without a bound */
    unsigned mutants;                    /* those that this model must catch */
};

/* Returns the exit status: 0 when all models hold, or, with --mutant, when all that must catch it do. */
int model_main(int argc, char **argv, const struct model *models, int count);

/* The calling model thread's number. */
int model_self(void);
bool model_mutant(enum model_mutant mutant);

/* One of n, as another choice to explore. */
int model_choose(int n);

/* What os_now says: 0 at first, unless a thread moves it. */
extern _Atomic int64_t model_now;

/* From here on nobody may touch the object. */
void model_free(void *object, size_t size);

/* Ends the execution as failed. */
void model_fail(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

#define MODEL_CHECK(condition)                                                                                         \
    do {                                                                                                               \
        if (!(condition))                                                                                              \
            model_fail("%s:%d: not so: %s", model_base_name(__FILE__), __LINE__, #condition);                          \
    } while (0)

const char *model_base_name(const char *path);

#endif
