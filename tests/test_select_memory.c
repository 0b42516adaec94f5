/* SPDX-License-Identifier: MIT */
/* test_select_memory - what passes through a select: large elements, their memory, and addresses of locals, which don't. */
#include "support.h"

#include "base/block.h"
#include "base/sanitizer.h"

#include <errno.h>
#include <string.h>

struct large {
    long number;
    char text[100];
};

/* Elements of other sizes */

static void send_large(mote_chan(struct large) c, mote_chan(struct large) other, int i)
{
    struct large l = {.number = i};
    memset(l.text, 'a' + i % 26, sizeof l.text);
    CHECK(mote_select(MOTE_SEND(c, l), MOTE_SEND_FROM(other, &l)) == 0);
}

static void receive_large(mote_chan(struct large) c, mote_chan(struct large) other, int i)
{
    struct large l = {.number = -1}, m = {.number = -2};
    int status;
    CHECK(mote_select_status(&status, MOTE_RECV(other, &m), MOTE_RECV(c, &l)) == 1);
    CHECK(m.number == -2);
    CHECK(status == (i < 0 ? -EPIPE : 0));
    CHECK(l.number == (i < 0 ? 0 : i) && l.text[99] == (i < 0 ? 0 : 'a' + i % 26));
}

static void pass_large(void *arg)
{
    (void)arg;
    mote_chan(struct large) c = mote_chan_make(struct large, 0);
    mote_chan(struct large) other = mote_chan_make(struct large, 0);
    mote_chan(struct large) unused = mote_chan_make(struct large, 0);
    for (int i = 0; i < scale(500); i++) {
        CHECK(mote_go(send_large, c, unused, i) == 0);
        if (i % 2)
            mote_yield();
        receive_large(c, other, i);
        CHECK(mote_go(receive_large, c, other, i) == 0);
        if (i % 2)
            mote_yield();
        send_large(c, unused, i);
    }
    CHECK(mote_go(receive_large, c, other, -1) == 0);
    await_parked(1);
    mote_chan_close(c);
    yield_until_alone();
    mote_chan_free(c);
    mote_chan_free(other);
    mote_chan_free(unused);
}

static void test_large_elements(void **state)
{
    (void)state;
    run_with(&one_proc, pass_large, NULL);
    run_with(&two_procs, pass_large, NULL);
}

/* Without memory */

static void run_out_of_memory(mote_chan(struct large) c, mote_chan(int) small)
{
    struct large l = {.number = 3};
    int v;
    block_fail_after(1);
    CHECK(mote_select(MOTE_RECV(small, &v)) == -ENOMEM);
    for (int n = 1; n <= 3; n++) {
        block_fail_after(n);
        CHECK(mote_select(MOTE_SEND(c, l), MOTE_SEND(c, l), MOTE_RECV(small, &v)) == -ENOMEM);
    }
    block_fail_after(0);
    CHECK(mote_try_recv(c, &l) == -EAGAIN && mote_try_send(small, 1) == -EAGAIN);
}

static void lack_memory(void *arg)
{
    (void)arg;
    mote_chan(struct large) c = mote_chan_make(struct large, 0);
    mote_chan(int) small = mote_chan_make(int, 0);
    mote_task *t = mote_spawn(run_out_of_memory, c, small);
    CHECK(mote_join(t, NULL) == 0);
    mote_chan_free(c);
    mote_chan_free(small);
}

static void test_without_memory_nothing_is_done(void **state)
{
    (void)state;
    run_with(&one_proc, lack_memory, NULL);
}

/* The one rule */

static void send_address(mote_chan(int *) c)
{
    int local = 1;
    mote_select(MOTE_SEND(c, &local), MOTE_DEFAULT);
}

static void spawn_sender(void *arg)
{
    (void)arg;
    mote_join(mote_spawn(send_address, mote_chan_make(int *, 1)), NULL);
}

static void child_sends_address(void *arg)
{
    (void)arg;
    run_with(&one_proc, spawn_sender, NULL);
}

static void test_a_local_s_address_is_refused(void **state)
{
    (void)state;
    if (sanitizer_pins_all())
        skip();
    assert_dies_saying(child_sends_address, "an address sent through a channel at ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_large_elements),
        cmocka_unit_test(test_without_memory_nothing_is_done),
        cmocka_unit_test(test_a_local_s_address_is_refused),
    };
    watchdog(60);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
