/* SPDX-License-Identifier: MIT */
/* dispatch - system calls that are not handed to the program's handler, while those from elsewhere are (prctl,
 *            PR_SET_SYSCALL_USER_DISPATCH).
 * Job:    the contract of dispatch_x86_64.S: code between dispatch_begin and dispatch_end.
 * Callers: debug/syscalls.c only.
 */
#ifndef ARCH_DISPATCH_H
#define ARCH_DISPATCH_H

extern const char dispatch_begin[], dispatch_end[];

/* Makes the call; returns what the kernel does. */
long dispatch_call(long number, long a, long b, long c, long d, long e, long f);

/* Where an interrupted context goes on to make its call itself: registers as at the original instruction, but with sp lowered by
 * DISPATCH_FRAME, past the red zone, and there the address to go on at afterwards. */
extern const char dispatch_resume[];
#define DISPATCH_FRAME 136

/* What a handler returns to: rt_sigreturn. Also for contexts that were about to call it. */
void dispatch_restore(void);

#endif
