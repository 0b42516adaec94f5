/* SPDX-License-Identifier: MIT */
/* engine - what the parts of the explorer call of each other.
 * Job:    explore.c runs one execution, search.c says which, memory.c keeps the stores, system.c stands for src/base/os.c.
 * Callers: these four. Models use explore.h.
 */
#ifndef MODEL_ENGINE_H
#define MODEL_ENGINE_H

#include "explore.h"

/* explore.c */
bool explore_run(const struct model *m);                /* one execution; false: it failed */
const char *explore_failure(void);                      /* why */
void explore_tell(bool on);                             /* print every step */
bool explore_running(void);                             /* a model thread runs: not setup, not check */
bool explore_access(void);                              /* the same, at every access */
void explore_step(void);                                /* before an access: who goes on? */
void explore_sleep(const void *word, int64_t deadline); /* until explore_wake of the same, or model_now says so */
void explore_wake(const void *word, int how_many);
void explore_looked(const void *at, size_t size, uint64_t value); /* what a pausing thread waits to see changed (E4) */
void explore_overwrote(const void *at);                           /* it has changed that itself */
void explore_trace(const struct model_site *site, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* search.c: one of n; the search tries only the first `of`. */
int search_choose(int n, int of);

/* memory.c */
void memory_reset(void);   /* before each execution */
void memory_forget(void);  /* which words are shared: before another model */
bool memory_learned(void); /* true once after a word has turned out to be shared: the search must begin anew */
void memory_settle(void);  /* every delayed store arrives */
void memory_drain(int thread);
uint64_t memory_read(const void *at, size_t size);
bool memory_awaited(int thread, const void *at); /* another thread's store to it is on its way */
void memory_arrive(int thread, const void *at);  /* and arrives */
void memory_check_freed(void);                   /* fails when a freed object was written to */

#endif
