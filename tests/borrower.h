/* SPDX-License-Identifier: MIT */
/* borrower - a task's local and another task that touches it, in check mode: what test_stackcheck and test_syscalls share.
 * Job:    start both in a child process, and look at its report.
 */
#ifndef TESTS_BORROWER_H
#define TESTS_BORROWER_H

#include "support.h"

#include "base/attr.h"
#include "base/msg.h"
#include "base/sanitizer.h"

#include <mote/debug.h>

#include <signal.h>
#include <string.h>

#define SIZE 100
#define AT 3 /* byte of the victim's variable that is touched */

typedef mote_chan(int) channel;

static const mote_config one = {.procs = 1, .stackcheck = 1}, two = {.procs = 2, .stackcheck = 1},
                         without_calls = {.procs = 2, .stackcheck = 2},
                         small = {.procs = 2, .stackcheck = 1, .max_stack = 64 << 10};

static channel gate;
static _Atomic(char *) shared; /* points into the victim's frame */
static volatile int after;

/* The victim. */
static NOINLINE void hold_locals(void)
{
    volatile char locals[SIZE];
    for (int i = 0; i < SIZE; i++)
        locals[i] = (char)i;
    shared = (char *)locals + AT;
    mote_recv(gate, NULL);
    for (int i = 0; i < SIZE; i++)
        CHECK(locals[i] == (char)i);
}

static void victim(void)
{
    mote_set_name("lender");
    hold_locals();
    after++;
}

static void start_victim(void)
{
    gate = mote_chan_make(int, 0);
    CHECK(mote_go(victim) == 0);
    while (!shared)
        mote_yield();
    for (struct mote_stats s = {0}; s.tasks_parked < 1; mote_yield())
        CHECK(mote_stats(&s) == 0);
}

/* Ways to touch it. */
static NOINLINE void write_to_it(void)
{
    *(volatile char *)shared = 1;
    after++;
}

static const mote_config *config;

static void touch(void *way)
{
    const mote_attr attr = {.name = "borrower"};
    CHECK(mote_start(config) == 0);
    CHECK(mote_join(mote_spawn(start_victim), NULL) == 0);
    mote_join(mote_spawn_with(&attr, (void (*)(void))way), NULL);
}

/* Reports. */
static bool has_names(void) { return msg_tracer && !msg_tracer->missing() && !UNDER_EMULATOR; }

static void must_say(const struct child_result *child, const char *what)
{
    if (!strstr(child->err, what))
        fail_msg("'%s' is not in: %s", what, child->err);
}

/* Nothing, but that system calls can't be seen here. */
static void assert_quiet(const struct child_result *child)
{
    const char *said = child->err, *line = strchr(said, '\n');
    if (line && strncmp(said, "mote: stackcheck: ", 18) == 0 && strstr(said, "what they do to stacks is not seen\n"))
        said = line + 1;
    assert_string_equal(said, "");
    assert_int_equal(child->status, 0);
}

/* Who, whose, which variable of which function, and the ways that both have come. */
static void must_report(const struct child_result *child, const char *who, const char *verb, const char *way)
{
    assert_killed(child, SIGABRT);
    const char *line = strstr(child->err, "mote: stackcheck: ");
    assert_non_null(line);
    must_say(child, who);
    must_say(child, verb);
    must_say(child, " the stack of task ");
    must_say(child, " (lender), which is parked, at 0x");
    must_say(child, "mote_go_pinned");
    if (!has_names())
        return;
    must_say(child, "-byte frame of hold_locals+0x");
    must_say(child, way);
    const char *owner = strstr(child->err, "(lender), started at ");
    assert_non_null(owner);
    assert_non_null(strstr(owner, " is here:\n"));
    assert_non_null(strstr(owner, " hold_locals+0x"));
    assert_non_null(strstr(owner, " victim+0x"));
    if (strstr(child->err, "test_stackcheck.c:")) /* there is debug information */
        must_say(child, "mote: its variable locals, byte 3: at offset ");
}

static void expect(void (*way)(void), const char *verb, const char *name)
{
    static const mote_config *const each[] = {&one, &two};
    for (size_t i = 0; i < ARRAY_LENGTH(each); i++) {
        config = each[i];
        struct child_result child = run_child(touch, (void *)way);
        must_report(&child, " (borrower) ", verb, name);
    }
}

static void needs_check_mode(void)
{
    if (sanitizer_pins_all())
        skip();
}

#if defined(__x86_64__)
#define WROTE " wrote to the stack of "
#define READ " read from the stack of "
#else
#define WROTE " accessed the stack of "
#define READ WROTE
#endif

#endif
