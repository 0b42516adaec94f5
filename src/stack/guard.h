/* SPDX-License-Identifier: MIT */
/* guard - what happens when a task's stack runs over.
 * Job:    a handler for SIGSEGV and SIGBUS on an alternate stack of each worker: it names the task whose guard was hit and
 *         lets the process die as it would have; any other fault goes to whoever handled the signal before.
 * Callers: guard_install, guard_remove: once per runtime. guard_thread_enter, _leave: each worker.
 */
#ifndef STACK_GUARD_H
#define STACK_GUARD_H

#include "base/record.h"

/* describe: writes what is known of the task that runs on the faulting thread into text; called in the signal handler. */
void guard_install(void (*describe)(char *text, size_t size));
void guard_remove(void);
int guard_thread_enter(void **stack);
void guard_thread_leave(void *stack);

#endif
