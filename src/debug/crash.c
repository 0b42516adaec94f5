/* SPDX-License-Identifier: MIT */
/* crash - the last words of a program that a signal ends.
 * Job:    name the task that runs on the faulting thread, and where it was.
 * Holds:  CR1 called in a handler of the signal, which may have come in the middle of malloc or of the dynamic linker. To name
 *         functions and lines takes both. So a copy of the process does it, which may hang or fault; then the report is without
 *         them. A second one is made first: another thread may have held a lock that it has given back by now.
 *         CR2 one thread tells, the first that fails (msg_last_words): the others wait, since the first of them to return would
 *         end the process before all was said.
 * Not here: who is called for which signal, and that the process dies as it would have (stack/guard.c).
 */
#include "debug/crash.h"

#include "base/msg.h"
#include "debug/trace.h"
#include "debug/trespass.h"
#include "sched/proc.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define FRAMES 24
#define SHOWN 8 /* of a deep stack */
#define DEEP 64 /* frames from which on somebody wants to know how many there are */

static const char *signal_name(int signal)
{
    switch (signal) {
    case SIGSEGV:
        return "SIGSEGV";
    case SIGBUS:
        return "SIGBUS";
    case SIGFPE:
        return "SIGFPE";
    case SIGILL:
        return "SIGILL";
    default:
        return "SIGABRT";
    }
}

/* The return address that most of the first frames have: of a function that calls itself, or others that come back to it. */
static void *most_frequent(void *const *trace, int n)
{
    int best = 0, most = 0;
    for (int i = 0; i < n; i++) {
        int count = 0;
        for (int k = 0; k < n; k++)
            count += trace[k] == trace[i];
        if (count > most) {
            most = count;
            best = i;
        }
    }
    return most > 1 ? trace[best] : NULL;
}

static void add_depth(struct msg_text *text, void *const *trace, int n, long depth)
{
    char name[256] = "no single function";
    void *again = most_frequent(trace, n);
    if (again)
        msg_tracer->describe(again, name, sizeof name);
    msg_add(text, "mote: %s%ld frames deep; what repeats is %s\n", depth < MSG_DEEPEST ? "" : "more than ", depth,
            name);
}

static void add_frames(struct msg_text *text, const void *context)
{
    void *trace[FRAMES];
    long depth = 0;
    bool able = msg_tracer && !msg_tracer->missing();
    int n = able ? msg_tracer->walk_fault(context, trace, FRAMES, &depth) : 0;
    if (depth > DEEP)
        add_depth(text, trace, n, depth);
    msg_add_trace(text, trace, depth > DEEP && n > SHOWN ? SHOWN : n);
}

static void begin_report(struct msg_text *text, int signal, const void *address, size_t overflow)
{
    const struct task *self = worker_self()->self.current;
    char task[160] = "";
    task_describe(self, task, sizeof task);
    msg_begin(text);
    if (overflow)
        msg_add(text,
                "mote: stack overflow in task %s: more than %zu bytes at address %p. Set max_stack higher, or look for "
                "recursion without an end.\n",
                task, overflow, address);
    else if (signal == SIGABRT)
        msg_add(text, "mote: %s in task %s\n", signal_name(signal), task);
    else
        msg_add(text, "mote: %s in task %s, at address %p\n", signal_name(signal), task, address);
    msg_add_caller(text);
}

/* A process like ours, without what fork does in libraries: they may be in any state. It ends without a signal to the program,
 * which may have something to do at SIGCHLD, or ignore it, and then there would be no status. */
static pid_t copy_process(void) { return (pid_t)syscall(SYS_clone, 0, NULL, NULL, NULL, NULL); }

/* True: it has said everything. */
static bool await_copy(pid_t copy, int patience_ms)
{
    int status = 1;
    for (int i = 0; i < patience_ms / 10; i++) {
        pid_t ended = waitpid(copy, &status, WNOHANG | __WALL);
        if (ended == copy)
            return status == 0;
        if (ended < 0 && errno != EINTR)
            break;
        struct timespec pause = {.tv_nsec = 10000000};
        nanosleep(&pause, NULL);
    }
    kill(copy, SIGKILL);
    waitpid(copy, &status, __WALL);
    return false;
}

bool crash_tell(void (*tell)(void *arg), void *arg)
{
    static const int patience_ms[] = {1000, 3000};
    for (size_t i = 0; i < ARRAY_LENGTH(patience_ms); i++) {
        pid_t copy = copy_process();
        if (copy == 0) {
            tell(arg);
            _exit(0);
        }
        if (copy > 0 && await_copy(copy, patience_ms[i]))
            return true;
    }
    return false;
}

struct crash {
    struct msg_text text;
    const void *context;
};

static void tell_crash(void *arg)
{
    struct crash *crash = arg;
    add_frames(&crash->text, crash->context);
    msg_end(&crash->text);
}

void debug_on_fault(int signal, const void *address, const void *context, size_t overflow)
{
    struct worker *w = worker_self();
    bool first = msg_last_words(); /* a fault in here is not reported */
    trace_last_words();
    if (!first)
        return;
    if (homes.watch && signal == SIGSEGV && trespass_look(address, context))
        overflow = homes.size;
    if (!w || w->self.current == &w->base || UNDER_ASAN || UNDER_TSAN) /* those tools have their own reports */
        return;
    struct crash crash = {.context = context};
    begin_report(&crash.text, signal, address, overflow);
    if (!crash_tell(tell_crash, &crash))
        msg_end(&crash.text);
}
