/* SPDX-License-Identifier: MIT */
/* syscall_table - what check mode knows of the kernel's calls.
 * Job:    which arguments of a call are addresses that the kernel uses, and which lie behind them.
 * Callers: debug/syscalls.c only.
 */
#ifndef DEBUG_SYSCALL_TABLE_H
#define DEBUG_SYSCALL_TABLE_H

#include <stdint.h>

enum vector { NONE, VECTOR, MESSAGE, MESSAGES };

struct syscall {
    const char *name;
    short number;
    uint8_t addresses; /* a bit for each argument */
    uint8_t vector;    /* of argument 2 */
};

/* Never NULL: of unknown calls nothing is known. */
const struct syscall *syscall_find(long number);

#endif
