/* SPDX-License-Identifier: MIT */
/* msg - what the library says on stderr.
 * Job: one line, written by one write(2), without memory from the heap: callable from a signal handler.
 */
#ifndef BASE_MSG_H
#define BASE_MSG_H

#include "base/attr.h"

#include <stdarg.h>
#include <stddef.h>

/* "mote: " and the text and a newline. */
void msg_print(const char *format, ...) PRINTF_LIKE(1, 2);

/* The same, then abort(): the program has a bug that could corrupt memory. */
void msg_fatal(const char *format, ...) PRINTF_LIKE(1, 2) NORETURN COLD;

/* Stops a program of a build with MOTE_DEBUG where one of the library's own invariants doesn't hold. */
#ifdef MOTE_DEBUG
#define INVARIANT(holds)                                                                                               \
    ((holds) ? (void)0 : msg_fatal("%s:%d: a defect of mote: not true: %s", __FILE__, __LINE__, #holds))
#else
#define INVARIANT(holds) ((void)sizeof(holds))
#endif

#endif
