/* SPDX-License-Identifier: MIT */
/* test_crash - a task that faults is named, with the way it came there; the process dies as it would have. */
#include "support.h"

#include "base/attr.h"
#include "base/msg.h"
#include "base/sanitizer.h"

#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const mote_config small = {.procs = 2, .max_stack = 128 << 10, .homes = 4};
static volatile int after;
static int *volatile nowhere = (int *)16;

static NOINLINE void follow_pointer(void)
{
    after += *nowhere;
    after++;
}

static NOINLINE void take_the_wrong_way(void)
{
    follow_pointer();
    after++;
}

static void segv(void)
{
    take_the_wrong_way();
    after++;
}

static NOINLINE void give_up(void) { abort(); }

static void give_up_soon(void)
{
    give_up();
    after++;
}

static NOINLINE int dive(int depth)
{
    volatile char frame[256];
    frame[0] = (char)depth;
    return depth > 100000000 ? 0 : dive(depth + 1) + frame[0];
}

static void diver(void) { dive(0); }

static void start_and_wait(void (*fn)(void))
{
    mote_attr attr = {.name = "unlucky"};
    CHECK(mote_start(&small) == 0);
    mote_join(mote_spawn_with(&attr, fn), NULL);
}

static void body_segv(void *arg)
{
    (void)arg;
    start_and_wait(segv);
}

static void body_abort(void *arg)
{
    (void)arg;
    start_and_wait(give_up_soon);
}

static void body_dive(void *arg)
{
    (void)arg;
    start_and_wait(diver);
}

/* They are made in a copy of the process, which qemu 7.2 kills when it is made in a handler of a deadly signal. */
static bool has_backtraces(void) { return !UNDER_EMULATOR && msg_tracer && !msg_tracer->missing(); }

static void assert_tells(const struct child_result *child, const char *const *what)
{
    for (; *what; what++)
        if (!strstr(child->err, *what))
            fail_msg("no '%s' in: %s", *what, child->err);
}

static void test_a_wild_pointer(void **state)
{
    (void)state;
    struct child_result child = run_child(body_segv, NULL);
    assert_killed(&child, SIGSEGV);
    assert_tells(&child,
                 (const char *const[]){"mote: SIGSEGV in task ", "(unlucky)", "address 0x10", "test_crash.c:", NULL});
    if (has_backtraces())
        assert_tells(&child,
                     (const char *const[]){"#0 follow_pointer+0x", "#1 take_the_wrong_way+0x", "#2 segv+0x", NULL});
}

static void test_abort_in_a_task(void **state)
{
    (void)state;
    struct child_result child = run_child(body_abort, NULL);
    assert_killed(&child, SIGABRT);
    assert_tells(&child, (const char *const[]){"mote: SIGABRT in task ", "(unlucky)", NULL});
    if (has_backtraces())
        assert_tells(&child, (const char *const[]){" give_up+0x", " give_up_soon+0x", NULL});
}

/* Frames in libraries, too, whose own symbols are mostly gone: who is named by an exported function is in it. */
static void test_no_frame_has_anothers_name(void **state)
{
    (void)state;
    int named = 0;
    struct child_result child = run_child(body_abort, NULL);
    for (const char *line = child.err; line && *line; line = strchr(line, '\n'), line += line != NULL) {
        char name[64];
        unsigned long offset;
        Dl_info found;
        if (sscanf(line, "mote:   #%*d %63[^+ ]+0x%lx", name, &offset) != 2)
            continue;
        char *function = dlsym(RTLD_DEFAULT, name);
        if (!function)
            continue;
        named++;
        if (!dladdr(function + offset - 1, &found) || found.dli_saddr != function)
            fail_msg("%s has no byte 0x%lx: %s", name, offset, child.err);
    }
    if (has_backtraces())
        assert_true(named > 0); /* abort itself */
}

static void test_an_overflow_says_how_deep(void **state)
{
    (void)state;
    struct child_result child = run_child(body_dive, NULL);
    assert_killed(&child, SIGSEGV);
    assert_tells(&child, (const char *const[]){"mote: stack overflow in task ", "(unlucky)", NULL});
    if (has_backtraces()) {
        assert_tells(&child, (const char *const[]){" frames deep; what repeats is dive", "#0 dive", NULL});
        const char *at = strstr(child.err, " frames deep");
        while (at[-1] >= '0' && at[-1] <= '9')
            at--;
        long depth = strtol(at, NULL, 10);
        assert_in_range(depth, 100, (128 << 10) / 16);
    }
}

/* A message of the library itself is followed by no second report. */
static void unlock_what_is_not_locked(void)
{
    static mote_mutex mutex;
    mote_mutex_unlock(&mutex);
    after++;
}

static void body_misuse(void *arg)
{
    (void)arg;
    start_and_wait(unlock_what_is_not_locked);
}

static void test_a_misuse_is_reported_once(void **state)
{
    (void)state;
    struct child_result child = run_child(body_misuse, NULL);
    assert_killed(&child, SIGABRT);
    assert_tells(&child, (const char *const[]){"nobody has locked this mutex", "(unlucky)", NULL});
    assert_null(strstr(child.err, "SIGABRT"));
}

/* Others' business. */
static void *thread_segv(void *arg)
{
    segv();
    return arg;
}

static void body_thread(void *arg)
{
    pthread_t thread;
    CHECK(mote_start(&small) == 0);
    CHECK(pthread_create(&thread, NULL, thread_segv, arg) == 0);
    pthread_join(thread, NULL);
}

static void test_plain_threads_are_not_reported(void **state)
{
    (void)state;
    struct child_result child = run_child(body_thread, NULL);
    assert_killed(&child, SIGSEGV);
    assert_string_equal(child.err, "");
}

static void mine(int signal)
{
    (void)signal;
    _exit(7);
}

static void body_handled(void *arg)
{
    signal(SIGABRT, mine);
    body_abort(arg);
}

static void test_a_programs_own_handler_comes_first(void **state)
{
    (void)state;
    struct child_result child = run_child(body_handled, NULL);
    assert_true(WIFEXITED(child.status));
    assert_int_equal(WEXITSTATUS(child.status), 7);
    assert_string_equal(child.err, "");
}

/* Several at once: one of them is told, wholly. */

static _Atomic int ready;

static void meet(void)
{
    for (ready++; ready < 2;)
        continue;
}

static void segv_together(void)
{
    meet();
    take_the_wrong_way();
    after++;
}

static void abort_together(void)
{
    meet();
    give_up();
}

static void panic_together(void)
{
    meet();
    mote_panic("what nobody catches");
}

static void misuse_together(void)
{
    meet();
    unlock_what_is_not_locked();
    after++;
}

#define TIMES 8

typedef void (*pair[2])(void);

static void body_pair(void *arg)
{
    pair *fn = arg;
    CHECK(mote_start(&small) == 0);
    mote_task *first = mote_spawn((*fn)[0]);
    CHECK(mote_go((*fn)[1]) == 0);
    mote_join(first, NULL);
}

static int count_in(const char *text, const char *what)
{
    int n = 0;
    for (const char *at = text; (at = strstr(at, what)); at++)
        n++;
    return n;
}

/* What the report of each begins with, and what it says in its backtrace. */
static void must_tell_one(pair fn, int times, const char *head, const char *frame)
{
    for (int i = 0; i < times; i++) {
        struct child_result child = run_child(body_pair, fn);
        if (!WIFSIGNALED(child.status) || count_in(child.err, head) != 1 ||
            (has_backtraces() && !strstr(child.err, frame)))
            fail_msg("status %x, not '%s' once and '%s' in: %s", (unsigned)child.status, head, frame, child.err);
    }
}

static void test_of_several_that_end_it_one_is_told(void **state)
{
    (void)state;
    must_tell_one((pair){segv_together, segv_together}, TIMES, "mote: SIGSEGV in task ", " take_the_wrong_way+0x");
    must_tell_one((pair){abort_together, abort_together}, TIMES, "mote: SIGABRT in task ", " give_up+0x");
    must_tell_one((pair){panic_together, panic_together}, TIMES, "mote: panic: what nobody catches",
                  " panic_together+0x");
    must_tell_one((pair){misuse_together, misuse_together}, TIMES, "has locked this mutex", " misuse_together+0x");
    must_tell_one((pair){segv_together, abort_together}, TIMES, "mote: SIG", "_together+0x");
}

/* The copy of the process that tells of a fault may be made while the panic holds the unwinder's lock: there is a second one. */
static void test_a_panic_beside_a_fault(void **state)
{
    (void)state;
    must_tell_one((pair){panic_together, segv_together}, 2, "mote: in task ", "_together+0x");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_wild_pointer),
        cmocka_unit_test(test_abort_in_a_task),
        cmocka_unit_test(test_no_frame_has_anothers_name),
        cmocka_unit_test(test_an_overflow_says_how_deep),
        cmocka_unit_test(test_a_misuse_is_reported_once),
        cmocka_unit_test(test_plain_threads_are_not_reported),
        cmocka_unit_test(test_a_programs_own_handler_comes_first),
        cmocka_unit_test(test_of_several_that_end_it_one_is_told),
        cmocka_unit_test(test_a_panic_beside_a_fault),
    };
    if (sanitizer_pins_all())
        return 0; /* the tools handle these signals themselves */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
