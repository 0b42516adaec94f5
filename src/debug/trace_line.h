/* SPDX-License-Identifier: MIT */
/* trace_line - the events of a trace's file, one a line.
 * Job:    what all of them have: phase, process, thread, time, name.
 * Callers: trace_file.c and trace_rows.c.
 */
#ifndef DEBUG_TRACE_LINE_H
#define DEBUG_TRACE_LINE_H

#include "debug/json.h"

/* What the format calls processes. */
#define PROCS_ID "1"
#define WORKERS_ID "2"
#define TASKS_ID "3"

extern struct trace_out {
    struct json json;
    int64_t origin; /* the time that is 0 in the file */
} trace_out;

/* Ends with "name": the caller goes on, and closes the brace. */
struct json *trace_line(const char *phase, const char *process, unsigned track, int64_t time);
/* Of a proc: ends within its arguments; the caller goes on with them, and closes two braces. */
struct json *trace_instant(unsigned track, int64_t time, const char *name);
/* Says what a process or a track is called; what: as the format says. */
void trace_line_name(const char *what, const char *process, unsigned track, const char *name);
void trace_number(struct json *j, const char *key, uint64_t n);

#endif
