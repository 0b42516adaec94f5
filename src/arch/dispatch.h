/* SPDX-License-Identifier: MIT */
/* dispatch - system calls that are not handed to the program's handler, while those from elsewhere are (prctl,
 *            PR_SET_SYSCALL_USER_DISPATCH).
 * Job:    the contract of dispatch_x86_64.S: code between dispatch_begin and dispatch_end.
 * Callers: debug/syscalls.c only.
 */
#ifndef ARCH_DISPATCH_H
#define ARCH_DISPATCH_H

#include <stdint.h>

extern const char dispatch_begin[], dispatch_end[];

/* Makes the call; returns what the kernel does. */
long dispatch_call(long number, long a, long b, long c, long d, long e, long f);

/* Where an interrupted context goes on to make its call itself: registers as at the original instruction but for those of the
 * arguments, which may be others, and sp, which lies a frame lower. A new thread or process that the call begins on another
 * stack needs the same frame there. */
extern const char dispatch_resume[], dispatch_resume_foreign[]; /* foreign: by the way of 32-bit programs, int $0x80 */

struct dispatch_frame {
    uint64_t place;                 /* to go on at afterwards */
    uint64_t rdi, rsi, r10, r8, r9; /* to have then, as at the original instruction */
    char red_zone[128];             /* the interrupted function's own */
};

/* The same for a call that returns twice on one stack, as vfork does, where no frame would last: all registers as they were. */
extern const char dispatch_resume_twice[];
extern __thread uint64_t dispatch_place; /* to go on at afterwards; of who makes the call */

/* What a handler returns to: rt_sigreturn. Also for contexts that were about to call it. */
void dispatch_restore(void);

#endif
