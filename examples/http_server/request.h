/* SPDX-License-Identifier: MIT */
/* request - the head of an HTTP/1 request, as bytes come in.
 *
 * Strict where leniency has been abused: lines end with CRLF, nothing is folded, a length is said once. What comes out is the same
 * however the bytes are cut into pieces. Knows nothing of sockets or tasks. */
#ifndef REQUEST_H
#define REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REQUEST_FIELDS 100 /* at most */

/* Some of the head's bytes. length 0: there are none. */
struct slice {
    uint32_t at, length;
};

enum method { METHOD_GET, METHOD_HEAD, METHOD_KNOWN, METHOD_UNKNOWN };

struct request {
    /* How far it has been read. */
    uint32_t line;     /* where the line under way begins */
    uint32_t searched; /* there is no end of line in it before */
    uint32_t fields;
    bool first_line_done;

    enum method method;
    uint8_t minor;       /* HTTP/1.minor */
    bool keeps;          /* the connection is to be kept */
    bool continues;      /* the client waits for 100 before it sends the body */
    bool chunked;        /* the body comes in chunks */
    int64_t body_length; /* -1: not said */
    struct slice path;   /* of the target, not decoded, without the query */
    struct slice modified_since, none_match, range, if_range;

    bool wants_close, wants_keep, has_host, has_encoding; /* what the fields said */
};

void request_begin(struct request *r);

/* data is all that there is of it, from its first byte: what was there at the last call, and perhaps more. The head may have
 * `limit` bytes. 0: more is wanted; the length of the head, when it is whole; or the status to refuse it with, negated: 400, 414,
 * 417, 431, 501, 505, and 413 for a length beyond all bounds. */
int request_parse(struct request *r, const char *data, size_t size, size_t limit);

/* Whether text, which may contain 0, is that word, in whatever case. */
bool text_is(const char *text, size_t length, const char *word);

#endif
