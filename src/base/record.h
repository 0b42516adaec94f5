/* SPDX-License-Identifier: MIT */
/* record - struct task: the 64 bytes that every task has, and the room for a small stack image right behind them.
 * Job:    one definition that all layers share. Data only.
 * Holds:  R1 a record and its inline image fill whole cache lines, and a task whose live bytes fit costs nothing else.
 *         R2 `next` links the record into one list at a time: run queue, wait queue, pending list or free list.
 *         R3 before its first run the inline image holds the function and its arguments (struct task_start).
 *         R4 when image_class is not 0, the inline image's first word points to the block that holds the image.
 * Why:    a million of these must fit in 200 MB; two cache lines fetched together wake one.
 */
#ifndef BASE_RECORD_H
#define BASE_RECORD_H

#include "base/atomic.h"
#include "base/attr.h"

#include <stddef.h>
#include <stdint.h>

struct mote__site;
struct task_extra;

enum task_state {
    TASK_FREE,    /* in a free list; also what untouched memory says */
    TASK_NEW,     /* in a queue, without a home */
    TASK_READY,   /* in a queue or a pending list, started */
    TASK_RUNNING, /* a proc's current task */
    TASK_PARKED,  /* waiting: wait_on says for what */
    TASK_DONE,    /* ended, kept for its joiner */
};

enum task_flag {
    TASK_PINNED = 1,         /* immutable: has a home of its own, never copied */
    TASK_THREAD = 2,         /* immutable: stands for a plain thread; has no stack of ours */
    TASK_JOINABLE = 4,       /* immutable: has an extra with the join state */
    TASK_MAIN = 8,           /* immutable: its end ends mote_run */
    TASK_MAILBOX_WORD = 16,  /* itself and who wakes it: the mailbox holds 8 bytes; see sync/mailbox.h */
    TASK_MAILBOX_BLOCK = 32, /* the same: it is a block's address */
    TASK_NODE = 64,          /* immutable: no task at all, but a place in a queue: see sync/selection.h */
};

struct task {
    struct task *next;             /* R2 */
    void *sp;                      /* S1: its saved stack pointer while it is not running */
    const struct mote__site *site; /* immutable: where it was started */
    uint64_t mailbox;              /* who wakes it, then itself: an element, its block, or the result */
    const void *wait_on;           /* itself, or who moves it to another queue: what it is parked for */
    struct task_extra *extra;      /* itself: name, join state; NULL for most */
    int saved_errno;               /* itself, at a switch */
    uint32_t id_low;               /* immutable */
    uint16_t id_high;              /* immutable */
    uint16_t home;                 /* its home's number; 0 before the first run. Written by who starts it */
    _Atomic uint8_t state;         /* enum task_state, for reports: rlx, a walker may see it late */
    uint8_t image_class;           /* S1: 0: the image fits inline */
    int8_t status;                 /* who wakes it: 0 or a negative errno */
    uint8_t flags;                 /* enum task_flag */
};

/* What a mailbox with TASK_MAILBOX_BLOCK points to: as long as the flag is set, it is the record's to free. */
struct mailbox_block {
    size_t size;
    unsigned class; /* 0: from malloc */
    _Alignas(16) char bytes[];
};

/* Live bytes that fit behind the record. What an ordinary task needs parked in a receive: see src/DECISIONS.md. */
#if defined(__x86_64__)
#define RECORD_INLINE 128
#elif defined(__aarch64__)
#define RECORD_INLINE 256 /* the switch saves 96 bytes more: twice the registers, and d8 to d15 */
#else
#error "mote runs on x86-64 and aarch64"
#endif
#define RECORD_SIZE (sizeof(struct task) + RECORD_INLINE)

_Static_assert(sizeof(struct task) == 64, "R1: the record fills one cache line");

/* What the inline image holds before the first run (R3). arch/switch_*.S knows this layout. */
struct task_start {
    void (*fn)(void);
    intptr_t args[6];
};

static inline void *record_inline(struct task *t) { return t + 1; }
static inline struct task_start *record_start(struct task *t) { return (struct task_start *)(t + 1); }
static inline uint64_t record_id(const struct task *t) { return (uint64_t)t->id_high << 32 | t->id_low; }

#endif
