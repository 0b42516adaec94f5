/* SPDX-License-Identifier: MIT */
/* trace_line - the events of a trace's file, one a line.
 * Job: see trace_line.h.
 */
#include "debug/trace_line.h"

struct trace_out trace_out;

struct json *trace_line(const char *phase, const char *process, unsigned track, int64_t time)
{
    struct json *j = &trace_out.json;
    json_text(j, ",\n{\"ph\":\"");
    json_text(j, phase);
    json_text(j, "\",\"pid\":");
    json_text(j, process);
    json_text(j, ",\"tid\":");
    json_number(j, track);
    json_text(j, ",\"ts\":");
    json_micros(j, time - trace_out.origin);
    json_text(j, ",\"name\":");
    return j;
}

void trace_line_name(const char *what, const char *process, unsigned track, const char *name)
{
    struct json *j = trace_line("M", process, track, trace_out.origin);
    json_string(j, what);
    json_text(j, ",\"args\":{\"name\":");
    json_string(j, name);
    json_text(j, "}}");
}

struct json *trace_instant(unsigned track, int64_t time, const char *name)
{
    struct json *j = trace_line("i", PROCS_ID, track, time);
    json_string(j, name);
    json_text(j, ",\"s\":\"t\",\"args\":{");
    return j;
}

void trace_number(struct json *j, const char *key, uint64_t n)
{
    json_text(j, key);
    json_number(j, n);
}
