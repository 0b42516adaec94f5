/* SPDX-License-Identifier: MIT */
/* test_running - reports show where running tasks are (RN1-RN3), whatever they are at, and do them no harm. */
#include "support.h"

#include "base/msg.h"
#include "base/sanitizer.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define SEES_RUNNING (!UNDER_TSAN && !UNDER_EMULATOR)

static _Atomic bool stop, up;
static _Atomic long spun;
static char text[1 << 16];

static void dump(void)
{
    int fd = memfd_create("report", 0);
    CHECK(fd >= 0 && mote_dump(fd, 0) == 0);
    ssize_t n = pread(fd, text, sizeof text - 1, 0);
    CHECK(n > 0);
    text[n] = 0;
    close(fd);
}

static bool has_names(void) { return msg_tracer && !msg_tracer->missing(); }

static __attribute__((noinline)) void spin_in_here(int depth)
{
    volatile char frame[200];
    frame[0] = (char)depth;
    if (depth > 0)
        spin_in_here(depth - 1);
    for (up = true; depth == 0 && !stop;)
        spun++;
    CHECK(frame[0] == (char)depth);
}

static void spin(void) { spin_in_here(3); }

/* A busy machine may answer too late: then once more. */
static void dump_until_seen(void)
{
    const char *line, *frames;
    do {
        dump();
        line = strstr(text, "(spin): running");
        frames = line ? strchr(line, '\n') + 1 : NULL;
        if (!has_names())
            return;
    } while (!frames || strncmp(frames, "  #0 spin_in_here", 17) != 0);
    for (int depth = 1; depth <= 3; depth++) {
        frames = strchr(frames, '\n') + 1;
        CHECK(strncmp(frames + 5, "spin_in_here", 12) == 0);
    }
    frames = strchr(frames, '\n') + 1;
    CHECK(strncmp(frames, "  #4 spin+", 10) == 0 || strncmp(frames, "  #", 3) != 0); /* it may end in a jump */
}

static void start_spinning(void)
{
    stop = up = false;
    CHECK(mote_go(spin) == 0);
}

static void stop_spinning(void)
{
    stop = true;
    while (mote_task_count() > (mote_self() != 0))
        mote_yield();
}

static void look_from_task(void *arg)
{
    (void)arg;
    start_spinning();
    while (!up)
        mote_yield();
    dump_until_seen();
    stop_spinning();
}

static void test_a_task_sees_where_another_one_runs(void **state)
{
    (void)state;
    if (!SEES_RUNNING)
        skip();
    run_with(&two_procs, look_from_task, NULL);
}

static void test_a_plain_thread_sees_it(void **state)
{
    (void)state;
    if (!SEES_RUNNING)
        skip();
    assert_int_equal(mote_start(&one_proc), 0);
    start_spinning();
    while (!up)
        usleep(100);
    dump_until_seen();
    stop_spinning();
    assert_int_equal(mote_stop(MOTE_FOREVER), 0);
}

/* The program's own handler stays, and is not disturbed. */
static volatile sig_atomic_t own_signals;
static void on_own(int signal) { own_signals += signal == SIGURG; }

static void look_with_own_handler(void *arg)
{
    (void)arg;
    signal(SIGURG, on_own);
    start_spinning();
    while (!up)
        mote_yield();
    dump();
    CHECK(strstr(text, "(spin): running") && own_signals == 0);
    raise(SIGURG);
    CHECK(own_signals == 1);
    signal(SIGURG, SIG_DFL);
    dump();
    struct sigaction now;
    CHECK(sigaction(SIGURG, NULL, &now) == 0 && now.sa_handler == SIG_DFL);
    stop_spinning();
}

static void test_a_handler_of_the_programs_stays(void **state)
{
    (void)state;
    run_with(&two_procs, look_with_own_handler, NULL);
}

/* Reports by two, while tasks run, park, start and end: nobody is harmed. */
static void churn(int depth)
{
    volatile char frame[100];
    frame[0] = (char)depth;
    if (depth > 0)
        churn(depth - 1);
    else
        mote_yield();
    CHECK(frame[0] == (char)depth);
}

static void *report_often(void *arg)
{
    int fd = memfd_create("report", 0);
    while (!stop) {
        CHECK(mote_dump(fd, MOTE_DUMP_PLAIN) == 0);
        CHECK(ftruncate(fd, 0) == 0);
    }
    close(fd);
    return arg;
}

static void churn_while_reported(void *arg)
{
    (void)arg;
    pthread_t thread[2];
    stop = false;
    for (int i = 0; i < 2; i++)
        CHECK(pthread_create(&thread[i], NULL, report_often, NULL) == 0);
    for (int i = 0; i < scale(20000); i++) {
        CHECK(mote_go(churn, i % 20) == 0);
        if (i % 16 == 0)
            mote_yield();
    }
    yield_until_alone();
    stop = true;
    for (int i = 0; i < 2; i++)
        pthread_join(thread[i], NULL);
}

static void test_reports_disturb_nobody(void **state)
{
    (void)state;
    run_with_each(churn_while_reported, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_task_sees_where_another_one_runs),
        cmocka_unit_test(test_a_plain_thread_sees_it),
        cmocka_unit_test(test_a_handler_of_the_programs_stays),
        cmocka_unit_test(test_reports_disturb_nobody),
    };
    watchdog(120);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
