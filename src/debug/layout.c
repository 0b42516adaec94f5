/* SPDX-License-Identifier: MIT */
/* layout - where a debugger finds what in the runtime.
 * Job:    a table of names and numbers for src/debug/mote_gdb_tasks.py: addresses, offsets, sizes and the values of enumerations.
 * Holds:  LA1 the script knows no number of its own, so it never disagrees with the library that it looks at. LA2 it finds the
 *         table by its symbol, so it needs no debug information of the library's.
 * Why:    release builds are linked without debug information, and core files come from there.
 */
#include "arch/switch.h"
#include "sched/proc.h"
#include "sync/mutex.h"

#include <stddef.h>

/* The script refuses a table of another version: change it when a name goes or changes its meaning, not for a new one. */
#define VERSION 1

struct entry {
    char name[24];
    uint64_t value;
};

#define NUMBER(name, value)                                                                                            \
    {                                                                                                                  \
        name, (uint64_t)(value)                                                                                        \
    }
#define ADDRESS(name, of)                                                                                              \
    {                                                                                                                  \
        name, (uint64_t)(uintptr_t)(of)                                                                                \
    }
#define VALUE(constant) NUMBER(#constant, constant)
#define AT(type, field) NUMBER(#type "." #field, offsetof(struct type, field))

/* Read by debuggers only: no code refers to it. */
extern const struct entry mote_debug_layout[];
__attribute__((used)) const struct entry mote_debug_layout[] = {
    NUMBER("mote", VERSION),
    ADDRESS("rt", &rt),
    ADDRESS("homes", &homes),
    ADDRESS("record_slab", &record_slab),
    ADDRESS("slab_walk", &slab_walk),
    ADDRESS("switch_ticks", &switch_ticks),
    ADDRESS("switch_continued", switch_continued),
    AT(slab_walk, table),
    AT(slab_walk, count),
    AT(slab_walk, chunk),
    AT(slab_walk, header),
    AT(slab_walk, class_at),
    NUMBER("record.size", RECORD_SIZE),
    NUMBER("record.inline_at", sizeof(struct task)),
    NUMBER("record.inline", RECORD_INLINE),
    NUMBER("block.min", BLOCK_MIN),
    AT(task, sp),
    AT(task, site),
    AT(task, wait_on),
    AT(task, extra),
    AT(task, id_low),
    AT(task, id_high),
    AT(task, home),
    AT(task, state),
    AT(task, image_class),
    AT(task, flags),
    AT(mote__site, name),
    AT(mote__site, file),
    AT(mote__site, line),
    AT(task_extra, name),
    AT(mutex, owner),
    NUMBER("task_extra.name_size", sizeof(((struct task_extra *)0)->name)),
    AT(home_table, at),
    AT(home_table, copied),
    AT(home_table, pinned),
    NUMBER("home.size", sizeof(struct home)),
    AT(home, occupant),
    AT(home, low),
    AT(home, top),
    VALUE(HOME_MAX),
    AT(runtime, state),
    AT(runtime, procs),
    AT(runtime, made),
    AT(runtime, worker),
    NUMBER("worker.current", offsetof(struct worker, self.current)),
    AT(worker, thread),
    VALUE(RUNTIME_RUNNING),
    VALUE(RUNTIME_STOPPING),
    VALUE(RUNTIME_ENDING),
    VALUE(SWITCH_TICKS_AT),
    VALUE(WAIT_TICK),
    VALUE(WAIT_TICKS_MASK),
    VALUE(WAIT_KIND_SHIFT),
    VALUE(WAIT_TIME_SHIFT),
    VALUE(WAIT_TIME_MASK),
    VALUE(WAIT_OBJECT_MASK),
    VALUE(TASK_FREE),
    VALUE(TASK_NEW),
    VALUE(TASK_READY),
    VALUE(TASK_RUNNING),
    VALUE(TASK_PARKED),
    VALUE(TASK_DONE),
    VALUE(TASK_PINNED),
    VALUE(TASK_THREAD),
    VALUE(TASK_NODE),
    VALUE(WAIT_NOTHING),
    VALUE(WAIT_NO_CHANNEL),
    VALUE(WAIT_SEND),
    VALUE(WAIT_RECV),
    VALUE(WAIT_SELECT),
    VALUE(WAIT_GROUP_END),
    VALUE(WAIT_GROUP_PLACE),
    VALUE(WAIT_WG),
    VALUE(WAIT_MUTEX),
    VALUE(WAIT_READ),
    VALUE(WAIT_WRITE),
    VALUE(WAIT_COND),
    VALUE(WAIT_ONCE),
    VALUE(WAIT_SEM),
    VALUE(WAIT_BARRIER),
    VALUE(WAIT_JOIN),
    VALUE(WAIT_SLEEP),
    VALUE(WAIT_READ_FD),
    VALUE(WAIT_WRITE_FD),
    VALUE(WAIT_FD),
    {"", 0},
};
