/* SPDX-License-Identifier: MIT */
/* jump - x86-64, System V ABI.
 * Job:    see jump.h.
 * Holds:  the frame at point->sp, 64 bytes: FP control (MXCSR, x87 CW), r15 r14 r13 r12 rbx rbp, return address.
 */
        .text

/* rdi = point, rsi = fn, rdx = arg */
        .globl  jump_call
        .hidden jump_call
        .type   jump_call, @function
        .p2align 4
jump_call:
        .cfi_startproc
        endbr64
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
        subq    $8, %rsp        /* and now it is 16-aligned */
        .cfi_adjust_cfa_offset 8
        stmxcsr (%rsp)
        fnstcw  4(%rsp)
        movq    %rsp, (%rdi)
        movq    %rdx, %rdi
        call    *%rsi
        xorl    %eax, %eax
        addq    $56, %rsp       /* fn has kept the registers */
        .cfi_adjust_cfa_offset -56
        ret
        .cfi_endproc
        .size   jump_call, . - jump_call

        .globl  jump_back
        .hidden jump_back
        .type   jump_back, @function
        .p2align 4
jump_back:
        .cfi_startproc
        endbr64
        movq    (%rdi), %rsp
        .cfi_def_cfa_offset 64
        .cfi_offset rbp, -16
        .cfi_offset rbx, -24
        .cfi_offset r12, -32
        .cfi_offset r13, -40
        .cfi_offset r14, -48
        .cfi_offset r15, -56
        ldmxcsr (%rsp)
        fldcw   4(%rsp)
        movl    $1, %eax
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
        .size   jump_back, . - jump_back

        .section .note.GNU-stack, "", @progbits
        .section .note.gnu.property, "a"
        .p2align 3
        .long   4, 16, 5
        .asciz  "GNU"
        .long   0xc0000002, 4, 1, 0     /* x86 features: IBT */
