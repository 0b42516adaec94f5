/* SPDX-License-Identifier: MIT */
/* msg - what the library says on stderr.
 * Job:    format into a buffer on the stack and write it in one piece, so that lines of several threads don't mix.
 * Callers: anyone; msg_print also from signal handlers (glibc's vsnprintf takes no lock and no heap for plain formats).
 */
#include "base/msg.h"

#include "base/atomic.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define TRACE_MAX 64
#define PATIENCE_S 8 /* a report may wait for a copy of the process that hangs: debug/crash.c */

void (*msg_describe_caller)(char *text, size_t size);
const struct msg_tracer *msg_tracer;

/* What doesn't fit is cut; there is always room for a newline. */
static size_t add(char *text, size_t size, size_t n, const char *format, va_list args)
{
    int m = vsnprintf(text + n, size - n, format, args);
    size_t end = n + (m < 0 ? 0 : (size_t)m);
    return end < size - 1 ? end : size - 2;
}

static void write_out(const char *text, size_t n)
{
    ssize_t ignored = write(STDERR_FILENO, text, n);
    (void)ignored;
}

void msg_print(const char *format, ...)
{
    char line[512] = "mote: ";
    va_list args;
    va_start(args, format);
    size_t n = add(line, sizeof line, strlen(line), format, args);
    va_end(args);
    line[n++] = '\n';
    write_out(line, n);
}

void msg_begin(struct msg_text *t) { t->n = 0; }

void msg_add(struct msg_text *t, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    t->n = add(t->text, sizeof t->text, t->n, format, args);
    va_end(args);
}

void msg_add_caller(struct msg_text *t)
{
    char text[512] = "a plain thread";
    if (msg_describe_caller)
        msg_describe_caller(text, sizeof text);
    msg_add(t, "mote: in %s\n", text);
}

void msg_add_trace(struct msg_text *t, void *const *trace, int n)
{
    const char *missing = msg_tracer ? msg_tracer->missing() : "built without backtraces";
    if (missing) {
        msg_add(t, "mote: (%s)\n", missing);
        return;
    }
    for (int i = 0; i < n; i++) {
        char text[256];
        msg_tracer->describe(trace[i], text, sizeof text);
        msg_add(t, "mote:   #%d %s\n", i, text);
    }
}

void msg_end(const struct msg_text *t) { write_out(t->text, t->n); }

int msg_trace(void **trace, int max, const void *from)
{
    if (!msg_tracer || msg_tracer->missing())
        return 0;
    void *all[TRACE_MAX];
    int n = msg_tracer->take(all, TRACE_MAX), first = 0;
    while (first < n && all[first] != from)
        first++;
    if (first == n)
        first = 0;
    n = n - first < max ? n - first : max;
    memcpy(trace, all + first, sizeof all[0] * (size_t)n);
    return n;
}

static _Atomic uintptr_t dying; /* a thread; not its number, which differs in a copy of the process. 0: none */

bool msg_last_words(void)
{
    uintptr_t self = (uintptr_t)pthread_self(), first = 0;
    if (atom_cas_rlx(&dying, &first, self)) /* rlx: it decides, nothing else */
        return true;
    struct timespec rest = {.tv_sec = PATIENCE_S};
    while (first != self && nanosleep(&rest, &rest) < 0 && errno == EINTR)
        continue;
    return false;
}

void msg_abort(void)
{
    msg_last_words();
    abort();
}

void msg_fatal(const char *format, ...)
{
    struct msg_text t;
    void *trace[TRACE_MAX];
    bool first = msg_last_words();
    msg_begin(&t);
    msg_add(&t, "mote: ");
    va_list args;
    va_start(args, format);
    t.n = add(t.text, sizeof t.text, t.n, format, args);
    va_end(args);
    msg_add(&t, "\n");
    if (first) { /* else what these take may be what has failed */
        msg_add_caller(&t);
        msg_add_trace(&t, trace, msg_trace(trace, TRACE_MAX, __builtin_return_address(0)));
    }
    msg_end(&t);
    msg_abort();
}
