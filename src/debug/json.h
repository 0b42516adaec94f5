/* SPDX-License-Identifier: MIT */
/* json - text of a JSON file, written in large pieces.
 * Job:    strings with their escapes, numbers, microseconds.
 * Holds:  no memory from the heap and no locale: it also works in the handler of a signal.
 */
#ifndef DEBUG_JSON_H
#define DEBUG_JSON_H

#include <stddef.h>
#include <stdint.h>

struct json {
    int fd;
    int error; /* the first write that failed: a negative errno; nothing is written any more */
    size_t used;
    char text[65536];
};

void json_text(struct json *j, const char *text);   /* as it is */
void json_string(struct json *j, const char *text); /* in quotes; what isn't UTF-8 becomes '?' */
void json_number(struct json *j, uint64_t n);
void json_address(struct json *j, uint64_t n); /* as "0x7f..." */
void json_micros(struct json *j, int64_t ns);  /* as 12.345; less than 0 is 0 */
void json_flush(struct json *j);

#endif
