/* SPDX-License-Identifier: MIT */
/* test_poller - the runtime and I/O: idle workers wait for it and cost nothing, busy ones don't forget it (PO1-PO4), and it ends
 * with the runtime. */
#include "support.h"

#include "base/sanitizer.h"
#include "io/desc.h"
#include "io/poller.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int64_t process_time(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * MOTE_S + t.tv_nsec;
}

static long pauses(void)
{
    struct rusage usage;
    assert_int_equal(getrusage(RUSAGE_SELF, &usage), 0);
    return usage.ru_nvcsw;
}

/* As in test_idle: in one of some spells. */
static void assert_quiet(void)
{
    int64_t used = 0;
    long paused = 0;
    mote_sleep(150 * MOTE_MS);
    for (int i = 0; i < 10; i++) {
        int64_t used_before = process_time();
        long paused_before = pauses();
        mote_sleep(300 * MOTE_MS);
        used = process_time() - used_before;
        paused = pauses() - paused_before;
        if (used < 30 * MOTE_MS && paused < 60)
            return;
    }
    fail_msg("%lld us of processor time, %ld pauses in 300 ms of idleness", (long long)(used / MOTE_US), paused);
}

static int count_descriptors(void)
{
    int n = 0;
    DIR *dir = opendir("/proc/self/fd");
    assert_non_null(dir);
    while (readdir(dir))
        n++;
    closedir(dir);
    return n;
}

static void echo(int in, int out)
{
    char c;
    while (mote_read(in, &c, 1) == 1)
        CHECK(mote_write(out, &c, 1) == 1);
}

static void test_waiting_costs_nothing(void **state)
{
    (void)state;
    for (int procs = 1; procs <= 4; procs += 3) {
        mote_config config = {.procs = procs, .max_stack = 128 << 10};
        int there[2], back[2];
        char c = 'a';
        assert_int_equal(mote_start(&config), 0);
        assert_int_equal(mote_pipe(there), 0);
        assert_int_equal(mote_pipe(back), 0);
        assert_int_equal(mote_go(echo, there[0], back[1]), 0);
        for (int i = 0; i < 3; i++) {
            assert_quiet();
            assert_int_equal(mote_write(there[1], &c, 1), 1);
            assert_int_equal(mote_read(back[0], &c, 1), 1);
        }
        assert_int_equal(mote_close(there[1]), 0);
        assert_int_equal(mote_stop(mote_now() + 10 * MOTE_S), 0);
        mote_close(there[0]);
        mote_close(back[0]);
        mote_close(back[1]);
    }
}

/* What waits is discarded, also with deadlines, and the runtime leaves no descriptors of its own; the next one begins anew. */

static void read_for_ever(int fd)
{
    char c;
    mote_read(fd, &c, 1);
    CHECK(!"it returned");
}

static void wait_for_ever(int fd)
{
    mote_wait_fd(fd, MOTE_READ, mote_now() + 1000 * MOTE_S);
    CHECK(!"it returned");
}

static void either_for_ever(int fd)
{
    mote_wait_fd(fd, MOTE_READ | MOTE_WRITE, MOTE_FOREVER);
    CHECK(!"it returned");
}

static void accept_for_ever(int fd)
{
    mote_accept(fd);
    CHECK(!"it returned");
}

static void test_a_stop_discards_what_waits(void **state)
{
    (void)state;
    int ends[2], listener = mote_listen("tcp", "127.0.0.1:0"), tasks = 40;
    char bytes[256];
    assert_true(listener >= 0);
    assert_int_equal(mote_pipe(ends), 0);
    int before = count_descriptors();
    for (int i = 0; i < 6; i++) {
        mote_config config = {.procs = 1 + i};
        assert_int_equal(mote_start(&config), 0);
        if (i % 2)
            assert_int_equal(mote_set_deadline(ends[0], MOTE_READ, mote_now() + 500 * MOTE_S), 0);
        for (int j = 0; j < tasks / 4; j++) {
            assert_int_equal(mote_go(read_for_ever, ends[0]), 0);
            assert_int_equal(mote_go(wait_for_ever, ends[0]), 0);
            assert_int_equal(mote_go(either_for_ever, ends[0]), 0);
            assert_int_equal(mote_go(accept_for_ever, listener), 0);
        }
        mote_sleep(i * MOTE_MS);
        assert_int_equal(mote_stop(mote_now()), tasks);
        assert_int_equal(count_descriptors(), before);
        assert_int_equal(mote_write(ends[1], "ab", 2), 2); /* both still work, here and in the next runtime */
        assert_int_equal(mote_set_deadline(ends[0], MOTE_READ, MOTE_FOREVER), 0);
        assert_int_equal(mote_read(ends[0], bytes, sizeof bytes), 2);
    }
    assert_int_equal(mote_close(ends[0]), 0);
    assert_int_equal(mote_close(ends[1]), 0);
    assert_int_equal(mote_close(listener), 0);
}

/* Others are busy: with tasks that are always ready, or that never call mote. */

static _Atomic bool over;

static void yield_on(void)
{
    while (!over)
        mote_yield();
}

static void spin_on(void)
{
    while (!over)
        cpu_relax();
}

static void *write_later(void *arg)
{
    usleep(5000);
    CHECK(write(*(int *)arg, "a", 1) == 1);
    return NULL;
}

static void read_beside(void (*busy)(void), int tasks)
{
    int ends[2];
    char c;
    over = false;
    for (int i = 0; i < tasks; i++)
        CHECK(mote_go(busy) == 0);
    CHECK(mote_pipe(ends) == 0);
    for (int i = 0; i < 10; i++) {
        pthread_t thread;
        CHECK(pthread_create(&thread, NULL, write_later, &ends[1]) == 0);
        CHECK(mote_read(ends[0], &c, 1) == 1);
        pthread_join(thread, NULL);
    }
    over = true;
    CHECK(mote_close(ends[0]) == 0 && mote_close(ends[1]) == 0);
    yield_until_alone();
}

static void beside_yielders(void *arg)
{
    (void)arg;
    read_beside(yield_on, 3);
}

static void beside_a_spinner(void *arg)
{
    (void)arg;
    read_beside(spin_on, 1);
}

static void test_busy_workers_look_now_and_then(void **state)
{
    (void)state;
    run_with_each(beside_yielders, NULL);
}

static void test_one_that_spins_keeps_nobody_from_it(void **state)
{
    (void)state;
    run_with(&two_procs, beside_a_spinner, NULL);
}

/* Timers fire while a worker waits for I/O, and waits begin while it sleeps for a timer. */
static void with_timers(void *arg)
{
    (void)arg;
    int ends[2];
    CHECK(mote_pipe(ends) == 0);
    for (long i = 0; i < scale(200); i++) {
        int64_t begun = mote_now();
        CHECK(mote_wait_fd(ends[0], MOTE_READ, begun + 300 * MOTE_US) == -ETIMEDOUT);
        CHECK(mote_now() - begun >= 300 * MOTE_US);
        CHECK(mote_sleep(50 * MOTE_US) == 0);
    }
    CHECK(mote_close(ends[0]) == 0 && mote_close(ends[1]) == 0);
}

static void test_timers_go_on(void **state)
{
    (void)state;
    run_with_each(with_timers, NULL);
}

/* Wake-ups from outside while a worker waits for I/O: none is lost. */

static void pass_on(mote_chan(long) in, mote_chan(long) out)
{
    mote_chan_range (in, v)
        mote_send(out, v);
    mote_chan_free(in);
    mote_chan_free(out);
}

static void test_sends_from_a_thread_reach_who_waits_for_io(void **state)
{
    (void)state;
    for (int procs = 1; procs <= 3; procs++) {
        mote_config config = {.procs = procs};
        int there[2], back[2];
        char c = 'a';
        uint32_t random = 77;
        assert_int_equal(mote_start(&config), 0);
        assert_int_equal(mote_pipe(there), 0);
        assert_int_equal(mote_pipe(back), 0);
        mote_chan(long) in = mote_chan_make(long, 0), out = mote_chan_make(long, 0);
        assert_int_equal(mote_go(echo, there[0], back[1]), 0);
        assert_int_equal(mote_go(pass_on, mote_chan_ref(in), mote_chan_ref(out)), 0);
        for (long i = 0, v; i < scale(2000); i++) {
            int64_t until = mote_now() + test_random(&random) % 40000;
            while (test_random(&random) % 3 && mote_now() < until)
                cpu_relax();
            if (i % 3 == 0)
                assert_int_equal(mote_write(there[1], &c, 1), 1);
            assert_int_equal(mote_send(in, i), 0);
            assert_int_equal(mote_recv(out, &v), 0);
            assert_int_equal(v, i);
            if (i % 3 == 0)
                assert_int_equal(mote_read(back[0], &c, 1), 1);
        }
        mote_chan_close(in);
        assert_int_equal(mote_close(there[1]), 0);
        assert_int_equal(mote_stop(mote_now() + 10 * MOTE_S), 0);
        mote_chan_free(in);
        mote_chan_free(out);
        mote_close(there[0]);
        mote_close(back[0]);
        mote_close(back[1]);
    }
}

/* A task that waits for I/O is in no deadlock, and a report says what it waits for. */

static int main_reads(int argc, char **argv)
{
    (void)argc, (void)argv;
    int ends[2];
    char c;
    CHECK(mote_pipe(ends) == 0);
    CHECK(mote_set_deadline(ends[0], MOTE_READ, MOTE_FOREVER) == 0);
    pid_t child = fork(); /* a process, for the program must have no thread more */
    CHECK(child >= 0);
    if (child == 0) {
        usleep(300000);
        _exit(write(ends[1], "a", 1) == 1 ? 0 : 1);
    }
    CHECK(mote_read(ends[0], &c, 1) == 1);
    CHECK(waitpid(child, NULL, 0) == child);
    return 0;
}

static void body_reads(void *arg)
{
    (void)arg;
    CHECK(mote_run(main_reads, 0, NULL) == 0);
}

static void test_no_deadlock_while_one_waits_for_io(void **state)
{
    (void)state;
    struct child_result child = run_child(body_reads, NULL);
    if (child.status != 0)
        fail_msg("status %x: %s", (unsigned)child.status, child.err);
}

static void body_dumps(void *arg)
{
    int *ends = arg;
    CHECK(mote_start(&two_procs) == 0);
    CHECK(mote_pipe(ends) == 0);
    CHECK(mote_go(read_for_ever, ends[0]) == 0);
    CHECK(mote_go(accept_for_ever, mote_listen("tcp", "127.0.0.1:0")) == 0);
    mote_sleep(50 * MOTE_MS);
    CHECK(mote_dump(STDERR_FILENO, 0) == 0);
    fprintf(stderr, "the end is %d\n", ends[0]);
    CHECK(mote_stop(mote_now()) == 2);
}

static void test_reports_say_which_descriptor(void **state)
{
    (void)state;
    int ends[2], number = -1;
    char wanted[64];
    struct child_result child = run_child(body_dumps, ends);
    assert_int_equal(child.status, 0);
    const char *told = strstr(child.err, "the end is ");
    assert_non_null(told);
    assert_int_equal(sscanf(told, "the end is %d", &number), 1);
    snprintf(wanted, sizeof wanted, "(read_for_ever): waiting to read fd %d", number);
    if (!strstr(child.err, wanted))
        fail_msg("'%s' is not in: %s", wanted, child.err);
}

/* What a child closes doesn't concern the parent, though the epoll set is the same. */
static void beside_children(void *arg)
{
    (void)arg;
    int ends[2];
    char c;
    CHECK(mote_pipe(ends) == 0);
    for (int i = 0; i < 3; i++) {
        CHECK(mote_wait_fd(ends[0], MOTE_READ, mote_now() + MOTE_MS) == -ETIMEDOUT); /* it is registered now */
        pid_t child = fork();
        CHECK(child >= 0);
        if (child == 0)
            _exit(mote_close(ends[0]) == 0 && mote_close(ends[1]) == 0 ? 0 : 1);
        int status = -1;
        while (waitpid(child, &status, 0) < 0)
            CHECK(errno == EINTR);
        CHECK(status == 0);
        pthread_t thread;
        CHECK(pthread_create(&thread, NULL, write_later, &ends[1]) == 0);
        CHECK(mote_read(ends[0], &c, 1) == 1);
        pthread_join(thread, NULL);
    }
    CHECK(mote_close(ends[0]) == 0 && mote_close(ends[1]) == 0);
}

static void test_children_take_nothing_away(void **state)
{
    (void)state;
    run_with_each(beside_children, NULL);
}

/* Other libraries' loops */

static struct counting {
    struct poll_source source;
    int fd;
    _Atomic int called;
} counting;

static void take_one(struct poll_source *source)
{
    struct counting *c = (struct counting *)source;
    uint64_t n;
    CHECK(read(c->fd, &n, sizeof n) == sizeof n);
    c->called++;
}

static bool nobody_waits(struct poll_source *source) { return (void)source, false; }

static void close_it(struct poll_source *source)
{
    struct counting *c = (struct counting *)source;
    close(c->fd);
    c->fd = -1;
}

static void watch_another(void *arg)
{
    (void)arg;
    counting.source = (struct poll_source){.ready = take_one, .waits = nobody_waits, .ended = close_it};
    counting.called = 0;
    counting.fd = eventfd(3, EFD_SEMAPHORE | EFD_CLOEXEC | EFD_NONBLOCK); /* readable three times */
    CHECK(counting.fd >= 0 && poller_add_source(counting.fd, &counting.source) == 0);
    while (counting.called < 3)
        mote_sleep(MOTE_MS);
}

static void test_sources_are_called(void **state)
{
    (void)state;
    run_with_each(watch_another, NULL);
    assert_int_equal(counting.fd, -1); /* each runtime's end has told it */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_waiting_costs_nothing),
        cmocka_unit_test(test_a_stop_discards_what_waits),
        cmocka_unit_test(test_busy_workers_look_now_and_then),
        cmocka_unit_test(test_one_that_spins_keeps_nobody_from_it),
        cmocka_unit_test(test_timers_go_on),
        cmocka_unit_test(test_sends_from_a_thread_reach_who_waits_for_io),
        cmocka_unit_test(test_no_deadlock_while_one_waits_for_io),
        cmocka_unit_test(test_reports_say_which_descriptor),
        cmocka_unit_test(test_children_take_nothing_away),
        cmocka_unit_test(test_sources_are_called),
    };
    watchdog(120);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
