/* SPDX-License-Identifier: MIT */
/* switch - x86-64, System V ABI.
 * Job:    see switch.h.
 * Holds:  the frame at a saved sp, 64 bytes: FP control (MXCSR, x87 CW), the time, r15 r14 r13 r12 rbx rbp, return address.
 * Why:    MXCSR and the control word are loaded without looking whether they differ: reading back what stmxcsr has just
 *         stored takes 6 ns, loading both 1 ns (measured; src/DECISIONS.md).
 *         Marked for IBT (landing pads) but not for shadow stacks, which a switch of stacks would have to switch as well.
 */
#define TASK_SP 8       /* offsetof(struct task, sp); checked in sched/switch.c */
#define SELF_LEFT_AT 16 /* offsetof(struct self, left_at); the same */
#define START_OWNED 56  /* offsetof(struct task_start, owned); the same */
#define START_OWNER -40 /* the mailbox of the record that the task_start lies behind; the same */

        .text

/* rdi = from, rsi = after; rdx and rcx are the target, kept in callee-saved registers of the new context's side. */
        .macro  save_context
        pushq   %rbp
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset rbp, 0
        pushq   %rbx
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset rbx, 0
        pushq   %r12
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset r12, 0
        pushq   %r13
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset r13, 0
        pushq   %r14
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset r14, 0
        pushq   %r15
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset r15, 0
        subq    $8, %rsp
        .cfi_adjust_cfa_offset 8
        stmxcsr (%rsp)
        fnstcw  4(%rsp)
        movzwl  switch_ticks(%rip), %eax
        movw    %ax, 6(%rsp)
        movq    %rsp, TASK_SP(%rdi)
        .endm

        .globl  switch_to
        .hidden switch_to
        .type   switch_to, @function
        .p2align 4
switch_to:
        .cfi_startproc
        endbr64
        save_context
        movq    %rdx, %rsp
        /* Both frames have this shape, so the unwinding rules above hold on either stack. */
        ldmxcsr (%rsp)
        fldcw   4(%rsp)
        call    switch_arrived   /* sp is 16-aligned here: return address, six registers, control words */
        .globl  switch_continued
        .hidden switch_continued
switch_continued:
        addq    $8, %rsp
        .cfi_adjust_cfa_offset -8
        popq    %r15
        .cfi_adjust_cfa_offset -8
        .cfi_restore r15
        popq    %r14
        .cfi_adjust_cfa_offset -8
        .cfi_restore r14
        popq    %r13
        .cfi_adjust_cfa_offset -8
        .cfi_restore r13
        popq    %r12
        .cfi_adjust_cfa_offset -8
        .cfi_restore r12
        popq    %rbx
        .cfi_adjust_cfa_offset -8
        .cfi_restore rbx
        popq    %rbp
        .cfi_adjust_cfa_offset -8
        .cfi_restore rbp
        ret
        .cfi_endproc
        .size   switch_to, . - switch_to

        .globl  switch_start
        .hidden switch_start
        .type   switch_start, @function
        .p2align 4
switch_start:
        .cfi_startproc
        endbr64
        save_context
        movq    %rdx, %rsp
        .cfi_undefined rip      /* the end of the stack: unwinders stop here */
        movq    %rcx, %rbx
        call    switch_arrived
        movq    %rbx, %rsi
        jmp     call_start
        .cfi_endproc
        .size   switch_start, . - switch_start

        .globl  switch_restart
        .hidden switch_restart
        .type   switch_restart, @function
        .p2align 4
switch_restart:
        .cfi_startproc
        endbr64
        .cfi_undefined rip
        movq    %rdi, %rsp
call_start:
        /* A new task starts with the control state of a new program, not with its predecessor's. */
        ldmxcsr initial_mxcsr(%rip)
        fldcw   initial_x87cw(%rip)
        movq    (%rsi), %rax
        movq    %rsi, %r10      /* for switch_enter_owned */
        xorl    %ebp, %ebp      /* frame-pointer unwinders stop here */
        movq    8(%rsi), %rdi
        movq    24(%rsi), %rdx
        movq    32(%rsi), %rcx
        movq    40(%rsi), %r8
        movq    48(%rsi), %r9
        movq    16(%rsi), %rsi
        call    *%rax
        .globl  switch_first_return
        .hidden switch_first_return
switch_first_return:
        movq    %rax, %rdi
        pushq   $0              /* no return address, but the alignment of a function's entry */
        jmp     switch_returned /* a jump: X4 */
        .cfi_endproc
        .size   switch_restart, . - switch_restart

/* r10 = the task_start. With the return address the owner fills 16 bytes: SWITCH_OWNER_AT. */
        .globl  switch_enter_owned
        .hidden switch_enter_owned
        .type   switch_enter_owned, @function
        .p2align 4
switch_enter_owned:
        .cfi_startproc
        endbr64
        pushq   START_OWNER(%r10)
        .cfi_adjust_cfa_offset 8
        call    *START_OWNED(%r10)
        .globl  switch_owned_return
        .hidden switch_owned_return
switch_owned_return:
        movq    %rax, %rdi
        call    switch_owned_returned
        addq    $8, %rsp
        .cfi_adjust_cfa_offset -8
        ret
        .cfi_endproc
        .size   switch_enter_owned, . - switch_enter_owned

/* What a return becomes in a function that is marked SWITCH_RETURNS; the name is gcc's. */
        .globl  __x86_return_thunk
        .hidden __x86_return_thunk
        .type   __x86_return_thunk, @function
        .p2align 4
__x86_return_thunk:
        .cfi_startproc
        movq    mote_self_worker@gottpoff(%rip), %rcx
        movq    %fs:(%rcx), %rcx
        testq   %rcx, %rcx      /* a plain thread */
        je      1f
        movq    SELF_LEFT_AT(%rcx), %rcx
        cmpq    %rcx, (%rsp)
        jne     2f
1:      ret
2:      popq    %rcx
        .cfi_adjust_cfa_offset -8
        .cfi_register rip, rcx
        notrack jmp *%rcx
        .cfi_endproc
        .size   __x86_return_thunk, . - __x86_return_thunk

        .section .rodata
        .p2align 2
initial_mxcsr:
        .long   0x1f80
initial_x87cw:
        .short  0x37f

        .section .note.GNU-stack, "", @progbits
        .section .note.gnu.property, "a"
        .p2align 3
        .long   4, 16, 5
        .asciz  "GNU"
        .long   0xc0000002, 4, 1, 0     /* x86 features: IBT */
