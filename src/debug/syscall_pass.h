/* SPDX-License-Identifier: MIT */
/* syscall_pass - how a call that check mode has seen is made after all.
 * Job:    change what the handler of SIGSYS goes back to, so that the call is made, or done, as the program meant it.
 * Callers: debug/syscalls.c only, in that handler.
 */
#ifndef DEBUG_SYSCALL_PASS_H
#define DEBUG_SYSCALL_PASS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <ucontext.h>

/* One system call, as it was trapped. */
struct trapped {
    ucontext_t *context;
    long number, arg[6];
};

void syscall_pass(const struct trapped *t);
void syscall_pass_foreign(const struct trapped *t); /* made by the way of 32-bit programs */

/* Signals, as the kernel has them. */
#define SIGNAL_BIT(signal) (UINT64_C(1) << ((signal)-1))
#define SIGNAL_SET sizeof(uint64_t)

struct signal_action {
    void *handler;
    unsigned long flags;
    void (*restorer)(void);
    uint64_t mask;
};

/* Copies from and to the program's memory, which may not be there: false. Defined in syscalls.c. */
bool syscalls_fetch(void *to, uintptr_t from, size_t size);
bool syscalls_put(uintptr_t to, void *from, size_t size);

#endif
