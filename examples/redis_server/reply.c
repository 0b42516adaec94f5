/* SPDX-License-Identifier: MIT */
/* reply - see reply.h. */
#include "reply.h"

#include <mote.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#define LARGE 16384 /* bytes of a value that isn't copied */
#define KEEP 65536  /* bytes of a buffer that is kept for the next answers */
#define PARTS 64    /* that one system call sends, at most */

static bool reserve(struct reply *r, size_t size)
{
    if (r->broken || r->room - r->used >= size)
        return !r->broken;
    size_t room = r->room ? r->room : 1024;
    while (room - r->used < size)
        room *= 2;
    char *bytes = realloc(r->bytes, room);
    if (!bytes) {
        r->broken = true;
        return false;
    }
    r->bytes = bytes;
    r->room = room;
    return true;
}

static void add(struct reply *r, const char *bytes, size_t size)
{
    if (!reserve(r, size) || size == 0)
        return;
    memcpy(r->bytes + r->used, bytes, size);
    r->used += size;
    r->size += size;
}

static void add_number(struct reply *r, char kind, int64_t number)
{
    char line[1 + VALUE_DIGITS + 2] = {kind};
    size_t end = 1 + value_text(number, line + 1);
    line[end] = '\r';
    line[end + 1] = '\n';
    add(r, line, end + 2);
}

void reply_simple(struct reply *r, const char *text)
{
    add(r, "+", 1);
    add(r, text, strlen(text));
    add(r, "\r\n", 2);
}

/* One line, whatever the client has sent us. */
void reply_error(struct reply *r, const char *format, ...)
{
    char line[512] = "-";
    va_list list;
    va_start(list, format);
    vsnprintf(line + 1, sizeof line - 1, format, list); // NOLINT(clang-analyzer-valist.Uninitialized)
    va_end(list);
    for (char *c = line; *c; c++)
        if (*c == '\r' || *c == '\n')
            *c = ' ';
    add(r, line, strlen(line));
    add(r, "\r\n", 2);
}

void reply_number(struct reply *r, int64_t number) { add_number(r, ':', number); }

void reply_array(struct reply *r, size_t count) { add_number(r, '*', (int64_t)count); }

void reply_nil_array(struct reply *r) { add_number(r, '*', -1); }

void reply_bulk(struct reply *r, struct bytes bytes)
{
    add_number(r, '$', (int64_t)bytes.size);
    add(r, bytes.at, bytes.size);
    add(r, "\r\n", 2);
}

void reply_text(struct reply *r, const char *text) { reply_bulk(r, (struct bytes){text, strlen(text)}); }

static bool add_part(struct reply *r, struct value *value)
{
    if (r->part_count == r->part_room) {
        size_t room = r->part_room ? 2 * r->part_room : 8;
        struct reply_part *parts = realloc(r->parts, room * sizeof *parts);
        if (!parts) {
            r->broken = true;
            return false;
        }
        r->parts = parts;
        r->part_room = room;
    }
    r->parts[r->part_count++] = (struct reply_part){r->used, value_ref(value)};
    r->size += value->size;
    return true;
}

void reply_value(struct reply *r, struct value *value)
{
    if (!value) {
        add_number(r, '$', -1);
    } else if (value->size < LARGE) {
        reply_bulk(r, (struct bytes){value->bytes, value->size});
    } else {
        add_number(r, '$', (int64_t)value->size);
        if (add_part(r, value))
            add(r, "\r\n", 2);
    }
}

/* Writes parts until nothing is left of them. */
static bool write_parts(int fd, struct iovec *parts, int count)
{
    while (count > 0) {
        intptr_t n = mote_writev(fd, parts, count);
        if (n < 0)
            return false;
        while (count > 0 && (size_t)n >= parts->iov_len) {
            n -= (intptr_t)parts->iov_len;
            parts++;
            count--;
        }
        if (count > 0) {
            parts->iov_base = (char *)parts->iov_base + n;
            parts->iov_len -= (size_t)n;
        }
    }
    return true;
}

bool reply_send(struct reply *r, int fd)
{
    bool sent = !r->broken;
    size_t at = 0, part = 0;
    while (sent && (at < r->used || part < r->part_count)) {
        struct iovec parts[PARTS];
        int count = 0;
        while (count < PARTS - 1 && (at < r->used || part < r->part_count)) {
            size_t to = part < r->part_count ? r->parts[part].before : r->used;
            if (to > at)
                parts[count++] = (struct iovec){r->bytes + at, to - at};
            if (part < r->part_count) {
                struct value *v = r->parts[part++].value;
                parts[count++] = (struct iovec){v->bytes, v->size};
            }
            at = to;
        }
        sent = write_parts(fd, parts, count);
    }
    reply_clear(r);
    return sent;
}

struct value *reply_take(struct reply *r)
{
    struct value *all = r->broken ? NULL : value_make(NULL, r->size);
    size_t at = 0, to = 0;
    for (size_t i = 0; all && i <= r->part_count; i++) {
        size_t end = i < r->part_count ? r->parts[i].before : r->used;
        if (end > at)
            memcpy(all->bytes + to, r->bytes + at, end - at);
        to += end - at;
        at = end;
        if (i < r->part_count) {
            memcpy(all->bytes + to, r->parts[i].value->bytes, r->parts[i].value->size);
            to += r->parts[i].value->size;
        }
    }
    reply_clear(r);
    return all;
}

bool reply_send_list(struct list *list, int fd)
{
    bool sent = true;
    while (sent && list->count > 0) {
        struct iovec parts[PARTS];
        int count = 0;
        for (; count < PARTS && (size_t)count < list->count; count++)
            parts[count] = (struct iovec){list_at(list, (size_t)count)->bytes, list_at(list, (size_t)count)->size};
        sent = write_parts(fd, parts, count);
        while (count-- > 0)
            value_drop(list_pop(list, true));
    }
    list_clear(list);
    return sent;
}

void reply_clear(struct reply *r)
{
    for (size_t i = 0; i < r->part_count; i++)
        value_drop(r->parts[i].value);
    r->part_count = r->used = r->size = 0;
    if (r->room > KEEP || r->broken) {
        free(r->bytes);
        r->bytes = NULL;
        r->room = 0;
    }
    if (r->part_room > PARTS || r->broken) {
        free(r->parts);
        r->parts = NULL;
        r->part_room = 0;
    }
}
