/* SPDX-License-Identifier: MIT */
/* test_fd - reading, writing and waiting for descriptors of all kinds, ours and others': nothing is lost (D5, CA1, CA2). */
#include "support.h"

#include "base/sanitizer.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

/* Kinds of streams: one end to write to, one to read from. */
enum kind { OWN_PIPE, OWN_SOCKETS, FOREIGN_PIPE, FOREIGN_SOCKETS, BLOCKING_PIPE, BLOCKING_SOCKETS, KINDS };

static bool is_ours(enum kind kind) { return kind <= OWN_SOCKETS; }

static void make_stream(enum kind kind, int ends[2])
{
    bool pipes = kind == OWN_PIPE || kind == FOREIGN_PIPE || kind == BLOCKING_PIPE, blocks = kind >= BLOCKING_PIPE;
    if (kind == OWN_PIPE)
        CHECK(mote_pipe(ends) == 0);
    else if (pipes)
        CHECK(pipe2(ends, blocks ? 0 : O_NONBLOCK) == 0);
    else
        CHECK(socketpair(AF_UNIX, SOCK_STREAM | (blocks ? 0 : SOCK_NONBLOCK), 0, ends) == 0);
    if (kind == OWN_SOCKETS)
        CHECK(mote_adopt_fd(ends[0]) == 0 && mote_adopt_fd(ends[1]) == 0);
}

static void close_stream(const int ends[2])
{
    CHECK(mote_close(ends[0]) == 0);
    CHECK(mote_close(ends[1]) == 0);
}

static void fill(int fd)
{
    static const char bytes[4096];
    while (send(fd, bytes, sizeof bytes, MSG_DONTWAIT) > 0)
        ;
}

static void for_each_kind(void (*body)(enum kind kind))
{
    for (int kind = 0; kind < KINDS; kind++)
        body((enum kind)kind);
}

/* Megabytes through a buffer of kilobytes: each end is full or empty again and again. */

static unsigned char byte_at(size_t i) { return (unsigned char)(i * 2654435761u >> 13); }

static void pour(int fd, size_t size, mote_wg *wg)
{
    size_t piece = 100000;
    unsigned char *bytes = malloc(piece);
    CHECK(bytes);
    for (size_t done = 0; done < size; done += piece) {
        size_t n = size - done < piece ? size - done : piece;
        for (size_t i = 0; i < n; i++)
            bytes[i] = byte_at(done + i);
        CHECK(mote_write_all(fd, bytes, n) == (intptr_t)n);
    }
    free(bytes);
    mote_wg_done(wg);
}

static void drink(int fd, size_t size, mote_wg *wg)
{
    unsigned char bytes[3000];
    for (size_t done = 0; done < size;) {
        intptr_t n = mote_read(fd, bytes, sizeof bytes);
        CHECK(n > 0);
        for (intptr_t i = 0; i < n; i++)
            CHECK(bytes[i] == byte_at(done + (size_t)i));
        done += (size_t)n;
    }
    mote_wg_done(wg);
}

static void transfer(enum kind kind)
{
    int ends[2];
    mote_wg *wg = calloc(1, sizeof *wg);
    make_stream(kind, ends);
    mote_wg_add(wg, 2);
    size_t size = (size_t)scale(3000000);
    CHECK(mote_go(pour, ends[1], size, wg) == 0 && mote_go(drink, ends[0], size, wg) == 0);
    mote_wg_wait(wg);
    free(wg);
    close_stream(ends);
}

static void all_transfers(void *arg)
{
    (void)arg;
    for_each_kind(transfer);
}

static void test_megabytes_arrive_as_they_were_sent(void **state)
{
    (void)state;
    run_everywhere(all_transfers);
}

/* A round trip needs a wait each: no edge may be lost. */

static void answer(int in, int out, mote_wg *wg)
{
    char c;
    while (mote_read(in, &c, 1) == 1)
        CHECK(mote_write(out, &c, 1) == 1);
    mote_wg_done(wg);
}

static void ping_pong(enum kind kind)
{
    int there[2], back[2];
    mote_wg *wg = calloc(1, sizeof *wg);
    make_stream(kind, there);
    make_stream(kind, back);
    mote_wg_add(wg, 1);
    CHECK(mote_go(answer, there[0], back[1], wg) == 0);
    for (long i = 0; i < scale(2000); i++) {
        char c = (char)i, d = 0;
        CHECK(mote_write(there[1], &c, 1) == 1);
        CHECK(mote_read(back[0], &d, 1) == 1 && d == c);
    }
    CHECK(mote_close(there[1]) == 0); /* the end, for `answer` */
    mote_wg_wait(wg);
    CHECK(mote_close(there[0]) == 0);
    close_stream(back);
    free(wg);
}

static void all_ping_pongs(void *arg)
{
    (void)arg;
    for_each_kind(ping_pong);
}

static void test_every_edge_is_seen(void **state)
{
    (void)state;
    run_everywhere(all_ping_pongs);
}

/* Waiting */

static void wait_for_others(void *arg)
{
    (void)arg;
    int e = eventfd(0, 0), ends[2];
    uint64_t v = 5;
    CHECK(e >= 0);
    CHECK(mote_wait_fd(e, MOTE_READ, mote_now() + MOTE_MS) == -ETIMEDOUT);
    CHECK(mote_wait_fd(e, MOTE_READ | MOTE_WRITE, MOTE_FOREVER) == MOTE_WRITE);
    CHECK(write(e, &v, sizeof v) == sizeof v);
    CHECK(mote_wait_fd(e, MOTE_READ, 0) == MOTE_READ);
    CHECK(mote_wait_fd(e, MOTE_READ | MOTE_WRITE, MOTE_FOREVER) == (MOTE_READ | MOTE_WRITE));
    CHECK(mote_read(e, &v, sizeof v) == sizeof v && v == 5);
    CHECK(mote_wait_fd(e, 0, MOTE_FOREVER) == -EINVAL && mote_wait_fd(e, 4, MOTE_FOREVER) == -EINVAL);
    CHECK(mote_wait_fd(-1, MOTE_READ, MOTE_FOREVER) == -EBADF);
    CHECK(mote_wait_fd(1 << 30, MOTE_READ, MOTE_FOREVER) == -EMFILE);
    close(e);
    make_stream(FOREIGN_SOCKETS, ends);
    fill(ends[0]);
    CHECK(mote_wait_fd(ends[0], MOTE_READ | MOTE_WRITE, mote_now() + MOTE_MS) == -ETIMEDOUT);
    close(ends[1]);
    CHECK(mote_wait_fd(ends[0], MOTE_READ | MOTE_WRITE, MOTE_FOREVER) == (MOTE_READ | MOTE_WRITE)); /* it hung up */
    close(ends[0]);
}

static void test_wait_for_anything(void **state)
{
    (void)state;
    run_everywhere(wait_for_others);
    wait_for_others(NULL); /* without a runtime */
}

/* Files and the like, which epoll refuses, are always ready. */
static void files_are_ready(void *arg)
{
    (void)arg;
    char name[PATH_MAX], text[16] = {0};
    int file = mkstemp(temporary_name(name, sizeof name)), null = open("/dev/null", O_RDWR | O_CLOEXEC);
    CHECK(file >= 0 && null >= 0);
    unlink(name);
    CHECK(mote_wait_fd(file, MOTE_READ | MOTE_WRITE, MOTE_FOREVER) == (MOTE_READ | MOTE_WRITE));
    CHECK(mote_write_all(file, "hello, file", 11) == 11);
    CHECK(mote_pread(file, text, 5, 7) == 4 && strcmp(text, "file") == 0);
    CHECK(mote_pwrite(file, "F", 1, 7) == 1);
    CHECK(lseek(file, 0, SEEK_SET) == 0 && mote_read(file, text, sizeof text - 1) == 11);
    CHECK(strcmp(text, "hello, File") == 0 && mote_read(file, text, 1) == 0);
    CHECK(mote_write(null, text, 5) == 5 && mote_read(null, text, 5) == 0);
    CHECK(mote_adopt_fd(null) == 0 && mote_write(null, text, 5) == 5);
    CHECK(mote_close(file) == 0 && mote_close(null) == 0);
}

static void test_files_never_wait(void **state)
{
    (void)state;
    run_everywhere(files_are_ready);
}

/* Parts */

static void in_parts(enum kind kind)
{
    int ends[2];
    char a[3], b[8], got[32];
    make_stream(kind, ends);
    struct iovec out[3] = {{(void *)"abc", 3}, {(void *)"", 0}, {(void *)"defgh", 5}}, in[2] = {{a, 3}, {b, 8}};
    intptr_t n = mote_writev(ends[1], out, 3);
    CHECK(n == 8 || (n == 3 && !is_ours(kind)));
    if (n == 3)
        CHECK(mote_write(ends[1], "defgh", 5) == 5);
    CHECK(mote_readv(ends[0], in, 2) == 8 && memcmp(a, "abc", 3) == 0 && memcmp(b, "defgh", 5) == 0);
    CHECK(mote_writev(ends[1], out, -1) == -EINVAL);
    CHECK(mote_read(ends[0], got, 0) == 0 && mote_write(ends[1], got, 0) == 0);
    close_stream(ends);
}

static void all_in_parts(void *arg)
{
    (void)arg;
    for_each_kind(in_parts);
}

static void test_several_buffers(void **state)
{
    (void)state;
    run_everywhere(all_in_parts);
}

/* Signals */

static void broken_pipes(enum kind kind)
{
    int ends[2];
    sigset_t pending;
    make_stream(kind, ends);
    CHECK(mote_close(ends[0]) == 0);
    CHECK(mote_write(ends[1], "x", 1) == -EPIPE);
    struct iovec part = {(void *)"x", 1};
    CHECK(mote_writev(ends[1], &part, 1) == -EPIPE);
    CHECK(mote_write_all(ends[1], "x", 1) == -EPIPE);
    CHECK(sigpending(&pending) == 0 && !sigismember(&pending, SIGPIPE));
    CHECK(mote_close(ends[1]) == 0);
}

static void all_broken_pipes(void *arg)
{
    (void)arg;
    for_each_kind(broken_pipes);
}

static void test_sigpipe_never_comes(void **state)
{
    (void)state;
    signal(SIGPIPE, SIG_DFL);
    run_everywhere(all_broken_pipes);
}

static void on_signal(int signal) { (void)signal; }

static _Atomic bool storm_ends;

static void *send_signals(void *arg)
{
    (void)arg;
    while (!storm_ends) {
        kill(getpid(), SIGUSR1);
        usleep(200);
    }
    return NULL;
}

static void test_signals_end_no_call(void **state)
{
    (void)state;
    pthread_t thread;
    struct sigaction action = {.sa_handler = on_signal}, before; /* without SA_RESTART */
    assert_int_equal(sigaction(SIGUSR1, &action, &before), 0);
    storm_ends = false;
    assert_int_equal(pthread_create(&thread, NULL, send_signals, NULL), 0);
    run_everywhere(all_ping_pongs);
    run_with(&two_procs, all_transfers, NULL);
    storm_ends = true;
    pthread_join(thread, NULL);
    sigaction(SIGUSR1, &before, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_megabytes_arrive_as_they_were_sent),
        cmocka_unit_test(test_every_edge_is_seen),
        cmocka_unit_test(test_wait_for_anything),
        cmocka_unit_test(test_files_never_wait),
        cmocka_unit_test(test_several_buffers),
        cmocka_unit_test(test_sigpipe_never_comes),
        cmocka_unit_test(test_signals_end_no_call),
    };
    watchdog(120);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
