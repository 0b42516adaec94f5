/* SPDX-License-Identifier: MIT */
/* body - where the body of a request ends: see body.h. */
#include "body.h"

int body_begin(struct body *b, const struct request *r, uint64_t limit)
{
    uint64_t length = r->body_length > 0 ? (uint64_t)r->body_length : 0;
    *b = (struct body){.state = r->chunked ? CHUNK_FIRST
                                : length   ? BODY_BYTES
                                           : BODY_DONE,
                       .left = length,
                       .may = limit};
    return length > limit ? -413 : 0;
}

static int digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 32);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The line before a chunk: hexadecimal digits, and perhaps ";name=value", which nobody uses. */
static int take_size(struct body *b, char c)
{
    int value = digit(c);
    if (value >= 0) {
        b->left = (b->state == CHUNK_FIRST ? 0 : b->left * 16) + (uint64_t)value;
        b->state = CHUNK_SIZE;
        return b->left > b->may ? -413 : 0;
    }
    if (b->state == CHUNK_FIRST)
        return -400;
    b->state = c == '\r' ? CHUNK_LF : CHUNK_EXTENSION;
    return c == '\r' || c == ';' || c == ' ' || c == '\t' ? 0 : -400;
}

static int expect(struct body *b, char c, char wanted, enum body_state next)
{
    b->state = next;
    return c == wanted ? 0 : -400;
}

/* What is neither to be counted nor to be skipped: one character of the frame. */
static int take_frame(struct body *b, char c)
{
    switch (b->state) {
    case CHUNK_FIRST:
    case CHUNK_SIZE:
        return take_size(b, c);
    case CHUNK_LF:
        return expect(b, c, '\n', b->left ? CHUNK_BYTES : TRAILER_FIRST);
    case CHUNK_END:
        return expect(b, c, '\r', CHUNK_END_LF);
    case CHUNK_END_LF:
        return expect(b, c, '\n', CHUNK_FIRST);
    case TRAILER_LF:
        return expect(b, c, '\n', TRAILER_FIRST);
    case TRAILER_END_LF:
        return expect(b, c, '\n', BODY_DONE);
    case TRAILER_FIRST:
        b->state = c == '\r' ? TRAILER_END_LF : TRAILER_LINE;
        break;
    default: /* the rest of a line */
        if (c == '\r')
            b->state = b->state == TRAILER_LINE ? TRAILER_LF : CHUNK_LF;
    }
    return (unsigned char)c < ' ' && c != '\r' && c != '\t' ? -400 : 0;
}

static size_t skip(struct body *b, size_t size)
{
    size_t n = b->left < size ? (size_t)b->left : size;
    b->left -= n;
    if (b->left == 0)
        b->state = b->state == BODY_BYTES ? BODY_DONE : CHUNK_END;
    return n;
}

int64_t body_take(struct body *b, const char *data, size_t size)
{
    size_t used = 0;
    while (used < size && b->state != BODY_DONE) {
        bool bytes = b->state == BODY_BYTES || b->state == CHUNK_BYTES;
        size_t n = bytes ? skip(b, size - used) : 1;
        int error = n > b->may ? -413 : bytes ? 0 : take_frame(b, data[used]);
        if (error < 0)
            return error;
        b->may -= n;
        used += n;
    }
    return (int64_t)used;
}
