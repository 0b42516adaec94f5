/* SPDX-License-Identifier: MIT */
/* resp_session - see resp_session.h. */
#include "resp_session.h"
#include "resp.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

size_t resp_whole(void *arg, size_t done)
{
    (void)arg, (void)done;
    return SIZE_MAX;
}

size_t resp_single(void *arg, size_t done)
{
    (void)arg, (void)done;
    return 1;
}

static void write_request(FILE *out, const struct resp *r, const char *data)
{
    for (size_t i = 0; i < r->count; i++) {
        fputc('[', out);
        for (size_t k = 0; k < r->args[i].size; k++) {
            unsigned char c = (unsigned char)data[r->args[i].at + k];
            if (c > ' ' && c < 127 && !strchr("[]\\", c))
                fputc(c, out);
            else
                fprintf(out, "\\x%02x", c);
        }
        fputc(']', out);
    }
    if (r->count > 0)
        fputc('\n', out);
}

/* All requests that are whole; how many bytes they take, or -1 after an error. */
static ptrdiff_t take(FILE *out, struct resp *r, char *data, size_t size)
{
    size_t from = 0;
    enum resp_result got;
    while ((got = resp_next(r, data + from, size - from)) == RESP_REQUEST) {
        write_request(out, r, data + from);
        from += r->at;
        resp_reset(r);
    }
    if (got == RESP_ERROR)
        fprintf(out, "error: %s\n", r->error);
    return got == RESP_ERROR ? -1 : (ptrdiff_t)from;
}

char *resp_session(const char *data, size_t size, size_t max_value, size_t max_request, resp_pieces *pieces, void *arg)
{
    char *text = NULL, *buffer = malloc(1);
    size_t length, kept = 0, done = 0;
    FILE *out = open_memstream(&text, &length);
    struct resp r;
    resp_init(&r, max_value, max_request);
    while (done < size) {
        size_t piece = pieces(arg, done);
        piece = piece < size - done ? piece : size - done;
        char *next = malloc(kept + piece);
        memcpy(next, buffer, kept);
        memcpy(next + kept, data + done, piece);
        free(buffer);
        buffer = next;
        done += piece;
        ptrdiff_t used = take(out, &r, buffer, kept + piece);
        if (used < 0)
            break;
        kept += piece - (size_t)used;
        memmove(buffer, buffer + used, kept);
    }
    resp_free(&r);
    free(buffer);
    fclose(out);
    return text;
}
