/* SPDX-License-Identifier: MIT */
/* record - struct task: the 64 bytes that every task has, and the room for a small stack image right behind them.
 * Job:    one definition that all layers share. Data only.
 * Holds:  R1 a record and its inline image fill whole cache lines, and a task whose live bytes fit costs nothing else.
 *         R2 `next` links the record into one list at a time: run queue, wait queue, pending list or free list.
 *         R3 before its first run the inline image holds the function and its arguments (struct task_start).
 *         R4 when image_class is not 0, the inline image's first word points to the block that holds the image; what follows it is for
 *         statistics (stack/image.h).
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
    TASK_STEPS = 128,        /* itself: its extra may have steps to run at its end: see sched/steps.c */
};

struct task {
    struct task *next;             /* R2 */
    void *sp;                      /* S1: its saved stack pointer while it is not running */
    const struct mote__site *site; /* immutable: where it was started */
    uint64_t mailbox;              /* who wakes it, then itself: an element, its block, or the result */
    uint64_t wait_on;              /* itself, or who moves it to another queue: what it is parked for (wait_for) */
    struct task_extra *extra;      /* itself: name, join state, steps; NULL for most */
    int saved_errno;               /* itself, at a switch */
    uint32_t id_low;               /* immutable */
    uint16_t id_high;              /* immutable */
    uint16_t home;                 /* its home's number; 0 before the first run. Written by who starts it */
    _Atomic uint8_t state;         /* enum task_state, for reports: rlx, a walker may see it late */
    uint8_t image_class;           /* S1: 0: the image fits inline */
    int8_t status;                 /* who wakes it: 0 or a negative errno */
    uint8_t flags;                 /* enum task_flag */
};

/* What a task is parked for, in one word: the kind, the upper 11 bits of the time, and the object's address, which has 47 bits. The
 * lower 16 bits of the time are in the frame of the switch (arch/switch.h): there was no room in the record. */
enum wait_kind {
    WAIT_NOTHING,
    WAIT_NO_CHANNEL,
    WAIT_SEND,
    WAIT_RECV,
    WAIT_SELECT,
    WAIT_GROUP_END,
    WAIT_GROUP_PLACE,
    WAIT_WG,
    WAIT_MUTEX,
    WAIT_READ,
    WAIT_WRITE,
    WAIT_COND,
    WAIT_ONCE,
    WAIT_SEM,
    WAIT_BARRIER,
    WAIT_JOIN,
    WAIT_SLEEP,
    WAIT_READ_FD, /* the object is a number plus 1, here and below */
    WAIT_WRITE_FD,
    WAIT_FD, /* either */
};
#define WAIT_KIND_SHIFT 59
#define WAIT_TIME_SHIFT 48
#define WAIT_TIME_MASK (UINT64_C(0x7ff) << WAIT_TIME_SHIFT)
#define WAIT_OBJECT_MASK ((UINT64_C(1) << WAIT_TIME_SHIFT) - 1)

static inline uint64_t wait_for(enum wait_kind kind, const void *object)
{
    return (uint64_t)kind << WAIT_KIND_SHIFT | (uint64_t)(uintptr_t)object;
}
static inline enum wait_kind wait_kind(uint64_t wait_on) { return (enum wait_kind)(wait_on >> WAIT_KIND_SHIFT); }
static inline void *wait_object(uint64_t wait_on) { return (void *)(uintptr_t)(wait_on & WAIT_OBJECT_MASK); }

/* Times are counted in these, in 27 bits: 194 days. The monitor, and who wakes up from sleep, looks at the clock for all: it would
 * cost half a switch. */
#define WAIT_TICK INT64_C(125000000) /* ns */
#define WAIT_TICKS_MASK ((UINT32_C(1) << 27) - 1)

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
    void (*owned)(void); /* of one with an owner: its function; fn is switch_enter_owned, the mailbox has the owner */
};

static inline void *record_inline(struct task *t) { return t + 1; }
static inline struct task_start *record_start(struct task *t) { return (struct task_start *)(t + 1); }
static inline uint64_t wait_since(uint64_t wait_on, uint32_t ticks)
{
    return wait_on | (uint64_t)(ticks >> 16) << WAIT_TIME_SHIFT;
}
static inline uint32_t wait_ticks(uint64_t wait_on, uint16_t low)
{
    return (uint32_t)((wait_on & WAIT_TIME_MASK) >> WAIT_TIME_SHIFT << 16) | low;
}
static inline uint64_t record_id(const struct task *t) { return (uint64_t)t->id_high << 32 | t->id_low; }

#endif
