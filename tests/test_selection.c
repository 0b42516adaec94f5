/* SPDX-License-Identifier: MIT */
/* test_selection - waits with a deadline, on channels and wait groups; selects, timeouts and closing against each other. */
#include "support.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

static const mote_config eight_procs = {.procs = 8}, two_homes = {.procs = 1, .homes = 2},
                         two_procs_two_homes = {.procs = 2, .homes = 2},
                         eight_procs_two_homes = {.procs = 8, .homes = 2};
static const mote_config *const configs[] = {&one_proc,  &two_procs,           &eight_procs,
                                             &two_homes, &two_procs_two_homes, &eight_procs_two_homes};
#define CONFIGS (sizeof configs / sizeof configs[0])

static void run_in_each_setting(void (*body)(void *arg))
{
    for (size_t i = 0; i < CONFIGS; i++)
        run_with(configs[i], body, NULL);
}

static int64_t soon(void) { return mote_now() + MOTE_MS; }

/* Channels */

static void check_channel_deadlines(void *arg)
{
    (void)arg;
    int v = 5;
    mote_chan(int) none = NULL;
    mote_chan(int) c = mote_chan_make(int, 1);
    int64_t deadline = soon();
    CHECK(mote_recv_until(c, &v, deadline) == -ETIMEDOUT && v == 5);
    CHECK(mote_now() >= deadline);
    CHECK(mote_recv_until(c, &v, 0) == -ETIMEDOUT && mote_recv_until(c, &v, INT64_MIN) == -ETIMEDOUT);
    CHECK(mote_send_until(c, 1, 0) == 0);
    CHECK(mote_send_until(c, 2, soon()) == -ETIMEDOUT);
    CHECK(mote_recv_until(c, &v, 0) == 0 && v == 1);
    CHECK(mote_send_until(c, 3, MOTE_FOREVER) == 0 && mote_recv_until(c, &v, MOTE_FOREVER) == 0 && v == 3);
    CHECK(mote_send_until(none, 3, soon()) == -ETIMEDOUT && mote_recv_until(none, &v, soon()) == -ETIMEDOUT);
    CHECK(mote_try_recv(c, &v) == -EAGAIN);
    CHECK(mote_chan_close(c) == 0);
    CHECK(mote_send_until(c, 4, soon()) == -EPIPE);
    CHECK(mote_recv_until(c, &v, soon()) == -EPIPE && v == 0);
    mote_chan_free(c);
}

static void send_later(mote_chan(int) c, int v)
{
    mote_sleep(MOTE_MS);
    CHECK(mote_send_until(c, v, mote_now() + 60 * MOTE_S) == 0);
}

static void close_later(mote_chan(int) c)
{
    mote_sleep(MOTE_MS);
    mote_chan_close(c);
}

static void receive_in_time(void *arg)
{
    (void)arg;
    int v = 5;
    mote_chan(int) c = mote_chan_make(int, 0);
    for (int i = 0; i < 5; i++) {
        CHECK(mote_go(send_later, c, i) == 0);
        CHECK(mote_recv_until(c, &v, mote_now() + 60 * MOTE_S) == 0 && v == i);
    }
    CHECK(mote_go(close_later, c) == 0);
    CHECK(mote_recv_until(c, &v, mote_now() + 60 * MOTE_S) == -EPIPE && v == 0);
    yield_until_alone();
    mote_chan_free(c);
}

static void test_sends_and_receives_with_a_deadline(void **state)
{
    (void)state;
    check_channel_deadlines(NULL);
    run_in_each_setting(check_channel_deadlines);
    run_in_each_setting(receive_in_time);
}

/* Wait groups */

static mote_wg group;

static void check_group_deadlines(void *arg)
{
    (void)arg;
    group = (mote_wg){0};
    CHECK(mote_wg_wait_until(&group, 0) == 0);
    mote_wg_add(&group, 1);
    int64_t deadline = soon();
    CHECK(mote_wg_wait_until(&group, deadline) == -ETIMEDOUT);
    CHECK(mote_now() >= deadline);
    CHECK(mote_wg_wait_until(&group, INT64_MIN) == -ETIMEDOUT);
    mote_wg_done(&group);
    CHECK(mote_wg_wait_until(&group, 0) == 0 && mote_wg_wait_until(&group, MOTE_FOREVER) == 0);
}

static void done_later(mote_wg *wg)
{
    mote_sleep(MOTE_MS);
    mote_wg_done(wg);
}

static _Atomic int in_time, late, plain;

static void wait_in_task(mote_wg *others, int64_t ns)
{
    if (ns == MOTE_FOREVER) {
        mote_wg_wait(&group);
        plain++;
    } else if (mote_wg_wait_until(&group, mote_now() + ns) == 0) {
        in_time++;
    } else {
        late++;
    }
    mote_wg_done(others);
}

/* Some are late, some are not, and some have no deadline; in one queue. */
static void wait_together(void *arg)
{
    (void)arg;
    enum { EACH = 20 };
    mote_wg others = {0};
    group = (mote_wg){0};
    in_time = late = plain = 0;
    mote_wg_add(&group, 1);
    mote_wg_add(&others, 3 * EACH);
    for (int i = 0; i < EACH; i++) {
        CHECK(mote_go(wait_in_task, &others, MOTE_FOREVER) == 0);
        CHECK(mote_go(wait_in_task, &others, (int64_t)(i % 5) * MOTE_US) == 0);
        CHECK(mote_go(wait_in_task, &others, 60 * MOTE_S) == 0);
    }
    while (late < EACH)
        mote_yield();
    CHECK(in_time == 0 && plain == 0);
    CHECK(mote_go(done_later, &group) == 0);
    mote_wg_wait(&others);
    CHECK(late == EACH && in_time == EACH && plain == EACH);
    yield_until_alone();
}

static void test_waits_for_groups_with_a_deadline(void **state)
{
    (void)state;
    check_group_deadlines(NULL);
    run_in_each_setting(check_group_deadlines);
    run_in_each_setting(wait_together);
}

/* Deadlines that come when the wait ends anyway */

static void race_of_one(mote_chan(int) c, int n, mote_wg *others)
{
    uint32_t random = (uint32_t)n + 1;
    for (int i = 0; i < n; i++) {
        int64_t deadline = mote_now() + test_random(&random) % 3000;
        int v = 1, error = i % 2 ? mote_send_until(c, v, deadline) : mote_recv_until(c, &v, deadline);
        CHECK(error == 0 || error == -ETIMEDOUT);
        if (error == 0 && i % 2)
            plain++;
        else if (error == 0)
            late++;
    }
    mote_wg_done(others);
}

static void race_with_deadlines(void *arg)
{
    (void)arg;
    enum { TASKS = 8 };
    int v;
    mote_wg others = {0};
    mote_chan(int) c = mote_chan_make(int, 0);
    plain = late = 0;
    mote_wg_add(&others, TASKS);
    for (int i = 0; i < TASKS; i++)
        CHECK(mote_go(race_of_one, c, (int)scale(300) + i, &others) == 0);
    mote_wg_wait(&others);
    CHECK(plain == late); /* as many sent as received */
    CHECK(mote_try_recv(c, &v) == -EAGAIN && mote_try_send(c, 1) == -EAGAIN);
    mote_chan_free(c);
}

static void test_deadlines_race_with_wakers(void **state)
{
    (void)state;
    run_in_each_setting(race_with_deadlines);
}

/* Deadlines that have passed by the time a call could wait, one after the other: others have their turns all the same. */

static _Atomic bool enough;

static void say_enough(void) { enough = true; }

enum { BY_SELECT, BY_CHANNEL, BY_GROUP, BY_SEMAPHORE, BY_CONDITION, WAYS };

static void wait_too_late(int way, mote_chan(int) c, mote_mutex *mutex)
{
    static mote_cond cond;
    static mote_sem none;
    int v;
    if (way == BY_SELECT)
        CHECK(mote_select_n(&MOTE_RECV(c, &v), 1, 1) == -ETIMEDOUT);
    else if (way == BY_CHANNEL)
        CHECK(mote_recv_until(c, &v, 1) == -ETIMEDOUT);
    else if (way == BY_GROUP)
        CHECK(mote_wg_wait_until(&group, 1) == -ETIMEDOUT);
    else if (way == BY_SEMAPHORE)
        CHECK(mote_sem_acquire_until(&none, 1, 1) == -ETIMEDOUT);
    else
        CHECK(mote_cond_wait_until(&cond, mutex, 1) == -ETIMEDOUT);
}

static void be_late_again_and_again(void *arg)
{
    (void)arg;
    static mote_mutex mutex;
    mote_chan(int) c = mote_chan_make(int, 0);
    group = (mote_wg){0};
    mote_wg_add(&group, 1);
    mote_mutex_lock(&mutex);
    for (int way = 0; way < WAYS; way++) {
        enough = false;
        CHECK(mote_go(say_enough) == 0);
        while (!enough)
            wait_too_late(way, c, &mutex);
    }
    mote_mutex_unlock(&mutex);
    mote_wg_done(&group);
    mote_chan_free(c);
}

static void test_short_waits_let_others_run(void **state)
{
    (void)state;
    run_with(&one_proc, be_late_again_and_again, NULL);
}

/* Selects against each other and against closing: every element that was sent is received, once. */

enum { CHANNELS = 3, SENDERS = 4, RECEIVERS = 4 };

static struct mesh {
    mote_chan(long) c[CHANNELS];
    mote_chan(long) stop; /* closed at the end */
    _Atomic long sent, received;
    mote_wg senders, receivers;
    long each;
} mesh;

static void mesh_sender(struct mesh *m, uint32_t random)
{
    long from = 0, none;
    for (long i = 1; i <= m->each; i++) {
        int64_t ns = test_random(&random) % 8 ? MOTE_FOREVER : test_random(&random) % 2000;
        int status, k = mote_select_status(&status, MOTE_SEND(m->c[0], i), MOTE_SEND(m->c[1], i), MOTE_SEND(m->c[2], i),
                                           MOTE_RECV(m->stop, &none), MOTE_AFTER(ns));
        CHECK(k >= 0 && status == 0 && k != 3);
        from += k < CHANNELS ? i : 0;
    }
    m->sent += from;
    mote_wg_done(&m->senders);
}

static void mesh_receiver(struct mesh *m, uint32_t random)
{
    long sum = 0, v[CHANNELS + 1];
    for (;;) {
        int status, k, first = (int)(test_random(&random) % CHANNELS);
        if (test_random(&random) % 4 == 0) {
            long one;
            int error = mote_recv_until(m->c[first], &one, mote_now() + test_random(&random) % 2000);
            CHECK(error == 0 || error == -ETIMEDOUT);
            sum += error == 0 ? one : 0;
            continue;
        }
        k = mote_select_status(&status, MOTE_RECV(m->c[0], &v[0]), MOTE_RECV(m->c[1], &v[1]), MOTE_RECV(m->stop, &v[3]),
                               MOTE_RECV(m->c[2], &v[2]), MOTE_RECV(m->c[first], &v[first]));
        CHECK(k >= 0);
        if (k == 2)
            break;
        CHECK(status == 0);
        sum += v[k == 3 ? 2 : k == 4 ? first : k];
    }
    m->received += sum;
    mote_wg_done(&m->receivers);
}

static void run_mesh(void *arg)
{
    (void)arg;
    struct mesh *m = &mesh;
    *m = (struct mesh){.each = scale(2000)};
    for (int i = 0; i < CHANNELS; i++)
        CHECK((m->c[i] = mote_chan_make(long, (size_t)i)));
    CHECK((m->stop = mote_chan_make(long, 0)));
    mote_wg_add(&m->senders, SENDERS);
    mote_wg_add(&m->receivers, RECEIVERS);
    for (unsigned i = 0; i < SENDERS; i++)
        CHECK(mote_go(mesh_sender, m, i * 7919 + 1) == 0);
    for (unsigned i = 0; i < RECEIVERS; i++)
        CHECK(mote_go(mesh_receiver, m, i * 104729 + 1) == 0);
    mote_wg_wait(&m->senders);
    for (int i = 0; i < CHANNELS; i++) /* what is still buffered */
        while (mote_chan_len(m->c[i]))
            mote_sleep(MOTE_MS);
    mote_chan_close(m->stop);
    mote_wg_wait(&m->receivers);
    CHECK(m->sent == m->received);
    for (int i = 0; i < CHANNELS; i++)
        mote_chan_free(m->c[i]);
    mote_chan_free(m->stop);
}

static void test_selects_against_each_other(void **state)
{
    (void)state;
    run_in_each_setting(run_mesh);
}

static void use_until_closed(mote_chan(int) c, mote_chan(int) d, mote_wg *others)
{
    int v, closed = 0;
    while (!closed) {
        int status, k = mote_select_status(&status, MOTE_RECV(c, &v), MOTE_SEND(d, 1), MOTE_RECV(d, &v),
                                           MOTE_SEND(c, 1), MOTE_AFTER(1000));
        CHECK(k >= 0);
        closed = status == -EPIPE;
    }
    mote_wg_done(others);
}

static void close_among_selects(void *arg)
{
    (void)arg;
    enum { TASKS = 6 };
    for (int round = 0; round < scale(200); round++) {
        mote_wg others = {0};
        mote_chan(int) c = mote_chan_make(int, 0);
        mote_chan(int) d = mote_chan_make(int, 0); /* with room in it nobody would ever park */
        mote_wg_add(&others, TASKS);
        for (int i = 0; i < TASKS; i++)
            CHECK(mote_go(use_until_closed, c, d, &others) == 0);
        for (int i = 0; i < round % 10; i++)
            mote_yield();
        CHECK(mote_chan_close(round % 2 ? c : d) == 0);
        mote_wg_wait(&others);
        mote_chan_free(c);
        mote_chan_free(d);
        yield_until_alone();
    }
}

static void test_closing_against_selects(void **state)
{
    (void)state;
    run_in_each_setting(close_among_selects);
}

/* Plain threads */

static void *mesh_thread(void *arg)
{
    mesh_receiver(arg, 12345);
    return NULL;
}

static void test_threads_and_tasks_select_together(void **state)
{
    (void)state;
    struct mesh *m = &mesh;
    pthread_t threads[RECEIVERS];
    assert_int_equal(mote_start(&two_procs), 0);
    *m = (struct mesh){.each = scale(2000)};
    for (int i = 0; i < CHANNELS; i++)
        m->c[i] = mote_chan_make(long, (size_t)i);
    m->stop = mote_chan_make(long, 0);
    mote_wg_add(&m->senders, SENDERS);
    mote_wg_add(&m->receivers, RECEIVERS);
    for (int i = 0; i < RECEIVERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, mesh_thread, m), 0);
    for (unsigned i = 0; i < SENDERS; i++)
        assert_int_equal(mote_go(mesh_sender, m, i + 1), 0);
    mote_wg_wait(&m->senders);
    for (int i = 0; i < CHANNELS; i++)
        while (mote_chan_len(m->c[i]))
            mote_sleep(MOTE_MS);
    mote_chan_close(m->stop);
    for (int i = 0; i < RECEIVERS; i++)
        pthread_join(threads[i], NULL);
    assert_true(m->sent == m->received);
    assert_int_equal(mote_stop(MOTE_FOREVER), 0);
    for (int i = 0; i < CHANNELS; i++)
        mote_chan_free(m->c[i]);
    mote_chan_free(m->stop);
}

/* The end of the runtime */

static void wait_for_ever(mote_chan(int) c, int64_t ns)
{
    int v;
    mote_select(MOTE_RECV(c, &v), MOTE_SEND(c, 1), MOTE_AFTER(ns));
}

static void test_waits_may_be_discarded(void **state)
{
    (void)state;
    mote_chan(int) c = mote_chan_make(int, 0);
    assert_int_equal(mote_start(&one_proc), 0);
    assert_int_equal(mote_go(wait_for_ever, NULL, MOTE_FOREVER), 0);
    assert_int_equal(mote_go(wait_for_ever, NULL, 3600 * MOTE_S), 0);
    assert_int_equal(mote_stop(mote_now() + 20 * MOTE_MS), 2);
    assert_int_equal(mote_start(&one_proc), 0);
    assert_int_equal(mote_go(wait_for_ever, c, 3600 * MOTE_S), 0);
    assert_int_equal(mote_stop(mote_now() + 20 * MOTE_MS), 1);
    mote_chan_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sends_and_receives_with_a_deadline),
        cmocka_unit_test(test_waits_for_groups_with_a_deadline),
        cmocka_unit_test(test_deadlines_race_with_wakers),
        cmocka_unit_test(test_short_waits_let_others_run),
        cmocka_unit_test(test_selects_against_each_other),
        cmocka_unit_test(test_closing_against_selects),
        cmocka_unit_test(test_threads_and_tasks_select_together),
        cmocka_unit_test(test_waits_may_be_discarded),
    };
    watchdog(120);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
