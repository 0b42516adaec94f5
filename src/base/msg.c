/* SPDX-License-Identifier: MIT */
/* msg - what the library says on stderr.
 * Job:    format into a buffer on the stack and write it in one piece, so that lines of several threads don't mix.
 * Callers: anyone; msg_print also from signal handlers (glibc's vsnprintf takes no lock and no heap for plain formats).
 */
#include "base/msg.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void write_line(const char *format, va_list args)
{
    char line[512];
    int n = snprintf(line, sizeof line, "mote: ");
    int m = vsnprintf(line + n, sizeof line - (size_t)n - 1, format, args);
    size_t end = (size_t)n + (m < 0 ? 0 : (size_t)m);
    if (end > sizeof line - 2)
        end = sizeof line - 2;
    line[end++] = '\n';
    ssize_t ignored = write(STDERR_FILENO, line, end);
    (void)ignored;
}

void msg_print(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    write_line(format, args);
    va_end(args);
}

void msg_fatal(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    write_line(format, args);
    va_end(args);
    abort();
}
