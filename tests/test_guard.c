/* SPDX-License-Identifier: MIT */
/* test_guard - an overflow names its task and kills; every other fault goes to whoever handled it before the runtime. */
#include "support.h"

#include "base/attr.h"
#include "base/sanitizer.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static const mote_config small = {.procs = 2, .max_stack = 128 << 10, .homes = 4};
static bool pinned, by_thread;

static int dive(int depth)
{
    volatile char frame[256];
    frame[0] = (char)depth;
    return depth > 100000000 ? 0 : dive(depth + 1) + frame[0];
}

static void diver(void) { dive(0); }

/* One frame that would reach far over a small guard, into the home below. */
static NOINLINE void lay_large_frame(void)
{
    volatile char frame[600 << 10];
    __asm__ volatile("" ::"r"(frame) : "memory"); /* all of it is needed */
    frame[0] = 1;
}

static void start_one(const char *name, void (*fn)(void))
{
    mote_attr attr = {.name = name, .pinned = pinned};
    CHECK(mote_start(&small) == 0);
    mote_task *task = mote_spawn_with(&attr, fn);
    CHECK(task != NULL);
    mote_join(task, NULL);
}

static void overflow(void *arg)
{
    (void)arg;
    start_one("deepdiver", diver);
}

static void test_overflow_names_the_task(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        pinned = i == 1;
        struct child_result r = run_child(overflow, NULL);
        assert_killed(&r, SIGSEGV);
        assert_non_null(strstr(r.err, "mote: stack overflow in task "));
        assert_non_null(strstr(r.err, "deepdiver"));
    }
}

static void overflow_at_once(void *arg)
{
    (void)arg;
    start_one("deepdiver", lay_large_frame);
}

static void test_a_large_frame_does_not_skip_the_guard(void **state)
{
    (void)state;
    pinned = false;
    struct child_result r = run_child(overflow_at_once, NULL);
    assert_killed(&r, SIGSEGV);
    assert_non_null(strstr(r.err, "mote: stack overflow in task "));
}

static int *volatile nowhere = (int *)16;

static void wild(void) { *(volatile int *)nowhere = 1; }

static void *wild_thread(void *arg)
{
    wild();
    return arg;
}

static void fault_somewhere(void)
{
    pthread_t thread;
    if (!by_thread) {
        start_one("wild", wild);
        return;
    }
    CHECK(mote_start(&small) == 0);
    CHECK(pthread_create(&thread, NULL, wild_thread, NULL) == 0);
    pthread_join(thread, NULL);
}

static void said(const char *text) { CHECK(write(STDERR_FILENO, text, strlen(text)) > 0); }

static void handler(int signal)
{
    said(signal == SIGSEGV ? "mine\n" : "other\n");
    _exit(7);
}

static void action(int signal, siginfo_t *info, void *context)
{
    CHECK(info->si_addr == (void *)nowhere && context);
    handler(signal);
}

static void with_handler(void *arg)
{
    struct sigaction act = {.sa_handler = handler};
    if (arg) {
        act.sa_flags = SA_SIGINFO;
        act.sa_sigaction = action;
    }
    sigaction(SIGSEGV, &act, NULL);
    fault_somewhere();
}

static void without_handler(void *arg)
{
    (void)arg;
    fault_somewhere();
}

static void test_earlier_handler_gets_wild_faults(void **state)
{
    (void)state;
    for (int i = 0; i < 8; i++) {
        pinned = i & 1;
        by_thread = i & 2;
        struct child_result r = run_child(with_handler, i & 4 ? &pinned : NULL);
        assert_true(WIFEXITED(r.status));
        assert_int_equal(WEXITSTATUS(r.status), 7);
        assert_string_equal(r.err, "mine\n");
    }
}

static void test_without_one_a_wild_fault_kills(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        by_thread = i;
        struct child_result r = run_child(without_handler, NULL);
        assert_killed(&r, SIGSEGV);
        assert_null(strstr(r.err, "overflow"));
    }
    by_thread = false;
}

static char *closed_page;

static void open_page(int signal, siginfo_t *info, void *context)
{
    (void)signal, (void)info, (void)context;
    mprotect(closed_page, 4096, PROT_READ | PROT_WRITE);
}

static void use_page(void)
{
    *(volatile char *)closed_page = 3;
    CHECK(*closed_page == 3);
}

static void mend(void *arg)
{
    struct sigaction act = {.sa_sigaction = open_page, .sa_flags = SA_SIGINFO}, after;
    (void)arg;
    sigaction(SIGSEGV, &act, NULL);
    closed_page = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    start_one("mender", use_page);
    CHECK(mote_stop(MOTE_FOREVER) == 0);
    sigaction(SIGSEGV, NULL, &after);
    CHECK(after.sa_sigaction == open_page); /* put back */
}

static void test_handler_may_mend_the_fault(void **state)
{
    (void)state;
    struct child_result r = run_child(mend, NULL);
    assert_string_equal(r.err, "");
    assert_int_equal(r.status, 0);
}

static struct sigaction below;
static volatile int handled;

static void pass_down(int signal, siginfo_t *info, void *context)
{
    if (++handled > 1)
        _exit(3); /* it has come back to us */
    below.sa_sigaction(signal, info, context);
}

/* The program puts a handler over ours that passes on; the runtime stops and starts below it. */
static void fault_under_a_chain(void *arg)
{
    (void)arg;
    CHECK(mote_start(&small) == 0);
    struct sigaction act = {.sa_sigaction = pass_down, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    CHECK(sigaction(SIGSEGV, &act, &below) == 0);
    CHECK(below.sa_flags & SA_SIGINFO);
    CHECK(mote_stop(mote_now() + MOTE_S) == 0);
    start_one("wild", wild);
}

static void test_a_handler_put_over_ours_is_not_called_by_it(void **state)
{
    (void)state;
    struct child_result r = run_child(fault_under_a_chain, NULL);
    assert_killed(&r, SIGSEGV);
}

/* A signal that somebody sends: no instruction would fault again. */
static void raise_it(void)
{
    raise(SIGSEGV);
    said("went on\n");
}

static void raise_in_task(void *arg)
{
    if (arg)
        signal(SIGSEGV, SIG_IGN);
    start_one("raiser", raise_it);
}

static void test_a_raised_signal_kills_as_usual(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        pinned = i == 1;
        struct child_result r = run_child(raise_in_task, NULL);
        assert_killed(&r, SIGSEGV);
        assert_string_equal(r.err, "");
    }
}

static void test_a_raised_signal_is_ignored_where_that_was_asked_for(void **state)
{
    (void)state;
    struct child_result r = run_child(raise_in_task, &pinned);
    assert_string_equal(r.err, "went on\n");
    assert_int_equal(r.status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_overflow_names_the_task),
        cmocka_unit_test(test_a_large_frame_does_not_skip_the_guard),
        cmocka_unit_test(test_earlier_handler_gets_wild_faults),
        cmocka_unit_test(test_without_one_a_wild_fault_kills),
        cmocka_unit_test(test_a_handler_put_over_ours_is_not_called_by_it),
        cmocka_unit_test(test_handler_may_mend_the_fault),
        cmocka_unit_test(test_a_raised_signal_kills_as_usual),
        cmocka_unit_test(test_a_raised_signal_is_ignored_where_that_was_asked_for),
    };
    if (sanitizer_pins_all())
        return 0; /* the tools handle these signals themselves, or have their say on stderr */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
