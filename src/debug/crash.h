/* SPDX-License-Identifier: MIT */
/* crash - reports from handlers of signals.
 * Job:    what crash.c and trespass.c share.
 * Callers: src/debug, in a handler of a signal.
 */
#ifndef DEBUG_CRASH_H
#define DEBUG_CRASH_H

#include <stdbool.h>

/* Calls tell(arg) in a copy of the process (CR1). False: it has not come to its end, for four seconds. */
bool crash_tell(void (*tell)(void *arg), void *arg);

#endif
