/* SPDX-License-Identifier: MIT */
/* resp_session - what redis_server's parser makes of bytes that come in pieces, as text: shared by the tests and the fuzzer. */
#ifndef RESP_SESSION_H
#define RESP_SESSION_H

#include <stddef.h>

/* How many bytes come next, at least 1, when `done` have come. */
typedef size_t resp_pieces(void *arg, size_t done);

resp_pieces resp_whole, resp_single;

/* A line for each request, its arguments in brackets, bytes that aren't printed as \xHH; and the error, with which it ends. To be
 * freed. Each time the buffer is a new one, of just the size that has come. */
char *resp_session(const char *data, size_t size, size_t max_value, size_t max_request, resp_pieces *pieces, void *arg);

#endif
