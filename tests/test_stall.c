/* SPDX-License-Identifier: MIT */
/* test_stall - a program in which nothing can ever run again is told so (E1-E3), and no other is. */
#include "support.h"

#include "base/sanitizer.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* ThreadSanitizer and emulators have threads of their own, which might be about to call mote. */
#define SEES_STALLS (!UNDER_TSAN && !UNDER_EMULATOR)

typedef mote_chan(int) channel;

/* Of programs that end in the middle of it; kept, so that nothing is lost. */
static volatile channel kept[2];

#define SAID "all tasks are asleep - deadlock"

static void assert_stalls(void (*body)(void *arg))
{
    if (!SEES_STALLS)
        skip();
    struct child_result child = run_child(body, NULL);
    if (!WIFEXITED(child.status) || WEXITSTATUS(child.status) != 2 || !strstr(child.err, SAID))
        fail_msg("status %x: %s", (unsigned)child.status, child.err);
}

static void assert_goes_on(void (*body)(void *arg))
{
    struct child_result child = run_child(body, NULL);
    if (child.status != 0 || strstr(child.err, SAID))
        fail_msg("status %x: %s", (unsigned)child.status, child.err);
}

/* Waits for ever, as long as nobody sends. */
static void receive(channel c) { mote_recv(c, NULL); }

static int main_receives(int argc, char **argv)
{
    (void)argc, (void)argv;
    mote_recv(kept[0] = mote_chan_make(int, 0), NULL);
    return 0;
}

static void body_main_receives(void *arg)
{
    (void)arg;
    mote_run(main_receives, 0, NULL);
}

static void test_main_waits_alone(void **state)
{
    (void)state;
    assert_stalls(body_main_receives);
}

static mote_mutex first, second;
static mote_barrier both_have_one = MOTE_BARRIER(2);

static void lock_both(mote_mutex *a, mote_mutex *b, mote_wg *wg)
{
    mote_mutex_lock(a);
    mote_barrier_wait(&both_have_one);
    mote_mutex_lock(b);
    mote_mutex_unlock(b);
    mote_mutex_unlock(a);
    mote_wg_done(wg);
}

static int main_crosses(int argc, char **argv)
{
    (void)argc, (void)argv;
    mote_wg wg = {0};
    mote_wg_add(&wg, 2);
    CHECK(mote_go(lock_both, &first, &second, &wg) == 0 && mote_go(lock_both, &second, &first, &wg) == 0);
    mote_wg_wait(&wg);
    return 0;
}

static void body_locks_crossed(void *arg)
{
    (void)arg;
    mote_run(main_crosses, 0, NULL);
}

static void test_locks_taken_crosswise(void **state)
{
    (void)state;
    assert_stalls(body_locks_crossed);
}

static int main_is_last_of_many(int argc, char **argv)
{
    (void)argc, (void)argv;
    channel c = kept[0] = mote_chan_make(int, 0);
    for (int i = 0; i < 1000; i++)
        CHECK(mote_go(receive, c) == 0);
    for (int i = 0; i < 500; i++)
        CHECK(mote_send(c, i) == 0);
    mote_wg wg = {0};
    mote_wg_add(&wg, 1);
    mote_wg_wait(&wg);
    return 0;
}

static void body_many(void *arg)
{
    (void)arg;
    mote_run(main_is_last_of_many, 0, NULL);
}

static void test_many_wait(void **state)
{
    (void)state;
    assert_stalls(body_many);
}

/* A plain thread that itself waits in mote can't help either. */
static void body_stop_waits(void *arg)
{
    (void)arg;
    CHECK(mote_start(NULL) == 0);
    CHECK(mote_go(receive, kept[0] = mote_chan_make(int, 0)) == 0);
    mote_stop(MOTE_FOREVER);
}

static void test_stop_waits_for_ever(void **state)
{
    (void)state;
    assert_stalls(body_stop_waits);
}

static void *thread_receives(void *arg)
{
    mote_recv((channel)arg, NULL);
    return NULL;
}

static int main_and_thread_receive(int argc, char **argv)
{
    (void)argc, (void)argv;
    pthread_t thread;
    kept[0] = mote_chan_make(int, 0);
    CHECK(pthread_create(&thread, NULL, thread_receives, (void *)kept[0]) == 0);
    mote_recv(kept[1] = mote_chan_make(int, 0), NULL);
    return 0;
}

static void body_thread_waits_too(void *arg)
{
    (void)arg;
    mote_run(main_and_thread_receive, 0, NULL);
}

static void test_thread_waits_too(void **state)
{
    (void)state;
    assert_stalls(body_thread_waits_too);
}

static channel gate;
static int told;

/* It may even help. */
static void open_gate(void)
{
    told++;
    mote_chan_close(gate);
}

static void body_told(void *arg)
{
    (void)arg;
    mote_config config = {.on_deadlock = open_gate};
    pthread_t thread;
    gate = mote_chan_make(int, 0);
    CHECK(mote_start(&config) == 0 && mote_go(receive, gate) == 0);
    CHECK(pthread_create(&thread, NULL, thread_receives, (void *)gate) == 0);
    thread_receives((void *)gate);
    pthread_join(thread, NULL);
    CHECK(mote_stop(MOTE_FOREVER) == 0);
    mote_chan_free(gate);
    CHECK(told == 1);
}

static void test_the_program_is_told(void **state)
{
    (void)state;
    if (!SEES_STALLS)
        skip();
    assert_goes_on(body_told);
}

/* Longer than the monitor waits until it looks. */
#define LONG (200 * MOTE_MS)

static int main_sleeps(int argc, char **argv)
{
    (void)argc, (void)argv;
    mote_sleep(LONG);
    return 0;
}

static void body_sleeps(void *arg)
{
    (void)arg;
    CHECK(mote_run(main_sleeps, 0, NULL) == 0);
}

static void test_a_timer_will_come(void **state)
{
    (void)state;
    assert_goes_on(body_sleeps);
}

static void *thread_sends_late(void *arg)
{
    usleep(LONG / 1000);
    CHECK(mote_send((channel)arg, 1) == 0);
    return NULL;
}

static int main_awaits_thread(int argc, char **argv)
{
    (void)argc, (void)argv;
    channel c = mote_chan_make(int, 0);
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, thread_sends_late, (void *)c) == 0);
    CHECK(mote_recv(c, NULL) == 0);
    pthread_join(thread, NULL);
    mote_chan_free(c);
    return 0;
}

static void body_thread_comes(void *arg)
{
    (void)arg;
    CHECK(mote_run(main_awaits_thread, 0, NULL) == 0);
}

static void test_a_thread_will_come(void **state)
{
    (void)state;
    assert_goes_on(body_thread_comes);
}

static void *thread_waits_and_sends(void *arg)
{
    channel never = mote_chan_make(int, 0);
    CHECK(mote_recv_until(never, NULL, mote_now() + LONG) == -ETIMEDOUT);
    CHECK(mote_send((channel)arg, 1) == 0);
    mote_chan_free(never);
    return NULL;
}

static int main_awaits_timed_thread(int argc, char **argv)
{
    (void)argc, (void)argv;
    channel c = mote_chan_make(int, 0);
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, thread_waits_and_sends, (void *)c) == 0);
    CHECK(mote_recv(c, NULL) == 0);
    pthread_join(thread, NULL);
    mote_chan_free(c);
    return 0;
}

static void body_timed_thread(void *arg)
{
    (void)arg;
    CHECK(mote_run(main_awaits_timed_thread, 0, NULL) == 0);
}

static void test_a_thread_with_a_deadline_will_come(void **state)
{
    (void)state;
    assert_goes_on(body_timed_thread);
}

/* Nothing runs for long, and nothing is wrong: nobody waits for what could not come. */
static void body_idle(void *arg)
{
    (void)arg;
    CHECK(mote_start(NULL) == 0);
    usleep(LONG / 1000);
    CHECK(mote_stop(MOTE_FOREVER) == 0);
}

static void test_an_idle_runtime_is_none(void **state)
{
    (void)state;
    assert_goes_on(body_idle);
}

/* Threads and tasks hand something round, and are often all on their way to sleep. */
#define ROUNDS 300

static void pass_on(channel from, channel to)
{
    int v;
    while (mote_recv(from, &v) == 0 && mote_send(to, v + 1) == 0)
        ;
}

static channel ring[4];

static void *thread_passes_on(void *arg)
{
    pass_on(ring[(long)arg], ring[((long)arg + 1) % 4]);
    return NULL;
}

static int main_goes_round(int argc, char **argv)
{
    (void)argc, (void)argv;
    pthread_t thread[2];
    int v = 0;
    for (int i = 0; i < 4; i++)
        ring[i] = mote_chan_make(int, 0);
    CHECK(mote_go(pass_on, ring[0], ring[1]) == 0);
    for (long i = 1; i < 3; i++)
        CHECK(pthread_create(&thread[i - 1], NULL, thread_passes_on, (void *)i) == 0);
    for (long i = scale(ROUNDS); i > 0; i--) {
        CHECK(mote_send(ring[0], v) == 0 && mote_recv(ring[3], &v) == 0);
        if (i % 16 == 0)
            mote_sleep(30 * MOTE_MS); /* the monitor comes to look */
    }
    CHECK(v == 3 * scale(ROUNDS));
    for (int i = 0; i < 4; i++)
        mote_chan_close(ring[i]);
    for (int i = 0; i < 2; i++)
        pthread_join(thread[i], NULL);
    while (mote_task_count() > 1)
        mote_yield();
    for (int i = 0; i < 4; i++)
        mote_chan_free(ring[i]);
    return 0;
}

static void body_ring(void *arg)
{
    (void)arg;
    CHECK(mote_run(main_goes_round, 0, NULL) == 0);
}

static void test_threads_on_their_way_are_none(void **state)
{
    (void)state;
    assert_goes_on(body_ring);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_main_waits_alone),
        cmocka_unit_test(test_locks_taken_crosswise),
        cmocka_unit_test(test_many_wait),
        cmocka_unit_test(test_stop_waits_for_ever),
        cmocka_unit_test(test_thread_waits_too),
        cmocka_unit_test(test_the_program_is_told),
        cmocka_unit_test(test_a_timer_will_come),
        cmocka_unit_test(test_a_thread_will_come),
        cmocka_unit_test(test_a_thread_with_a_deadline_will_come),
        cmocka_unit_test(test_an_idle_runtime_is_none),
        cmocka_unit_test(test_threads_on_their_way_are_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
