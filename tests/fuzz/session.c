/* SPDX-License-Identifier: MIT */
/* session - see session.h. */
#include "session.h"

#include "body.h"
#include "request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct session {
    const char *data;
    size_t size, limit, came;
    session_pieces *pieces;
    void *arg;
    FILE *out;
};

size_t session_whole(void *arg, size_t done) { return (void)arg, (void)done, (size_t)-1; }

size_t session_single(void *arg, size_t done) { return (void)arg, (void)done, 1; }

/* 0: there is no more. */
static int more(struct session *s)
{
    if (s->came == s->size)
        return 0;
    size_t n = s->pieces(s->arg, s->came);
    s->came += n < s->size - s->came ? n : s->size - s->came;
    return 1;
}

/* A copy in which the sanitizer sees the end. */
static char *exactly(const struct session *s, size_t from)
{
    size_t n = s->came - from;
    char *copy = malloc(n ? n : 1);
    if (n)
        memcpy(copy, s->data + from, n);
    return copy;
}

static int parse_head(struct session *s, size_t from, struct request *r)
{
    int n = 0;
    request_begin(r);
    do {
        char *copy = exactly(s, from);
        n = request_parse(r, copy, s->came - from, s->limit);
        free(copy);
    } while (n == 0 && more(s));
    return n;
}

/* As burst.c does it: where the body ends, or a status, negated; 0: there is more to come. */
static long take_body(struct session *s, size_t from, const struct request *r)
{
    struct body b;
    int error = body_begin(&b, r, 2000);
    while (error == 0 && b.state != BODY_DONE) {
        char *copy = exactly(s, from);
        long used = (long)body_take(&b, copy, s->came - from);
        free(copy);
        if (used < 0)
            return used;
        from += (size_t)used;
        if (b.state != BODY_DONE && !more(s))
            return 0;
    }
    return error < 0 ? error : (long)from;
}

static void print_slice(struct session *s, size_t from, const char *name, struct slice slice)
{
    if (slice.length)
        fprintf(s->out, "%s%.*s", name, (int)slice.length, s->data + from + slice.at);
}

static void print_head(struct session *s, size_t from, const struct request *r)
{
    static const char *const methods[] = {"GET", "HEAD", "known", "unknown"};
    fprintf(s->out, "%s", methods[r->method]);
    print_slice(s, from, " ", r->path);
    print_slice(s, from, " range=", r->range);
    print_slice(s, from, " if-range=", r->if_range);
    print_slice(s, from, " none=", r->none_match);
    print_slice(s, from, " since=", r->modified_since);
    fprintf(s->out, "%s%s", r->keeps ? "" : " close", r->continues ? " continue" : "");
}

/* Where the next request begins; 0: there is none. */
static size_t step(struct session *s, size_t from)
{
    struct request r;
    int head = parse_head(s, from, &r);
    if (head <= 0) {
        if (head < 0)
            fprintf(s->out, "%d\n", -head);
        else if (s->came > from)
            fprintf(s->out, "more\n");
        return 0;
    }
    size_t start = from + (size_t)head;
    long end = take_body(s, start, &r);
    print_head(s, from, &r);
    if (end > (long)start)
        fprintf(s->out, " body=%ld", end - (long)start);
    fprintf(s->out, "\n");
    if (end <= 0)
        fprintf(s->out, end < 0 ? "%ld\n" : "more\n", -end);
    return end > 0 ? (size_t)end : 0;
}

char *session_run(const char *data, size_t size, size_t limit, session_pieces *pieces, void *arg)
{
    struct session s = {.data = data, .size = size, .limit = limit, .pieces = pieces, .arg = arg};
    char *text = NULL;
    size_t length;
    s.out = open_memstream(&text, &length);
    size_t from = 0;
    do
        from = step(&s, from);
    while (from > 0);
    fclose(s.out);
    return text;
}
