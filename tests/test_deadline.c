/* SPDX-License-Identifier: MIT */
/* test_deadline - deadlines of descriptors, of calls, and contexts: every wait ends when it should, and no other (D9, T1, T2). */
#include "support.h"

#include "sched/timer.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static void sockets(int s[2], bool own)
{
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
    if (own)
        CHECK(mote_adopt_fd(s[0]) == 0 && mote_adopt_fd(s[1]) == 0);
}

static void close_both(const int s[2]) { CHECK(mote_close(s[0]) == 0 && mote_close(s[1]) == 0); }

static void fill(int fd)
{
    static const char bytes[4096];
    while (send(fd, bytes, sizeof bytes, MSG_DONTWAIT) > 0)
        ;
}

/* Both sides, both kinds, by whoever calls. */
static void ends_waits(void *arg)
{
    (void)arg;
    for (int own = 0; own < 2; own++) {
        int s[2];
        char c = 'x';
        sockets(s, own);
        int64_t when = mote_now() + 5 * MOTE_MS;
        CHECK(mote_set_deadline(s[0], MOTE_READ, when) == 0);
        CHECK(mote_read(s[0], &c, 1) == -ETIMEDOUT && mote_now() >= when);
        CHECK(mote_write(s[1], "y", 1) == 1);
        CHECK(mote_read(s[0], &c, 1) == -ETIMEDOUT && c == 'x'); /* also what could be done at once */
        CHECK(mote_write(s[0], &c, 1) == 1);                     /* the other side has none */
        CHECK(mote_set_deadline(s[0], MOTE_READ, MOTE_FOREVER) == 0);
        CHECK(mote_read(s[0], &c, 1) == 1 && c == 'y');
        fill(s[0]);
        when = mote_now() + 5 * MOTE_MS;
        CHECK(mote_set_deadline(s[0], MOTE_READ | MOTE_WRITE, when) == 0);
        CHECK(mote_write(s[0], &c, 1) == -ETIMEDOUT && mote_now() >= when);
        CHECK(mote_wait_fd(s[0], MOTE_READ | MOTE_WRITE, MOTE_FOREVER) == -ETIMEDOUT);
        CHECK(mote_set_deadline(s[0], 0, when) == -EINVAL && mote_set_deadline(s[0], 4, when) == -EINVAL);
        CHECK(mote_set_deadline(s[0], MOTE_WRITE, -5) == 0 && mote_write(s[0], &c, 1) == -ETIMEDOUT);
        close_both(s);
    }
}

static void test_a_deadline_ends_reads_and_writes(void **state)
{
    (void)state;
    run_everywhere(ends_waits);
    ends_waits(NULL); /* without a runtime */
}

#define MANY 10

static void read_late(int fd, mote_wg *wg)
{
    char c;
    CHECK(mote_read(fd, &c, 1) == -ETIMEDOUT);
    mote_wg_done(wg);
}

static void *thread_reads_late(void *arg)
{
    char c;
    CHECK(mote_read(*(int *)arg, &c, 1) == -ETIMEDOUT);
    return NULL;
}

/* All that wait, when it is set while they wait: for later, sooner, and now. */
static void all_that_wait(void *arg)
{
    (void)arg;
    static const int64_t from_now[] = {0, 2 * MOTE_MS};
    for (int i = 0; i < 4; i++) {
        int s[2];
        pthread_t thread;
        mote_wg *wg = calloc(1, sizeof *wg);
        sockets(s, i % 2);
        mote_wg_add(wg, MANY);
        if (i >= 2)
            CHECK(mote_set_deadline(s[0], MOTE_READ, mote_now() + 1000 * MOTE_S) == 0);
        CHECK(pthread_create(&thread, NULL, thread_reads_late, &s[0]) == 0);
        for (int j = 0; j < MANY; j++)
            CHECK(mote_go(read_late, s[0], wg) == 0);
        mote_sleep(3 * MOTE_MS);
        CHECK(mote_set_deadline(s[0], MOTE_READ, mote_now() + from_now[i / 2 ^ i % 2]) == 0);
        mote_wg_wait(wg);
        pthread_join(thread, NULL);
        close_both(s);
        free(wg);
    }
}

static void test_it_ends_all_that_wait(void **state)
{
    (void)state;
    run_with_each(all_that_wait, NULL);
}

static void answer(int fd)
{
    char c;
    while (mote_read(fd, &c, 1) == 1)
        CHECK(mote_write(fd, &c, 1) == 1);
    CHECK(mote_close(fd) == 0);
}

/* A new one for every request, as servers do, later and sooner by turns; none is missed in the end. */
static void put_off(void *arg)
{
    (void)arg;
    int s[2];
    char c = 0;
    sockets(s, true);
    CHECK(mote_go(answer, s[1]) == 0);
    for (long i = 0; i < scale(2000); i++) {
        int64_t ahead = (i % 7 == 0 ? 100 : 1000 + i % 3) * MOTE_S;
        CHECK(mote_set_deadline(s[0], MOTE_READ, mote_now() + ahead) == 0);
        CHECK(mote_write(s[0], &c, 1) == 1 && mote_read(s[0], &c, 1) == 1);
    }
    for (int i = 0; i < 20; i++) {
        int64_t when = mote_now() + (20 - i) * (MOTE_MS / 2);
        CHECK(mote_set_deadline(s[0], MOTE_READ, when) == 0);
        CHECK(mote_read(s[0], &c, 1) == -ETIMEDOUT && mote_now() >= when);
        CHECK(mote_set_deadline(s[0], MOTE_READ, mote_now() + 1000 * MOTE_S) == 0);
        CHECK(mote_write(s[0], &c, 1) == 1 && mote_read(s[0], &c, 1) == 1);
    }
    CHECK(mote_close(s[0]) == 0);
    yield_until_alone();
}

static void test_it_is_put_off_again_and_again(void **state)
{
    (void)state;
    run_with_each(put_off, NULL);
}

static void shorten(int fd, mote_wg *wg)
{
    for (int64_t ahead = 1000 * MOTE_S; ahead > 1000; ahead -= ahead / 4) {
        CHECK(mote_set_deadline(fd, MOTE_READ, mote_now() + ahead) == 0);
        mote_yield();
    }
    mote_wg_done(wg);
}

static void shortened_by_many(void *arg)
{
    (void)arg;
    for (long i = 0; i < scale(200); i++) {
        int s[2];
        char c;
        mote_wg *wg = calloc(1, sizeof *wg);
        sockets(s, true);
        CHECK(mote_set_deadline(s[0], MOTE_READ, mote_now() + 1000 * MOTE_S) == 0);
        mote_wg_add(wg, 3);
        for (int j = 0; j < 3; j++)
            CHECK(mote_go(shorten, s[0], wg) == 0);
        CHECK(mote_read(s[0], &c, 1) == -ETIMEDOUT);
        mote_wg_wait(wg);
        close_both(s);
        free(wg);
    }
}

static void test_it_is_shortened_by_several_at_once(void **state)
{
    (void)state;
    run_with_each(shortened_by_many, NULL);
}

/* Closing takes it along: the number's next file has none. */
static void gone_with_the_file(void *arg)
{
    (void)arg;
    for (int i = 0; i < 5; i++) {
        int first[2], second[2];
        char c;
        CHECK(mote_pipe(first) == 0);
        CHECK(mote_set_deadline(first[0], MOTE_READ, mote_now() + i * MOTE_MS) == 0);
        CHECK(mote_read(first[0], &c, 1) == -ETIMEDOUT);
        CHECK(mote_set_deadline(first[0], MOTE_READ, mote_now() + 3 * MOTE_MS) == 0);
        close_both(first);
        CHECK(mote_pipe(second) == 0 && second[0] == first[0]);
        CHECK(mote_wait_fd(second[0], MOTE_READ, mote_now() + 6 * MOTE_MS) == -ETIMEDOUT);
        CHECK(mote_write(second[1], "a", 1) == 1 && mote_read(second[0], &c, 1) == 1);
        close_both(second);
    }
}

static void test_it_goes_with_the_file(void **state)
{
    (void)state;
    run_everywhere(gone_with_the_file);
}

/* Of calls */

static void of_calls(void *arg)
{
    (void)arg;
    for (int own = 0; own < 2; own++) {
        int s[2];
        sockets(s, own);
        int64_t when = mote_now() + 3 * MOTE_MS;
        CHECK(mote_wait_fd(s[0], MOTE_READ, when) == -ETIMEDOUT && mote_now() >= when);
        CHECK(mote_wait_fd(s[0], MOTE_READ, 0) == -ETIMEDOUT);
        CHECK(mote_wait_fd(s[0], MOTE_WRITE, 0) == MOTE_WRITE); /* what goes at once */
        fill(s[0]);
        CHECK(mote_wait_fd(s[0], MOTE_READ | MOTE_WRITE, 0) == -ETIMEDOUT);
        CHECK(mote_write(s[1], "a", 1) == 1 && mote_wait_fd(s[0], MOTE_READ | MOTE_WRITE, MOTE_FOREVER) == MOTE_READ);
        close_both(s);
    }
}

static void test_deadlines_of_calls(void **state)
{
    (void)state;
    run_everywhere(of_calls);
}

static void cancel_soon(mote_ctx *ctx)
{
    mote_sleep(2 * MOTE_MS);
    mote_ctx_cancel(ctx, 0);
    mote_ctx_free(ctx);
}

static void by_contexts(void *arg)
{
    (void)arg;
    for (int i = 0; i < 6; i++) {
        int s[2];
        char c;
        sockets(s, i % 2);
        mote_ctx *ctx = mote_ctx_with_cancel(mote_ctx_background());
        CHECK(mote_go(cancel_soon, mote_ctx_ref(ctx)) == 0);
        if (i / 2 == 1) {
            fill(s[0]);
            CHECK(mote_write_ctx(ctx, s[0], "x", 1) == -ECANCELED);
            CHECK(mote_wait_fd_ctx(ctx, s[0], MOTE_READ | MOTE_WRITE) == -ECANCELED);
        } else if (i / 2 == 2) {
            fill(s[0]);
            CHECK(mote_wait_fd_ctx(ctx, s[0], MOTE_READ | MOTE_WRITE) == -ECANCELED);
        }
        CHECK(mote_read_ctx(ctx, s[0], &c, 1) == -ECANCELED);
        CHECK(mote_write(s[1], "a", 1) == 1);
        CHECK(mote_read_ctx(ctx, s[0], &c, 1) == -ECANCELED); /* it comes first */
        CHECK(mote_read_ctx(NULL, s[0], &c, 1) == 1 && c == 'a');
        mote_ctx_free(ctx);
        ctx = mote_ctx_with_timeout(mote_ctx_background(), 2 * MOTE_MS);
        CHECK(mote_read_ctx(ctx, s[0], &c, 1) == -ETIMEDOUT);
        mote_ctx_free(ctx);
        close_both(s);
    }
}

static void test_contexts_end_waits(void **state)
{
    (void)state;
    run_everywhere(by_contexts);
}

/* Deadlines and data at the same time: either the byte is read, or it is still there. */
static void race(void *arg)
{
    (void)arg;
    int s[2];
    long late = 0;
    sockets(s, true);
    for (long i = 0; i < scale(3000); i++) {
        char c = 0;
        CHECK(mote_set_deadline(s[0], MOTE_READ, mote_now() + 20 * MOTE_US) == 0);
        CHECK(i % 2 || mote_write(s[1], "a", 1) == 1);
        intptr_t n = mote_read(s[0], &c, 1);
        CHECK(n == 1 || n == -ETIMEDOUT);
        late += n != 1;
        CHECK(mote_set_deadline(s[0], MOTE_READ, MOTE_FOREVER) == 0);
        if (n != 1 && i % 2 == 0)
            CHECK(mote_read(s[0], &c, 1) == 1);
    }
    CHECK(late >= scale(3000) / 2);
    close_both(s);
}

static void test_nothing_is_lost_at_a_deadline(void **state)
{
    (void)state;
    run_everywhere(race);
}

/* Without memory for the timer nobody waits beyond the deadline. */
static void read_without_memory(int fd, _Atomic int *error)
{
    char c;
    *error = (int)mote_read(fd, &c, 1);
}

static void set_without_memory(void *arg)
{
    (void)arg;
    static _Atomic int error;
    int s[2];
    sockets(s, true);
    error = 1;
    CHECK(mote_go(read_without_memory, s[0], &error) == 0);
    await_parked(1);
    timers_fail(true);
    CHECK(mote_set_deadline(s[0], MOTE_READ, mote_now() + 3600 * MOTE_S) == -ENOMEM);
    while (error == 1)
        mote_yield();
    timers_fail(false);
    CHECK(error == -ENOMEM);
    close_both(s);
}

static void test_no_memory_for_a_deadline(void **state)
{
    (void)state;
    run_with(&one_proc, set_without_memory, NULL);
}

/* A thread's wake-ups aren't taken by a forked child that waits, too. */
static _Atomic bool waits;

static void *end_at_once(void *fd)
{
    while (!waits)
        usleep(100);
    usleep(2000);
    CHECK(mote_set_deadline((int)(intptr_t)fd, MOTE_READ, 1) == 0);
    return NULL;
}

static void wait_beside_a_child(void *arg)
{
    (void)arg;
    int ours[2], theirs[2];
    char c;
    sockets(ours, true);
    sockets(theirs, true);
    CHECK(mote_set_deadline(ours[0], MOTE_READ, mote_now() + MOTE_MS) == 0);
    CHECK(mote_read(ours[0], &c, 1) == -ETIMEDOUT);
    pid_t child = fork();
    if (child == 0)
        _exit(mote_read(theirs[0], &c, 1) == 1 ? 0 : 1);
    usleep(20000);
    for (int i = 0; i < 50; i++) {
        pthread_t thread;
        waits = false;
        CHECK(mote_set_deadline(ours[0], MOTE_READ, MOTE_FOREVER) == 0);
        CHECK(pthread_create(&thread, NULL, end_at_once, (void *)(intptr_t)ours[0]) == 0);
        waits = true;
        CHECK(mote_read(ours[0], &c, 1) == -ETIMEDOUT);
        CHECK(pthread_join(thread, NULL) == 0);
    }
    int status = -1;
    CHECK(write(theirs[1], "x", 1) == 1 && waitpid(child, &status, 0) == child && status == 0);
    close_both(ours);
    close_both(theirs);
}

static void test_a_forked_child_takes_no_wakeups(void **state)
{
    (void)state;
    struct child_result child = run_child(wait_beside_a_child, NULL); /* where no runtime has been */
    assert_string_equal(child.err, "");
    assert_int_equal(child.status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_deadline_ends_reads_and_writes),
        cmocka_unit_test(test_it_ends_all_that_wait),
        cmocka_unit_test(test_it_is_put_off_again_and_again),
        cmocka_unit_test(test_it_is_shortened_by_several_at_once),
        cmocka_unit_test(test_it_goes_with_the_file),
        cmocka_unit_test(test_deadlines_of_calls),
        cmocka_unit_test(test_contexts_end_waits),
        cmocka_unit_test(test_nothing_is_lost_at_a_deadline),
        cmocka_unit_test(test_no_memory_for_a_deadline),
        cmocka_unit_test(test_a_forked_child_takes_no_wakeups),
    };
    watchdog(120);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
