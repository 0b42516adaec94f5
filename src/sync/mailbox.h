/* SPDX-License-Identifier: MIT */
/* mailbox - how an element passes between tasks.
 * Job:    put an element into a record, by the task itself or by who wakes it, and take it out on the receiver's own stack.
 * Holds:  S2 nobody writes to another task's stack. X4 the mailbox says itself how long its element is, so a woken task needs
 *         nothing of the channel, which may be gone: TASK_MAILBOX_BLOCK: a block with a header; TASK_MAILBOX_WORD: 8 bytes;
 *         neither: fewer, their number in the topmost byte, or MAILBOX_ZEROS there: so many zeros as the rest says.
 * Why:    not having to keep the size across the park saves the parked task a register on its stack: 16 bytes of a million.
 */
#ifndef SYNC_MAILBOX_H
#define SYNC_MAILBOX_H

#include "sched/sched.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MAILBOX_FLAGS (TASK_MAILBOX_WORD | TASK_MAILBOX_BLOCK)
#define MAILBOX_ZEROS UINT64_C(255)

/* Larger than 8 bytes: -ENOMEM is possible. */
static NOINLINE int mailbox_put_block(struct task *t, const void *element, size_t size)
{
    /* What a plain thread puts in, or is to take out, may outlive the runtime and its blocks: class 0. */
    bool plain = (t->flags & TASK_THREAD) || !self_read();
    unsigned class = plain ? 0 : block_class(sizeof(struct mailbox_block) + size);
    struct mailbox_block *block = plain ? malloc(sizeof *block + size) : sched_block_get(class);
    if (!block)
        return -ENOMEM;
    block->size = size;
    block->class = class;
    memcpy(block->bytes, element, size);
    t->mailbox = (uint64_t)(uintptr_t)block;
    t->flags |= TASK_MAILBOX_BLOCK;
    return 0;
}

/* The common sizes, each a single move. The word is put together in a register: a narrow store into the record would stall the
 * wide load that follows. False: nothing was done. */
static inline bool mailbox_put_quickly(struct task *t, const void *element, size_t size)
{
    uint32_t half;
    if (LIKELY(size == 8)) {
        memcpy(&t->mailbox, element, 8);
        t->flags = (uint8_t)((t->flags & ~MAILBOX_FLAGS) | TASK_MAILBOX_WORD);
        return true;
    }
    if (size != 4)
        return false;
    memcpy(&half, element, 4);
    t->mailbox = half | (uint64_t)4 << 56;
    t->flags &= (uint8_t)~MAILBOX_FLAGS;
    return true;
}

/* Copies an element into t's mailbox. -ENOMEM, with nothing changed. */
static inline int mailbox_put(struct task *t, const void *element, size_t size)
{
    if (mailbox_put_quickly(t, element, size))
        return 0;
    t->flags &= (uint8_t)~MAILBOX_FLAGS;
    if (size > 8)
        return mailbox_put_block(t, element, size);
    uint64_t word = 0;
    memcpy(&word, element, size);
    t->mailbox = word | (uint64_t)size << 56;
    return 0;
}

/* An element of zeros. */
static inline void mailbox_clear(struct task *t, size_t size)
{
    t->flags = (uint8_t)((t->flags & ~MAILBOX_FLAGS) | (size == 8 ? TASK_MAILBOX_WORD : 0));
    t->mailbox = size < 8 ? (uint64_t)size << 56 : size == 8 ? 0 : MAILBOX_ZEROS << 56 | size;
}

/* The common cases of mailbox_take. False: nothing was done. */
static inline bool mailbox_take_quickly(struct task *t, void *to)
{
    uint64_t word = t->mailbox;
    if (UNLIKELY(!to))
        return false;
    if (LIKELY(t->flags & TASK_MAILBOX_WORD)) {
        memcpy(to, &word, 8);
        return true;
    }
    if ((t->flags & TASK_MAILBOX_BLOCK) || word >> 56 != 4)
        return false;
    memcpy(to, &word, 4);
    return true;
}

/* Copies the element out and frees its block; to may be NULL. */
static inline void mailbox_take(struct task *t, void *to)
{
    if (LIKELY(t->flags & TASK_MAILBOX_WORD)) {
        if (to)
            memcpy(to, &t->mailbox, 8);
    } else if (t->flags & TASK_MAILBOX_BLOCK) {
        struct mailbox_block *block = (struct mailbox_block *)(uintptr_t)t->mailbox;
        if (to)
            memcpy(to, block->bytes, block->size);
        t->flags &= (uint8_t)~TASK_MAILBOX_BLOCK;
        if (block->class)
            sched_block_put(block->class, block);
        else
            free(block);
    } else if (to && t->mailbox >> 56 == MAILBOX_ZEROS) {
        memset(to, 0, t->mailbox & (((uint64_t)1 << 56) - 1));
    } else if (to) {
        memcpy(to, &t->mailbox, t->mailbox >> 56);
    }
}

#endif
