/* SPDX-License-Identifier: MIT */
/* output - what is to be sent: see output.h. */
#include "output.h"
#include "condition.h"
#include "server.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

const char *output_status(int status)
{
    static const char *const names[] = {
        "100 Continue",
        "200 OK",
        "206 Partial Content",
        "304 Not Modified",
        "400 Bad Request",
        "403 Forbidden",
        "404 Not Found",
        "405 Method Not Allowed",
        "408 Request Timeout",
        "413 Content Too Large",
        "414 URI Too Long",
        "416 Range Not Satisfiable",
        "417 Expectation Failed",
        "431 Request Header Fields Too Large",
        "501 Not Implemented",
        "503 Service Unavailable",
        "505 HTTP Version Not Supported",
    };
    const char digits[] = {(char)('0' + status / 100), (char)('0' + status / 10 % 10), (char)('0' + status % 10)};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (memcmp(names[i], digits, sizeof digits) == 0)
            return names[i];
    return "500 Internal Server Error";
}

static void add(struct output *o, const char *bytes, size_t size)
{
    if (size > sizeof o->bytes - o->used) { /* never: OUTPUT_ANSWER is enough for any */
        o->broken = true;
        return;
    }
    memcpy(o->bytes + o->used, bytes, size);
    o->used += size;
}

void output_text(struct output *o, const char *text) { add(o, text, strlen(text)); }

void output_field(struct output *o, const char *name, const char *value)
{
    output_text(o, name);
    add(o, ": ", 2);
    output_text(o, value);
    add(o, "\r\n", 2);
}

void output_number(struct output *o, const char *name, int64_t value)
{
    char digits[24], *at = digits + sizeof digits;
    *--at = 0;
    do
        *--at = (char)('0' + value % 10);
    while ((value /= 10) > 0);
    output_field(o, name, at);
}

/* The date is the same for all that are sent in a second. */
static void add_date(struct output *o)
{
    static struct {
        mote_mutex mutex;
        time_t when;
        char text[DATE_SIZE];
    } last;
    time_t now = time(NULL);
    mote_mutex_lock(&last.mutex);
    if (last.when != now)
        date_format(last.when = now, last.text);
    output_field(o, "Date", last.text);
    mote_mutex_unlock(&last.mutex);
}

void output_begin(struct output *o, int status)
{
    if (sizeof o->bytes - o->used < OUTPUT_ANSWER)
        output_flush(o, false);
    output_text(o, "HTTP/1.1 ");
    output_text(o, output_status(status));
    output_text(o, "\r\n");
    add_date(o);
}

void output_end(struct output *o, bool keeps, bool is_old)
{
    if (!keeps || is_old)
        output_field(o, "Connection", keeps ? "keep-alive" : "close");
    output_text(o, "\r\n");
}

/* The next write fails when the client takes nothing for so long. Only for those that have to wait: it costs a little. */
static void hurry(const struct output *o) { mote_set_deadline(o->fd, MOTE_WRITE, mote_now() + server.idle); }

static void hurry_no_more(const struct output *o) { mote_set_deadline(o->fd, MOTE_WRITE, MOTE_FOREVER); }

static intptr_t send_slowly(struct output *o, const char *at, size_t size)
{
    hurry(o);
    intptr_t n = mote_write(o->fd, at, size);
    hurry_no_more(o);
    return n;
}

bool output_flush(struct output *o, bool more)
{
    for (size_t done = 0; done < o->used && !o->broken;) {
        const char *at = o->bytes + done;
        intptr_t n = mote_sendto(o->fd, at, o->used - done, MSG_DONTWAIT | (more ? MSG_MORE : 0), NULL, 0);
        if (n == -EAGAIN)
            n = send_slowly(o, at, o->used - done);
        if (n < 0)
            o->broken = true;
        else
            done += (size_t)n;
    }
    o->used = 0;
    return !o->broken;
}

bool output_file(struct output *o, int file, int64_t from, int64_t length)
{
    while (length > 0) {
        hurry(o);
        intptr_t n = mote_sendfile(o->fd, file, &from, (size_t)length);
        if (n <= 0) /* 0: somebody has made the file shorter, and the length is said already */
            return false;
        length -= n;
    }
    hurry_no_more(o);
    return true;
}
