/* SPDX-License-Identifier: MIT */
/* fuzz_resp - libFuzzer's bytes for redis_server's parser. What is checked beside the sanitizers: a conversation means the same
 * however it is cut into pieces. */
#include "resp_session.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct source {
    const uint8_t *data;
    size_t size;
};

/* Pieces of 1 to 16 bytes, as the data itself has it. */
static size_t pieces_of(void *arg, size_t done)
{
    const struct source *s = arg;
    return 1 + (s->data[(done * 7) % s->size] & 15);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct source source = {data, size};
    const char *text = (const char *)data;
    size_t most = 20 + data[0];
    char *whole = resp_session(text, size, most, 2 * most, resp_whole, NULL);
    char *single = resp_session(text, size, most, 2 * most, resp_single, NULL);
    char *pieces = resp_session(text, size, most, 2 * most, pieces_of, &source);
    if (strcmp(whole, single) != 0 || strcmp(whole, pieces) != 0) {
        fprintf(stderr, "whole:\n%sbyte by byte:\n%sin pieces:\n%s", whole, single, pieces);
        abort();
    }
    free(whole);
    free(single);
    free(pieces);
    return 0;
}
