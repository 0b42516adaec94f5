/* SPDX-License-Identifier: MIT */
/* lines - from an address in the program to a line of its source, by elfutils' libdw.
 * Job:    one function, for reports.
 * Holds:  LN1 libdw's functions are weak, as libunwind's are (backtrace.c): without it there are no lines. LN2 it allocates and
 *         reads files, so it is not for handlers of signals. LN3 one thread at a time; another gets no line.
 */
#ifndef DEBUG_LINES_H
#define DEBUG_LINES_H

#include <stdbool.h>
#include <stddef.h>

/* Writes "file.c:12" for the address. False: nothing is known. */
bool lines_find(const void *at, char *text, size_t size);

#ifdef MOTE_LINES
#include <elfutils/libdwfl.h>
/* Calls ask(program, arg) in a thread with a stack that libdw can do with (LN3). False: it was not called. */
bool lines_ask(void (*ask)(Dwfl *program, void *arg), void *arg);
#endif

#endif
