/* SPDX-License-Identifier: MIT */
/* running - where the tasks are that run at this moment.
 * Job:    a look at each worker, by a signal: registers and stack of its task, for an unwinder.
 * Holds:  RN1 SIGURG, which is ignored by default and which sockets send for out-of-band data alone, and only while nobody else
 *         has a handler for it. RN2 one look at a time; who comes second goes without. RN3 a handler that runs late finds that
 *         nobody waits any more, and does nothing.
 * Callers: src/debug.
 */
#ifndef DEBUG_RUNNING_H
#define DEBUG_RUNNING_H

#include "base/record.h"

#include <stdbool.h>
#include <ucontext.h>

#define RUNNING_STACK ((size_t)16 << 10)

/* What one worker's task was at: its registers, and its stack's bytes from sp on. Both have been led to this copy. */
struct running {
    const struct task *task;
    ucontext_t registers;
    size_t n;
    _Alignas(64) char stack[RUNNING_STACK];
};

/* Between them, looks. False: it can't be done now, and there is nothing to end. */
bool running_begin(void);
void running_end(void);

/* Looks at the worker of that number. False: it runs no task, or doesn't answer. */
bool running_look(unsigned number, struct running *out);

#endif
