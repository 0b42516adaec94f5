/* SPDX-License-Identifier: MIT */
/* dial - a connection to one of several addresses.
 * Job:    try them, not one after the other but as RFC 8305 ("Happy Eyeballs") says.
 * Callers: net.c.
 */
#ifndef IO_DIAL_H
#define IO_DIAL_H

#include "io/address.h"

/* To the first of count > 0 that answers: a descriptor, or the error of the first, or the context's. Switches. */
int dial_any(mote_ctx *ctx, struct network n, const struct endpoint *list, int count);

/* net.c: to one of them. */
int dial_endpoint(mote_ctx *ctx, struct network n, const struct endpoint *e);

#endif
