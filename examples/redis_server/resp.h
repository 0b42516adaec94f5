/* SPDX-License-Identifier: MIT */
/* resp - takes requests apart: RESP2's arrays of bulk strings, and lines as one types them ("inline commands").
 *
 * It reads from a buffer that fills up, and looks at no byte twice, however the bytes come in. Knows nothing of tasks. */
#ifndef RESP_H
#define RESP_H

#include <stddef.h>
#include <stdint.h>

#define RESP_LINE 65536        /* bytes of an inline command, at most */
#define RESP_ARGUMENTS 1048576 /* of one request, at most */

/* Where an argument lies, counted from where its request begins: the buffer may move. */
struct resp_slice {
    size_t at, size;
};

struct resp {
    size_t max_value, max_request; /* bytes of an argument, and of a request: set by the owner, before the first call */
    struct resp_slice *args;       /* of the request that resp_next has found */
    size_t count, room;
    size_t at;      /* where we are in it; when it is found: its size */
    size_t scanned; /* no line ends before here */
    int64_t left;   /* arguments that are to come yet; 0: a request begins */
    int64_t length; /* of the argument that comes; below 0: its length comes first */
    const char *error;
};

enum resp_result { RESP_ERROR = -1, RESP_MORE = 0, RESP_REQUEST = 1 };

void resp_init(struct resp *r, size_t max_value, size_t max_request);

/* Goes on with the request that begins at data, of which size bytes are there. RESP_REQUEST: it is there, and r->at bytes long; it may
 * have no argument, then there is nothing to answer. RESP_MORE: come back with more of it. RESP_ERROR: r->error says why; nothing
 * behind it can be made sense of. Inline commands are unquoted in place. */
enum resp_result resp_next(struct resp *r, char *data, size_t size);

/* Done with the request: the next one begins r->at bytes behind it. */
void resp_reset(struct resp *r);

void resp_free(struct resp *r);

#endif
