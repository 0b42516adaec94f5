/* SPDX-License-Identifier: MIT */
/* findings - the report of a simulation that fails.
 * Job:    the seed, what the run has said, and the choices that make it fail; or the same for the caller.
 * Not here: finding them (explore.c).
 */
#include "base/msg.h"
#include "debug/explore.h"
#include "debug/lines.h"

#include <mote/detail.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SHOWN 50   /* steps */
#define SAID 20000 /* bytes */

static void PRINTF_LIKE(1, 2) say(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vdprintf(STDERR_FILENO, format, args);
    va_end(args);
}

static const char *signal_name(int number)
{
    const char *name = sigabbrev_np(number);
    return name ? name : "?";
}

static void say_how(const struct search *s)
{
    switch (s->outcome.end) {
    case MOTE_SIM_DEADLOCK:
        say("deadlock\n");
        break;
    case MOTE_SIM_PANIC:
        say("a panic\n");
        break;
    case MOTE_SIM_ENDLESS:
        say("it goes on after %llu choices\n", (unsigned long long)s->most_looks);
        break;
    case MOTE_SIM_SIGNAL:
        say("SIG%s%s\n", signal_name(s->outcome.code),
            s->outcome.code == 14 ? ", after the time that a run may take" : "");
        break;
    case MOTE_SIM_EXIT:
        say("the process has ended with status %d\n", s->outcome.code);
        break;
    default:
        say("the result is %d\n", s->outcome.code);
    }
}

static void say_what_it_said(const struct search *s)
{
    char text[1024];
    off_t at = 0;
    char last = '\n';
    for (ssize_t n; at < SAID && (n = pread(s->said, text, sizeof text, at)) > 0; at += n) {
        if (at == 0)
            say("mote: what it has said:\n");
        say("%.*s", (int)n, text);
        last = text[n - 1];
    }
    say("%s%s", last == '\n' ? "" : "\n", at >= SAID ? "...\n" : "");
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static void name_who(struct schedule_who who, char *text, size_t size)
{
    if (who.task == 0)
        snprintf(text, size, "a timer");
    else if (!who.site)
        snprintf(text, size, "the main task");
    else
        snprintf(text, size, "task %u (%s, %s:%d)", who.task, who.site->name, base_name(who.site->file),
                 who.site->line);
}

/* The folder that the library was compiled from, as it stands in its lines. False: unknown. */
static bool find_library(char *folder, size_t size)
{
    if (!lines_find((const char *)findings_report + 1, folder, size))
        return false;
    char *end = strstr(folder, "debug/findings.c");
    if (end)
        *end = 0;
    return end != NULL;
}

/* Where the program itself was, above the library's functions. False: unknown. */
static bool find_place(const struct schedule_step *step, char *place, size_t size)
{
    static char library[512];
    char line[512];
    if (!library[0] && !find_library(library, sizeof library))
        return false;
    for (unsigned i = 0; i < step->frames; i++) {
        if (!lines_find((const char *)step->trace[i] - 1, line, sizeof line))
            return false;
        if (strncmp(line, library, strlen(library)) != 0) {
            snprintf(place, size, "%s", base_name(line));
            return true;
        }
    }
    return false;
}

static void say_step(const struct schedule_step *step)
{
    char self[120], to[120], instead[120], place[512];
    name_who(step->self, self, sizeof self);
    name_who(step->to, to, sizeof to);
    name_who(step->instead, instead, sizeof instead);
    bool known = step->self.task && find_place(step, place, sizeof place);
    say("mote:   choice %u: ", step->at);
    if (step->kind == SCHEDULE_POINT)
        say("%s runs instead of %s", to, instead);
    else if (step->kind == SCHEDULE_NEXT)
        say("%s runs next, not %s", to, instead);
    else if (step->kind == SCHEDULE_TIMER)
        say("another timer comes first");
    else
        say("%s takes another case of a select", self);
    if (known && step->kind != SCHEDULE_NEXT)
        say(", at %s", place);
    else if (known)
        say(", where %s waits at %s", self, place);
    say("\n");
}

static void say_steps(const struct search *s)
{
    if (!s->repeats) {
        say("mote: the same choices don't make it fail again: it depends on something else\n");
        return;
    }
    if (s->steps == 0) {
        say("mote: it fails also when nothing is left to chance\n");
        return;
    }
    say("mote: %u of %llu choices make it fail%s:\n", s->steps, (unsigned long long)s->choices,
        s->shorter ? "" : ", or some of these");
    for (uint32_t i = 0; i < s->steps && i < SHOWN; i++)
        say_step(&s->step[i]);
    if (s->steps > SHOWN)
        say("mote:   and %u more\n", s->steps - SHOWN);
}

static void fill_in(const struct search *s, mote_sim_failure *f)
{
    *f = (mote_sim_failure){.end = s->outcome.end,
                            .code = s->outcome.code,
                            .runs = s->runs,
                            .seed = s->seed,
                            .schedule = s->schedule,
                            .choices = s->outcome.end == MOTE_SIM_ENDLESS ? s->most_looks : s->choices,
                            .steps = (int)s->steps};
    ssize_t n = pread(s->said, f->said, sizeof f->said - 1, 0);
    f->said[n > 0 ? n : 0] = 0;
}

void findings_report(struct search *s, mote_sim_failure *failure)
{
    unsigned long long seed = s->seed;
    if (failure)
        fill_in(s, failure);
    if (s->options.quiet)
        return;
    say("mote: simulation with seed %llu fails, run %d of %d: ", seed, s->runs, s->options.runs);
    say_how(s);
    say_what_it_said(s);
    say_steps(s);
    say("mote: to see it again: mote_sim_run(%llu, ...), or MOTEDEBUG=seed=%llu\n", seed, seed);
}
