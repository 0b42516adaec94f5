/* SPDX-License-Identifier: MIT */
/* test_waits - a report says which cases a select has, who holds a mutex, whom a task joins; of many tasks only what is the same. */
#include "support.h"

#include "base/attr.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

typedef mote_chan(int) channel;

static char text[1 << 16];

static void dump(void)
{
    int fd = memfd_create("report", 0);
    CHECK(fd >= 0);
    CHECK(mote_dump(fd, MOTE_DUMP_PLAIN) == 0);
    ssize_t n = pread(fd, text, sizeof text - 1, 0);
    CHECK(n > 0);
    text[n] = 0;
    close(fd);
}

static void must_say(const char *what)
{
    if (strstr(text, what))
        return;
    fprintf(stderr, "no '%s' in:\n%s", what, text);
    abort();
}

static struct {
    channel a, full, more[4];
    mote_ctx *ctx;
    mote_mutex mutex;
    mote_task *joined;
    uint64_t joined_id;
} all;

static void choose(void) { mote_select(MOTE_RECV(all.a, NULL), MOTE_SEND(all.full, 1)); }

static void choose_until(void)
{
    mote_select(MOTE_RECV(all.a, NULL), MOTE_DONE(all.ctx), MOTE_RECV((channel)NULL, NULL), MOTE_AFTER(3600 * MOTE_S));
}

static void choose_of_many(void)
{
    mote_select(MOTE_RECV(all.a, NULL), MOTE_RECV(all.more[0], NULL), MOTE_RECV(all.more[1], NULL),
                MOTE_RECV(all.more[2], NULL), MOTE_RECV(all.more[3], NULL), MOTE_SEND(all.full, 1));
}

static void lock(void) { mote_mutex_lock(&all.mutex); }
static void join(void) { mote_join(all.joined, NULL); }

static void receive(void)
{
    all.joined_id = mote_self();
    mote_recv(all.a, NULL);
}

static void set_up(void)
{
    all.a = mote_chan_make(int, 0);
    all.full = mote_chan_make(int, 1);
    mote_send(all.full, 1);
    for (int i = 0; i < 4; i++)
        all.more[i] = mote_chan_make(int, 0);
    all.ctx = mote_ctx_with_cancel(mote_ctx_background());
    CHECK(all.ctx);
    mote_mutex_lock(&all.mutex);
    all.joined = mote_spawn(receive);
    CHECK(all.joined);
}

static void show(void *arg)
{
    char what[200];
    (void)arg;
    set_up();
    void (*const each[])(void) = {choose, choose_until, choose_of_many, lock, join};
    for (size_t i = 0; i < ARRAY_LENGTH(each); i++) {
        CHECK(mote_go(each[i]) == 0);
        await_parked(1 + i + 1);
    }
    dump();
    void *a = all.a, *full = all.full;
    snprintf(what, sizeof what, "in a select: receive from channel %p, send to channel %p, for ", a, full);
    must_say(what);
    snprintf(what, sizeof what, "in a select: receive from channel %p, the end of a context, until a deadline, for ",
             a);
    must_say(what);
    snprintf(what, sizeof what,
             "in a select: receive from channel %p, receive from channel %p, receive from channel %p, receive from "
             "channel %p, and 2 cases more, for ",
             a, (void *)all.more[0], (void *)all.more[1], (void *)all.more[2]);
    must_say(what);
    snprintf(what, sizeof what, "to lock mutex %p, held by task %llu, for ", (void *)&all.mutex,
             (unsigned long long)mote_self());
    must_say(what);
    snprintf(what, sizeof what, "to join task %llu, for ", (unsigned long long)all.joined_id);
    must_say(what);
}

/* They are discarded where they stand. */
static void run_and_discard(const mote_config *config, void (*body)(void *arg))
{
    memset(&all, 0, sizeof all);
    assert_int_equal(mote_start(config), 0);
    mote_task *task = mote_spawn_with(&(mote_attr){.pinned = true}, body, NULL);
    assert_non_null(task);
    assert_int_equal(mote_join(task, NULL), 0);
    assert_true(mote_stop(0) >= 0);
    mote_ctx_free(all.ctx);
    for (int i = 0; i < 4; i++)
        mote_chan_free(all.more[i]);
    mote_chan_free(all.a);
    mote_chan_free(all.full);
}

static void test_what_a_wait_is_about(void **state)
{
    (void)state;
    run_and_discard(&one_proc, show);
    run_and_discard(&one_proc_two_homes, show);
}

/* Crowds: what they have in common is told, and they stay together. */

static void choose_from(channel c) { mote_select(MOTE_RECV(all.a, NULL), MOTE_RECV(c, NULL)); }

static int count_in(const char *what)
{
    int n = 0;
    for (const char *at = text; (at = strstr(at, what)); at++)
        n++;
    return n;
}

static void show_crowds(void *arg)
{
    char what[200];
    long n = scale(2000);
    (void)arg;
    set_up();
    for (long i = 0; i < n; i++)
        CHECK(mote_go(choose) == 0);
    await_parked(1 + (uint64_t)n);
    dump();
    snprintf(what, sizeof what, "in a select: receive from channel %p, send to channel %p, for ", (void *)all.a,
             (void *)all.full);
    must_say(what);
    CHECK(count_in("tasks (choose)") <= 4 && count_in(what) == count_in("(choose)"));
    for (long i = 0; i < n; i++)
        CHECK(mote_go(choose_from, all.more[i % 2]) == 0);
    await_parked(1 + 2 * (uint64_t)n);
    dump();
    must_say(" (choose_from), the first of them ");
    must_say("waiting in a select, for ");
    CHECK(count_in("tasks (choose_from)") <= 4);
}

static void test_a_crowd_is_told_of_together(void **state)
{
    (void)state;
    run_and_discard(&one_proc, show_crowds);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_a_wait_is_about),
        cmocka_unit_test(test_a_crowd_is_told_of_together),
    };
    watchdog(60);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
