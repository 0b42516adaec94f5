/* SPDX-License-Identifier: MIT */
/* syscall_table - what check mode knows of the kernel's calls.
 * Job:    which arguments of a call are addresses that the kernel uses, and from where the call may be made.
 * Callers: debug/syscalls.c only.
 */
#ifndef DEBUG_SYSCALL_TABLE_H
#define DEBUG_SYSCALL_TABLE_H

#include <stdint.h>

enum made { THERE, AT_ITS_PLACE, CLONE, CLONE3 }; /* see syscalls.c, SY3 */
enum vector { NONE, VECTOR, MESSAGE, MESSAGES };

struct syscall {
    const char *name;
    short number;
    uint8_t addresses; /* a bit for each argument */
    uint8_t vector;    /* of argument 2 */
    uint8_t made;
};

/* Never NULL: of unknown calls nothing is known, and they may be made from anywhere. */
const struct syscall *syscall_find(long number);

#endif
