/* SPDX-License-Identifier: MIT */
/* syscalls - what tasks hand to the kernel, in check mode.
 * Job:    see each system call that a worker's thread makes, and stop the program when one is given an address on another task's
 *         stack: the kernel itself would only return EFAULT, or less than was asked for.
 * Holds:  SY1 where the kernel doesn't do it (Linux before 5.11, other processors than x86-64) calls are not seen, and a message
 *         says so. SY2 the calls of plain threads are not seen, but
 *         those that the library has libuv make for them.
 * Callers: src/debug.
 */
#ifndef DEBUG_SYSCALLS_H
#define DEBUG_SYSCALLS_H

#include <stdbool.h>

/* Before there are workers. watched: whether calls are to be seen at all. */
void syscalls_start(bool watched);
/* When there are none any more. */
void syscalls_stop(void);

/* By a thread, a worker's or a visitor's: its calls can be seen from now on, or can't. */
void syscalls_enter(void);
void syscalls_leave(void);

/* They are seen, or are not, for the time being. */
void syscalls_watch(void);
void syscalls_ignore(void);

/* Makes a call that is not seen. Negative: an errno. */
long syscalls_direct(long number, long a, long b, long c, long d, long e, long f);

#endif
