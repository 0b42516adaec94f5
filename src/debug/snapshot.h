/* SPDX-License-Identifier: MIT */
/* snapshot - another task's stack, read while the program runs.
 * Job:    copy the live bytes of a task that is not running, from its home or its image, without holding anything.
 * Holds:  SN1 nothing is locked and nothing faults: the kernel does the reading, so this may be used in any state of the program.
 *         SN2 what was read is given out only if the task looks the same afterwards. A task that was woken and left again in
 *         between may still give a mixture: a report may then show a wrong frame, never worse.
 * Callers: src/debug.
 */
#ifndef DEBUG_SNAPSHOT_H
#define DEBUG_SNAPSHOT_H

#include "base/record.h"

/* Reads n bytes of our own memory. False: they can't be read. */
bool snapshot_read(void *to, const void *from, size_t n);

/* Copies up to `size` live bytes, from the saved sp upwards, to `to`, which is aligned as a stack pointer is, and leads
 * the pointers among them that point into them to the copy. How many bytes; 0: the task isn't parked or ready, or has moved on
 * meanwhile. */
size_t snapshot_stack(struct task *t, char *to, size_t size);

/* Leads the words among the n bytes that point into the stack [sp, sp + live], of which they are a copy, to the copy. */
void snapshot_lead(char *copy, size_t n, const char *sp, size_t live);

#endif
