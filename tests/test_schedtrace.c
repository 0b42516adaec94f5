/* SPDX-License-Identifier: MIT */
/* test_schedtrace - a line again and again, with the numbers that hold, also while every worker sleeps; none if not asked for. */
#include "support.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define LINES 20
#define TASKS 12

static mote_chan(int) gate, done;
static FILE *said;

static void wait_at_gate(void) { mote_recv(gate, NULL); }

struct line {
    long long ms;
    int procs, workers, asleep, searching, spare, queued;
    unsigned long long tasks, switches, stolen, out, in, homes;
    char queues[32];
};

static bool parse(const char *text, struct line *l)
{
    return sscanf(text,
                  "mote: %lld ms: procs %d, workers %d (%d asleep, %d searching, %d spare), tasks %llu, queued %d "
                  "[%31[^]]], "
                  "switches %llu, stolen %llu, copies %llu out %llu in, homes %llu\n",
                  &l->ms, &l->procs, &l->workers, &l->asleep, &l->searching, &l->spare, &l->tasks, &l->queued,
                  l->queues, &l->switches, &l->stolen, &l->out, &l->in, &l->homes) == 14;
}

static int own_stderr; /* the other one is what is read here */

/* Once all the tasks wait, the lines go on, though nothing runs. */
static void *read_lines(void *arg)
{
    char text[400];
    struct line l;
    long long last = 0;
    for (int n = 0; n < LINES;) {
        CHECK(fgets(text, sizeof text, said));
        bool right = parse(text, &l) && l.ms >= last && l.procs == 2 && l.workers >= 2 && l.asleep <= l.workers &&
                     strlen(l.queues) >= 3;
        if (!right)
            dprintf(own_stderr, "a wrong line: %s", text);
        CHECK(right);
        last = l.ms;
        bool rests = l.tasks == TASKS + 1 && l.asleep + l.spare == l.workers && l.queued == 0 &&
                     strcmp(l.queues, "0 0") == 0; /* of two procs, whatever spares there are */
        n = rests ? n + 1 : 0;
    }
    mote_send(done, 1);
    return arg;
}

static void hold_up(void)
{
    mote_blocking_begin();
    usleep(20000);
    mote_blocking_end();
}

static int app(int argc, char **argv)
{
    (void)argc, (void)argv;
    pthread_t thread;
    for (int i = 0; i < TASKS; i++)
        CHECK(mote_go(hold_up) == 0);
    yield_until_alone();
    for (int i = 0; i < TASKS; i++)
        CHECK(mote_go(wait_at_gate) == 0);
    CHECK(pthread_create(&thread, NULL, read_lines, NULL) == 0);
    mote_recv(done, NULL);
    mote_chan_close(gate);
    while (mote_task_count() > 1)
        mote_yield();
    pthread_join(thread, NULL);
    return 0;
}

static void trace(void *arg)
{
    int ends[2];
    (void)arg;
    own_stderr = dup(STDERR_FILENO);
    CHECK(pipe(ends) == 0 && dup2(ends[1], STDERR_FILENO) == STDERR_FILENO && (said = fdopen(ends[0], "r")));
    setenv("MOTEDEBUG", "schedtrace=2", 1);
    setenv("MOTE_PROCS", "2", 1);
    gate = mote_chan_make(int, 0);
    done = mote_chan_make(int, 1);
    CHECK(mote_run(app, 0, NULL) == 0);
    fclose(said);
    close(ends[1]);
    mote_chan_free(gate);
    mote_chan_free(done);
}

static void test_lines_come_while_everything_sleeps(void **state)
{
    (void)state;
    struct child_result child = run_child(trace, NULL);
    if (child.status != 0)
        fail_msg("status %x: %s", (unsigned)child.status, child.err);
}

static void nap(void *arg)
{
    (void)arg;
    mote_sleep(20 * MOTE_MS);
}

static void stay_silent(void *arg) { run_with(&two_procs, nap, arg); }

static void test_no_line_if_not_asked_for(void **state)
{
    (void)state;
    struct child_result child = run_child(stay_silent, NULL);
    assert_int_equal(child.status, 0);
    assert_string_equal(child.err, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines_come_while_everything_sleeps),
        cmocka_unit_test(test_no_line_if_not_asked_for),
    };
    watchdog(60);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
