/* SPDX-License-Identifier: MIT */
/* test_polling - looking for I/O beside other work, and where the kernel doesn't let us wait as we would (PO1-PO4). */
#include "support.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

static int64_t process_time(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * MOTE_S + t.tv_nsec;
}

/* Two that yield have their turns, one after the other, also while nobody sleeps in the poller. */
static struct turns {
    int last;
    long again;
    _Atomic int ended;
} turns;

static void yield_often(int self, int n)
{
    while (n-- > 0) {
        turns.last = self;
        mote_yield();
        turns.again += turns.last == self;
    }
    turns.ended++;
}

static void read_one(int fd)
{
    char c;
    CHECK(mote_read(fd, &c, 1) == 1);
    turns.ended++;
}

static void yield_beside_io(void *arg)
{
    (void)arg;
    const int n = (int)scale(300000);
    int ends[2];
    turns = (struct turns){0};
    CHECK(mote_pipe(ends) == 0 && mote_go(read_one, ends[0]) == 0);
    await_parked(1);
    CHECK(mote_go(yield_often, 1, n) == 0 && mote_go(yield_often, 2, n) == 0);
    while (turns.ended < 2)
        mote_sleep(MOTE_MS);
    CHECK(mote_write(ends[1], "x", 1) == 1);
    while (turns.ended < 3)
        mote_sleep(MOTE_MS);
    if (turns.again > n / 2) /* of 2 n; the one that ends last has some for itself */
        check_failed("yields give turns", __FILE__, __LINE__);
    CHECK(mote_close(ends[0]) == 0 && mote_close(ends[1]) == 0);
}

static void test_yields_give_turns_beside_io(void **state)
{
    (void)state;
    run_with(&one_proc, yield_beside_io, NULL);
}

/* A sandbox that refuses system calls which it doesn't know, though not as the kernel does. */
static void read_in_sandbox(void *arg)
{
    (void)arg;
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 441 /* epoll_pwait2 */, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog filter = {4, code};
    int ends[2];
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) < 0)
        return; /* not to be had here */
    turns = (struct turns){0};
    CHECK(mote_start(&two_procs) == 0 && mote_pipe(ends) == 0);
    CHECK(mote_set_deadline(ends[0], MOTE_READ, mote_now() + 600 * MOTE_S) == 0);
    CHECK(mote_go(read_one, ends[0]) == 0);
    mote_sleep(100 * MOTE_MS);
    int64_t used = process_time();
    mote_sleep(300 * MOTE_MS);
    CHECK(process_time() - used < 200 * MOTE_MS);
    CHECK(write(ends[1], "x", 1) == 1);
    while (turns.ended < 1)
        mote_sleep(MOTE_MS);
    CHECK(mote_stop(MOTE_FOREVER) == 0);
}

static void test_in_a_sandbox(void **state)
{
    (void)state;
    struct child_result child = run_child(read_in_sandbox, NULL);
    assert_string_equal(child.err, "");
    assert_int_equal(child.status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_yields_give_turns_beside_io),
        cmocka_unit_test(test_in_a_sandbox),
    };
    watchdog(60);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
