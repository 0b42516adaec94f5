/* SPDX-License-Identifier: MIT */
/* test_chan - what channels promise: order, contents of every size, closing, references, threads and tasks alike. */
#include "support.h"

#include "base/sanitizer.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#define LARGEST 4096
#define EACH 4 /* elements for each size */

static const mote_config one_proc = {.procs = 1}, two_procs = {.procs = 2};
static _Atomic int started, woken, wrong;

static void reset(void) { started = woken = wrong = 0; }

/* On one proc a task that has counted itself is parked as soon as it switches. */
static void yield_until_started(int n)
{
    while (started < n)
        mote_yield();
}

/* Order */

static void send_one(struct mote__chan *c, int v)
{
    started++;
    CHECK(mote__chan_send(c, &v) == 0);
}

static void receive_waiting_senders_in_order(void *arg)
{
    int n = (int)scale(1000);
    mote_chan(int) c = mote_chan_make(int, *(size_t *)arg);
    reset();
    for (int i = 0; i < n; i++) {
        CHECK(mote_go(send_one, (struct mote__chan *)c, i) == 0);
        yield_until_started(i + 1);
    }
    for (int i = 0; i < n; i++) {
        int v = -1;
        CHECK(mote_recv(c, &v) == 0);
        CHECK(v == i);
    }
    mote_chan_free(c);
}

static void test_waiting_senders_are_served_first_in_first_out(void **state)
{
    (void)state;
    static const size_t capacities[] = {0, 1, 7};
    for (int i = 0; i < 3; i++)
        run_with(&one_proc, receive_waiting_senders_in_order, (void *)&capacities[i]);
}

static void take_turn(struct mote__chan *c, int turn)
{
    int v;
    started++;
    CHECK(mote__chan_recv(c, &v) == 0);
    CHECK(v == turn);
}

static void serve_waiting_receivers(void *arg)
{
    (void)arg;
    int n = (int)scale(1000);
    mote_chan(int) c = mote_chan_make(int, 0);
    reset();
    for (int i = 0; i < n; i++) {
        CHECK(mote_go(take_turn, (struct mote__chan *)c, i) == 0);
        yield_until_started(i + 1);
    }
    for (int i = 0; i < n; i++)
        CHECK(mote_send(c, i) == 0);
    while (mote_task_count() > 1)
        mote_yield();
    mote_chan_free(c);
}

static void test_waiting_receivers_are_served_first_in_first_out(void **state)
{
    (void)state;
    run_with(&one_proc, serve_waiting_receivers, NULL);
}

static void send_numbers(mote_chan(long) c, long n)
{
    for (long i = 0; i < n; i++)
        CHECK(mote_send(c, i) == 0);
    CHECK(mote_chan_close(c) == 0);
}

static void receive_numbers(void *arg)
{
    (void)arg;
    for (size_t capacity = 0; capacity <= 64; capacity = capacity * 4 + 1) {
        long n = scale(20000), expected = 0;
        mote_chan(long) c = mote_chan_make(long, capacity);
        CHECK(mote_go(send_numbers, mote_chan_ref(c), n) == 0);
        mote_chan_range (c, v)
            CHECK(v == expected++);
        CHECK(expected == n);
        while (mote_task_count() > 1)
            mote_yield();
        mote_chan_free(c);
        mote_chan_free(c);
    }
}

static void test_elements_arrive_in_the_order_sent(void **state)
{
    (void)state;
    run_with(&one_proc, receive_numbers, NULL);
    run_with(&two_procs, receive_numbers, NULL);
}

/* Every size */

static void fill(unsigned char *at, size_t size, unsigned seed)
{
    for (size_t i = 0; i < size; i++)
        at[i] = (unsigned char)(seed * 31 + i * 7 + (i >> 8) + 1);
}

/* at has room for LARGEST + 1: whether `size` bytes are as filled and the one behind them is untouched. */
static bool is_filled(const unsigned char *at, size_t size, unsigned seed)
{
    unsigned char expected[LARGEST];
    fill(expected, size, seed);
    return memcmp(at, expected, size) == 0 && at[size] == 0xee;
}

static void send_sized(struct mote__chan *c, size_t size)
{
    unsigned char v[LARGEST];
    for (unsigned k = 0; k < EACH; k++) {
        fill(v, size, k);
        CHECK(mote__chan_send(c, v) == 0);
    }
}

static void receive_sized(struct mote__chan *c, size_t size)
{
    unsigned char v[LARGEST + 1];
    for (unsigned k = 0; k < EACH; k++) {
        memset(v, 0xee, sizeof v);
        CHECK(mote__chan_recv(c, v) == 0);
        CHECK(is_filled(v, size, k));
    }
}

static void pass_size(size_t size, size_t capacity)
{
    struct mote__chan *c = mote__chan_make(size, capacity, false);
    CHECK(c);
    mote_task *sender = mote_spawn(send_sized, c, size);
    mote_yield(); /* it fills the buffer and waits */
    mote_yield();
    CHECK(mote__chan_len(c) == capacity);
    receive_sized(c, size);
    CHECK(mote_join(sender, NULL) == 0);
    mote_task *receiver = mote_spawn(receive_sized, c, size);
    mote_yield(); /* it waits */
    mote_yield();
    send_sized(c, size);
    CHECK(mote_join(receiver, NULL) == 0);
    CHECK(mote__chan_len(c) == 0);
    mote__chan_free(c);
}

static void pass_every_size(void *arg)
{
    (void)arg;
    size_t step = scale(100) < 100 ? 37 : 1;
    for (size_t size = 0; size <= LARGEST; size += size < 64 ? 1 : step)
        for (size_t capacity = 0; capacity < EACH; capacity++)
            pass_size(size, capacity);
}

static void test_elements_of_every_size_pass_unharmed(void **state)
{
    (void)state;
    run_with(&one_proc, pass_every_size, NULL);
}

static void pass_some_sizes_on_two_procs(void *arg)
{
    (void)arg;
    for (size_t size = 0; size <= LARGEST; size += size < 20 ? 1 : 509)
        for (size_t capacity = 0; capacity < EACH; capacity++)
            for (int i = 0; i < scale(20); i++) {
                struct mote__chan *c = mote__chan_make(size, capacity, false);
                mote_task *a = mote_spawn(send_sized, c, size), *b = mote_spawn(receive_sized, c, size);
                CHECK(mote_join(a, NULL) == 0 && mote_join(b, NULL) == 0);
                mote__chan_free(c);
            }
}

static void test_elements_pass_unharmed_between_procs(void **state)
{
    (void)state;
    run_with(&two_procs, pass_some_sizes_on_two_procs, NULL);
}

/* Closing */

struct row {
    size_t capacity;
    int buffered;
    bool closed;
    int try_send, try_recv, close; /* what they return */
};

static const struct row rows[] = {
    {0, 0, false, -EAGAIN, -EAGAIN, 0}, /* nobody at the other end */
    {0, 0, true, -EPIPE, -EPIPE, -EPIPE}, {2, 0, false, 0, -EAGAIN, 0},         {2, 1, false, 0, 0, 0},
    {2, 2, false, -EAGAIN, 0, 0},         {2, 0, true, -EPIPE, -EPIPE, -EPIPE}, {2, 1, true, -EPIPE, 0, -EPIPE},
    {2, 2, true, -EPIPE, 0, -EPIPE},
};

static mote_chan(int) in_state(const struct row *r)
{
    mote_chan(int) c = mote_chan_make(int, r->capacity);
    for (int i = 0; i < r->buffered; i++)
        CHECK(mote_send(c, 70 + i) == 0);
    if (r->closed)
        CHECK(mote_chan_close(c) == 0);
    CHECK(mote_chan_len(c) == (size_t)r->buffered);
    CHECK(mote_chan_cap(c) == r->capacity);
    return c;
}

/* send and recv where they don't wait. */
static void check_waiting_calls(const struct row *r)
{
    int v = 5;
    mote_chan(int) c = in_state(r);
    if (r->try_send != -EAGAIN)
        CHECK(mote_send(c, 1) == r->try_send);
    mote_chan_free(c);
    c = in_state(r);
    if (r->try_recv != -EAGAIN) {
        CHECK(mote_recv(c, &v) == r->try_recv);
        CHECK(v == (r->buffered ? 70 : 0));
        CHECK(mote_chan_len(c) == (size_t)(r->buffered ? r->buffered - 1 : 0));
    }
    mote_chan_free(c);
    c = in_state(r);
    if (r->try_recv != -EAGAIN)
        CHECK(mote_recv(c, NULL) == r->try_recv);
    mote_chan_free(c);
}

static void check_row(const struct row *r)
{
    check_waiting_calls(r);
    mote_chan(int) c = in_state(r);
    CHECK(mote_try_send(c, 1) == r->try_send);
    CHECK(mote_chan_len(c) == (size_t)(r->buffered + (r->try_send == 0)));
    mote_chan_free(c);
    c = in_state(r);
    int v = 5;
    CHECK(mote_try_recv(c, &v) == r->try_recv);
    CHECK(v == (r->try_recv == 0 ? 70 : r->try_recv == -EPIPE ? 0 : 5));
    mote_chan_free(c);
    c = in_state(r);
    CHECK(mote_try_recv(c, NULL) == r->try_recv);
    mote_chan_free(c);
    c = in_state(r);
    CHECK(mote_chan_close(c) == r->close);
    CHECK(mote_chan_close(c) == -EPIPE);
    mote_chan_free(c);
}

static void check_truth_table(void *arg)
{
    (void)arg;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        check_row(&rows[i]);
    mote_chan(int) nil = NULL;
    int v = 5;
    CHECK(mote_try_send(nil, 1) == -EAGAIN);
    CHECK(mote_try_recv(nil, &v) == -EAGAIN && v == 5);
    CHECK(mote_chan_close(nil) == -EINVAL);
    CHECK(mote_chan_len(nil) == 0 && mote_chan_cap(nil) == 0);
    CHECK(mote_chan_ref(nil) == NULL);
    mote_chan_free(nil);
}

static void check_truth_table_in_copied_task(void *arg)
{
    mote_task *t = mote_spawn(check_truth_table, arg);
    CHECK(mote_join(t, NULL) == 0);
}

static void test_every_call_in_every_state_of_the_channel(void **state)
{
    (void)state;
    check_truth_table(NULL); /* without a runtime */
    run_with(&one_proc, check_truth_table, NULL);
    run_with(&one_proc, check_truth_table_in_copied_task, NULL);
}

static void receive_from_nil(void)
{
    mote_chan(int) nil = NULL;
    mote_recv(nil, NULL);
    woken++;
}

static void send_to_nil(void)
{
    mote_chan(int) nil = NULL;
    mote_send(nil, 1);
    woken++;
}

static void test_nil_channel_blocks_for_ever(void **state)
{
    (void)state;
    reset();
    assert_int_equal(mote_start(&two_procs), 0);
    assert_int_equal(mote_go(receive_from_nil), 0);
    assert_int_equal(mote_go(send_to_nil), 0);
    assert_int_equal(mote_stop(mote_now() + 50 * MOTE_MS), 2);
    assert_int_equal(woken, 0);
}

static void test_absurd_capacity_is_refused(void **state)
{
    (void)state;
    errno = 0;
    assert_null(mote__chan_make(SIZE_MAX / 2, 4, false));
    assert_int_equal(errno, EINVAL);
    errno = 0;
    assert_null(mote__chan_make(0, SIZE_MAX / 2, false));
    assert_int_equal(errno, EINVAL);
}

static void await_close(struct mote__chan *c, size_t size)
{
    unsigned char v[64];
    memset(v, 0xee, sizeof v);
    started++;
    int error = mote__chan_recv(c, v);
    for (size_t i = 0; i < sizeof v; i++)
        wrong += v[i] != (i < size ? 0 : 0xee);
    wrong += error != -EPIPE;
    woken++;
}

static void await_close_dropping(struct mote__chan *c)
{
    started++;
    wrong += mote__chan_recv(c, NULL) != -EPIPE;
    woken++;
}

static void close_many_receivers(size_t size, int n)
{
    struct mote__chan *c = mote__chan_make(size, 3, false);
    reset();
    for (int i = 0; i < n; i++)
        CHECK((i % 2 ? mote_go(await_close_dropping, c) : mote_go(await_close, c, size)) == 0);
    yield_until_started(n);
    mote_sleep(MOTE_MS);
    CHECK(woken == 0);
    CHECK(mote__chan_close(c) == 0);
    while (woken < n)
        mote_yield();
    CHECK(wrong == 0);
    while (mote_task_count() > 1)
        mote_yield();
    mote__chan_free(c);
}

static void close_receivers(void *arg)
{
    (void)arg;
    close_many_receivers(4, (int)scale(10000));
    for (size_t size = 0; size <= 64; size += size < 17 ? 1 : 47)
        close_many_receivers(size, 10);
}

static void test_close_wakes_all_receivers_and_zeroes_their_elements(void **state)
{
    (void)state;
    run_with(&one_proc, close_receivers, NULL);
    run_with(&two_procs, close_receivers, NULL);
}

static void send_into_close(struct mote__chan *c, size_t size, int expected)
{
    unsigned char v[64] = {1};
    CHECK(size <= sizeof v);
    started++;
    wrong += mote__chan_send(c, v) != expected;
    woken++;
}

static void close_senders(void *arg)
{
    (void)arg;
    int n = (int)scale(2000);
    for (size_t size = 0; size <= 64; size += 8) {
        struct mote__chan *c = mote__chan_make(size, 2, false);
        reset();
        for (int i = 0; i < n; i++) {
            CHECK(mote_go(send_into_close, c, size, i < 2 ? 0 : -EPIPE) == 0);
            if (i < 2)
                yield_until_started(i + 1);
        }
        yield_until_started(n);
        mote_yield();
        CHECK(mote__chan_close(c) == 0);
        while (woken < n)
            mote_yield();
        CHECK(wrong == 0 && mote__chan_len(c) == 2);
        CHECK(mote__chan_recv(c, NULL) == 0 && mote__chan_recv(c, NULL) == 0);
        CHECK(mote__chan_recv(c, NULL) == -EPIPE);
        while (mote_task_count() > 1)
            mote_yield();
        mote__chan_free(c);
    }
}

static void test_close_refuses_waiting_senders_and_keeps_the_buffer(void **state)
{
    (void)state;
    run_with(&one_proc, close_senders, NULL);
}

/* Threads */

struct large {
    long number;
    char text[100];
};

struct pipes {
    mote_chan(int) small;
    mote_chan(struct large) large;
    int n;
};

static struct pipes make_pipes(size_t capacity, int n)
{
    return (struct pipes){mote_chan_make(int, capacity), mote_chan_make(struct large, capacity), n};
}

static void free_pipes(struct pipes *p)
{
    mote_chan_free(p->small);
    mote_chan_free(p->large);
}

static void feed(struct pipes *p)
{
    for (int i = 0; i < p->n; i++) {
        CHECK(mote_send(p->small, i) == 0);
        struct large l = {.number = i};
        snprintf(l.text, sizeof l.text, "this is number %d", i);
        CHECK(mote_send(p->large, l) == 0);
    }
    mote_chan_close(p->small);
    mote_chan_close(p->large);
}

static void drain(struct pipes *p)
{
    int expected = 0;
    mote_chan_range (p->small, v) {
        struct large l;
        char text[100];
        CHECK(v == expected);
        CHECK(mote_recv(p->large, &l) == 0);
        snprintf(text, sizeof text, "this is number %d", v);
        CHECK(l.number == v && strcmp(l.text, text) == 0);
        expected++;
    }
    CHECK(expected == p->n);
}

static void *feed_thread(void *arg)
{
    feed(arg);
    return NULL;
}

static void *drain_thread(void *arg)
{
    drain(arg);
    return NULL;
}

static void test_threads_use_channels_without_a_runtime(void **state)
{
    (void)state;
    for (size_t capacity = 0; capacity < 8; capacity += 3) {
        struct pipes p = make_pipes(capacity, (int)scale(2000));
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, feed_thread, &p), 0);
        drain(&p);
        pthread_join(thread, NULL);
        free_pipes(&p);
    }
}

static void test_close_wakes_waiting_threads(void **state)
{
    (void)state;
    pthread_t threads[8];
    struct pipes p = make_pipes(0, 0);
    for (int i = 0; i < 8; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, drain_thread, &p), 0);
    mote_sleep(5 * MOTE_MS);
    mote_chan_close(p.small);
    for (int i = 0; i < 8; i++)
        pthread_join(threads[i], NULL);
    free_pipes(&p);
}

static void with_runtime(const mote_config *config, size_t capacity)
{
    pthread_t thread;
    struct pipes in = make_pipes(capacity, (int)scale(2000)), out = make_pipes(capacity, (int)scale(2000));
    assert_int_equal(mote_start(config), 0);
    assert_int_equal(mote_go(drain, &in), 0); /* thread to task */
    feed(&in);
    assert_int_equal(mote_go(feed, &out), 0); /* task to thread */
    assert_int_equal(pthread_create(&thread, NULL, drain_thread, &out), 0);
    pthread_join(thread, NULL);
    assert_int_equal(mote_stop(MOTE_FOREVER), 0);
    free_pipes(&in);
    free_pipes(&out);
}

static void test_threads_and_tasks_talk_both_ways(void **state)
{
    (void)state;
    for (size_t capacity = 0; capacity < 8; capacity += 3) {
        with_runtime(&one_proc, capacity);
        with_runtime(&two_procs, capacity);
    }
}

/* References */

static void test_last_reference_frees(void **state)
{
    (void)state;
    mote_chan(int) c = mote_chan_make(int, 4), d = mote_chan_ref(c);
    assert_ptr_equal(c, d);
    mote_chan_free(c);
    assert_int_equal(mote_send(d, 3), 0); /* still there */
    mote_chan_free(d);                    /* with an element in it */
}

static void free_with_waiter(void *arg)
{
    (void)arg;
    mote_chan(int) c = mote_chan_make(int, 0);
    reset();
    CHECK(mote_go(await_close_dropping, (struct mote__chan *)c) == 0);
    yield_until_started(1);
    mote_chan_free(c);
}

static void child_free_with_waiter(void *arg) { run_with(&one_proc, free_with_waiter, arg); }

static void assert_dies_saying(void (*body)(void *), const char *text)
{
    struct child_result child = run_child(body, NULL);
    if (!WIFSIGNALED(child.status) || WTERMSIG(child.status) != SIGABRT)
        fail_msg("status %x, not SIGABRT: %s", (unsigned)child.status, child.err);
    if (!strstr(child.err, text))
        fail_msg("'%s' is not in: %s", text, child.err);
}

static void test_free_with_waiters_is_fatal(void **state)
{
    (void)state;
    if (UNDER_TSAN)
        skip(); /* it lets a child of a threaded process start no threads */
    assert_dies_saying(child_free_with_waiter, "mote_chan_free: somebody still waits");
}

/* Lent locals */

static void send_local(mote_chan(int *) c)
{
    int local = 17;
    CHECK(mote_send(c, &local) == 0);
    int *back;
    CHECK(mote_recv(c, &back) == 0);
    CHECK(back == &local && *back == 17);
}

static void try_send_local(mote_chan(int *) c)
{
    int local = 17;
    CHECK(mote_try_send(c, &local) == 0);
}

static void lend_by_send(void *arg)
{
    (void)arg;
    mote_chan(int *) c = mote_chan_make(int *, 1);
    mote_join(mote_spawn(send_local, c), NULL);
}

static void lend_by_try_send(void *arg)
{
    (void)arg;
    mote_chan(int *) c = mote_chan_make(int *, 1);
    mote_join(mote_spawn(try_send_local, c), NULL);
}

static void child_lend_by_send(void *arg) { run_with(&one_proc, lend_by_send, arg); }
static void child_lend_by_try_send(void *arg) { run_with(&one_proc, lend_by_try_send, arg); }

static void test_pointer_to_a_copied_tasks_local_is_refused(void **state)
{
    (void)state;
    if (sanitizer_pins_all())
        skip();
    assert_dies_saying(child_lend_by_send, "an address sent through a channel");
    assert_dies_saying(child_lend_by_send, "(send_local)");
    assert_dies_saying(child_lend_by_try_send, "(try_send_local)");
}

static void send_own_locals(void *arg)
{
    (void)arg;
    mote_chan(int *) c = mote_chan_make(int *, 1);
    send_local(c); /* this task is pinned */
    mote_attr attr = {.pinned = true};
    CHECK(mote_join(mote_spawn_with(&attr, send_local, c), NULL) == 0);
    mote_chan_free(c);
}

static void test_pinned_task_may_send_pointers_to_its_locals(void **state)
{
    (void)state;
    run_with(&one_proc, send_own_locals, NULL);
}

/* The macros */

struct point {
    int x, y;
    char name[20];
};

static void test_struct_elements(void **state)
{
    (void)state;
    mote_chan(struct point) c = mote_chan_make(struct point, 2);
    assert_int_equal(mote_send(c, (struct point){1, 2, "one"}), 0);
    struct point p = {3, 4, "two"};
    assert_int_equal(mote_try_send(c, p), 0);
    assert_int_equal(mote_recv(c, &p), 0);
    assert_true(p.x == 1 && p.y == 2);
    assert_string_equal(p.name, "one");
    mote_chan_close(c);
    int n = 0;
    mote_chan_range (c, q) {
        assert_int_equal(q.x, 3);
        assert_string_equal(q.name, "two");
        n++;
    }
    assert_int_equal(n, 1);
    mote_chan_free(c);
}

static void test_pointer_and_const_elements(void **state)
{
    (void)state;
    static const int numbers[] = {1, 2, 3};
    mote_chan(const int *) c = mote_chan_make(const int *, 4);
    const mote_chan(const char *) text = mote_chan_make(const char *, 1);
    for (int i = 0; i < 3; i++)
        assert_int_equal(mote_send(c, &numbers[i]), 0);
    assert_int_equal(mote_send(c, NULL), 0);
    mote_chan_close(c);
    int i = 0;
    mote_chan_range (c, p) {
        assert_ptr_equal(p, i < 3 ? &numbers[i] : NULL);
        i++;
    }
    assert_int_equal(i, 4);
    mote_send(text, "words");
    const char *words;
    assert_int_equal(mote_recv(text, &words), 0);
    assert_string_equal(words, "words");
    mote_chan_free(c);
    mote_chan_free(text);
}

typedef mote_chan(int) int_chan;

static void answer(mote_chan(int_chan) requests)
{
    mote_chan_range (requests, reply)
        CHECK(mote_send(reply, 42) == 0);
}

static void ask(void *arg)
{
    (void)arg;
    mote_chan(int_chan) requests = mote_chan_make(int_chan, 0);
    mote_task *t = mote_spawn(answer, requests);
    for (int i = 0; i < 10; i++) {
        int_chan reply = mote_chan_make(int, 0);
        int v = 0;
        CHECK(mote_send(requests, reply) == 0);
        CHECK(mote_recv(reply, &v) == 0 && v == 42);
        mote_chan_free(reply);
    }
    mote_chan_close(requests);
    CHECK(mote_join(t, NULL) == 0);
    mote_chan_free(requests);
}

static void test_channel_of_channels(void **state)
{
    (void)state;
    run_with(&two_procs, ask, NULL);
}

static void test_range_may_be_left_early(void **state)
{
    (void)state;
    mote_chan(short) c = mote_chan_make(short, 8);
    for (short i = 0; i < 8; i++)
        mote_send(c, i);
    int sum = 0;
    mote_chan_range (c, v) {
        if (v == 1)
            continue;
        if (v == 5)
            break;
        sum += v;
    }
    assert_int_equal(sum, 0 + 2 + 3 + 4);
    assert_int_equal(mote_chan_len(c), 2);
    mote_chan_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_waiting_senders_are_served_first_in_first_out),
        cmocka_unit_test(test_waiting_receivers_are_served_first_in_first_out),
        cmocka_unit_test(test_elements_arrive_in_the_order_sent),
        cmocka_unit_test(test_elements_of_every_size_pass_unharmed),
        cmocka_unit_test(test_elements_pass_unharmed_between_procs),
        cmocka_unit_test(test_every_call_in_every_state_of_the_channel),
        cmocka_unit_test(test_nil_channel_blocks_for_ever),
        cmocka_unit_test(test_absurd_capacity_is_refused),
        cmocka_unit_test(test_close_wakes_all_receivers_and_zeroes_their_elements),
        cmocka_unit_test(test_close_refuses_waiting_senders_and_keeps_the_buffer),
        cmocka_unit_test(test_threads_use_channels_without_a_runtime),
        cmocka_unit_test(test_close_wakes_waiting_threads),
        cmocka_unit_test(test_threads_and_tasks_talk_both_ways),
        cmocka_unit_test(test_last_reference_frees),
        cmocka_unit_test(test_free_with_waiters_is_fatal),
        cmocka_unit_test(test_pointer_to_a_copied_tasks_local_is_refused),
        cmocka_unit_test(test_pinned_task_may_send_pointers_to_its_locals),
        cmocka_unit_test(test_struct_elements),
        cmocka_unit_test(test_pointer_and_const_elements),
        cmocka_unit_test(test_channel_of_channels),
        cmocka_unit_test(test_range_may_be_left_early),
    };
    watchdog(60);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
