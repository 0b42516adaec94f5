/* SPDX-License-Identifier: MIT */
/* jump - aarch64, AAPCS64.
 * Job:    see jump.h.
 * Holds:  the frame at point->sp, 176 bytes: x29 x30, x19-x28, d8-d15, FPCR and 8 bytes of padding.
 */
#define FRAME 176

        .text

/* Where the registers lie, for unwinders; the CFA is FRAME above sp. */
        .macro  frame_rules
        .cfi_def_cfa_offset FRAME
        .cfi_offset x29, -FRAME
        .cfi_offset x30, -FRAME + 8
        .cfi_offset x19, -FRAME + 16
        .cfi_offset x20, -FRAME + 24
        .cfi_offset x21, -FRAME + 32
        .cfi_offset x22, -FRAME + 40
        .cfi_offset x23, -FRAME + 48
        .cfi_offset x24, -FRAME + 56
        .cfi_offset x25, -FRAME + 64
        .cfi_offset x26, -FRAME + 72
        .cfi_offset x27, -FRAME + 80
        .cfi_offset x28, -FRAME + 88
        .endm

/* x0 = point, x1 = fn, x2 = arg */
        .globl  jump_call
        .hidden jump_call
        .type   jump_call, %function
        .p2align 4
jump_call:
        .cfi_startproc
        hint    #34             /* bti c */
        stp     x29, x30, [sp, #-FRAME]!
        stp     x19, x20, [sp, #16]
        stp     x21, x22, [sp, #32]
        stp     x23, x24, [sp, #48]
        stp     x25, x26, [sp, #64]
        stp     x27, x28, [sp, #80]
        stp     d8, d9, [sp, #96]
        stp     d10, d11, [sp, #112]
        stp     d12, d13, [sp, #128]
        stp     d14, d15, [sp, #144]
        mrs     x9, fpcr
        str     x9, [sp, #160]
        frame_rules
        mov     x29, sp
        str     x29, [x0]
        mov     x0, x2
        blr     x1
        mov     w0, wzr
        ldp     x29, x30, [sp], #FRAME /* fn has kept the other registers */
        .cfi_def_cfa_offset 0
        .cfi_restore x29
        .cfi_restore x30
        ret
        .cfi_endproc
        .size   jump_call, . - jump_call

        .globl  jump_back
        .hidden jump_back
        .type   jump_back, %function
        .p2align 4
jump_back:
        .cfi_startproc
        hint    #34
        ldr     x9, [x0]
        mov     sp, x9
        frame_rules
        ldr     x9, [sp, #160]
        msr     fpcr, x9
        ldp     d8, d9, [sp, #96]
        ldp     d10, d11, [sp, #112]
        ldp     d12, d13, [sp, #128]
        ldp     d14, d15, [sp, #144]
        ldp     x19, x20, [sp, #16]
        ldp     x21, x22, [sp, #32]
        ldp     x23, x24, [sp, #48]
        ldp     x25, x26, [sp, #64]
        ldp     x27, x28, [sp, #80]
        mov     w0, #1
        ldp     x29, x30, [sp], #FRAME
        .cfi_def_cfa_offset 0
        .cfi_restore x29
        .cfi_restore x30
        ret
        .cfi_endproc
        .size   jump_back, . - jump_back

        .section .note.GNU-stack, "", %progbits
        .section .note.gnu.property, "a"
        .p2align 3
        .word   4, 16, 5
        .asciz  "GNU"
        .word   0xc0000000, 4, 1, 0     /* aarch64 features: BTI */
