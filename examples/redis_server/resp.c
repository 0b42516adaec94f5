/* SPDX-License-Identifier: MIT */
/* resp - see resp.h. */
#include "resp.h"
#include "value.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define HEAD_LINE 32 /* bytes of a line that holds a length, with room to spare */

void resp_init(struct resp *r, size_t max_value, size_t max_request)
{
    *r = (struct resp){.max_value = max_value, .max_request = max_request, .length = -1};
}

void resp_reset(struct resp *r)
{
    r->count = r->at = r->scanned = 0;
    r->left = 0;
    r->length = -1;
    if (r->room > 1024) { /* once in a while somebody sends very many */
        free(r->args);
        r->args = NULL;
        r->room = 0;
    }
}

void resp_free(struct resp *r) { free(r->args); }

static enum resp_result refuse(struct resp *r, const char *error)
{
    r->error = error;
    return RESP_ERROR;
}

static enum resp_result add(struct resp *r, size_t at, size_t size)
{
    if (r->count == r->room) {
        size_t room = r->room ? 2 * r->room : 8;
        struct resp_slice *args = realloc(r->args, room * sizeof *args);
        if (!args)
            return refuse(r, "out of memory");
        r->args = args;
        r->room = room;
    }
    r->args[r->count++] = (struct resp_slice){at, size};
    return RESP_REQUEST;
}

/* The line that begins at r->at, without its end; r->at moves behind it. NULL: its end isn't there yet. */
static char *take_line(struct resp *r, char *data, size_t size, size_t *length)
{
    size_t from = r->scanned > r->at ? r->scanned : r->at;
    char *line = data + r->at, *end = memchr(data + from, '\n', size - from);
    if (!end) {
        r->scanned = size;
        return NULL;
    }
    *length = (size_t)(end - line);
    r->at = r->scanned = (size_t)(end + 1 - data);
    return line;
}

/* "*3\r\n" or "$5\r\n": the number. */
static enum resp_result take_length(struct resp *r, char *data, size_t size, int64_t *number)
{
    size_t length = size - r->at;
    char *line = take_line(r, data, size, &length);
    if (length > HEAD_LINE)
        return refuse(r, "too long a length");
    if (!line)
        return RESP_MORE;
    if (length < 3 || line[length - 1] != '\r' || !value_number((struct bytes){line + 1, length - 2}, number))
        return refuse(r, line[0] == '*' ? "invalid multibulk length" : "invalid bulk length");
    return RESP_REQUEST;
}

static int hex(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : isxdigit((unsigned char)c) ? tolower((unsigned char)c) - 'a' + 10 : -1;
}

/* Behind a backslash between double quotes: the character that is meant. *from moves behind it. */
static char unescape(const char **from, const char *end)
{
    static const char names[] = "nrtba", meant[] = "\n\r\t\b\a";
    const char *at = *from;
    if (end - at > 2 && at[0] == 'x' && hex(at[1]) >= 0 && hex(at[2]) >= 0) {
        *from += 3;
        return (char)(hex(at[1]) * 16 + hex(at[2]));
    }
    const char *name = memchr(names, *at, sizeof names - 1);
    ++*from;
    if (name)
        return meant[name - names];
    return *at;
}

/* What is between quotes, written to *to. NULL: there is no end, or something follows at once. */
static const char *unquote(const char *from, const char *end, char **to)
{
    char quote = *from++;
    while (from < end && *from != quote) {
        char c = *from++;
        if (c == '\\' && from < end && quote == '"')
            c = unescape(&from, end);
        else if (c == '\\' && from < end && *from == quote)
            c = *from++;
        *(*to)++ = c;
    }
    if (from == end || (from + 1 < end && !isspace((unsigned char)from[1])))
        return NULL;
    return from + 1;
}

static enum resp_result split(struct resp *r, char *data, char *line, size_t length)
{
    const char *from = line, *end = line + length;
    for (;;) {
        while (from < end && isspace((unsigned char)*from))
            from++;
        if (from == end)
            return RESP_REQUEST;
        char *start = line, *to = line; /* what is unquoted is never longer than it was */
        while (from && from < end && !isspace((unsigned char)*from)) {
            if (*from == '"' || *from == '\'')
                from = unquote(from, end, &to);
            else
                *to++ = *from++;
        }
        if (!from)
            return refuse(r, "unbalanced quotes in request");
        if (add(r, (size_t)(start - data), (size_t)(to - start)) == RESP_ERROR)
            return RESP_ERROR;
        line = to;
    }
}

static enum resp_result begin(struct resp *r, char *data, size_t size)
{
    if (size == 0)
        return RESP_MORE;
    if (data[0] == '*') {
        int64_t count;
        enum resp_result got = take_length(r, data, size, &count);
        if (got == RESP_REQUEST && count > RESP_ARGUMENTS)
            return refuse(r, "invalid multibulk length");
        if (got == RESP_REQUEST)
            r->left = count > 0 ? count : 0;
        return got;
    }
    size_t length = size;
    char *line = take_line(r, data, size, &length);
    if (length > RESP_LINE)
        return refuse(r, "too big inline request");
    return line ? split(r, data, line, length) : RESP_MORE;
}

/* The next argument: first its length, then itself. */
static enum resp_result take_argument(struct resp *r, char *data, size_t size)
{
    if (r->length < 0) {
        if (r->at == size)
            return RESP_MORE;
        if (data[r->at] != '$')
            return refuse(r, "expected '$'");
        int64_t length;
        enum resp_result got = take_length(r, data, size, &length);
        if (got != RESP_REQUEST)
            return got;
        if (length < 0 || (uint64_t)length > r->max_value)
            return refuse(r, "invalid bulk length");
        if (r->at + (size_t)length > r->max_request)
            return refuse(r, "too big request");
        r->length = length;
    }
    size_t length = (size_t)r->length;
    if (size - r->at < length + 2)
        return RESP_MORE;
    if (data[r->at + length] != '\r' || data[r->at + length + 1] != '\n')
        return refuse(r, "expected the end of a bulk");
    if (add(r, r->at, length) == RESP_ERROR)
        return RESP_ERROR;
    r->at += length + 2;
    r->length = -1;
    r->left--;
    return RESP_REQUEST;
}

enum resp_result resp_next(struct resp *r, char *data, size_t size)
{
    enum resp_result got = RESP_REQUEST;
    if (r->left == 0)
        got = begin(r, data, size);
    while (got == RESP_REQUEST && r->left > 0)
        got = take_argument(r, data, size);
    return got;
}
