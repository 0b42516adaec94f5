/* SPDX-License-Identifier: MIT */
/* condition - what a request wants of a file: see condition.h. RFC 9110, sections 13 and 14. */
#include "condition.h"

#include <stdio.h>
#include <string.h>

void date_format(time_t when, char text[DATE_SIZE])
{
    struct tm tm = {0};
    gmtime_r(&when, &tm);
    if (strftime(text, DATE_SIZE, "%a, %d %b %Y %H:%M:%S GMT", &tm) == 0) /* a year of five digits */
        text[0] = 0;
}

void etag_format(const struct version *v, char text[ETAG_SIZE])
{
    unsigned long long ns =
        (unsigned long long)v->modified.tv_sec * 1000000000 + (unsigned long long)v->modified.tv_nsec;
    snprintf(text, ETAG_SIZE, "\"%llx-%llx\"", ns, (unsigned long long)v->size);
}

/* -1: it isn't one, or is written as nobody has done since 1994. */
static time_t parse_date(const char *data, struct slice s)
{
    char text[DATE_SIZE];
    struct tm tm = {0};
    if (s.length != DATE_SIZE - 1)
        return -1;
    memcpy(text, data + s.at, s.length);
    text[s.length] = 0;
    const char *end = strptime(text, "%a, %d %b %Y %H:%M:%S GMT", &tm);
    return end && !*end ? timegm(&tm) : -1;
}

/* Whether a list has the tag, "*" being any. W/ before it makes no difference here. */
static bool lists(const char *data, struct slice s, const char *tag)
{
    const char *at = data + s.at, *end = at + s.length;
    if (s.length == 1 && *at == '*')
        return true;
    size_t length = strlen(tag);
    while ((size_t)(end - at) >= length && memcmp(at, tag, length) != 0)
        at++;
    return s.length > 0 && (size_t)(end - at) >= length;
}

static bool is_known(const struct request *r, const char *data, const struct version *v)
{
    char tag[ETAG_SIZE];
    etag_format(v, tag);
    if (r->none_match.length)
        return lists(data, r->none_match, tag);
    time_t since = r->modified_since.length ? parse_date(data, r->modified_since) : -1;
    return since >= 0 && v->modified.tv_sec <= since;
}

/* If-Range: a part only of the version that the client has. */
static bool is_same(const struct request *r, const char *data, const struct version *v)
{
    char tag[ETAG_SIZE];
    struct slice s = r->if_range;
    etag_format(v, tag);
    return s.length == 0 || (s.length == strlen(tag) && memcmp(data + s.at, tag, s.length) == 0) ||
           parse_date(data, s) == v->modified.tv_sec;
}

/* Digits at *at, which moves behind them. -1: none. */
static int64_t number(const char **at, const char *end)
{
    int64_t n = -1;
    for (; *at < end && **at >= '0' && **at <= '9'; ++*at)
        n = n < 0 ? **at - '0' : n < INT64_MAX / 100 ? n * 10 + (**at - '0') : n;
    return n;
}

/* "bytes=FROM-TO", "bytes=FROM-", "bytes=-LAST". Several ranges, and what can't be read, are ignored, as is allowed. */
static struct part cut(const char *at, const char *end, int64_t size)
{
    struct part all = {200, 0, size}, none = {416, 0, 0};
    if (end - at < 6 || !text_is(at, 6, "bytes="))
        return all;
    at += 6;
    int64_t from = number(&at, end);
    if (at == end || *at++ != '-')
        return all;
    int64_t to = number(&at, end);
    if (at != end || (from < 0 && to < 0) || (from >= 0 && to >= 0 && to < from))
        return all;
    if (from < 0)
        return to == 0 || size == 0 ? none : (struct part){206, size - (to < size ? to : size), to < size ? to : size};
    if (from >= size)
        return none;
    if (to < 0 || to >= size)
        to = size - 1;
    return (struct part){206, from, to - from + 1};
}

struct part condition_decide(const struct request *r, const char *data, const struct version *v)
{
    if (is_known(r, data, v))
        return (struct part){304, 0, 0};
    if (r->method != METHOD_GET || !r->range.length || !is_same(r, data, v))
        return (struct part){200, 0, v->size};
    return cut(data + r->range.at, data + r->range.at + r->range.length, v->size);
}
