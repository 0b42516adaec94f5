/* SPDX-License-Identifier: MIT */
/* session - a whole conversation given to the parts of http_server that take bytes apart, in pieces of whatever size. */
#ifndef SESSION_H
#define SESSION_H

#include <stddef.h>

/* How long the next piece is, at least 1; `done` bytes came before. */
typedef size_t session_pieces(void *arg, size_t done);

/* What came of it, a line for each request: "GET /path close body=9", then "400" or the like if one was refused, "more" if one
 * isn't whole, nothing else. Bytes that haven't come yet lie in memory that may not be touched. Freed by the caller. */
char *session_run(const char *data, size_t size, size_t limit, session_pieces *pieces, void *arg);

/* All at once, and one by one. */
session_pieces session_whole, session_single;

#endif
