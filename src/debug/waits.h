/* SPDX-License-Identifier: MIT */
/* waits - what a parked task waits for, in words.
 * Job:    what of it the record, the object and the task's stack say; the same of several tasks; the text.
 * Holds:  WA1 all is read by snapshot_read, so objects may change or be gone meanwhile: then less is told.
 * Callers: dump.c.
 */
#ifndef DEBUG_WAITS_H
#define DEBUG_WAITS_H

#include "base/record.h"

#include <stdbool.h>
#include <stddef.h>

#define WAITS_CASES 4

struct waits {
    uint64_t on; /* kind and object of the record; the latter 0 when it isn't the same for all */
    bool told;   /* of a select: what follows is known, and the same for all */
    bool timed;
    unsigned shown, more;        /* cases */
    uint64_t first[WAITS_CASES]; /* a channel with WAIT_SEND or WAIT_RECV; else WAIT_NOTHING */
    size_t below;                /* its end: where the stack has the address of what was found */
    unsigned searches;           /* of the stacks of others */
};

/* stack: a copy of the n lowest live bytes of t's. */
void waits_look(struct waits *w, const struct task *t, const char *stack, size_t n);

/* Another task, whose backtrace is the same, has parked, too: what it doesn't have in common with the others is left out. */
void waits_add(struct waits *w, uint64_t on, const struct task *t, const char *stack, size_t n);

void waits_describe(const struct waits *w, char *text, size_t size);

#endif
