/* SPDX-License-Identifier: MIT */
/* test_desc - many who wait for one descriptor, and numbers that are closed and come again: everyone is woken by what concerns him
 * (D5-D8). */
#include "support.h"

#include "base/sanitizer.h"
#include "io/desc.h"

#include <errno.h>
#include <fcntl.h>
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

enum kind { OWN_SOCKETS, FOREIGN_PIPE, FOREIGN_SOCKETS, BLOCKING_PIPE };

static void make_stream(enum kind kind, int ends[2])
{
    if (kind == FOREIGN_PIPE || kind == BLOCKING_PIPE)
        CHECK(pipe2(ends, kind == BLOCKING_PIPE ? 0 : O_NONBLOCK) == 0);
    else
        CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) == 0);
    if (kind == OWN_SOCKETS)
        CHECK(mote_adopt_fd(ends[0]) == 0 && mote_adopt_fd(ends[1]) == 0);
}

static void close_stream(const int ends[2])
{
    CHECK(mote_close(ends[0]) == 0);
    CHECK(mote_close(ends[1]) == 0);
}

/* Many who read one descriptor */

#define READERS 20

static mote_chan(int) order;

/* To read: a plain thread, or a task. */
static bool someone_waits(int fd, bool plain)
{
    struct desc *d = desc_find(fd);
    if (!d)
        return false;
    lock_take(&d->lock);
    bool waits = plain ? d->plain != NULL : d->side[SIDE_READ].queue.first != NULL;
    lock_drop(&d->lock);
    return waits;
}

static void read_one(int fd, int number)
{
    char c;
    CHECK(mote_read(fd, &c, 1) == 1 && c == (char)number);
    mote_send(order, number);
}

/* Until so many tasks are parked. */
static void wait_until_waiting(int n)
{
    struct mote_stats s;
    do {
        mote_sleep(MOTE_MS);
        CHECK(mote_stats(&s) == 0);
    } while (s.tasks_parked < (uint64_t)n);
}

static void many_readers(void *arg)
{
    (void)arg;
    for (int at_once = 0; at_once < 2; at_once++) {
        int ends[2];
        CHECK(mote_pipe(ends) == 0);
        order = mote_chan_make(int, READERS);
        for (int i = 0; i < READERS; i++) {
            CHECK(mote_go(read_one, ends[0], i) == 0);
            wait_until_waiting(i + 1);
        }
        char numbers[READERS];
        for (int i = 0; i < READERS; i++)
            numbers[i] = (char)i;
        for (int i = 0, v; i < READERS; i++) {
            if (!at_once)
                CHECK(mote_write(ends[1], &numbers[i], 1) == 1);
            else if (i == 0)
                CHECK(mote_write(ends[1], numbers, READERS) == READERS); /* one edge for all of them */
            CHECK(mote_recv(order, &v) == 0);
            if (!at_once)
                CHECK(v == i);
        }
        close_stream(ends);
        mote_chan_free(order);
    }
}

static void test_readers_come_in_the_order_of_their_calls(void **state)
{
    (void)state;
    run_with_each(many_readers, NULL);
}

static void read_end(int fd, mote_wg *wg)
{
    char c;
    CHECK(mote_read(fd, &c, 1) == 0);
    mote_wg_done(wg);
}

static void end_of_many(void *arg)
{
    (void)arg;
    int ends[2];
    mote_wg *wg = calloc(1, sizeof *wg);
    CHECK(mote_pipe(ends) == 0);
    mote_wg_add(wg, READERS);
    for (int i = 0; i < READERS; i++)
        CHECK(mote_go(read_end, ends[0], wg) == 0);
    mote_yield();
    CHECK(mote_close(ends[1]) == 0);
    mote_wg_wait(wg);
    CHECK(mote_close(ends[0]) == 0);
    free(wg);
}

static void test_every_reader_sees_the_end(void **state)
{
    (void)state;
    run_with_each(end_of_many, NULL);
}

/* Closing */

static void read_until_closed(int fd, mote_wg *wg)
{
    char c;
    intptr_t n = mote_read(fd, &c, 1);
    CHECK(n == -ECANCELED || n == -EBADF);
    mote_wg_done(wg);
}

static void write_until_closed(int fd, mote_wg *wg)
{
    static const char bytes[70000];
    intptr_t n;
    while ((n = mote_write(fd, bytes, sizeof bytes)) > 0)
        ;
    CHECK(n == -ECANCELED || n == -EBADF);
    mote_wg_done(wg);
}

static void wait_until_closed(int fd, unsigned events, mote_wg *wg)
{
    int n;
    while ((n = mote_wait_fd(fd, events, MOTE_FOREVER)) > 0)
        mote_yield(); /* it is full only from some time on */
    CHECK(n == -ECANCELED || n == -EBADF);
    mote_wg_done(wg);
}

static void fill(int fd)
{
    static const char bytes[4096];
    while (send(fd, bytes, sizeof bytes, MSG_DONTWAIT) > 0)
        ;
}

static _Atomic bool thread_begins;

static void *plain_reader(void *arg)
{
    char c;
    CHECK(mote_wait_fd(*(int *)arg, MOTE_READ, mote_now() + 1) ==
          -ETIMEDOUT); /* what a thread needs for it is there now */
    thread_begins = true;
    intptr_t n = mote_read(*(int *)arg, &c, 1);
    CHECK(n == -ECANCELED || n == -EBADF);
    return NULL;
}

static void close_wakes(void *arg)
{
    (void)arg;
    for (int own = 0; own < 2; own++) {
        int s[2];
        pthread_t thread;
        mote_wg *wg = calloc(1, sizeof *wg);
        make_stream(own ? OWN_SOCKETS : FOREIGN_SOCKETS, s);
        fill(s[0]);
        thread_begins = false;
        mote_wg_add(wg, 6);
        CHECK(mote_go(read_until_closed, s[0], wg) == 0 && mote_go(read_until_closed, s[0], wg) == 0);
        CHECK(mote_go(write_until_closed, s[0], wg) == 0 && mote_go(write_until_closed, s[0], wg) == 0);
        CHECK(mote_go(wait_until_closed, s[0], MOTE_READ | MOTE_WRITE, wg) == 0);
        CHECK(mote_go(wait_until_closed, s[0], MOTE_WRITE, wg) == 0);
        CHECK(pthread_create(&thread, NULL, plain_reader, &s[0]) == 0);
        wait_until_waiting(6);
        while (!thread_begins)
            mote_sleep(MOTE_MS);
        while (!someone_waits(s[0], true)) /* else it may be in the system call: a race, says ThreadSanitizer */
            mote_sleep(MOTE_MS);
        CHECK(mote_close(s[0]) == 0);
        mote_wg_wait(wg);
        pthread_join(thread, NULL);
        CHECK(mote_close(s[0]) == -EBADF);
        char c;
        CHECK(mote_read(s[0], &c, 1) == -EBADF && mote_wait_fd(s[0], MOTE_READ, MOTE_FOREVER) == -EBADF);
        CHECK(mote_set_deadline(s[0], MOTE_READ, MOTE_FOREVER) == -EBADF);
        CHECK(mote_close(s[1]) == 0);
        free(wg);
    }
}

static void test_close_wakes_everyone(void **state)
{
    (void)state;
    run_with_each(close_wakes, NULL);
}

/* Numbers that come again */

static void read_and_tell(int fd, mote_chan(int) result)
{
    char c;
    intptr_t n = mote_read(fd, &c, 1);
    mote_send(result, n == 1 ? c : (int)n);
    mote_chan_free(result);
}

static void wait_for_deadline_then(int fd, mote_chan(int) c, int *v)
{
    CHECK(mote_go(read_and_tell, fd, mote_chan_ref(c)) == 0);
    mote_sleep(2 * MOTE_MS);
    *v = 0;
}

static void closed_behind_our_back(void *arg)
{
    (void)arg;
    mote_chan(int) c = mote_chan_make(int, 4);
    for (int i = 0; i < 20; i++) {
        int first[2], second[2], v;
        make_stream(i % 2 ? FOREIGN_PIPE : FOREIGN_SOCKETS, first);
        wait_for_deadline_then(first[0], c, &v);
        CHECK(write(first[1], "a", 1) == 1 && mote_recv(c, &v) == 0 && v == 'a');
        close(first[0]); /* it was registered, and mote isn't told */
        close(first[1]);
        make_stream(i % 3 ? FOREIGN_SOCKETS : BLOCKING_PIPE, second);
        CHECK(second[0] == first[0]);
        wait_for_deadline_then(second[0], c, &v);
        CHECK(write(second[1], "b", 1) == 1 && mote_recv(c, &v) == 0 && v == 'b');
        close(second[0]);
        close(second[1]);
    }
    mote_chan_free(c);
}

static void test_numbers_are_used_again_by_others(void **state)
{
    (void)state;
    run_with_each(closed_behind_our_back, NULL);
}

/* Of a duplicate that stays open, events under the old number concern nobody. */
static void duplicate_stays_open(void *arg)
{
    (void)arg;
    mote_chan(int) c = mote_chan_make(int, 4);
    for (int i = 0; i < 10; i++) {
        int old[2], new[2], v;
        CHECK(mote_pipe(old) == 0);
        wait_for_deadline_then(old[0], c, &v);
        CHECK(write(old[1], "a", 1) == 1 && mote_recv(c, &v) == 0 && v == 'a');
        int duplicate = dup(old[0]);
        CHECK(duplicate >= 0);
        if (i % 2)
            CHECK(mote_close(old[0]) == 0);
        else
            CHECK(close(old[0]) ==
                  0); /* wrong of the program, as it is ours, but it doesn't harm who gets the number from us */
        CHECK(mote_pipe(new) == 0 && new[0] == old[0]);
        wait_for_deadline_then(new[0], c, &v);
        CHECK(write(old[1], "x", 1) == 1);
        mote_sleep(MOTE_MS);
        CHECK(mote_chan_len(c) == 0);
        CHECK(write(new[1], "b", 1) == 1 && mote_recv(c, &v) == 0 && v == 'b');
        close(duplicate);
        CHECK(mote_close(old[1]) == 0);
        close_stream(new);
    }
    mote_chan_free(c);
}

static void test_duplicates_concern_nobody(void **state)
{
    (void)state;
    run_with_each(duplicate_stays_open, NULL);
}

/* Closing and opening by all at once: whoever waits ends, and nobody gets what isn't his. */

static void churn(int rounds, mote_wg *wg)
{
    for (int i = 0; i < rounds; i++) {
        int ends[2];
        char c = 'x';
        mote_wg *reader = calloc(1, sizeof *reader);
        CHECK(mote_pipe(ends) == 0);
        mote_wg_add(reader, 1);
        CHECK(mote_go(read_until_closed, ends[0], reader) == 0);
        while ((i % 2 || UNDER_TSAN) && !someone_waits(ends[0], false)) /* as above */
            mote_yield();
        CHECK(mote_wait_fd(ends[0], MOTE_READ, mote_now() + (i % 4 ? 0 : 50 * MOTE_US)) == -ETIMEDOUT);
        CHECK(mote_close(ends[0]) == 0);
        mote_wg_wait(reader);
        CHECK(mote_write(ends[1], &c, 1) == -EPIPE);
        CHECK(mote_close(ends[1]) == 0);
        free(reader);
    }
    mote_wg_done(wg);
}

static void all_churn(void *arg)
{
    (void)arg;
    mote_wg *wg = calloc(1, sizeof *wg);
    mote_wg_add(wg, 1); /* only one: a reader that begins late could find its number in another's hands */
    CHECK(mote_go(churn, (int)scale(500), wg) == 0);
    mote_wg_wait(wg);
    free(wg);
}

static void test_open_and_close_all_the_time(void **state)
{
    (void)state;
    run_with_each(all_churn, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_readers_come_in_the_order_of_their_calls),
        cmocka_unit_test(test_every_reader_sees_the_end),
        cmocka_unit_test(test_close_wakes_everyone),
        cmocka_unit_test(test_numbers_are_used_again_by_others),
        cmocka_unit_test(test_duplicates_concern_nobody),
        cmocka_unit_test(test_open_and_close_all_the_time),
    };
    watchdog(120);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
