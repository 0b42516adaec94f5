/* SPDX-License-Identifier: MIT */
/* test_rwmutex - many readers or one writer, and neither starves. */
#include "support.h"

#include "base/sanitizer.h"

#include <errno.h>

static mote_rwmutex mutex;
static mote_wg ended;
static _Atomic int readers, writers, stop;
static long count; /* mutex */
static int order[8], at;

static void reset(void)
{
    mutex = (mote_rwmutex){0};
    ended = (mote_wg){0};
    readers = writers = stop = at = 0;
    count = 0;
}

/* What each call says */

static void walk_through(void *arg)
{
    (void)arg;
    mote_rwmutex m = {0}; /* this one is pinned, or a thread */
    CHECK(mote_rwmutex_try_rlock(&m) == 0);
    mote_rwmutex_rlock(&m); /* nobody waits to write */
    CHECK(mote_rwmutex_try_lock(&m) == -EAGAIN);
    mote_rwmutex_runlock(&m);
    CHECK(mote_rwmutex_try_lock(&m) == -EAGAIN);
    mote_rwmutex_runlock(&m);
    CHECK(mote_rwmutex_try_lock(&m) == 0);
    CHECK(mote_rwmutex_try_lock(&m) == -EAGAIN);
    CHECK(mote_rwmutex_try_rlock(&m) == -EAGAIN);
    mote_rwmutex_unlock(&m);
    mote_rwmutex_lock(&m);
    CHECK(mote_rwmutex_try_rlock(&m) == -EAGAIN);
    mote_rwmutex_unlock(&m);
    CHECK(mote_rwmutex_try_rlock(&m) == 0);
    mote_rwmutex_runlock(&m);
}

static void test_what_each_call_says(void **state)
{
    (void)state;
    walk_through(NULL); /* without a runtime */
    run_everywhere(walk_through);
}

/* Exclusion */

static void read_once(int i)
{
    if (i % 16 != 15)
        mote_rwmutex_rlock(&mutex);
    else if (mote_rwmutex_try_rlock(&mutex) < 0)
        return;
    readers++;
    long seen = count;
    CHECK(writers == 0);
    if (i % 4 == 3)
        mote_yield();
    CHECK(writers == 0 && count == seen);
    readers--;
    mote_rwmutex_runlock(&mutex);
}

static void write_once(int i)
{
    if (i % 16 != 15)
        mote_rwmutex_lock(&mutex);
    else if (mote_rwmutex_try_lock(&mutex) < 0)
        return;
    CHECK(writers++ == 0 && readers == 0);
    count++;
    if (i % 8 == 7)
        mote_yield();
    CHECK(writers-- == 1 && readers == 0);
    mote_rwmutex_unlock(&mutex);
}

static void read_and_write(int seed, int n)
{
    uint32_t state = (uint32_t)seed * 7919 + 1;
    for (int i = 0; i < n; i++) {
        uint32_t r = test_random(&state);
        if (r % 5 == 0)
            write_once((int)(r >> 8 & 255));
        else
            read_once((int)(r >> 8 & 255));
    }
    mote_wg_done(&ended);
}

static void many_tasks(void *arg)
{
    (void)arg;
    reset();
    mote_wg_add(&ended, 40);
    for (int i = 0; i < 40; i++)
        CHECK(mote_go(read_and_write, i, (int)scale(1000)) == 0);
    mote_wg_wait(&ended);
}

static void test_writers_are_alone(void **state)
{
    (void)state;
    run_with_each(many_tasks, NULL);
}

static void *read_and_write_in_thread(void *arg)
{
    (void)arg;
    read_and_write(4711, (int)scale(1000));
    return NULL;
}

static void test_tasks_and_threads_share_it(void **state)
{
    (void)state;
    reset();
    mote_wg_add(&ended, 4);
    run_in_threads(4, read_and_write_in_thread, NULL); /* no runtime */
    assert_int_equal(mote_start(&two_procs), 0);
    mote_wg_add(&ended, 10 + 4);
    for (int i = 0; i < 10; i++)
        assert_int_equal(mote_go(read_and_write, i, (int)scale(1000)), 0);
    run_in_threads(4, read_and_write_in_thread, NULL);
    mote_wg_wait(&ended);
    assert_int_equal(mote_stop(MOTE_FOREVER), 0);
}

static void read_together(int n)
{
    mote_rwmutex_rlock(&mutex);
    readers++;
    while (readers < n)
        mote_yield();
    mote_rwmutex_runlock(&mutex);
}

static void all_read(void *arg)
{
    (void)arg;
    reset();
    mote_rwmutex_lock(&mutex);
    for (int i = 0; i < 100; i++)
        CHECK(mote_go(read_together, 100) == 0);
    await_parked(100);
    CHECK(readers == 0);
    mote_rwmutex_unlock(&mutex);
    yield_until_alone();
    CHECK(readers == 100);
}

static void test_readers_are_together(void **state)
{
    (void)state;
    run_with_each(all_read, NULL);
}

/* Fairness */

static void read_for_ever(void)
{
    while (!stop) {
        mote_rwmutex_rlock(&mutex);
        mote_yield();
        mote_rwmutex_runlock(&mutex);
    }
}

static void write_among_readers(void *arg)
{
    (void)arg;
    reset();
    for (int i = 0; i < 4; i++)
        CHECK(mote_go(read_for_ever) == 0);
    for (long i = 0; i < scale(1000); i++) {
        mote_rwmutex_lock(&mutex);
        count++;
        mote_rwmutex_unlock(&mutex);
        mote_yield();
    }
    stop = 1;
    yield_until_alone();
}

static void test_writers_do_not_starve(void **state)
{
    (void)state;
    run_with_each(write_among_readers, NULL);
}

static void read_in_line(int number)
{
    mote_rwmutex_rlock(&mutex);
    order[at++] = number;
    mote_rwmutex_runlock(&mutex);
}

static void write_in_line(int number)
{
    mote_rwmutex_lock(&mutex);
    order[at++] = number;
    mote_rwmutex_unlock(&mutex);
}

static void line_up(void *arg)
{
    (void)arg;
    reset();
    mote_rwmutex_lock(&mutex);
    for (int i = 0; i < 3; i++) {
        CHECK(mote_go(write_in_line, i) == 0);
        await_all_parked();
    }
    for (int i = 3; i < 6; i++) {
        CHECK(mote_go(read_in_line, i) == 0);
        await_all_parked();
    }
    mote_rwmutex_unlock(&mutex);
    yield_until_alone();
    CHECK(at == 6);
    for (int i = 0; i < 3; i++)
        CHECK(order[i] >= 3 && order[3 + i] == i);
}

static void test_waiting_readers_go_before_the_next_writer(void **state)
{
    (void)state;
    run_with(&one_proc, line_up, NULL);
}

static void let_a_writer_wait(void *arg)
{
    (void)arg;
    reset();
    mote_rwmutex_rlock(&mutex);
    CHECK(mote_go(write_in_line, 1) == 0);
    await_all_parked();
    CHECK(mote_rwmutex_try_rlock(&mutex) == -EAGAIN); /* he goes first */
    CHECK(mote_go(read_in_line, 2) == 0);
    await_all_parked();
    CHECK(at == 0);
    mote_rwmutex_runlock(&mutex);
    yield_until_alone();
    CHECK(at == 2 && order[0] == 1 && order[1] == 2);
}

static void test_new_readers_wait_for_a_waiting_writer(void **state)
{
    (void)state;
    run_with(&one_proc, let_a_writer_wait, NULL);
}

/* Fatal misuse */

static void runlock_a_free_one(void *arg)
{
    (void)arg;
    mote_rwmutex_runlock(&mutex);
}

static void unlock_a_free_one(void *arg)
{
    (void)arg;
    mote_rwmutex_unlock(&mutex);
}

static void runlock_a_written_one(void *arg)
{
    (void)arg;
    mote_rwmutex_lock(&mutex);
    mote_rwmutex_runlock(&mutex);
}

static void unlock_a_read_one(void *arg)
{
    (void)arg;
    mote_rwmutex_rlock(&mutex);
    mote_rwmutex_unlock(&mutex);
}

static void lock_a_local(int how)
{
    mote_rwmutex local = {0};
    if (how)
        mote_rwmutex_rlock(&local);
    else
        mote_rwmutex_lock(&local);
}

static void use_local(void *arg) { mote_join(mote_spawn(lock_a_local, arg != NULL), NULL); }

static void lend_to_write(void *arg) { run_with(&one_proc, use_local, arg); }

static void lend_to_read(void *arg)
{
    (void)arg;
    run_with(&one_proc, use_local, &mutex);
}

static void test_misuse_is_fatal(void **state)
{
    (void)state;
    reset();
    assert_dies_saying(runlock_a_free_one, "mote_rwmutex_runlock: nobody has locked this rwmutex for reading");
    assert_dies_saying(runlock_a_written_one, "mote_rwmutex_runlock: nobody has locked");
    assert_dies_saying(unlock_a_free_one, "mote_rwmutex_unlock: nobody has locked this rwmutex for writing");
    assert_dies_saying(unlock_a_read_one, "mote_rwmutex_unlock: nobody has locked");
    if (sanitizer_pins_all())
        return;
    assert_dies_saying(lend_to_write, "an rwmutex at ");
    assert_dies_saying(lend_to_read, "an rwmutex at ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_each_call_says),
        cmocka_unit_test(test_writers_are_alone),
        cmocka_unit_test(test_tasks_and_threads_share_it),
        cmocka_unit_test(test_readers_are_together),
        cmocka_unit_test(test_writers_do_not_starve),
        cmocka_unit_test(test_waiting_readers_go_before_the_next_writer),
        cmocka_unit_test(test_new_readers_wait_for_a_waiting_writer),
        cmocka_unit_test(test_misuse_is_fatal),
    };
    watchdog(60);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
