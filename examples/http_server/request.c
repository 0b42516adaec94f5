/* SPDX-License-Identifier: MIT */
/* request - the head of an HTTP/1 request: see request.h. RFC 9110 and 9112 are the law. */
#include "request.h"

#include <string.h>
#include <strings.h>

#define LONGEST_METHOD 32

/* A line or a part of one. */
struct text {
    const char *at;
    size_t length;
};

bool text_is(const char *text, size_t length, const char *word)
{
    return length == strlen(word) && strncasecmp(text, word, length) == 0;
}

static bool is(struct text t, const char *word) { return text_is(t.at, t.length, word); }

/* What names of methods and fields are made of. */
static bool is_token(char c)
{
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'))
        return true;
    return c && strchr("!#$%&'*+-.^_`|~", c);
}

static bool is_token_text(struct text t)
{
    for (size_t i = 0; i < t.length; i++)
        if (!is_token(t.at[i]))
            return false;
    return t.length > 0;
}

/* The part before a character, which *t then begins behind. All of it when there is none. */
static struct text cut(struct text *t, char c)
{
    const char *at = memchr(t->at, c, t->length);
    struct text part = {t->at, at ? (size_t)(at - t->at) : t->length};
    size_t used = part.length + (at != NULL);
    *t = (struct text){t->at + used, t->length - used};
    return part;
}

static struct text trim(struct text t)
{
    while (t.length && (t.at[0] == ' ' || t.at[0] == '\t'))
        t.at++, t.length--;
    while (t.length && (t.at[t.length - 1] == ' ' || t.at[t.length - 1] == '\t'))
        t.length--;
    return t;
}

static int parse_method(struct request *r, struct text method)
{
    static const char *const names[] = {"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PATCH"};
    if (!is_token_text(method) || method.length > LONGEST_METHOD)
        return -400;
    r->method = METHOD_UNKNOWN;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (method.length == strlen(names[i]) && memcmp(method.at, names[i], method.length) == 0)
            r->method = i == 0 ? METHOD_GET : i == 1 ? METHOD_HEAD : METHOD_KNOWN;
    return 0;
}

static int parse_version(struct request *r, struct text version)
{
    const char *v = version.at;
    if (version.length != 8 || memcmp(v, "HTTP/", 5) != 0 || v[5] < '0' || v[5] > '9' || v[6] != '.' || v[7] < '0' ||
        v[7] > '9')
        return -400;
    r->minor = v[7] > '1' ? 1 : (uint8_t)(v[7] - '0');
    return v[5] == '1' ? 0 : -505;
}

/* "/path?query", or that behind "http://host". Other methods than ours may have "*" or "host:port", which nobody looks at. */
static int parse_target(struct request *r, const char *data, struct text target)
{
    for (size_t i = 0; i < target.length; i++)
        if (target.at[i] <= ' ' || target.at[i] > '~' || target.at[i] == '#')
            return -400;
    if (r->method > METHOD_HEAD)
        return target.length ? 0 : -400;
    if (target.length > 7 && strncasecmp(target.at, "http://", 7) == 0) {
        size_t host = 7;
        while (host < target.length && target.at[host] != '/')
            host++;
        target = (struct text){target.at + host, target.length - host};
    }
    struct text path = cut(&target, '?');
    if (!path.length || path.at[0] != '/')
        return -400;
    r->path = (struct slice){(uint32_t)(path.at - data), (uint32_t)path.length};
    return 0;
}

static int parse_first_line(struct request *r, const char *data, struct text line)
{
    struct text method = cut(&line, ' '), target = cut(&line, ' ');
    int error = parse_method(r, method);
    if (error == 0)
        error = parse_target(r, data, target);
    return error < 0 ? error : parse_version(r, line);
}

static int parse_length(struct request *r, struct text value)
{
    int64_t n = 0;
    if (!value.length || r->body_length >= 0)
        return -400;
    for (size_t i = 0; i < value.length; i++) {
        if (value.at[i] < '0' || value.at[i] > '9')
            return -400;
        n = n < INT64_MAX / 100 ? n * 10 + (value.at[i] - '0') : INT64_MAX / 100;
    }
    r->body_length = n;
    return n < INT64_MAX / 100 ? 0 : -413;
}

static int parse_encoding(struct request *r, struct text value)
{
    if (r->has_encoding)
        return -400;
    r->has_encoding = true;
    r->chunked = is(value, "chunked");
    return r->chunked ? 0 : -501;
}

static int parse_host(struct request *r, struct text value)
{
    if (r->has_host)
        return -400;
    r->has_host = true;
    for (size_t i = 0; i < value.length; i++)
        if (value.at[i] <= ' ' || value.at[i] > '~' || strchr("/?#@\\<>\"^`{|}", value.at[i]))
            return -400;
    return 0;
}

static int parse_connection(struct request *r, struct text list)
{
    while (list.length) {
        struct text word = trim(cut(&list, ','));
        r->wants_close |= is(word, "close");
        r->wants_keep |= is(word, "keep-alive");
    }
    return 0;
}

static int parse_expect(struct request *r, struct text value)
{
    r->continues = is(value, "100-continue");
    return r->continues ? 0 : -417;
}

static int take_field(struct request *r, const char *data, struct text name, struct text value)
{
    struct slice slice = {(uint32_t)(value.at - data), (uint32_t)value.length};
    if (is(name, "host"))
        return parse_host(r, value);
    if (is(name, "connection"))
        return parse_connection(r, value);
    if (is(name, "content-length"))
        return parse_length(r, value);
    if (is(name, "transfer-encoding"))
        return parse_encoding(r, value);
    if (is(name, "expect"))
        return parse_expect(r, value);
    if (is(name, "if-modified-since"))
        r->modified_since = slice;
    else if (is(name, "if-none-match"))
        r->none_match = slice;
    else if (is(name, "range"))
        r->range = slice;
    else if (is(name, "if-range"))
        r->if_range = slice;
    return 0;
}

static int parse_field(struct request *r, const char *data, struct text line)
{
    if (++r->fields > REQUEST_FIELDS)
        return -431;
    if (!memchr(line.at, ':', line.length))
        return -400;
    struct text name = cut(&line, ':'), value = trim(line);
    for (size_t i = 0; i < value.length; i++)
        if (((unsigned char)value.at[i] < ' ' && value.at[i] != '\t') || value.at[i] == 127)
            return -400;
    return is_token_text(name) ? take_field(r, data, name, value) : -400;
}

static int finish(struct request *r)
{
    if (r->has_encoding && (r->minor == 0 || r->body_length >= 0)) /* two lengths: a way to smuggle requests */
        return -400;
    if (r->minor > 0 && !r->has_host)
        return -400;
    r->keeps = !r->wants_close && (r->minor > 0 || r->wants_keep);
    r->continues = r->continues && r->minor > 0;
    return 0;
}

/* What begins like no method need not be waited for. */
static bool may_become_first_line(struct text start)
{
    if (start.length == 1 && start.at[0] == '\r')
        return true;
    bool whole = memchr(start.at, ' ', start.length);
    struct text method = cut(&start, ' ');
    return method.length <= LONGEST_METHOD && (is_token_text(method) || (method.length == 0 && !whole));
}

/* A line without its end. 1: it was the last one. */
static int take_line(struct request *r, const char *data, struct text line)
{
    if (!line.length) /* before a request there may be some: clients end their bodies with one */
        return r->first_line_done;
    if (r->first_line_done)
        return parse_field(r, data, line);
    r->first_line_done = true;
    return parse_first_line(r, data, line);
}

void request_begin(struct request *r) { *r = (struct request){.body_length = -1}; }

int request_parse(struct request *r, const char *data, size_t size, size_t limit)
{
    size_t end = size < limit ? size : limit;
    int taken = 0;
    for (const char *lf; (lf = memchr(data + r->searched, '\n', end - r->searched));) {
        struct text line = {data + r->line, (size_t)(lf - data) - r->line};
        if (!line.length || line.at[--line.length] != '\r')
            return -400;
        r->line = r->searched = (uint32_t)(lf + 1 - data);
        if ((taken = take_line(r, data, line)) != 0)
            break;
    }
    if (taken != 0)
        return taken < 0 || (taken = finish(r)) < 0 ? taken : (int)r->line;
    r->searched = (uint32_t)end;
    if (!r->first_line_done && !may_become_first_line((struct text){data + r->line, end - r->line}))
        return -400;
    return size < limit ? 0 : r->first_line_done ? -431 : -414;
}
