/* SPDX-License-Identifier: MIT */
/* trace - what the parts of the trace know of each other.
 * Job:    trace_hooks.c puts events into the rings, trace.c collects them in the order of their times, trace_file.c makes a file
 *         of them, with trace_line.c and trace_rows.c, and lives.c keeps what must be remembered of each task.
 */
#ifndef DEBUG_TRACE_H
#define DEBUG_TRACE_H

#include "debug/ring.h"
#include "sched/proc.h"

#define OUTSIDE MAX_WORKERS /* the ring, and the track, of who holds no proc */

/* Of an event's `what`: the kind in the upper byte, a detail in the next one, and a task's number. */
enum event_kind {
    EVENT_LOST = 1, /* a: how many */
    EVENT_WORKER,   /* a: its thread */
    EVENT_RUNS,     /* a task goes on, or begins; a: its site */
    EVENT_LEAVES,   /* it leaves the proc; detail: its state, a: its site, b: wait_on. RUNNING: it yields or ends */
    EVENT_ENDED,    /* the one that has just left */
    EVENT_STARTED,  /* a new task; detail: enum source, a: by whom, b: its site */
    EVENT_READY,    /* the same of a woken one */
    EVENT_NAME,     /* detail: which half, a and b: 16 bytes of it */
    EVENT_CONFLICT, /* its home is held by another */
    EVENT_COPY_OUT, /* its stack; a: bytes */
    EVENT_COPY_IN,
    EVENT_STEAL,  /* a: how many, b: from which proc */
    EVENT_SLEEPS, /* the worker */
    EVENT_WAKES,
    EVENT_TIMERS, /* a: how many have fired */
    EVENT_PANIC,
    EVENT_RAID,  /* the monitor has taken it from the next slot of proc a */
    EVENT_PROCS, /* a: how many from now on */
};
enum source { BY_TASK, BY_TIMER, BY_THREAD, BY_IO };

static inline uint64_t event_what(enum event_kind kind, unsigned detail, uint64_t task)
{
    return (uint64_t)kind << 56 | (uint64_t)detail << 48 | task;
}
static inline enum event_kind event_kind(const struct event *e) { return (enum event_kind)(e->what >> 56); }
static inline unsigned event_detail(const struct event *e) { return e->what >> 48 & 0xff; }
static inline uint64_t event_task(const struct event *e) { return e->what & ((UINT64_C(1) << 48) - 1); }

/* trace_hooks.c */
extern struct ring trace_rings[MAX_WORKERS + 1];
extern struct lock trace_outside; /* of the last ring, instead of sections; the innermost of all locks */
extern _Atomic uint32_t trace_on; /* the number of the trace under way; 0: none */
void trace_free_rings(void);      /* no worker runs */
void trace_end_now(void);         /* trace.c: as mote_trace_stop, for a program that ends */
void trace_last_words(void);      /* the same in the handler of a deadly signal: as far as it goes */

/* trace_file.c. One thread at a time. */
void trace_file_open(int fd, int64_t origin); /* origin: the time that is 0 in the file */
void trace_file_watched_since(int64_t time);  /* who runs then, runs since then, as far as the file knows */
void trace_file_add(unsigned track, const struct event *e);
bool trace_file_knows(unsigned track); /* there was an event of this proc, and none of it was lost since */
void trace_file_runs(unsigned track,
                     const struct task *t);       /* what nobody told: it has run all the time. NULL: nothing has */
int trace_file_close(int64_t now, uint64_t lost); /* 0, or why it could not be written */

/* trace_rows.c; life may be NULL, or have no row: then they do nothing. */
struct life;
void trace_rows_reset(void);
bool trace_rows_left(void); /* a row for another task */
void trace_row_begin(struct life *life, int64_t time, const struct mote__site *site);
void trace_row_state(struct life *life, int64_t time, const char *state); /* NULL: unknown */
void trace_row_gap(struct life *life, int64_t time);                      /* it runs: so it had yielded */
void trace_row_end(struct life *life, int64_t time);

/* lives.c: of each task, what the file needs to know later. */
enum life_bits { LIFE_READY = 1, LIFE_ROW = 2, LIFE_GAP = 4 };
struct life {
    uint64_t id;   /* 0: none */
    int64_t ready; /* LIFE_READY: since when, and by whom */
    uint64_t by;
    int64_t gap;       /* LIFE_GAP: it left a proc then, and whether it is ready or has ended isn't known yet */
    const char *row;   /* LIFE_ROW: what it is called there */
    const char *state; /* LIFE_ROW: what is open in its row; NULL: nothing */
    uint32_t name;     /* lives_name; 0: its function's */
    uint16_t track;    /* of who made it ready */
    uint8_t source;
    uint8_t bits;
};
struct life *lives_find(uint64_t id);            /* NULL: none */
struct life *lives_get(uint64_t id);             /* makes one; NULL: no memory. Ends what other pointers point to */
void lives_drop(struct life *life);              /* the same */
const char *lives_name(const struct life *life); /* NULL: none */
void lives_rename(struct life *life, unsigned half, const char bytes[16]);
void lives_each(void (*fn)(struct life *life));
void lives_free(void);

#endif
