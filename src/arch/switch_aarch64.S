/* SPDX-License-Identifier: MIT */
/* switch - aarch64, AAPCS64.
 * Job:    see switch.h.
 * Holds:  the frame at a saved sp, 176 bytes: x29 x30, x19-x28, d8-d15, FPCR, the time and padding.
 */
#define TASK_SP 8 /* offsetof(struct task, sp); checked in sched/switch.c */
#define FRAME 176
#define START_OWNED 56  /* offsetof(struct task_start, owned); the same */
#define START_OWNER -40 /* the mailbox of the record that the task_start lies behind; the same */

        .text

/* x0 = from, x1 = after */
        .macro  save_context
        stp     x29, x30, [sp, #-FRAME]!
        .cfi_def_cfa_offset FRAME
        .cfi_offset x29, -FRAME
        .cfi_offset x30, -FRAME + 8
        stp     x19, x20, [sp, #16]
        .cfi_offset x19, -FRAME + 16
        .cfi_offset x20, -FRAME + 24
        stp     x21, x22, [sp, #32]
        .cfi_offset x21, -FRAME + 32
        .cfi_offset x22, -FRAME + 40
        stp     x23, x24, [sp, #48]
        .cfi_offset x23, -FRAME + 48
        .cfi_offset x24, -FRAME + 56
        stp     x25, x26, [sp, #64]
        .cfi_offset x25, -FRAME + 64
        .cfi_offset x26, -FRAME + 72
        stp     x27, x28, [sp, #80]
        .cfi_offset x27, -FRAME + 80
        .cfi_offset x28, -FRAME + 88
        stp     d8, d9, [sp, #96]
        stp     d10, d11, [sp, #112]
        stp     d12, d13, [sp, #128]
        stp     d14, d15, [sp, #144]
        mrs     x9, fpcr
        str     x9, [sp, #160]
        adrp    x10, switch_ticks
        ldrh    w10, [x10, :lo12:switch_ticks]
        strh    w10, [sp, #168]
        mov     x10, sp
        str     x10, [x0, #TASK_SP]
        .endm

        .globl  switch_to
        .hidden switch_to
        .type   switch_to, %function
        .p2align 4
switch_to:
        .cfi_startproc
        hint    #34             /* bti c */
        save_context
        mov     sp, x2
        ldr     x11, [sp, #160]
        cmp     x9, x11
        b.eq    1f
        msr     fpcr, x11
1:      bl      switch_arrived
        .globl  switch_continued
        .hidden switch_continued
switch_continued:
        ldp     d8, d9, [sp, #96]
        ldp     d10, d11, [sp, #112]
        ldp     d12, d13, [sp, #128]
        ldp     d14, d15, [sp, #144]
        ldp     x19, x20, [sp, #16]
        ldp     x21, x22, [sp, #32]
        ldp     x23, x24, [sp, #48]
        ldp     x25, x26, [sp, #64]
        ldp     x27, x28, [sp, #80]
        ldp     x29, x30, [sp], #FRAME
        .cfi_def_cfa_offset 0
        .cfi_restore x29
        .cfi_restore x30
        ret
        .cfi_endproc
        .size   switch_to, . - switch_to

        .globl  switch_start
        .hidden switch_start
        .type   switch_start, %function
        .p2align 4
switch_start:
        .cfi_startproc
        hint    #34
        save_context
        mov     sp, x2
        .cfi_undefined x30      /* the end of the stack: unwinders stop here */
        mov     x19, x3
        bl      switch_arrived
        mov     x1, x19
        b       call_start
        .cfi_endproc
        .size   switch_start, . - switch_start

        .globl  switch_restart
        .hidden switch_restart
        .type   switch_restart, %function
        .p2align 4
switch_restart:
        .cfi_startproc
        hint    #34
        .cfi_undefined x30
        mov     sp, x0
call_start:
        msr     fpcr, xzr       /* a new task starts with the control state of a new program */
        mov     x29, xzr        /* frame-pointer unwinders stop here */
        mov     x30, xzr
        ldr     x9, [x1]
        mov     x10, x1         /* for switch_enter_owned */
        ldp     x4, x5, [x1, #40]
        ldp     x2, x3, [x1, #24]
        ldp     x0, x1, [x1, #8]
        blr     x9
        .globl  switch_first_return
        .hidden switch_first_return
switch_first_return:
        mov     x30, xzr
        b       switch_returned /* a branch, not a call: X4 */
        .cfi_endproc
        .size   switch_restart, . - switch_restart

/* x10 = the task_start. The owner lies at the frame's bytes 16 to 23: SWITCH_OWNER_AT. */
        .globl  switch_enter_owned
        .hidden switch_enter_owned
        .type   switch_enter_owned, %function
        .p2align 4
switch_enter_owned:
        .cfi_startproc
        hint    #34
        stp     x29, x30, [sp, #-32]!
        .cfi_def_cfa_offset 32
        .cfi_offset x29, -32
        .cfi_offset x30, -24
        ldr     x9, [x10, #START_OWNER]
        ldr     x11, [x10, #START_OWNED]
        str     x9, [sp, #16]
        mov     x29, sp
        blr     x11
        .globl  switch_owned_return
        .hidden switch_owned_return
switch_owned_return:
        bl      switch_owned_returned
        ldp     x29, x30, [sp], #32
        .cfi_restore x29
        .cfi_restore x30
        .cfi_def_cfa_offset 0
        ret
        .cfi_endproc
        .size   switch_enter_owned, . - switch_enter_owned

        .section .note.GNU-stack, "", %progbits
        .section .note.gnu.property, "a"
        .p2align 3
        .word   4, 16, 5
        .asciz  "GNU"
        .word   0xc0000000, 4, 1, 0     /* aarch64 features: BTI */
