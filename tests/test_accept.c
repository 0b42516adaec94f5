/* SPDX-License-Identifier: MIT */
/* test_accept - servers: thousands of connections, several who accept, and a shortage of descriptors. */
#include "support.h"

#include "base/sanitizer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define TEXT 128

static int listen_somewhere(const char *network, const char *host, char address[TEXT])
{
    int fd = mote_listen(network, host);
    if (fd >= 0)
        CHECK(mote_local_address(fd, address, TEXT) > 0);
    return fd;
}

static void echo(int fd)
{
    char bytes[20000];
    intptr_t n;
    while ((n = mote_read(fd, bytes, sizeof bytes)) > 0)
        CHECK(mote_write_all(fd, bytes, (size_t)n) == n);
    CHECK(n == 0);
    CHECK(mote_close(fd) == 0);
}

/* Accepting */

static void accept_until_closed(int listener, mote_wg *wg)
{
    int fd;
    while ((fd = mote_accept(listener)) >= 0)
        if (mote_go(echo, fd) < 0)
            CHECK(mote_close(fd) == 0);
    CHECK(fd == -ECANCELED || fd == -EBADF);
    mote_wg_done(wg);
}

static void call(const char *address, mote_wg *wg)
{
    int fd = mote_dial(NULL, "tcp", address);
    char c = 'q';
    CHECK(fd >= 0);
    for (int i = 0; i < 3; i++)
        CHECK(mote_write(fd, &c, 1) == 1 && mote_read(fd, &c, 1) == 1 && c == 'q');
    CHECK(mote_close(fd) == 0);
    mote_wg_done(wg);
}

static void many_connections(void *arg)
{
    int n = *(int *)arg, acceptors = 3;
    static char address[TEXT];
    mote_wg *wg = calloc(2, sizeof *wg);
    int listener = listen_somewhere("tcp", "127.0.0.1:0", address);
    CHECK(listener >= 0);
    mote_wg_add(&wg[0], n);
    mote_wg_add(&wg[1], acceptors);
    for (int i = 0; i < acceptors; i++)
        CHECK(mote_go(accept_until_closed, listener, &wg[1]) == 0);
    for (int i = 0; i < n; i++)
        CHECK(mote_go(call, address, &wg[0]) == 0);
    mote_wg_wait(&wg[0]);
    CHECK(mote_close(listener) == 0);
    mote_wg_wait(&wg[1]);
    yield_until_alone();
    free(wg);
}

static void test_many_connections(void **state)
{
    (void)state;
    struct rlimit files;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &files), 0);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    int n = (int)scale(2000), room = files.rlim_cur > 1000000 ? 100000 : (int)files.rlim_cur / 2 - 100;
    n = n < room ? n : room;
    assert_true(n > 0);
    run_with_each(many_connections, &n);
}

/* No descriptors: accept waits, others' connections wait, and all are served when there are some again. */

static void out_of_descriptors(void *arg)
{
    (void)arg;
    static char address[TEXT];
    int taken[256], n = 0, clients = 5;
    struct rlimit before, few;
    mote_wg *wg = calloc(2, sizeof *wg);
    int listener = listen_somewhere("tcp", "127.0.0.1:0", address), fds[5];
    CHECK(listener >= 0);
    mote_wg_add(&wg[1], 1);
    CHECK(mote_go(accept_until_closed, listener, &wg[1]) == 0);
    for (int i = 0; i < clients; i++)
        CHECK((fds[i] = mote_socket(AF_INET, SOCK_STREAM, 0)) >= 0);
    mote_sleep(5 * MOTE_MS);
    CHECK(getrlimit(RLIMIT_NOFILE, &before) == 0);
    few = before;
    few.rlim_cur = 200;
    CHECK(setrlimit(RLIMIT_NOFILE, &few) == 0);
    while (n < 256 && (taken[n] = dup(0)) >= 0)
        n++;
    CHECK(n < 256 && errno == EMFILE);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    to.sin_port = htons((uint16_t)atoi(strrchr(address, ':') + 1));
    for (int i = 0; i < clients; i++)
        CHECK(mote_connect(fds[i], (struct sockaddr *)&to, sizeof to) == 0);
    mote_sleep(20 * MOTE_MS);
    char c = 'q';
    CHECK(mote_write(fds[0], &c, 1) == 1);
    CHECK(mote_set_deadline(fds[0], MOTE_READ, mote_now() + MOTE_MS) == 0);
    CHECK(mote_read(fds[0], &c, 1) == -ETIMEDOUT);
    CHECK(mote_set_deadline(fds[0], MOTE_READ, MOTE_FOREVER) == 0);
    while (n > 0)
        close(taken[--n]);
    CHECK(mote_read(fds[0], &c, 1) == 1);
    for (int i = 1; i < clients; i++)
        CHECK(mote_write(fds[i], &c, 1) == 1 && mote_read(fds[i], &c, 1) == 1);
    CHECK(setrlimit(RLIMIT_NOFILE, &before) == 0);
    for (int i = 0; i < clients; i++)
        CHECK(mote_close(fds[i]) == 0);
    CHECK(mote_close(listener) == 0);
    mote_wg_wait(&wg[1]);
    yield_until_alone();
    free(wg);
}

static void test_accept_waits_for_descriptors(void **state)
{
    (void)state;
    if (sanitizer_pins_all() && !UNDER_ASAN && !UNDER_TSAN)
        skip(); /* Valgrind counts descriptors itself: it accepts a connection, and then closes it */
    run_with(&one_proc, out_of_descriptors, NULL);
    run_with(&two_procs, out_of_descriptors, NULL);
}

/* The first wait of all comes when there are no descriptors any more. */
static void wait_without_descriptors(void *arg)
{
    struct rlimit before, few;
    char address[TEXT];
    int listener = -EMFILE, taken = dup(0);
    (void)arg;
    CHECK(taken >= 0 && getrlimit(RLIMIT_NOFILE, &before) == 0);
    few = before;
    for (few.rlim_cur = (rlim_t)taken; listener == -EMFILE; few.rlim_cur++) { /* a socket alone will not do */
        CHECK(setrlimit(RLIMIT_NOFILE, &few) == 0);
        listener = listen_somewhere("tcp", "127.0.0.1:0", address);
        CHECK(few.rlim_cur < (rlim_t)taken + 20);
    }
    CHECK(listener >= 0);
    CHECK(dup(0) < 0 && errno == EMFILE);
    CHECK(mote_wait_fd(listener, MOTE_READ, mote_now() + MOTE_MS) == -ETIMEDOUT);
    CHECK(setrlimit(RLIMIT_NOFILE, &before) == 0);
    CHECK(mote_close(listener) == 0 && close(taken) == 0);
}

static void test_who_listens_can_wait(void **state)
{
    (void)state;
    if (sanitizer_pins_all() && !UNDER_ASAN && !UNDER_TSAN)
        skip(); /* as above */
    run_with(&one_proc, wait_without_descriptors, NULL);
}

/* With a context: until it is cancelled, or a connection comes. */
static void accept_in_task(mote_ctx *ctx, int listener, mote_chan(int) results)
{
    mote_send(results, mote_accept_ctx(ctx, listener));
}

static void accept_with_contexts(void *arg)
{
    (void)arg;
    char address[TEXT];
    int listener = listen_somewhere("tcp", "127.0.0.1:0", address), result, dialled;
    mote_ctx *ctx = mote_ctx_with_cancel(mote_ctx_background());
    mote_ctx *soon = mote_ctx_with_timeout(mote_ctx_background(), 5 * MOTE_MS);
    mote_chan(int) results = mote_chan_make(int, 1);
    CHECK(listener >= 0 && ctx && soon && results);
    CHECK(mote_accept_ctx(soon, listener) == -ETIMEDOUT);
    CHECK(mote_go(accept_in_task, ctx, listener, results) == 0);
    await_parked(1);
    CHECK((dialled = mote_dial(ctx, "tcp", address)) >= 0);
    CHECK(mote_recv(results, &result) == 0 && result >= 0 && mote_close(result) == 0 && mote_close(dialled) == 0);
    CHECK(mote_go(accept_in_task, ctx, listener, results) == 0);
    await_parked(1);
    CHECK(mote_ctx_cancel(ctx, 0) == 0);
    CHECK(mote_recv(results, &result) == 0 && result == -ECANCELED);
    CHECK(mote_accept_ctx(ctx, listener) == -ECANCELED && mote_close(listener) == 0);
    mote_ctx_free(ctx);
    mote_ctx_free(soon);
    mote_chan_free(results);
}

static void test_accept_ends_with_its_context(void **state)
{
    (void)state;
    run_with(&one_proc, accept_with_contexts, NULL);
    run_with(&two_procs, accept_with_contexts, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_many_connections),
        cmocka_unit_test(test_accept_waits_for_descriptors),
        cmocka_unit_test(test_who_listens_can_wait),
        cmocka_unit_test(test_accept_ends_with_its_context),
    };
    watchdog(120);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
