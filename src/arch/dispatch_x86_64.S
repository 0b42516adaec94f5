/* SPDX-License-Identifier: MIT */
/* dispatch - x86-64, System V ABI.
 * Job:    see dispatch.h.
 * Why:    the kernel compares the address behind the syscall instruction, so the range doesn't end with one.
 */
        .text

        .globl  dispatch_begin
        .hidden dispatch_begin
        .globl  dispatch_call
        .hidden dispatch_call
        .type   dispatch_call, @function
        .p2align 4
dispatch_begin:
dispatch_call:
        .cfi_startproc
        endbr64
        movq    %rdi, %rax
        movq    %rsi, %rdi
        movq    %rdx, %rsi
        movq    %rcx, %rdx
        movq    %r8, %r10
        movq    %r9, %r8
        movq    8(%rsp), %r9
        syscall
        ret
        .cfi_endproc
        .size   dispatch_call, . - dispatch_call

        .globl  dispatch_resume
        .hidden dispatch_resume
        .type   dispatch_resume, @function
        .p2align 4
        nop                     /* unwinders look at the byte before */
dispatch_resume:
        .cfi_startproc
        .cfi_def_cfa rsp, 176
        .cfi_offset rip, -176
        syscall
.Lback: movq    8(%rsp), %rdi
        movq    16(%rsp), %rsi
        movq    24(%rsp), %r10
        movq    32(%rsp), %r8
        movq    40(%rsp), %r9
        ret     $168
        .cfi_endproc
        .size   dispatch_resume, . - dispatch_resume

        .globl  dispatch_resume_foreign
        .hidden dispatch_resume_foreign
        .type   dispatch_resume_foreign, @function
        .p2align 4
        nop
dispatch_resume_foreign:
        .cfi_startproc
        .cfi_def_cfa rsp, 176
        .cfi_offset rip, -176
        int     $0x80
        jmp     .Lback
        .cfi_endproc
        .size   dispatch_resume_foreign, . - dispatch_resume_foreign

        .globl  dispatch_resume_twice
        .hidden dispatch_resume_twice
        .hidden dispatch_place
        .type   dispatch_resume_twice, @function
        .p2align 4
        nop
dispatch_resume_twice:
        .cfi_startproc
        .cfi_undefined rip
        syscall
        movq    dispatch_place@gottpoff(%rip), %rcx
        movq    %fs:(%rcx), %rcx
        jmp     *%rcx
        .cfi_endproc
        .size   dispatch_resume_twice, . - dispatch_resume_twice

        .globl  dispatch_restore
        .hidden dispatch_restore
        .type   dispatch_restore, @function
        .p2align 4
dispatch_restore:
        movq    $15, %rax          /* as debuggers know it */
        syscall
        ud2
        .size   dispatch_restore, . - dispatch_restore
        .globl  dispatch_end
        .hidden dispatch_end
dispatch_end:

        .section .note.GNU-stack, "", @progbits
        .section .note.gnu.property, "a"
        .p2align 3
        .long   4, 16, 5
        .asciz  "GNU"
        .long   0xc0000002, 4, 1, 0     /* x86 features: IBT */
