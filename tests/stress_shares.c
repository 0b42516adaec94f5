/* SPDX-License-Identifier: MIT */
/* stress_shares - who competes for the same thing gets a share of it, counted: about the same on one proc, where chance and the
 * clock decide little; enough on more procs, and for plain threads, where a starved one would never end.
 */
#include "support.h"

#include <pthread.h>

#define RIVALS 8
#define THREADS 2

/* What they compete for; each goes after it once. */
struct contest {
    const char *name;
    void (*take)(int i);
    void (*serve)(void); /* a task beside them, until stop; NULL: nobody need do that */
    bool split;          /* even and odd ones have shares of different sizes */
};

static mote_mutex mutex;
static mote_rwmutex rwmutex;
static mote_sem sem;
static mote_chan(int) c, d, done;
static _Atomic bool stop;
static _Atomic long taken[RIVALS + THREADS], all;

static void take_mutex(int i)
{
    (void)i;
    mote_mutex_lock(&mutex);
    mote_yield(); /* so that the others come and wait */
    mote_mutex_unlock(&mutex);
}

static void take_write(int i)
{
    (void)i;
    mote_rwmutex_lock(&rwmutex);
    mote_yield();
    mote_rwmutex_unlock(&rwmutex);
}

static void take_either(int i)
{
    if (i % 2) {
        take_write(i);
    } else {
        mote_rwmutex_rlock(&rwmutex);
        mote_yield();
        mote_rwmutex_runlock(&rwmutex);
    }
}

/* Different wants: one to four of five. */
static void take_units(int i)
{
    mote_sem_acquire(&sem, 1 + i % 4);
    mote_yield();
    mote_sem_release(&sem, 1 + i % 4);
}

static void take_element(int i)
{
    if (i % 2)
        mote_recv(c, NULL);
    else
        mote_select(MOTE_RECV(c, NULL), MOTE_RECV(done, NULL));
}

static void give_elements(void)
{
    while (mote_select(MOTE_SEND(c, 1), MOTE_RECV(done, NULL)) == 0)
        ;
}

static void take_turn_to_send(int i)
{
    if (i % 2)
        mote_send(c, i);
    else
        mote_select(MOTE_SEND(c, i), MOTE_RECV(done, NULL));
}

static void receive_elements(void)
{
    while (mote_select(MOTE_RECV(c, NULL), MOTE_RECV(done, NULL)) == 0)
        ;
}

/* A select among two that always have senders: chance gives each its share. */
static void send_on_either(int i)
{
    if (i % 2)
        mote_send(c, i);
    else
        mote_send(d, i);
}

static void receive_from_either(void)
{
    while (mote_select(MOTE_RECV(c, NULL), MOTE_RECV(d, NULL), MOTE_RECV(done, NULL)) < 2)
        ;
}

static const struct contest contests[] = {
    {"mutex", take_mutex, NULL, false},
    {"rwmutex, writers", take_write, NULL, false},
    {"rwmutex, writers and readers", take_either, NULL, true}, /* readers go together */
    {"semaphore", take_units, NULL, false},
    {"channel, receivers", take_element, give_elements, false},
    {"channel, senders", take_turn_to_send, receive_elements, false},
    {"channels, senders to a select", send_on_either, receive_from_either, false},
};

static void rival(const struct contest *contest, int i)
{
    while (!stop) {
        contest->take(i);
        taken[i]++;
        all++;
    }
}

struct seat {
    const struct contest *contest;
    int i;
};

static void *rival_in_thread(void *arg)
{
    struct seat *seat = arg;
    rival(seat->contest, seat->i);
    return NULL;
}

static void begin(void)
{
    mutex = (mote_mutex){0};
    rwmutex = (mote_rwmutex){0};
    sem = (mote_sem)MOTE_SEM(5);
    CHECK((c = mote_chan_make(int, 0)) && (d = mote_chan_make(int, 0)) && (done = mote_chan_make(int, 0)));
    stop = false;
    all = 0;
    for (int i = 0; i < RIVALS + THREADS; i++)
        taken[i] = 0;
}

static void end(void)
{
    stop = true;
    mote_chan_close(c); /* sends and receives come back at once: -EPIPE */
    mote_chan_close(d);
    mote_chan_close(done);
}

static void free_channels(void)
{
    mote_chan_free(c);
    mote_chan_free(d);
    mote_chan_free(done);
}

static void start_rivals(const struct contest *contest)
{
    if (contest->serve)
        CHECK(mote_go(contest->serve) == 0);
    for (int i = 0; i < RIVALS; i++)
        CHECK(mote_go(rival, contest, i) == 0);
}

/* No more than twice the mean, and no less than half of it: of all, or of every second one. */
static void check_shares(const struct contest *contest, int first)
{
    int step = contest->split ? 2 : 1;
    long sum = 0;
    for (int i = first; i < RIVALS; i += step)
        sum += taken[i];
    for (int i = first; i < RIVALS; i += step)
        CHECK(taken[i] * RIVALS / step > sum / 2 && taken[i] * RIVALS / step < sum * 2);
}

static void share_evenly(void *arg)
{
    long n = RIVALS * scale(2000);
    begin();
    start_rivals(arg);
    while (all < n)
        mote_yield();
    check_shares(arg, 0);
    if (((struct contest *)arg)->split)
        check_shares(arg, 1);
    end();
    yield_until_alone();
    free_channels();
}

static void test_shares_are_even_on_one_proc(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof contests / sizeof contests[0]; i++) {
        run_with(&one_proc, share_evenly, (void *)&contests[i]);
        run_with(&one_proc_two_homes, share_evenly, (void *)&contests[i]);
    }
}

static bool everybody_has(int n, long least)
{
    for (int i = 0; i < n; i++)
        if (taken[i] < least)
            return false;
    return true;
}

static void starve_nobody(const struct contest *contest, const mote_config *config)
{
    pthread_t threads[THREADS];
    struct seat seats[THREADS];
    assert_int_equal(mote_start(config), 0);
    begin();
    start_rivals(contest);
    for (int i = 0; i < THREADS; i++) {
        seats[i] = (struct seat){contest, RIVALS + i};
        assert_int_equal(pthread_create(&threads[i], NULL, rival_in_thread, &seats[i]), 0);
    }
    while (!everybody_has(RIVALS + THREADS, scale(500)))
        mote_sleep(MOTE_MS);
    end();
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(mote_stop(MOTE_FOREVER), 0);
    free_channels();
}

static void test_nobody_starves(void **state)
{
    (void)state;
    static const mote_config configs[] = {{.procs = 1}, {.procs = 2}, {.procs = 8}, {.procs = 2, .homes = 2}};
    for (size_t i = 0; i < sizeof contests / sizeof contests[0]; i++)
        for (size_t k = 0; k < sizeof configs / sizeof configs[0]; k++)
            starve_nobody(&contests[i], &configs[k]);
}

/* Plain threads alone, without a runtime. */

static void *serve_in_thread(void *arg)
{
    ((const struct contest *)arg)->serve();
    return NULL;
}

static void compete_without_runtime(const struct contest *contest)
{
    pthread_t threads[RIVALS], server;
    struct seat seats[RIVALS];
    begin();
    if (contest->serve)
        assert_int_equal(pthread_create(&server, NULL, serve_in_thread, (void *)contest), 0);
    for (int i = 0; i < RIVALS; i++) {
        seats[i] = (struct seat){contest, i};
        assert_int_equal(pthread_create(&threads[i], NULL, rival_in_thread, &seats[i]), 0);
    }
    while (!everybody_has(RIVALS, scale(200)))
        mote_sleep(MOTE_MS);
    end();
    for (int i = 0; i < RIVALS; i++)
        pthread_join(threads[i], NULL);
    if (contest->serve)
        pthread_join(server, NULL);
    free_channels();
}

static void test_no_thread_starves_without_a_runtime(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof contests / sizeof contests[0]; i++)
        compete_without_runtime(&contests[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shares_are_even_on_one_proc),
        cmocka_unit_test(test_nobody_starves),
        cmocka_unit_test(test_no_thread_starves_without_a_runtime),
    };
    watchdog(120);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
