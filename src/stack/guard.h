/* SPDX-License-Identifier: MIT */
/* guard - what happens when a task's stack runs over, or it faults.
 * Job:    a handler for SIGSEGV and its like, and SIGABRT, on an alternate stack of each worker: it has an overflow reported, and
 *         lets the process die as it would have; any other fault goes to whoever handled the signal before, and is reported when
 *         that is nobody.
 * Callers: guard_install, guard_remove: once per runtime. guard_thread_enter, _leave: each worker.
 */
#ifndef STACK_GUARD_H
#define STACK_GUARD_H

#include "base/record.h"

/* Called in the signal handler, before the process dies of the signal. overflow: bytes that the stack may have, when more were
 * wanted; 0: another fault. */
typedef void guard_reporter(int signal, const void *address, const void *context, size_t overflow);

void guard_install(guard_reporter *reporter);
void guard_remove(void);
int guard_thread_enter(void **stack);
void guard_thread_leave(void *stack);

#endif
