/* SPDX-License-Identifier: MIT */
/* body - where the body of a request ends: by its length, or by its chunks. What is in it is dropped. */
#ifndef BODY_H
#define BODY_H

#include "request.h"

enum body_state {
    BODY_DONE,
    BODY_BYTES, /* of a known length */
    CHUNK_FIRST,
    CHUNK_SIZE,
    CHUNK_EXTENSION,
    CHUNK_LF, /* the line before a chunk: its first digit, … */
    CHUNK_BYTES,
    CHUNK_END,
    CHUNK_END_LF, /* the chunk, and the CRLF behind it */
    TRAILER_FIRST,
    TRAILER_LINE,
    TRAILER_LF,
    TRAILER_END_LF, /* behind the last chunk */
};

struct body {
    enum body_state state;
    uint64_t left; /* of these bytes */
    uint64_t may;  /* how much there may still be, with all that frames it */
};

/* 0; -413: it is longer than limit bytes. */
int body_begin(struct body *b, const struct request *r, uint64_t limit);

/* The next bytes of it: how many belong to it, all until the state is BODY_DONE; or -400, -413. */
int64_t body_take(struct body *b, const char *data, size_t size);

#endif
