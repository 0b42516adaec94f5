/* SPDX-License-Identifier: MIT */
/* test_forked - in a forked child the runtime isn't there, and that is said (FK1-FK3); the parent doesn't notice. */
#include "support.h"

#include "base/sanitizer.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define SAID "forked from one with a runtime, which doesn't go along"

static mote_chan(int) gate;

static void receive(void) { mote_recv(gate, NULL); }
static void receive_from(mote_chan(int) c) { mote_recv(c, NULL); }

/* What the child says on stderr, and how it ends. */
static struct child_result fork_here(void (*body)(void))
{
    struct child_result r = {0};
    int ends[2];
    ssize_t n;
    size_t used = 0;
    CHECK(pipe(ends) == 0);
    pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], STDERR_FILENO);
        signal(SIGABRT, SIG_DFL);
        body();
        _exit(0);
    }
    close(ends[1]);
    while ((n = read(ends[0], r.err + used, sizeof r.err - 1 - used)) > 0)
        used += (size_t)n;
    close(ends[0]);
    CHECK(waitpid(child, &r.status, 0) == child);
    return r;
}

static void check_refuses(void (*body)(void))
{
    if (UNDER_TSAN) /* in a forked process it has lost track of its fibers */
        return;
    struct child_result r = fork_here(body);
    if (!WIFSIGNALED(r.status) || WTERMSIG(r.status) != SIGABRT || !strstr(r.err, SAID)) {
        fprintf(stderr, "status %x: %s\n", (unsigned)r.status, r.err);
        abort();
    }
}

static void check_passes(void (*body)(void), bool says)
{
    struct child_result r = fork_here(body);
    CHECK(r.status == 0 && (strstr(r.err, SAID) != NULL) == says);
}

static void exec(void) { execl("/bin/true", "true", (char *)NULL); }
static void call_nothing(void) {}
static void yield(void) { mote_yield(); }
static void sleep_a_little(void) { mote_sleep(MOTE_MS); }
static void wait_in_channel(void) { mote_recv(gate, NULL); }
static void end_task(void) { mote_exit(); }

static void start_others(void)
{
    CHECK(mote_go(receive) == -ESHUTDOWN && mote_start(NULL) == -EBUSY && mote_procs() == 0);
    CHECK(mote_spawn(receive) == NULL && errno == ESHUTDOWN);
}

static void use_what_needs_nobody(void)
{
    mote_mutex m = {0};
    mote_chan(int) c = mote_chan_make(int, 1);
    int v = 0;
    CHECK(c && mote_send(c, 7) == 0 && mote_recv(c, &v) == 0 && v == 7);
    mote_mutex_lock(&m);
    mote_mutex_unlock(&m);
    mote_chan_free(c);
}

static void quit(void)
{
    struct sigaction now;
    CHECK(sigaction(SIGQUIT, NULL, &now) == 0 && now.sa_handler == SIG_DFL);
}

static void check_parent(void)
{
    mote_chan(int) c = mote_chan_make(int, 0);
    mote_task *t = mote_spawn(receive_from, c);
    CHECK(t && mote_send(c, 1) == 0 && mote_join(t, NULL) == 0);
    mote_chan_free(c);
}

static void fork_from_task(void *arg)
{
    (void)arg;
    gate = mote_chan_make(int, 0);
    CHECK(mote_go(receive) == 0);
    check_passes(call_nothing, false);
    check_passes(exec, false);
    check_passes(use_what_needs_nobody, false);
    check_passes(quit, false);
    check_passes(start_others, true);
    check_refuses(yield);
    check_refuses(sleep_a_little);
    check_refuses(wait_in_channel);
    check_refuses(end_task);
    check_parent();
    mote_chan_close(gate);
    yield_until_alone();
    mote_chan_free(gate);
}

static void test_from_a_task(void **state)
{
    (void)state;
    run_with(&one_proc, fork_from_task, NULL);
    run_with(&two_procs, fork_from_task, NULL);
}

static void stop(void)
{
    CHECK(mote_stop(MOTE_FOREVER) == -ESHUTDOWN);
    CHECK(mote_start(NULL) == -EBUSY);
}

static void test_from_a_plain_thread(void **state)
{
    (void)state;
    assert_int_equal(mote_start(&two_procs), 0);
    gate = mote_chan_make(int, 0);
    check_passes(call_nothing, false);
    check_passes(exec, false);
    check_passes(use_what_needs_nobody, false);
    check_passes(start_others, true);
    check_passes(stop, true);
    check_parent();
    assert_int_equal(mote_stop(MOTE_FOREVER), 0);
    mote_chan_free(gate);
}

/* Without a runtime, or after one, a child may have its own. */
static void yield_once(void *arg)
{
    (void)arg;
    mote_yield();
}

static void run_one(void) { run_with(&one_proc, yield_once, NULL); }

static void test_without_a_runtime_all_is_well(void **state)
{
    (void)state;
    if (UNDER_TSAN) /* no threads in a child of a process with threads */
        skip();
    check_passes(run_one, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_from_a_task),
        cmocka_unit_test(test_from_a_plain_thread),
        cmocka_unit_test(test_without_a_runtime_all_is_well),
    };
    watchdog(60);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
