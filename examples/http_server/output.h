/* SPDX-License-Identifier: MIT */
/* output - what is to be sent: answers are gathered here, so that those to requests that came together leave together. */
#ifndef OUTPUT_H
#define OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OUTPUT_ANSWER 1024 /* the head of an answer is shorter than that, with the body of one that isn't a file */

struct output {
    int fd;
    bool broken; /* nothing can be sent any more */
    size_t used;
    char bytes[4 * OUTPUT_ANSWER];
};

/* The head of an answer: its first line with the date; fields; the end, with what is to become of the
 * connection, which 1.1 keeps without being told, and 1.0 (is_old) doesn't. */
void output_begin(struct output *o, int status);
void output_field(struct output *o, const char *name, const char *value);
void output_number(struct output *o, const char *name, int64_t value);
void output_end(struct output *o, bool keeps, bool is_old);

/* Text as it is. */
void output_text(struct output *o, const char *text);

/* Sends all; more: a file follows at once. False: it couldn't. May switch, as all below. */
bool output_flush(struct output *o, bool more);

/* A part of a file, behind what was flushed. False: not all of it could be sent. */
bool output_file(struct output *o, int file, int64_t from, int64_t length);

/* "404 Not Found" */
const char *output_status(int status);

#endif
