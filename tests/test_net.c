/* SPDX-License-Identifier: MIT */
/* test_net - sockets: listening, dialling, accepting, messages, addresses, and what goes wrong with them. */
#include "support.h"

#include "base/sanitizer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
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

static void connect_pair(const char *network, const char *host, int pair[2])
{
    char address[TEXT];
    int listener = listen_somewhere(network, host, address);
    CHECK(listener >= 0);
    CHECK((pair[0] = mote_dial(NULL, network, address)) >= 0);
    CHECK((pair[1] = mote_accept(listener)) >= 0);
    CHECK(mote_close(listener) == 0);
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

static void pour(int fd, size_t size)
{
    static char bytes[50000];
    for (size_t done = 0; done < size; done += sizeof bytes)
        CHECK(mote_write_all(fd, bytes, sizeof bytes) == sizeof bytes);
    CHECK(mote_shutdown(fd, SHUT_WR) == 0); /* half closed: what comes back is still read */
}

/* There and back, with both directions full at times. */
static void megabytes(const char *network, const char *host)
{
    int pair[2];
    size_t size = (size_t)scale(80) * 50000, got = 0;
    static char bytes[30000];
    intptr_t n;
    connect_pair(network, host, pair);
    CHECK(mote_go(echo, pair[1]) == 0 && mote_go(pour, pair[0], size) == 0);
    while ((n = mote_read(pair[0], bytes, sizeof bytes)) > 0)
        got += (size_t)n;
    CHECK(n == 0 && got == size);
    CHECK(mote_close(pair[0]) == 0);
}

static void echo_megabytes(void *arg)
{
    (void)arg;
    char name[TEXT];
    snprintf(name, sizeof name, "@mote-test-net-%d", (int)getpid());
    megabytes("tcp", "127.0.0.1:0");
    megabytes("unix", name);
}

static void test_megabytes_there_and_back(void **state)
{
    (void)state;
    run_everywhere(echo_megabytes);
}

static void test_without_a_runtime(void **state)
{
    (void)state;
    int pair[2];
    char c;
    connect_pair("tcp", "127.0.0.1:0", pair);
    assert_int_equal(mote_write(pair[0], "a", 1), 1);
    assert_int_equal(mote_read(pair[1], &c, 1), 1);
    assert_int_equal(mote_set_deadline(pair[1], MOTE_READ, mote_now() + MOTE_MS), 0);
    assert_int_equal(mote_read(pair[1], &c, 1), -ETIMEDOUT);
    assert_int_equal(mote_close(pair[0]), 0);
    assert_int_equal(mote_close(pair[1]), 0);
}

/* Addresses */

static bool has_ipv6(void)
{
    int fd = mote_listen("tcp6", "[::1]:0");
    if (fd >= 0)
        mote_close(fd);
    return fd >= 0;
}

static int option(int fd, int level, int name)
{
    int value = -1;
    socklen_t size = sizeof value;
    CHECK(getsockopt(fd, level, name, &value, &size) == 0);
    return value;
}

static void check_refused(const char *network, const char *address, int error)
{
    CHECK(mote_dial(NULL, network, address) == error);
    CHECK(mote_listen(network, address) == error);
}

static void addresses(void *arg)
{
    (void)arg;
    static const char *const hosts[] = {"127.0.0.1:0", "localhost:0", ":0", "[::1]:0"};
    for (int i = 0; i < (has_ipv6() ? 4 : 3); i++) {
        char address[TEXT], local[TEXT], peer[TEXT], small[4];
        int listener = listen_somewhere("tcp", hosts[i], address);
        CHECK(listener >= 0);
        snprintf(local, sizeof local, "%s", strrchr(address, ':'));
        int fd = mote_dial(NULL, "tcp", i == 2 ? local : address); /* no host: this one */
        int other = mote_accept(listener);
        CHECK(fd >= 0 && other >= 0);
        CHECK(option(fd, IPPROTO_TCP, TCP_NODELAY) && option(other, IPPROTO_TCP, TCP_NODELAY));
        CHECK(fcntl(other, F_GETFL) & O_NONBLOCK && fcntl(other, F_GETFD) & FD_CLOEXEC);
        int n = mote_local_address(fd, local, TEXT);
        CHECK(n == (int)strlen(local) && (mote_peer_address(other, peer, TEXT) == n || i == 2));
        CHECK(i == 2 || strcmp(local, peer) == 0); /* else one is written as the other version's */
        CHECK(mote_local_address(fd, small, sizeof small) == n && strlen(small) == 3);
        CHECK(mote_close(fd) == 0 && mote_close(other) == 0 && mote_close(listener) == 0);
        CHECK(mote_dial(NULL, "tcp", i == 2 ? "127.0.0.1:1" : address) == -ECONNREFUSED);
    }
    check_refused("tpc", "127.0.0.1:80", -EINVAL);
    check_refused(NULL, "127.0.0.1:80", -EINVAL);
    check_refused("tcp", NULL, -EINVAL);
    check_refused("tcp", "127.0.0.1", -EINVAL);
    check_refused("tcp", "127.0.0.1:", -EINVAL);
    check_refused("tcp", "127.0.0.1:65536", -EINVAL);
    check_refused("tcp", "127.0.0.1:8o", -EINVAL);
    check_refused("tcp", "::1:80", -EINVAL);
    check_refused("tcp4", "[::1]:80", -EINVAL);
    check_refused("tcp6", "127.0.0.1:80", -EINVAL);
    check_refused("tcp", "nobody.invalid:80", -ENOENT);
    check_refused("unix", "", -EINVAL);
}

static void test_addresses(void **state)
{
    (void)state;
    run_everywhere(addresses);
}

static void unix_paths(void *arg)
{
    (void)arg;
    char path[64], name[sizeof path + 8], text[TEXT]; /* the address of a unix socket is short */
    CHECK(mkdtemp(temporary_name(path, sizeof path)));
    snprintf(name, sizeof name, "%s/socket", path);
    CHECK(mote_dial(NULL, "unix", name) == -ENOENT);
    int listener = mote_listen("unix", name);
    CHECK(listener >= 0 && mote_listen("unix", name) == -EADDRINUSE);
    int fd = mote_dial(NULL, "unix", name), other = mote_accept(listener);
    CHECK(fd >= 0 && other >= 0);
    CHECK(mote_peer_address(fd, text, sizeof text) == (int)strlen(name) && strcmp(text, name) == 0);
    CHECK(mote_local_address(fd, text, sizeof text) == 0 && text[0] == 0);
    CHECK(mote_close(fd) == 0 && mote_close(other) == 0 && mote_close(listener) == 0);
    CHECK(mote_dial(NULL, "unix", name) == -ECONNREFUSED);
    unlink(name);
    rmdir(path);
}

static void test_unix_paths(void **state)
{
    (void)state;
    run_everywhere(unix_paths);
}

static void options(void *arg)
{
    (void)arg;
    char address[TEXT];
    const mote_listen_options with = {.backlog = 5, .reuse_port = 1, .delay = 1};
    int first = mote_listen_with("tcp4", "127.0.0.1:0", &with);
    CHECK(first >= 0 && mote_local_address(first, address, TEXT) > 0);
    CHECK(mote_listen("tcp4", address) == -EADDRINUSE);
    int second = mote_listen_with("tcp4", address, &with);
    CHECK(second >= 0 && !option(second, IPPROTO_TCP, TCP_NODELAY));
    CHECK(mote_close(first) == 0 && mote_close(second) == 0);
}

static void test_options(void **state)
{
    (void)state;
    run_everywhere(options);
}

/* Messages */

static void answer_messages(int fd, int n)
{
    for (int i = 0; i < n; i++) {
        char bytes[100];
        struct sockaddr_in from;
        unsigned size = sizeof from;
        intptr_t got = mote_recvfrom(fd, bytes, sizeof bytes, 0, (struct sockaddr *)&from, &size);
        CHECK(got == 5 && size == sizeof from);
        CHECK(mote_sendto(fd, bytes, (size_t)got, 0, (struct sockaddr *)&from, size) == got);
    }
    CHECK(mote_close(fd) == 0);
}

static void messages(void *arg)
{
    (void)arg;
    char address[TEXT], bytes[100];
    int server = listen_somewhere("udp", "127.0.0.1:0", address), client = mote_dial(NULL, "udp", address);
    int n = (int)scale(200);
    CHECK(server >= 0 && client >= 0);
    CHECK(mote_recvfrom(client, bytes, sizeof bytes, MSG_DONTWAIT, NULL, NULL) == -EAGAIN);
    CHECK(mote_go(answer_messages, server, n) == 0);
    for (int i = 0; i < n; i++) {
        struct iovec parts[2] = {{(void *)"abc", 3}, {(void *)"de", 2}}, into = {bytes, sizeof bytes};
        struct msghdr out = {.msg_iov = parts, .msg_iovlen = 2}, in = {.msg_iov = &into, .msg_iovlen = 1};
        CHECK(mote_sendmsg(client, &out, 0) == 5);
        CHECK(mote_recvmsg(client, &in, 0) == 5 && memcmp(bytes, "abcde", 5) == 0);
    }
    CHECK(mote_close(client) == 0);
}

static void test_messages(void **state)
{
    (void)state;
    run_everywhere(messages);
}

/* Resets */

static void reset(int fd)
{
    const struct linger now = {.l_onoff = 1};
    CHECK(setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now) == 0);
    CHECK(mote_close(fd) == 0);
}

static void read_until_reset(int fd, mote_wg *wg)
{
    char c;
    intptr_t n = mote_read(fd, &c, 1);
    CHECK(n == -ECONNRESET || n == 0); /* the error is told once */
    mote_wg_done(wg);
}

static void write_until_reset(int fd, mote_wg *wg)
{
    static const char bytes[50000];
    intptr_t n;
    while ((n = mote_write(fd, bytes, sizeof bytes)) > 0)
        ;
    CHECK(n == -ECONNRESET || n == -EPIPE);
    mote_wg_done(wg);
}

static void resets(void *arg)
{
    (void)arg;
    for (int i = 0; i < 10; i++) {
        int pair[2];
        mote_wg *wg = calloc(1, sizeof *wg);
        connect_pair("tcp", "127.0.0.1:0", pair);
        mote_wg_add(wg, 3);
        CHECK(mote_go(read_until_reset, pair[0], wg) == 0 && mote_go(read_until_reset, pair[0], wg) == 0);
        CHECK(mote_go(write_until_reset, pair[0], wg) == 0);
        if (i % 2)
            mote_sleep(MOTE_MS);
        reset(pair[1]);
        mote_wg_wait(wg);
        CHECK(mote_close(pair[0]) == 0);
        free(wg);
    }
}

static void test_resets(void **state)
{
    (void)state;
    run_everywhere(resets);
}

/* Connecting that doesn't come to an end: a listener whose queue is full. */
static void connects_in_vain(void *arg)
{
    (void)arg;
    const mote_listen_options short_queue = {.backlog = 1};
    char address[TEXT];
    int fds[64], n = 0, error = 0;
    int listener = mote_listen_with("tcp4", "127.0.0.1:0", &short_queue);
    CHECK(listener >= 0 && mote_local_address(listener, address, TEXT) > 0);
    while (n < 64 && !error) {
        mote_ctx *ctx = mote_ctx_with_timeout(mote_ctx_background(), 50 * MOTE_MS);
        fds[n] = mote_dial(ctx, "tcp4", address);
        error = fds[n] < 0 ? fds[n] : 0;
        n += fds[n] >= 0;
        mote_ctx_free(ctx);
    }
    CHECK(error == -ETIMEDOUT && n > 0);
    for (int i = 0; i < n; i++)
        CHECK(mote_close(fds[i]) == 0);
    CHECK(mote_close(listener) == 0);
    char name[TEXT];
    snprintf(name, sizeof name, "@mote-test-full-%d", (int)getpid());
    listener = mote_listen_with("unix", name, &short_queue);
    CHECK(listener >= 0);
    for (error = n = 0; n < 64 && !error;) {
        mote_ctx *ctx = mote_ctx_with_timeout(mote_ctx_background(), 50 * MOTE_MS);
        fds[n] = mote_dial(ctx, "unix", name);
        error = fds[n] < 0 ? fds[n] : 0;
        n += fds[n] >= 0;
        mote_ctx_free(ctx);
    }
    CHECK(error == -ETIMEDOUT && n > 0);
    for (int i = 0; i < n; i++)
        CHECK(mote_close(fds[i]) == 0);
    CHECK(mote_close(listener) == 0);
}

static void test_connecting_may_end_by_a_context(void **state)
{
    (void)state;
    run_everywhere(connects_in_vain);
}

static void send_a_file(void *arg)
{
    (void)arg;
    char name[PATH_MAX];
    int pair[2], file = mkstemp(temporary_name(name, sizeof name));
    static char bytes[1 << 16];
    int64_t offset = 10, size = 20 * (int64_t)sizeof bytes, got = 0;
    CHECK(file >= 0);
    unlink(name);
    for (int i = 0; i < 20; i++)
        CHECK(mote_write_all(file, bytes, sizeof bytes) == sizeof bytes);
    connect_pair("tcp", "127.0.0.1:0", pair);
    CHECK(mote_go(echo, pair[1]) == 0);
    while (got < size - 10) {
        intptr_t n = offset < size ? mote_sendfile(pair[0], file, &offset, 100000) : 0;
        CHECK(n >= 0);
        if ((n = mote_read(pair[0], bytes, sizeof bytes)) > 0)
            got += n;
        CHECK(n > 0);
    }
    CHECK(mote_sendfile(pair[0], file, &offset, 1) == 0 && offset == size);
    CHECK(mote_close(pair[0]) == 0 && mote_close(file) == 0);
}

/* What cuts a read short though there is more (D10): urgent data, the end of the stream. Each piece comes while the reader waits, or
 * before, and it asks for more than there is. */
static void read_pieces(int fd, int rounds)
{
    char bytes[100];
    intptr_t n, sum = 0;
    while ((n = mote_read(fd, bytes, sizeof bytes)) > 0) {
        sum += n;
        if (sum % 3 == 0) /* by the other way of waiting, too */
            CHECK(mote_wait_fd(fd, MOTE_READ, MOTE_FOREVER) == MOTE_READ);
    }
    CHECK(n == 0 && sum == rounds * 8 && mote_close(fd) == 0);
}

static void send_pieces(int pause)
{
    enum { ROUNDS = 20 };
    int pair[2], yes = 1;
    connect_pair("tcp", "127.0.0.1:0", pair);
    CHECK(setsockopt(pair[1], SOL_SOCKET, SO_OOBINLINE, &yes, sizeof yes) == 0); /* reads stop before it all the same */
    CHECK(mote_go(read_pieces, pair[1], ROUNDS) == 0);
    for (int i = 0; i < ROUNDS; i++) {
        CHECK(mote_write(pair[0], "abc", 3) == 3);
        if (pause)
            mote_sleep(pause * MOTE_MS / 4);
        CHECK(mote_sendto(pair[0], "!", 1, MSG_OOB, NULL, 0) == 1 && mote_write(pair[0], "defg", 4) == 4);
        if (pause)
            mote_sleep(i % 3 * MOTE_MS / 4);
    }
    CHECK(mote_close(pair[0]) == 0);
    yield_until_alone();
}

static void cut_short(void *arg)
{
    (void)arg;
    for (int pause = 0; pause < 3; pause++)
        send_pieces(pause);
}

static void test_reads_that_are_cut_short(void **state)
{
    (void)state;
    run_with_each(cut_short, NULL);
}

static void test_sendfile(void **state)
{
    (void)state;
    run_everywhere(send_a_file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_megabytes_there_and_back),
        cmocka_unit_test(test_without_a_runtime),
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_unix_paths),
        cmocka_unit_test(test_options),
        cmocka_unit_test(test_messages),
        cmocka_unit_test(test_resets),
        cmocka_unit_test(test_connecting_may_end_by_a_context),
        cmocka_unit_test(test_reads_that_are_cut_short),
        cmocka_unit_test(test_sendfile),
    };
    watchdog(120);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
