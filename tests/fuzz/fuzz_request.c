/* SPDX-License-Identifier: MIT */
/* fuzz_request - libFuzzer's bytes for all of http_server that takes bytes apart. What is checked beside the sanitizers: a
 * conversation means the same however it is cut into pieces; a name stays below the root; a part lies within its file. */
#include "condition.h"
#include "path.h"
#include "session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition) ((condition) ? (void)0 : fail(#condition))

static void fail(const char *what)
{
    fprintf(stderr, "fuzz_request: not so: %s\n", what);
    abort();
}

/* Pieces of 1 to 16 bytes, as the data itself has it. */
struct source {
    const uint8_t *data;
    size_t size;
};

static size_t pieces_of(void *arg, size_t done)
{
    const struct source *s = arg;
    return 1 + (s->data[(done * 7) % s->size] & 15);
}

static void check_session(const uint8_t *data, size_t size)
{
    struct source source = {data, size};
    size_t limit = 64 + (size_t)data[0] * 4;
    const char *text = (const char *)data + 1;
    char *whole = session_run(text, size - 1, limit, session_whole, NULL);
    char *single = session_run(text, size - 1, limit, session_single, NULL);
    char *pieces = session_run(text, size - 1, limit, pieces_of, &source);
    MUST(strcmp(whole, single) == 0);
    MUST(strcmp(whole, pieces) == 0);
    free(whole);
    free(single);
    free(pieces);
}

static void check_path(const char *text, size_t size)
{
    char name[256];
    size_t room = 16 + size % 240;
    char *copy = malloc(size); /* the sanitizer sees its end */
    memcpy(copy, text, size);
    int n = path_decode(copy, size, name, room);
    free(copy);
    MUST(n == -400 || n == -404 || n == -414 || (n > 0 && (size_t)n < room));
    if (n < 0)
        return;
    MUST(strlen(name) == (size_t)n);
    MUST(name[0] != '/' && name[0] != '.' && name[n - 1] != '/');
    MUST(!strstr(name, "/.") && !strstr(name, "//"));
    MUST(path_type(name));
}

static void check_condition(const char *text, size_t size)
{
    struct version v = {.size = size % 7 ? (int64_t)size * 3 : 0, .modified.tv_sec = 784111777};
    struct slice all = {0, (uint32_t)size};
    struct request r[] = {
        {.range = all}, {.range = all, .if_range = all}, {.none_match = all}, {.modified_since = all}};
    char *copy = malloc(size);
    memcpy(copy, text, size);
    for (size_t i = 0; i < sizeof r / sizeof *r; i++) {
        struct part p = condition_decide(&r[i], copy, &v);
        MUST(p.status == 200 || p.status == 206 || p.status == 304 || p.status == 416);
        MUST(p.from >= 0 && p.length >= 0 && p.from + p.length <= v.size);
        MUST(p.status != 206 || p.length > 0);
    }
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    check_session(data, size);
    check_path((const char *)data, size);
    check_condition((const char *)data, size);
    return 0;
}
