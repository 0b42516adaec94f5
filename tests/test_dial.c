/* SPDX-License-Identifier: MIT */
/* test_dial - of several addresses the first that answers is taken (DA1-DA3): one that refuses or says nothing holds nobody up. */
#include "support.h"

#include "base/sanitizer.h"
#include "io/dial.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static struct endpoint endpoint_of(int fd)
{
    struct endpoint e = {.size = sizeof e.in6};
    CHECK(getsockname(fd, &e.any, &e.size) == 0);
    return e;
}

/* On one of the loopback addresses. backlog -1: it doesn't listen, so it refuses. */
static int open_at(const char *host, int backlog, struct endpoint *e)
{
    struct sockaddr_in a = {.sin_family = AF_INET};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(fd >= 0 && inet_pton(AF_INET, host, &a.sin_addr) == 1);
    CHECK(bind(fd, (struct sockaddr *)&a, sizeof a) == 0 && (backlog < 0 || listen(fd, backlog) == 0));
    *e = endpoint_of(fd);
    return fd;
}

/* One whose queue is full: it says nothing any more. */
static int open_silent(struct endpoint *e, int filler[3])
{
    int fd = open_at("127.0.0.1", 0, e);
    for (int i = 0; i < 3; i++) {
        filler[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        CHECK(filler[i] >= 0 && (connect(filler[i], &e->any, e->size) == 0 || errno == EINPROGRESS));
    }
    return fd;
}

static int open_socket(void)
{
    int fd = mote_socket(AF_INET, SOCK_STREAM, 0);
    CHECK(fd >= 0);
    return fd;
}

/* A connection that is never made ends with its context. */
static void connect_in_task(mote_ctx *ctx, const struct endpoint *to, mote_chan(int) results)
{
    int fd = open_socket(), error = mote_connect_ctx(ctx, fd, &to->any, to->size);
    CHECK(mote_close(fd) == 0);
    mote_send(results, error);
}

static void connect_with_contexts(void *arg)
{
    (void)arg;
    struct endpoint silent, refuses, answers;
    int filler[3], result,
        fds[] = {open_silent(&silent, filler), open_at("127.0.0.1", -1, &refuses), open_at("127.0.0.1", 5, &answers)};
    mote_ctx *ctx = mote_ctx_with_cancel(mote_ctx_background());
    mote_ctx *soon = mote_ctx_with_timeout(mote_ctx_background(), 5 * MOTE_MS);
    mote_chan(int) results = mote_chan_make(int, 1);
    connect_in_task(soon, &silent, results);
    CHECK(mote_recv(results, &result) == 0 && result == -ETIMEDOUT);
    connect_in_task(ctx, &refuses, results);
    CHECK(mote_recv(results, &result) == 0 && result == -ECONNREFUSED);
    connect_in_task(ctx, &answers, results);
    CHECK(mote_recv(results, &result) == 0 && result == 0);
    CHECK(mote_go(connect_in_task, ctx, &silent, results) == 0); /* the caller is pinned */
    await_parked(1);
    CHECK(mote_ctx_cancel(ctx, 0) == 0);
    CHECK(mote_recv(results, &result) == 0 && result == -ECANCELED);
    for (int i = 0; i < 3; i++)
        CHECK(close(fds[i]) == 0 && close(filler[i]) == 0);
    mote_ctx_free(ctx);
    mote_ctx_free(soon);
    mote_chan_free(results);
}

static void test_connecting_ends_with_its_context(void **state)
{
    (void)state;
    run_with(&one_proc, connect_with_contexts, NULL);
}

static const struct network tcp = {AF_UNSPEC, SOCK_STREAM};

static void check_connected(int fd, const struct endpoint *to)
{
    struct endpoint peer = {.size = sizeof peer.in6};
    CHECK(fd >= 0 && getpeername(fd, &peer.any, &peer.size) == 0);
    CHECK(peer.in.sin_port == to->in.sin_port && peer.in.sin_addr.s_addr == to->in.sin_addr.s_addr);
    CHECK(mote_close(fd) == 0);
}

static int descriptors(void)
{
    int n = 0;
    for (int fd = 0; fd < 1000; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

static void choose(void *arg)
{
    (void)arg;
    int filler[3];
    struct endpoint refuses, silent, answers, list[3];
    int r = open_at("127.0.0.2", -1, &refuses), s = open_silent(&silent, filler),
        a = open_at("127.0.0.3", 10, &answers);
    mote_task *warm = mote_spawn(mote_yield); /* so that what is made once is there */
    CHECK(!warm || mote_join(warm, NULL) == 0);
    check_connected(dial_any(NULL, tcp, &answers, 1), &answers);
    int before = descriptors();

    memcpy(list, (struct endpoint[]){answers, refuses, silent}, sizeof list);
    check_connected(dial_any(NULL, tcp, list, 3), &answers);
    memcpy(list, (struct endpoint[]){refuses, answers, silent}, sizeof list);
    check_connected(dial_any(NULL, tcp, list, 3), &answers);
    if (mote_self()) { /* a plain thread tries one after the other */
        memcpy(list, (struct endpoint[]){silent, refuses, answers}, sizeof list);
        check_connected(dial_any(NULL, tcp, list, 3), &answers);
    }
    memcpy(list, (struct endpoint[]){refuses, refuses, refuses}, sizeof list);
    CHECK(dial_any(NULL, tcp, list, 3) == -ECONNREFUSED);

    mote_ctx *ctx = mote_ctx_with_timeout(mote_ctx_background(), 20 * MOTE_MS);
    memcpy(list, (struct endpoint[]){silent, silent, silent}, sizeof list);
    CHECK(dial_any(ctx, tcp, list, 3) == -ETIMEDOUT);
    CHECK(dial_any(ctx, tcp, list, 3) == -ETIMEDOUT);
    mote_ctx_free(ctx);

    while (mote_self() && mote_task_count() > 1) /* tries that are being broken off */
        mote_yield();
    CHECK(descriptors() == before);
    for (int i = 0; i < 3; i++)
        close(filler[i]);
    close(r);
    close(s);
    close(a);
}

static void test_the_first_that_answers(void **state)
{
    (void)state;
    run_everywhere(choose);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_connecting_ends_with_its_context),
        cmocka_unit_test(test_the_first_that_answers),
    };
    watchdog(60);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
