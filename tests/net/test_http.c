/* SPDX-License-Identifier: MIT */
/* test_http - what http_server makes of requests: heads, bodies, paths, conditions; the same in one piece and byte by byte. */
#include "condition.h"
#include "path.h"
#include "session.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LIMIT 256
#define H "Host: a\r\n"

struct talk {
    const char *said, *means;
};

static void check_talk(const struct talk *t)
{
    session_pieces *const ways[] = {session_whole, session_single};
    for (int i = 0; i < 2; i++) {
        char *got = session_run(t->said, strlen(t->said), LIMIT, ways[i], NULL);
        if (strcmp(got, t->means) != 0)
            fail_msg("said:\n%s\nshould mean:\n%s\nmeans, %s:\n%s", t->said, t->means, i ? "byte by byte" : "whole",
                     got);
        free(got);
    }
}

#define CHECK_TALKS(...)                                                                                               \
    do {                                                                                                               \
        static const struct talk talks[] = {__VA_ARGS__};                                                              \
        for (size_t i = 0; i < sizeof talks / sizeof *talks; i++)                                                      \
            check_talk(&talks[i]);                                                                                     \
    } while (0)

static void test_requests(void **state)
{
    (void)state;
    CHECK_TALKS(
        {"", ""}, {"GET / HTTP/1.1\r\n" H "\r\n", "GET /\n"},
        {"GET / HTTP/1.1\r\n" H "\r\nHEAD /b HTTP/1.1\r\n" H "\r\n", "GET /\nHEAD /b\n"},
        {"\r\n\r\nGET / HTTP/1.1\r\n" H "\r\n", "GET /\n"}, {"GET /a?b=/c HTTP/1.1\r\nhOsT:a\r\n\r\n", "GET /a\n"},
        {"GET http://a:80/b?c HTTP/1.1\r\nHost: \t a \t\r\n\r\n", "GET /b\n"},
        {"GET / HTTP/1.7\r\n" H "\r\n", "GET /\n"}, {"GET / HTTP/1.0\r\n\r\n", "GET / close\n"},
        {"OPTIONS * HTTP/1.1\r\n" H "\r\n", "known\n"}, {"CONNECT a:1 HTTP/1.1\r\n" H "\r\n", "known\n"},
        {"get / HTTP/1.1\r\n" H "\r\n", "unknown\n"}, {"GET / HTTP/1.1\r\n" H "X:\r\nY: \xc3\xa9\r\n\r\n", "GET /\n"},
        {"GET / HTTP/1.1\r\n" H "Range: x\r\nIf-Range: y\r\nIf-None-Match: z\r\nIf-Modified-Since: t\r\n\r\n",
         "GET / range=x if-range=y none=z since=t\n"},
        {"GET / HTTP/1.1\r\n" H, "more\n"}, {"GET", "more\n"}, {"\r", "more\n"});
}

static void test_connection_options(void **state)
{
    (void)state;
    CHECK_TALKS({"GET / HTTP/1.1\r\n" H "Connection: close\r\n\r\n", "GET / close\n"},
                {"GET / HTTP/1.1\r\n" H "Connection: TE , Close\r\n\r\n", "GET / close\n"},
                {"GET / HTTP/1.1\r\n" H "Connection: closed\r\n\r\n", "GET /\n"},
                {"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", "GET /\n"},
                {"GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n", "GET / close\n"},
                {"GET / HTTP/1.1\r\n" H "Expect: 100-Continue\r\n\r\n", "GET / continue\n"},
                {"GET / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n", "GET / close\n"});
}

static void test_first_lines_refused(void **state)
{
    (void)state;
    CHECK_TALKS({"\n", "400\n"}, {"\r\r\n", "400\n"}, {"\x16\x03\x01", "400\n"}, {" GET", "400\n"}, {"G(T", "400\n"},
                {"ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFG", "400\n"}, {"GET / HTTP/1.1\n", "400\n"}, {"GET\r\n", "400\n"},
                {"GET /\r\n", "400\n"}, {"GET  / HTTP/1.1\r\n", "400\n"}, {"GET / HTTP/1.1 \r\n", "400\n"},
                {"GET /a b HTTP/1.1\r\n", "400\n"}, {"GET /\t HTTP/1.1\r\n", "400\n"},
                {"GET /\x80 HTTP/1.1\r\n", "400\n"}, {"GET /#a HTTP/1.1\r\n", "400\n"}, {"GET a HTTP/1.1\r\n", "400\n"},
                {"GET * HTTP/1.1\r\n", "400\n"}, {"GET ?a HTTP/1.1\r\n", "400\n"},
                {"GET http://a HTTP/1.1\r\n", "400\n"}, {"GET https://a/ HTTP/1.1\r\n", "400\n"},
                {"GET / HTTP/1\r\n", "400\n"}, {"GET / HTTP/1.1.1\r\n", "400\n"}, {"GET / http/1.1\r\n", "400\n"},
                {"GET / HTTP/x.1\r\n", "400\n"}, {"GET / HTTP/1,1\r\n", "400\n"}, {"GET / HTTP/2.0\r\n", "505\n"},
                {"GET / HTTP/0.9\r\n", "505\n"}, {"PRI * HTTP/2.0\r\n", "505\n"});
}

#define G "GET / HTTP/1.1\r\n"

static void test_fields_refused(void **state)
{
    (void)state;
    CHECK_TALKS(
        {G "\r\n", "400\n"}, {G H H, "400\n"}, {G "Host: a b\r\n", "400\n"}, {G "Host: a/b\r\n", "400\n"},
        {G "Host: u@a\r\n", "400\n"}, {G "Host\r\n", "400\n"}, {G "Host : a\r\n", "400\n"}, {G ": a\r\n", "400\n"},
        {G " Host: a\r\n", "400\n"}, {G H " folded\r\n", "400\n"}, {G H "A: \x01\r\n", "400\n"},
        {G H "A: \x7f\r\n", "400\n"}, {G H "A: b\rc\r\n", "400\n"}, {G H "A: b\n", "400\n"},
        {G H "\xc3: b\r\n", "400\n"}, {G H "Content-Length: \r\n", "400\n"}, {G H "Content-Length: -1\r\n", "400\n"},
        {G H "Content-Length: +1\r\n", "400\n"}, {G H "Content-Length: 1,1\r\n", "400\n"},
        {G H "Content-Length: 0x1\r\n", "400\n"}, {G H "Content-Length: 1\r\nContent-Length: 1\r\n", "400\n"},
        {G H "Content-Length: 99999999999999999999\r\n", "413\n"},
        {G H "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n", "400\n"},
        {G H "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", "400\n"},
        {G H "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "400\n"},
        {G H "Transfer-Encoding: gzip, chunked\r\n", "501\n"}, {G H "Transfer-Encoding: xchunked\r\n", "501\n"},
        {"GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", "400\n"}, {G H "Expect: miracles\r\n", "417\n"});
}

/* A head whose line of that many letters makes it `size` bytes long. */
static void check_length(const char *before, int letters, const char *after, const char *means)
{
    char said[2 * LIMIT], line[2 * LIMIT];
    memset(line, 'a', sizeof line);
    snprintf(said, sizeof said, "%s%.*s%s", before, letters, line, after);
    check_talk(&(struct talk){said, means});
}

static void test_limits(void **state)
{
    const int head = sizeof "GET / HTTP/1.1\r\n" H "A: \r\n\r\n" - 1, first = sizeof "GET / HTTP/1.0\r\n\r\n" - 1;
    char means[2 * LIMIT], fields[64 + 5 * REQUEST_FIELDS];
    (void)state;
    check_length(G H "A: ", LIMIT - head, "\r\n\r\n", "GET /\n");
    check_length(G H "A: ", LIMIT - head + 1, "\r\n\r\n", "431\n");
    check_length(G H "A: ", LIMIT, "", "431\n");
    check_length("GET /", LIMIT, " HTTP/1.0\r\n\r\n", "414\n");
    check_length("GET /", LIMIT - first + 1, " HTTP/1.0\r\n\r\n", "431\n");
    int letters = LIMIT - first;
    snprintf(means, sizeof means, "GET /%0*d close\n", letters, 0);
    for (char *zero = strchr(means, '0'); *zero == '0'; zero++)
        *zero = 'a';
    check_length("GET /", letters, " HTTP/1.0\r\n\r\n", means);
    for (int n = REQUEST_FIELDS; n <= REQUEST_FIELDS + 1; n++) {
        int at = sprintf(fields, "GET / HTTP/1.0\r\n");
        for (int i = 0; i < n; i++)
            at += sprintf(fields + at, "A:\r\n");
        sprintf(fields + at, "\r\n");
        char *got = session_run(fields, strlen(fields), sizeof fields, session_whole, NULL);
        assert_string_equal(got, n > REQUEST_FIELDS ? "431\n" : "GET / close\n");
        free(got);
    }
}

#define P "PUT / HTTP/1.1\r\n" H
#define C P "Transfer-Encoding: chunked\r\n\r\n"

static void test_bodies(void **state)
{
    (void)state;
    CHECK_TALKS(
        {P "Content-Length: 5\r\n\r\nhello" G H "\r\n", "known body=5\nGET /\n"},
        {P "Content-Length: 0\r\n\r\n" G H "\r\n", "known\nGET /\n"},
        {P "Content-Length: 5\r\n\r\nhell", "known\nmore\n"}, {P "Content-Length: 2001\r\n\r\n", "known\n413\n"},
        {C "0\r\n\r\n" G H "\r\n", "known body=5\nGET /\n"},
        {C "5\r\nhello\r\n0A ;x=\"y\"\r\n0123456789\r\n0\r\nA: b\r\nC: d\r\n\r\n" G H "\r\n", "known body=50\nGET /\n"},
        {C "5\r\nhello\r\n", "known\nmore\n"}, {C "\r\n", "known\n400\n"}, {C "g\r\n", "known\n400\n"},
        {C "5\nhello", "known\n400\n"}, {C "5\r\nhello0\r\n", "known\n400\n"}, {C "5\r\nhello\n", "known\n400\n"},
        {C "5;\x01\r\n", "known\n400\n"}, {C "-5\r\n", "known\n400\n"}, {C "0x5\r\n", "known\n400\n"},
        {C "0\r\nA: b\n", "known\n400\n"}, {C "0\r\n\rx", "known\n400\n"}, {C "7d1\r\n", "known\n413\n"},
        {C "ffffffffffffffff1\r\n", "known\n413\n"}, {C "00000000000000000001\r\na\r\n0\r\n\r\n", "known body=30\n"});
}

/* Short chunks with long frames, long trailers: all of it counts. */
static void test_frames_count(void **state)
{
    char said[4096];
    (void)state;
    int at = sprintf(said, C);
    for (int i = 0; i < 300; i++)
        at += sprintf(said + at, "1;xx\r\na\r\n");
    check_talk(&(struct talk){said, "known\n413\n"});
    at = sprintf(said, C "0\r\n");
    for (int i = 0; i < 300; i++)
        at += sprintf(said + at, "A: bcd\r\n");
    check_talk(&(struct talk){said, "known\n413\n"});
}

static void test_paths(void **state)
{
    static const struct {
        const char *path, *name;
        int error;
    } cases[] = {
        {"/a", "a", 0},
        {"/a/b.c", "a/b.c", 0},
        {"/a//b///c", "a/b/c", 0},
        {"/", "index.html", 0},
        {"/a/", "a/index.html", 0},
        {"/a%20b", "a b", 0},
        {"/%41%c3%A9", "A\xc3\xa9", 0},
        {"/a..b", "a..b", 0},
        {"/a.", "a.", 0},
        {"/..", NULL, -404},
        {"/../a", NULL, -404},
        {"/a/../b", NULL, -404},
        {"/.", NULL, -404},
        {"/a/./b", NULL, -404},
        {"/.git/config", NULL, -404},
        {"/%2e%2e/a", NULL, -404},
        {"/%2E./a", NULL, -404},
        {"/a/%2e", NULL, -404},
        {"/a%2fb", NULL, -404},
        {"/..%2f..", NULL, -404},
        {"/%00", NULL, -400},
        {"/a%", NULL, -400},
        {"/a%4", NULL, -400},
        {"/a%4g", NULL, -400},
        {"/a%0a", NULL, -400},
        {"/%7f", NULL, -400},
        {"/%%41", NULL, -400},
        {"/%252e%252e/a", "%2e%2e/a", 0},
        {"/01234567890123456789", NULL, -414},
        {"/012345678/", NULL, -414},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char name[20] = "";
        int n = path_decode(cases[i].path, strlen(cases[i].path), name, sizeof name);
        if (n != (cases[i].name ? (int)strlen(cases[i].name) : cases[i].error) ||
            (n > 0 && strcmp(name, cases[i].name) != 0))
            fail_msg("%s: %d %s", cases[i].path, n, name);
    }
    assert_string_equal(path_type("a/b.HTML"), "text/html; charset=utf-8");
    assert_string_equal(path_type("a"), "application/octet-stream");
}

static struct slice slice_of(char *data, size_t *used, const char *text)
{
    struct slice s = {(uint32_t)*used, text ? (uint32_t)strlen(text) : 0};
    memcpy(data + *used, text ? text : "", s.length);
    *used += s.length;
    return s;
}

static struct part decide(enum method method, const char *range, const char *if_range, const char *none,
                          const char *since)
{
    const struct version v = {.size = 1000, .modified = {784111777, 5}};
    char data[512];
    size_t used = 0;
    struct request r = {.method = method};
    r.range = slice_of(data, &used, range);
    r.if_range = slice_of(data, &used, if_range);
    r.none_match = slice_of(data, &used, none);
    r.modified_since = slice_of(data, &used, since);
    return condition_decide(&r, data, &v);
}

static void test_ranges(void **state)
{
    static const struct {
        const char *range;
        struct part part;
    } cases[] = {
        {NULL, {200, 0, 1000}},
        {"bytes=0-0", {206, 0, 1}},
        {"Bytes=5-9", {206, 5, 5}},
        {"bytes=990-", {206, 990, 10}},
        {"bytes=990-2000", {206, 990, 10}},
        {"bytes=990-1000", {206, 990, 10}},
        {"bytes=-10", {206, 990, 10}},
        {"bytes=-2000", {206, 0, 1000}},
        {"bytes=1000-", {416, 0, 0}},
        {"bytes=1000-1001", {416, 0, 0}},
        {"bytes=-0", {416, 0, 0}},
        {"bytes=9-5", {200, 0, 1000}},
        {"bytes=-", {200, 0, 1000}},
        {"bytes=", {200, 0, 1000}},
        {"bytes=1-2,4-5", {200, 0, 1000}},
        {"bytes=a-b", {200, 0, 1000}},
        {"lines=1-2", {200, 0, 1000}},
        {"bytes=1", {200, 0, 1000}},
        {"bytes=99999999999999999999-", {416, 0, 0}},
        {"bytes=0-99999999999999999999", {206, 0, 1000}},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct part p = decide(METHOD_GET, cases[i].range, NULL, NULL, NULL), want = cases[i].part;
        if (p.status != want.status || p.from != want.from || p.length != want.length)
            fail_msg("%s: %d %lld %lld", cases[i].range, p.status, (long long)p.from, (long long)p.length);
    }
    assert_int_equal(decide(METHOD_HEAD, "bytes=0-0", NULL, NULL, NULL).status, 200);
}

#define DATE "Sun, 06 Nov 1994 08:49:37 GMT"

static void test_conditions(void **state)
{
    const struct version v = {.size = 1000, .modified = {784111777, 5}};
    char tag[ETAG_SIZE], list[64], date[DATE_SIZE];
    (void)state;
    etag_format(&v, tag);
    date_format(784111777, date);
    assert_string_equal(date, DATE);
    snprintf(list, sizeof list, "\"x\", W/%s", tag);
    assert_int_equal(decide(METHOD_GET, NULL, NULL, tag, NULL).status, 304);
    assert_int_equal(decide(METHOD_HEAD, NULL, NULL, list, NULL).status, 304);
    assert_int_equal(decide(METHOD_GET, NULL, NULL, "*", NULL).status, 304);
    assert_int_equal(decide(METHOD_GET, NULL, NULL, "\"x\"", DATE).status, 200); /* the tag decides */
    assert_int_equal(decide(METHOD_GET, NULL, NULL, NULL, DATE).status, 304);
    assert_int_equal(decide(METHOD_GET, NULL, NULL, NULL, "Sun, 06 Nov 1994 08:49:36 GMT").status, 200);
    assert_int_equal(decide(METHOD_GET, NULL, NULL, NULL, "Sun, 06 Nov 1994 08:49:38 GMT").status, 304);
    assert_int_equal(decide(METHOD_GET, NULL, NULL, NULL, "yesterday").status, 200);
    assert_int_equal(decide(METHOD_GET, "bytes=0-0", tag, NULL, NULL).status, 206);
    assert_int_equal(decide(METHOD_GET, "bytes=0-0", DATE, NULL, NULL).status, 206);
    assert_int_equal(decide(METHOD_GET, "bytes=0-0", "\"x\"", NULL, NULL).status, 200);
    assert_int_equal(decide(METHOD_GET, "bytes=0-0", "Sun, 06 Nov 1994 08:49:38 GMT", NULL, NULL).status, 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests),
        cmocka_unit_test(test_connection_options),
        cmocka_unit_test(test_first_lines_refused),
        cmocka_unit_test(test_fields_refused),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_bodies),
        cmocka_unit_test(test_frames_count),
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_conditions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
