/* SPDX-License-Identifier: MIT */
/* jump - leaving many frames of a stack at once.
 * Job:    the contract of jump_<architecture>.S.
 * Holds:  JP1 what the ABI calls callee-saved, the control bits of the floating-point state among it, lies in jump_call's own
 *         frame, and is put back from there. JP2 a point holds nothing that depends on the thread: the task may have moved to
 *         another worker meanwhile. JP3 a second return is an ordinary one to the caller: it has not had the first.
 * Why:    setjmp keeps 200 bytes where 64 do, not the floating-point state, and is a second return that compilers must know of.
 */
#ifndef ARCH_JUMP_H
#define ARCH_JUMP_H

/* Where jump_back leads; valid while jump_call runs. On the stack of the same task. */
struct jump_point {
    void *sp;
};

/* Calls fn(arg) and returns 0 after it; or 1, when jump_back was called meanwhile. */
int jump_call(struct jump_point *point, void (*fn)(void *arg), void *arg);
void jump_back(struct jump_point *point) __attribute__((noreturn));

#endif
