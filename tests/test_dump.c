/* SPDX-License-Identifier: MIT */
/* test_dump - every task is in the report, with what it waits for, since when, from where and how it came there. */
#include "support.h"

#include "base/attr.h"
#include "base/msg.h"
#include "base/sanitizer.h"
#include "sched/proc.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

typedef mote_chan(int) channel;

static _Atomic int after;
static char text[1 << 16];

/* The report, in text. */
static void dump_with(unsigned flags)
{
    int fd = memfd_create("report", 0);
    CHECK(fd >= 0);
    CHECK(mote_dump(fd, flags) == 0);
    ssize_t n = pread(fd, text, sizeof text - 1, 0);
    CHECK(n > 0);
    text[n] = 0;
    close(fd);
}

/* An emulator takes long to look for names. */
static void dump(void) { dump_with(UNDER_EMULATOR ? MOTE_DUMP_PLAIN : 0); }

static bool has_names(void) { return msg_tracer && !msg_tracer->missing() && !UNDER_EMULATOR; }

/* The line that begins with that, in a report; NULL: there is none. */
static const char *line_with(const char *start)
{
    for (const char *line = text; line && *line; line = strchr(line, '\n'), line += line != NULL)
        if (strncmp(line, start, strlen(start)) == 0)
            return line;
    return NULL;
}

static bool line_says(const char *start, const char *what)
{
    const char *line = line_with(start), *end = line ? strchr(line, '\n') : NULL,
               *at = line ? strstr(line, what) : NULL;
    return at && at < end;
}

static void must_say(const char *start, const char *what)
{
    if (!line_says(start, what)) {
        fprintf(stderr, "no '%s' in a line '%s' of:\n%s", what, start, text);
        abort();
    }
}

/* Waits of every kind */

static struct {
    channel c, full;
    mote_wg wg, gone;
    mote_mutex mutex;
    mote_rwmutex read, write;
    mote_cond cond;
    mote_mutex of_cond;
    mote_sem sem;
    mote_barrier barrier;
    mote_once once;
    mote_group group;
    mote_chan(int) once_gate;
    mote_task *joined;
} all;

static void receive(void) { mote_recv(all.c, NULL); }
static void receive_until(void) { mote_recv_until(all.c, NULL, mote_now() + 3600 * MOTE_S); }
static void send_full(void) { mote_send(all.full, 2); }
static void choose(void) { mote_select(MOTE_RECV(all.c, NULL), MOTE_SEND(all.full, 1)); }
static void null_channel(void) { mote_recv((channel)NULL, NULL); }
static void await_group(void) { mote_wg_wait(&all.wg); }
static void await_group_until(void) { mote_wg_wait_until(&all.wg, mote_now() + 3600 * MOTE_S); }
static void lock(void) { mote_mutex_lock(&all.mutex); }
static void lock_until(void) { mote_mutex_lock_until(&all.mutex, mote_now() + 3600 * MOTE_S); }
static void read_lock(void) { mote_rwmutex_rlock(&all.read); }
static void write_lock(void) { mote_rwmutex_lock(&all.write); }
static void acquire(void) { mote_sem_acquire(&all.sem, 3); }
static void arrive(void) { mote_barrier_wait(&all.barrier); }
static void sleep_long(void) { mote_sleep(3600 * MOTE_S); }
static void join(void) { mote_join(all.joined, NULL); }
static void call_once(void) { mote_once_do(&all.once, (void (*)(void *))abort, NULL); }
static void end_group(void) { mote_group_wait(&all.group); }
static void await_place(void) { mote_group_go(&all.group, receive); }

static void signalled(void)
{
    mote_mutex_lock(&all.of_cond);
    mote_cond_wait(&all.cond, &all.of_cond);
}

static void wait_in_once(void *arg)
{
    (void)arg;
    mote_recv(all.once_gate, NULL);
}

static void first_of_once(void) { mote_once_do(&all.once, wait_in_once, NULL); }

static const struct {
    void (*fn)(void);
    const char *name, *says;
} waits[] = {
#define WAIT(fn, says)                                                                                                 \
    {                                                                                                                  \
        fn, "(" #fn ")", says                                                                                          \
    }
    WAIT(receive, "waiting to receive from channel 0x"),
    WAIT(receive_until, "waiting to receive from channel 0x"),
    WAIT(send_full, "waiting to send to channel 0x"),
    WAIT(choose, "waiting in a select: receive from channel 0x"),
    WAIT(null_channel, "waiting on a null channel"),
    WAIT(await_group, "waiting for wait group 0x"),
    WAIT(await_group_until, "waiting for wait group 0x"),
    WAIT(lock, "waiting to lock mutex 0x"),
    WAIT(lock_until, "waiting to lock mutex 0x"),
    WAIT(read_lock, "waiting to read with rwmutex 0x"),
    WAIT(write_lock, "waiting to write with rwmutex 0x"),
    WAIT(signalled, "waiting for condition 0x"),
    WAIT(acquire, "waiting for semaphore 0x"),
    WAIT(arrive, "waiting at barrier 0x"),
    WAIT(sleep_long, "waiting for a time"),
    WAIT(join, "waiting to join task "),
    WAIT(first_of_once, "waiting to receive from channel 0x"),
    WAIT(call_once, "waiting for once 0x"),
    WAIT(end_group, "waiting for the end of group 0x"),
    WAIT(await_place, "waiting for a place in group 0x"),
};
#define WAITS (sizeof waits / sizeof waits[0])

static void set_up(void)
{
    memset(&all, 0, sizeof all);
    all.c = mote_chan_make(int, 0);
    all.full = mote_chan_make(int, 1);
    all.once_gate = mote_chan_make(int, 0);
    mote_send(all.full, 1);
    mote_wg_add(&all.wg, 1);
    mote_mutex_lock(&all.mutex);
    mote_rwmutex_lock(&all.read);
    mote_rwmutex_rlock(&all.write);
    mote_barrier_init(&all.barrier, 2);
    mote_group_set_limit(&all.group, 1);
    CHECK(mote_group_go(&all.group, receive) == 0);
    all.joined = mote_spawn(receive);
    CHECK(all.joined);
}

/* Each function is started from another place of the program than the name is from: the names of its tasks tell them apart. */
static void show_every_kind(void *arg)
{
    (void)arg;
    set_up();
    for (size_t i = 0; i < WAITS; i++) {
        mote_attr attr = {.name = waits[i].name + 1};
        ((char *)memcpy(text, attr.name, strlen(attr.name) + 1))[strlen(attr.name) - 1] = 0;
        attr.name = text;
        attr.detached = true;
        CHECK(mote_spawn_with(&attr, waits[i].fn) != NULL);
        await_parked(2 + i + 1); /* with those of set_up */
    }
    mote_sleep(300 * MOTE_MS);
    dump();
    for (size_t i = 0; i < WAITS; i++) {
        char *at = strstr(text, waits[i].name);
        if (!at || strncmp(at + strlen(waits[i].name), ": ", 2) != 0 ||
            strncmp(at + strlen(waits[i].name) + 2, waits[i].says, strlen(waits[i].says)) != 0) {
            fprintf(stderr, "%s is not told to be %s in:\n%s", waits[i].name, waits[i].says, text);
            abort();
        }
        char *since = strstr(at, ", for ");
        CHECK(since && strtod(since + strlen(", for "), NULL) > 0.1);
        CHECK(strstr(since, "started at ") && strstr(since, "test_dump.c:"));
    }
}

/* They are discarded where they stand. */
static void run_and_discard(const mote_config *config, void (*body)(void *arg))
{
    assert_int_equal(mote_start(config), 0);
    mote_task *task = mote_spawn_with(&(mote_attr){.pinned = true}, body, NULL);
    assert_non_null(task);
    assert_int_equal(mote_join(task, NULL), 0);
    assert_true(mote_stop(0) >= 0);
    mote_chan_free(all.c);
    mote_chan_free(all.full);
    mote_chan_free(all.once_gate);
    memset(&all, 0, sizeof all);
}

static void test_what_tasks_wait_for(void **state)
{
    (void)state;
    run_and_discard(&one_proc, show_every_kind);
}

/* Backtraces, of stacks in homes and in images */

static NOINLINE void wait_deep(int depth)
{
    if (depth > 0)
        wait_deep(depth - 1);
    else
        mote_recv(all.c, NULL);
    after++;
}

static NOINLINE void caller_of_deep(int depth)
{
    wait_deep(depth);
    after++;
}

static void deep(int depth)
{
    caller_of_deep(depth);
    after++;
}

static int count_in(const char *from, const char *to, const char *word)
{
    int n = 0;
    for (const char *at = from; (at = strstr(at, word)) && at < to; at++)
        n++;
    return n;
}

struct told {
    long tasks;
    int groups;
};

/* Those of that function whose entry, which ends where the next line begins that isn't indented, has that word n times. */
static struct told tasks_that_say(const char *function, const char *word, int n)
{
    struct told sum = {0, 0};
    for (const char *line = text, *next; *line; line = next) {
        const char *end = strchr(line, '\n');
        for (next = end ? end + 1 : line + strlen(line); *next == ' ';) {
            const char *more = strchr(next, '\n');
            next = more ? more + 1 : next + strlen(next);
        }
        if (count_in(line, end ? end : next, function) != 1 || count_in(line, next, word) != n)
            continue;
        bool one = strncmp(line, "task ", 5) == 0;
        sum.tasks += one ? 1 : strtol(line, NULL, 10);
        sum.groups++;
    }
    return sum;
}

static void show_stacks(void *arg)
{
    (void)arg;
    all.c = mote_chan_make(int, 0);
    for (int i = 0; i < 100; i++)
        CHECK(mote_go(deep, i % 2 * 9) == 0);
    await_parked(100);
    dump();
    /* who was summoned meanwhile went another way through the library, and is told of by itself */
    struct told shallow = tasks_that_say("(deep)", " wait_deep+0x", 1),
                deepest = tasks_that_say("(deep)", " wait_deep+0x", 10),
                all_of_them = tasks_that_say("(deep)", "waiting to receive from channel", 1),
                with_place = tasks_that_say("(deep)", ", started at " __FILE__ ":", 1);
    CHECK(all_of_them.tasks == 100 && with_place.tasks == 100);
    if (!has_names())
        return;
    CHECK(shallow.tasks == 50 && deepest.tasks == 50);
    CHECK(!strstr(text, "  #0 0x"));
    const char *end = text + strlen(text);
    int groups = shallow.groups + deepest.groups;
    CHECK(count_in(text, end, " caller_of_deep+0x") == groups && count_in(text, end, " deep+0x") == groups);
    dump_with(MOTE_DUMP_PLAIN);
    CHECK(count_in(text, text + strlen(text), "  #0 0x") >= 3 && !strstr(text, "wait_deep"));
}

static void test_backtraces_of_whatever_is_parked(void **state)
{
    (void)state;
    /* on one worker only: another one would find locks taken, and go other ways */
    static const mote_config pinned = {.procs = 1, .pinned = true, .max_blocked = -1};
    run_and_discard(&one_proc, show_stacks);
    run_and_discard(&one_proc_two_homes, show_stacks);
    run_and_discard(&pinned, show_stacks);
}

/* Other states */

static void nothing(void) {}

static NOINLINE void dump_here(void)
{
    dump();
    after++;
}

static void show_states(void *arg)
{
    (void)arg;
    mote_task *ended = mote_spawn(nothing);
    yield_until_alone();
    for (int i = 0; i < 3; i++)
        CHECK(mote_go(receive_until) == 0);
    dump_here();
    must_say("mote: 5 tasks, 1 procs", "");
    must_say("3 tasks (receive_until)", ": not started yet");
    must_say("task ", "(body): running");
    CHECK(strstr(text, "(nothing): ended, not joined yet"));
    if (has_names())
        CHECK(strstr(text, " dump_here+0x"));
    CHECK(mote_join(ended, NULL) == 0);
}

static void body(void) { show_states(NULL); }

static void test_states(void **state)
{
    (void)state;
    all.c = NULL;
    assert_int_equal(mote_start(&one_proc), 0);
    mote_task *task = mote_spawn(body);
    assert_int_equal(mote_join(task, NULL), 0);
    assert_int_equal(mote_stop(0), 3);
}

static void test_without_a_runtime(void **state)
{
    (void)state;
    assert_int_equal(mote_dump(1, 0), -ESHUTDOWN);
    assert_int_equal(mote_dump(1, 2), -EINVAL);
}

/* Names */

static void start_readers(int n, int names)
{
    for (int i = 0; i < n; i++) {
        char name[32];
        snprintf(name, sizeof name, "reader %d", i % names);
        mote_attr attr = {.name = name, .detached = true};
        CHECK(mote_spawn_with(&attr, receive) != NULL);
    }
}

static void show_names(void *arg)
{
    (void)arg;
    all.c = mote_chan_make(int, 0);
    start_readers(4, 2);
    await_parked(4);
    dump();
    CHECK(strstr(text, " tasks (receive), named reader ") && !strstr(text, "..."));
    start_readers(20, 20);
    await_parked(24);
    dump();
    CHECK(strstr(text, " tasks (receive), named reader ") && strstr(text, ", ..., the first of them "));
}

static void test_of_the_names_in_a_group_some_are_shown(void **state)
{
    (void)state;
    run_and_discard(&one_proc, show_names);
}

static void dump_nowhere(void *arg)
{
    (void)arg;
    CHECK(mote_dump(-1, 0) == -EBADF);
}

static void test_errors_of_write_are_returned(void **state)
{
    (void)state;
    run_with(&one_proc, dump_nowhere, NULL);
}

/* While everything moves */

static _Atomic bool enough;

static NOINLINE void wander(unsigned seed, int depth)
{
    volatile char frame[100];
    frame[0] = (char)depth;
    if (depth > 0)
        wander(seed, depth - 1);
    else if (seed % 3)
        mote_yield();
    else
        mote_sleep(seed % 100 * 1000);
    after = frame[0];
}

static void restless(unsigned seed)
{
    for (; !enough; seed = seed * 1103515245 + 12345)
        wander(seed, (int)(seed >> 16 & 31));
}

static void spawn_others(void)
{
    while (!enough) {
        int error = mote_go(nothing);
        CHECK(error == 0 || (enough && error == -ESHUTDOWN));
        mote_yield();
    }
}

static void dump_what_moves(void *arg)
{
    (void)arg;
    enough = false;
    for (unsigned i = 0; i < 60; i++)
        CHECK(mote_go(restless, i) == 0);
    CHECK(mote_go(spawn_others) == 0);
    for (long i = UNDER_EMULATOR ? 1 : scale(10); i > 0; i--) {
        dump_with(i == 1 && !UNDER_EMULATOR && scale(100) == 100 ? 0 : MOTE_DUMP_PLAIN); /* names take their time */
        CHECK(strncmp(text, "mote: ", 6) == 0 && strstr(text, "(restless)"));
        mote_yield();
    }
    enough = true;
}

static void test_a_report_of_tasks_that_move(void **state)
{
    (void)state;
    run_with_each(dump_what_moves, NULL);
}

/* A crowd is one line, or a few, where the compiler has not made one of the ways to park. */
static void dump_crowd(void *arg)
{
    (void)arg;
    all.c = mote_chan_make(int, 0);
    long n = scale(20000);
    for (long i = 0; i < n; i++)
        CHECK(mote_go(receive) == 0);
    await_parked((uint64_t)n);
    dump();
    if (count_in(text, text + strlen(text), "tasks (receive)") > 4) {
        fprintf(stderr, "a crowd in pieces:\n%s", text);
        abort();
    }
}

static void test_a_crowd_is_one_line(void **state)
{
    (void)state;
    run_and_discard(&two_procs, dump_crowd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_tasks_wait_for),
        cmocka_unit_test(test_backtraces_of_whatever_is_parked),
        cmocka_unit_test(test_states),
        cmocka_unit_test(test_without_a_runtime),
        cmocka_unit_test(test_of_the_names_in_a_group_some_are_shown),
        cmocka_unit_test(test_errors_of_write_are_returned),
        cmocka_unit_test(test_a_report_of_tasks_that_move),
        cmocka_unit_test(test_a_crowd_is_one_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
