/* SPDX-License-Identifier: MIT */
/* test_process - child processes: how they end, their pipes, signals to them; many waiters, deadlines, and errors. */
#include "support.h"

#include "base/sanitizer.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static mote_process *start(const char *script, mote_process_options options)
{
    char *args[] = {"sh", "-c", (char *)(uintptr_t)script, NULL};
    mote_process *p;
    options.file = "sh";
    options.args = args;
    CHECK(mote_process_spawn(&options, &p) == 0 && p && mote_process_pid(p) > 0);
    return p;
}

static void check_end(mote_process *p, int code, int signal)
{
    mote_process_end end = {77, 77};
    CHECK(mote_process_wait(p, &end) == 0 && end.code == code && end.signal == signal);
    CHECK(mote_process_wait(p, NULL) == 0); /* again and again */
    CHECK(mote_process_kill(p, SIGTERM) == -ESRCH);
    mote_process_free(p);
}

static void read_all(int fd, char *to, size_t size)
{
    size_t used = 0;
    intptr_t n;
    while ((n = mote_read(fd, to + used, size - 1 - used)) > 0)
        used += (size_t)n;
    CHECK(n == 0 && mote_close(fd) == 0);
    to[used] = 0;
}

static void walk_through(void *arg)
{
    (void)arg;
    char text[100];
    mote_process_end end;
    check_end(start("exit 0", (mote_process_options){0}), 0, 0);
    check_end(start("exit 9", (mote_process_options){0}), 9, 0);
    check_end(start("kill -USR1 $$; sleep 60", (mote_process_options){0}), -1, SIGUSR1);

    mote_process *p =
        start("read a; echo got $a; echo wrong >&2; exit 3",
              (mote_process_options){.in = MOTE_PROCESS_PIPE, .out = MOTE_PROCESS_PIPE, .err = MOTE_PROCESS_PIPE});
    CHECK(mote_process_wait_until(p, &end, mote_now() + MOTE_MS) == -ETIMEDOUT);
    int in = mote_process_pipe(p, 0), out = mote_process_pipe(p, 1), err = mote_process_pipe(p, 2);
    CHECK(in >= 0 && out >= 0 && err >= 0 && mote_process_pipe(p, 0) == -EBADF && mote_process_pipe(p, 3) == -EBADF);
    CHECK(mote_write_all(in, "this\n", 5) == 5 && mote_close(in) == 0);
    read_all(out, text, sizeof text);
    CHECK(strcmp(text, "got this\n") == 0);
    read_all(err, text, sizeof text);
    CHECK(strcmp(text, "wrong\n") == 0);
    check_end(p, 3, 0);

    p = start("echo $WHO; pwd; cat", (mote_process_options){.in = MOTE_PROCESS_NULL,
                                                            .out = MOTE_PROCESS_PIPE,
                                                            .directory = "/",
                                                            .env = (char *[]){"WHO=me", NULL}});
    read_all(mote_process_pipe(p, 1), text, sizeof text);
    CHECK(strcmp(text, "me\n/\n") == 0);
    check_end(p, 0, 0);

    p = start("exec sleep 600", (mote_process_options){0});
    CHECK(mote_process_kill(p, 0) == 0 && mote_process_kill(p, -1) == -EINVAL);
    mote_ctx *ctx = mote_ctx_with_timeout(mote_ctx_background(), MOTE_MS);
    CHECK(mote_process_wait_ctx(ctx, p, &end) == -ETIMEDOUT);
    mote_ctx_free(ctx);
    CHECK(mote_process_kill(p, SIGTERM) == 0);
    check_end(p, -1, SIGTERM);
}

static void refuse(void *arg)
{
    (void)arg;
    mote_process *p = (mote_process *)1;
    CHECK(mote_process_spawn(&(mote_process_options){.file = "/no/such/file"}, &p) == -ENOENT && !p);
    CHECK(mote_process_spawn(&(mote_process_options){.file = "/etc/passwd", .out = MOTE_PROCESS_PIPE}, &p) == -EACCES);
    CHECK(mote_process_spawn(&(mote_process_options){.file = "true", .in = -7}, &p) == -EINVAL);
    CHECK(mote_process_spawn(&(mote_process_options){0}, &p) == -EINVAL && mote_process_spawn(NULL, &p) == -EINVAL);
    mote_process_free(NULL);
}

static void test_how_children_end(void **state)
{
    (void)state;
    if (UNDER_TSAN) /* it keeps signals back until their thread calls something that it knows */
        skip();
    mote_process *p;
    assert_int_equal(mote_process_spawn(&(mote_process_options){.file = "true"}, &p), -ESHUTDOWN);
    run_everywhere(walk_through);
    run_everywhere(refuse);
}

/* Many at once, each with several who wait for it. */
static mote_wg all;

static void wait_for_it(mote_process *p, int code)
{
    mote_process_end end;
    CHECK(mote_process_wait(p, &end) == 0 && end.code == code && end.signal == 0);
    mote_wg_done(&all);
}

static void start_many(void *arg)
{
    (void)arg;
    enum { CHILDREN = 20, WAITERS = 3 };
    mote_process *child[CHILDREN];
    char script[40];
    long n = scale(CHILDREN);
    for (int i = 0; i < n; i++) {
        snprintf(script, sizeof script, "exit %d", i + 1);
        child[i] = start(script, (mote_process_options){0});
        mote_wg_add(&all, WAITERS);
        for (int k = 0; k < WAITERS; k++)
            CHECK(mote_go(wait_for_it, child[i], i + 1) == 0);
    }
    mote_wg_wait(&all);
    for (int i = 0; i < n; i++)
        mote_process_free(child[i]);
}

static void test_many_children_many_waiters(void **state)
{
    (void)state;
    if (UNDER_TSAN) /* it keeps signals back until their thread calls something that it knows */
        skip();
    run_with_each(start_many, NULL);
}

/* Freed while it runs: it goes on, and is reaped. */
static void forget_child(void *arg)
{
    (void)arg;
    mote_process *p = start("read a", (mote_process_options){.in = MOTE_PROCESS_PIPE});
    int pid = mote_process_pid(p), in = mote_process_pipe(p, 0);
    mote_process_free(p);
    CHECK(kill(pid, 0) == 0);
    mote_close(in); /* it ends */
    while (kill(pid, 0) == 0)
        mote_sleep(MOTE_MS);
}

static void test_a_child_may_be_forgotten(void **state)
{
    (void)state;
    if (UNDER_TSAN) /* it keeps signals back until their thread calls something that it knows */
        skip();
    run_with_each(forget_child, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_how_children_end),
        cmocka_unit_test(test_many_children_many_waiters),
        cmocka_unit_test(test_a_child_may_be_forgotten),
    };
    watchdog(120);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
