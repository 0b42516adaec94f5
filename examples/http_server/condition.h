/* SPDX-License-Identifier: MIT */
/* condition - what a request wants of a file: all of it, a part, or only to hear that it hasn't changed. */
#ifndef CONDITION_H
#define CONDITION_H

#include "request.h"

#include <time.h>

#define DATE_SIZE 30 /* "Sun, 06 Nov 1994 08:49:37 GMT", ended by 0 */
#define ETAG_SIZE 40

/* What the conditions are about. */
struct version {
    int64_t size;
    struct timespec modified;
};

/* What to send. */
struct part {
    int status; /* 200; 206: a part; 304: nothing, it is known; 416: there is no such part */
    int64_t from, length;
};

void date_format(time_t when, char text[DATE_SIZE]);
void etag_format(const struct version *v, char text[ETAG_SIZE]);

/* The slices of r are in data. */
struct part condition_decide(const struct request *r, const char *data, const struct version *v);

#endif
