/* SPDX-License-Identifier: MIT */
/* switch - saving one register context and loading another.
 * Job:    the contract of switch_<architecture>.S.
 * Holds:  X1 everything that the ABI calls callee-saved survives: integer registers, d8-d15 on aarch64, and the control bits
 *         of the floating-point state (MXCSR and the x87 control word; FPCR). They lie on the task's own stack.
 *         X2 nothing below the saved sp is live. X3 after the stacks have changed, switch_arrived(from, after) runs before
 *         anything else on the new stack: it is the commit of invariant S4. X4 calls and returns are paired, but for those of
 *         another task: switch_returned and what it leads to are jumped to, and don't return.
 * Callers: sched/switch.c only.
 */
#ifndef ARCH_SWITCH_H
#define ARCH_SWITCH_H

#include "base/atomic.h"

#include <stdint.h>

struct task;

/* The time, for reports: whoever is left keeps the lower 16 bits at this place above its saved sp. */
extern _Atomic uint32_t switch_ticks;
#if defined(__x86_64__)
#define SWITCH_TICKS_AT 6
#else
#define SWITCH_TICKS_AT 168
#endif

/* Saves the caller's context at from->sp and continues the context at to_sp. Returns when somebody continues `from`: with `from`,
 * so that who parked need not keep it or look it up. */
struct task *switch_to(struct task *from, uintptr_t after, void *to_sp);

/* Saves the caller's context at from->sp and calls start->fn(start->args...) on the empty stack that ends at `top`, then
 * switch_returned with what it returned. top is 16-aligned. Returns as switch_to does. */
struct task *switch_start(struct task *from, uintptr_t after, void *top, const void *start);

/* Calls start->fn on the empty stack that ends at `top`, which may be the one that the caller stands on; nothing is saved,
 * and it doesn't return. */
void switch_restart(void *top, const void *start);

/* Where a task's function returns to: the last program counter on its stack, where backtraces end. */
extern const char switch_first_return[];
/* The same of a task with an owner: the last but one. */
extern const char switch_owned_return[];

/* The first function of a task with an owner (sched_go_owned), as task_start.fn. Calls the task_start's `owned` with the
 * arguments that it gets itself, then switch_owned_returned with what that returned. The owner lies meanwhile where switch.c
 * looks for it. */
void switch_enter_owned(void);

#define SWITCH_OWNER_AT 16 /* bytes below the top of the stack */

/* Where a task that was left goes on: the first program counter of its backtrace. The unwinding rules there hold with the saved sp,
 * also for a task that switch_start has left. */
extern const char switch_continued[];

/* For functions that a task parks in, and returns from when it runs again. The processor expects a return to where the task that
 * left last would have returned, which such a function notes on its way in. If this one's own return leads there too, as it
 * does where many tasks run the same code, it is an ordinary one; if not it is a jump, which is predicted by its history.
 * A mispredicted return costs 11 ns, half of a switch. */
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define SWITCH_RETURNS __attribute__((function_return("thunk-extern")))
#else
#define SWITCH_RETURNS
#endif

/* The C side (sched/switch.c). switch_arrived returns the task that is arrived at; switch_owned_returned returns like any
 * function. */
struct task *switch_arrived(struct task *from, uintptr_t after);
void switch_returned(intptr_t result);
void switch_owned_returned(intptr_t result);

#endif
