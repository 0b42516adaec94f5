/* SPDX-License-Identifier: MIT */
/* test_trace_io - a trace says of a task that waited for a descriptor that I/O has made it ready. */
#include "support.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char path[100];
static int ends[2];

static void reader(void)
{
    char byte;
    CHECK(mote_read(ends[0], &byte, 1) == 1);
}

static void *write_later(void *arg)
{
    await_parked(2); /* the reader, and who traces */
    CHECK(write(ends[1], "x", 1) == 1);
    return arg;
}

static void trace(void *arg)
{
    pthread_t thread;
    (void)arg;
    CHECK(pipe(ends) == 0 && mote_trace_start(path) == 0);
    mote_task *task = mote_spawn(reader);
    CHECK(task && pthread_create(&thread, NULL, write_later, NULL) == 0);
    CHECK(mote_join(task, NULL) == 0);
    CHECK(mote_trace_stop() == 0);
    pthread_join(thread, NULL);
    mote_close(ends[0]);
    close(ends[1]);
}

static void test_who_waited_for_io_is_made_ready_by_it(void **state)
{
    (void)state;
    char line[1000];
    int n = 0;
    int fd = mkstemp(temporary_name(path, sizeof path));
    assert_true(fd >= 0);
    run_with(&one_proc, trace, NULL);
    FILE *file = fdopen(fd, "r");
    assert_non_null(file);
    while (fgets(line, sizeof line, file))
        n += strstr(line, "\"name\":\"reader\"") && strstr(line, "\"by\":\"io\"");
    fclose(file);
    unlink(path);
    assert_int_equal(n, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_who_waited_for_io_is_made_ready_by_it),
    };
    watchdog(60);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
