/* SPDX-License-Identifier: MIT */
/* variables - from an address in a frame to the variable that lies there, by elfutils' libdw.
 * Job:    one function, for reports.
 * Holds:  LN1-LN3 (lines.h).
 */
#ifndef DEBUG_VARIABLES_H
#define DEBUG_VARIABLES_H

#include "base/msg.h"

/* Writes "variable buf", or "variable buf, byte 12". False: nothing is known, as for what the compiler has moved about. */
bool variables_find(const struct msg_frame *frame, const void *address, char *text, size_t size);

#endif
