/* SPDX-License-Identifier: MIT */
/* program - what a main does that has nothing to do with tasks: the command line and the status. */
#ifndef PROGRAM_H
#define PROGRAM_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The command line is wrong. */
static inline _Noreturn void program_refuse(const char *usage)
{
    fprintf(stderr, "%s\n", usage);
    exit(2);
}

/* The whole of text must be a number that is least to most. */
static inline long program_number(const char *text, long least, long most, const char *usage)
{
    char *end;
    long n = strtol(text, &end, 10);
    if (end == text || *end || n < least || n > most)
        program_refuse(usage);
    return n;
}

/* The status of a program whose result is 0, a status or a negative error. It is 1 as well when not all that was printed has got
 * out, as where the disk is full: who reads it later would take a part for the whole. */
static inline int program_status(const char *name, int result)
{
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fprintf(stderr, "%s: what it prints can't be written\n", name);
        return 1;
    }
    if (result < 0)
        fprintf(stderr, "%s: %s\n", name, strerror(-result));
    return result < 0 ? 1 : result;
}

#endif
