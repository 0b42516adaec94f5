/* SPDX-License-Identifier: MIT */
/* stress_limits - waits that are given up after a short while, by a deadline or a context, among others that aren't, in tasks
 * and plain threads: what is counted adds up in the end, and nobody is left asleep, or the watchdog stops the program.
 */
#include "support.h"

#include <errno.h>
#include <pthread.h>

#define TASKS 40
#define PATIENT 10 /* tasks without limits */
#define THREADS 3
#define UNITS 5
#define PARTIES 3

static mote_mutex mutex;
static mote_cond cond;
static mote_rwmutex rwmutex;
static mote_sem sem;
static mote_barrier barrier;
static mote_once onces[64];
static mote_wg ended, other;
static mote_chan(long) channel;
static long tokens, sections, written[2]; /* mutex; cond: there are some. rwmutex */
static _Atomic long entered, units, firsts, seconds, ran, wrote, sent, received;

static void pause_a_little(uint32_t r)
{
    if (r % 4 == 0)
        mote_yield();
    else if (r % 64 == 1)
        mote_sleep(r % 50 * MOTE_US);
}

/* A limit that comes soon, or at once, or not at all: then NULL and a deadline in a minute. */
struct shortly {
    int64_t deadline;
    mote_ctx *ctx;
};

static struct shortly draw(uint32_t r)
{
    int64_t ns = r % 8 == 0 ? 0 : r % 8 == 1 ? 60 * MOTE_S : (int64_t)(r >> 8) % (100 * MOTE_US);
    return (struct shortly){mote_now() + ns, NULL};
}

/* The same as a context. Without a runtime there are no deadlines of contexts. */
static struct shortly draw_ctx(uint32_t r)
{
    struct shortly s = draw(r);
    s.ctx = mote_ctx_with_deadline(mote_ctx_background(), s.deadline);
    CHECK(s.ctx != NULL);
    return s;
}

static bool has(int result)
{
    CHECK(result == 0 || result == -ETIMEDOUT);
    return result == 0;
}

static bool had_with(struct shortly s, int result)
{
    mote_ctx_free(s.ctx);
    return has(result);
}

static void section(uint32_t r)
{
    sections++;
    pause_a_little(r >> 4);
    entered++;
    mote_mutex_unlock(&mutex);
}

static void lock_shortly(uint32_t r)
{
    if (r & 1) {
        if (has(mote_mutex_lock_until(&mutex, draw(r).deadline)))
            section(r);
        return;
    }
    struct shortly s = draw_ctx(r);
    if (had_with(s, mote_mutex_lock_ctx(s.ctx, &mutex)))
        section(r);
}

/* What is taken is put back, so those who have no limit find theirs. */
static void put_token(uint32_t r)
{
    mote_mutex_lock(&mutex);
    tokens++;
    if (r % 8 == 0)
        mote_cond_broadcast(&cond);
    else if (r & 1)
        mote_cond_signal(&cond);
    mote_mutex_unlock(&mutex);
    if (r % 8 && !(r & 1))
        mote_cond_signal(&cond);
}

static void take_token_shortly(uint32_t r)
{
    uint32_t soon = r % 8 == 1 ? r + 1 : r; /* at the end nobody may put one */
    struct shortly s = r & 1 ? draw(soon) : draw_ctx(soon);
    int error = 0;
    mote_mutex_lock(&mutex);
    while (tokens == 0 && error == 0) {
        error = r & 1 ? mote_cond_wait_until(&cond, &mutex, s.deadline) : mote_cond_wait_ctx(s.ctx, &cond, &mutex);
        entered++;
        sections++; /* it is ours */
    }
    bool got = tokens > 0;
    tokens -= got;
    mote_mutex_unlock(&mutex);
    mote_ctx_free(s.ctx);
    has(error);
    if (got)
        put_token(r >> 3);
}

static void take_token(void)
{
    mote_mutex_lock(&mutex);
    while (tokens == 0)
        mote_cond_wait(&cond, &mutex);
    tokens--;
    mote_mutex_unlock(&mutex);
}

static void read_shortly(uint32_t r)
{
    if (!has(mote_rwmutex_rlock_until(&rwmutex, draw(r).deadline)))
        return;
    long first = written[0];
    pause_a_little(r >> 8);
    CHECK(written[1] == first);
    mote_rwmutex_runlock(&rwmutex);
}

static void write_shortly(uint32_t r)
{
    if (!has(mote_rwmutex_lock_until(&rwmutex, draw(r).deadline)))
        return;
    written[0]++;
    pause_a_little(r >> 8);
    written[1]++;
    wrote++;
    mote_rwmutex_unlock(&rwmutex);
}

static void use_units(long n, uint32_t r)
{
    units += n;
    CHECK(units <= UNITS);
    pause_a_little(r);
    units -= n;
    mote_sem_release(&sem, n);
}

static void acquire_shortly(uint32_t r)
{
    long n = r % (UNITS + 1);
    struct shortly s = r & 64 ? draw(r) : draw_ctx(r);
    int error = r & 64 ? mote_sem_acquire_until(&sem, n, s.deadline) : mote_sem_acquire_ctx(s.ctx, &sem, n);
    if (had_with(s, error))
        use_units(n, r);
}

static void meet_shortly(uint32_t r)
{
    int64_t ns = (int64_t)(r >> 8) % (200 * MOTE_US);
    int result = mote_barrier_wait_until(&barrier, mote_now() + ns);
    CHECK(result == 1 || has(result) || result == -ETIMEDOUT);
    firsts += result == 1;
    seconds += result == 0;
}

static void run_slowly(void *arg)
{
    ran++;
    pause_a_little((uint32_t)(uintptr_t)arg);
}

static void do_once_shortly(uint32_t r)
{
    has(mote_once_do_until(&onces[r % 64], run_slowly, (void *)(uintptr_t)r, draw(r).deadline));
}

static void pass_shortly(uint32_t r)
{
    long v = 1;
    struct shortly s = draw_ctx(r % 8 == 1 ? r + 1 : r);
    if (r & 16) {
        if (had_with(s, mote_send_ctx(s.ctx, channel, v)))
            sent++;
    } else if (had_with(s, mote_recv_ctx(s.ctx, channel, &v))) {
        received++;
    }
}

static void wait_shortly(uint32_t r)
{
    struct shortly s = draw_ctx(r);
    if (r & 1)
        mote_wg_add(&other, 1);
    had_with(s, r & 2 ? mote_wg_wait_until(&other, draw(r | 2).deadline) : mote_sleep_ctx(s.ctx, r % 3000));
    if (r & 1)
        mote_wg_done(&other);
}

static void (*const acts[])(uint32_t r) = {
    lock_shortly, take_token_shortly, read_shortly, write_shortly, acquire_shortly,
    meet_shortly, do_once_shortly,    pass_shortly, wait_shortly,
};

static void act(int seed)
{
    uint32_t state = (uint32_t)seed * 7919 + 1;
    for (long i = 0, n = scale(600); i < n; i++) {
        uint32_t r = test_random(&state);
        acts[(r >> 24) % (sizeof acts / sizeof acts[0])](r);
    }
    mote_wg_done(&ended);
}

/* Without limits, and in the way of the others. */
static void be_patient(int seed)
{
    uint32_t state = (uint32_t)seed * 104729 + 1;
    for (long i = 0, n = scale(600); i < n; i++) {
        uint32_t r = test_random(&state);
        put_token(r);
        mote_mutex_lock(&mutex);
        section(r);
        mote_sem_acquire(&sem, 1);
        use_units(1, r);
        mote_rwmutex_rlock(&rwmutex);
        mote_rwmutex_runlock(&rwmutex);
        take_token();
    }
    mote_wg_done(&ended);
}

static void *act_in_thread(void *arg)
{
    act((int)(intptr_t)arg);
    return NULL;
}

static void *be_patient_in_thread(void *arg)
{
    be_patient((int)(intptr_t)arg);
    return NULL;
}

static void reset(void)
{
    mutex = (mote_mutex){0};
    cond = (mote_cond){0};
    rwmutex = (mote_rwmutex){0};
    sem = (mote_sem)MOTE_SEM(UNITS);
    barrier = (mote_barrier)MOTE_BARRIER(PARTIES);
    ended = other = (mote_wg){0};
    tokens = sections = written[0] = written[1] = 0;
    entered = units = firsts = seconds = ran = wrote = sent = received = 0;
    for (int i = 0; i < 64; i++)
        onces[i] = (mote_once){0};
    channel = mote_chan_make(long, 0);
}

static void check_all(void)
{
    long v;
    CHECK(mote_mutex_try_lock(&mutex) == 0);
    mote_mutex_unlock(&mutex);
    CHECK(sections == entered && tokens == 0);
    CHECK(mote_rwmutex_try_lock(&rwmutex) == 0);
    mote_rwmutex_unlock(&rwmutex);
    CHECK(written[0] == wrote && written[1] == wrote);
    CHECK(mote_sem_try_acquire(&sem, UNITS) == 0 && mote_sem_try_acquire(&sem, 1) == -EAGAIN);
    CHECK(seconds == firsts * (PARTIES - 1));
    mote_barrier_init(&barrier, 1); /* nobody waits */
    CHECK(ran <= 64 && sent == received);
    CHECK(mote_try_recv(channel, &v) == -EAGAIN && mote_try_send(channel, 1) == -EAGAIN);
    CHECK(mote_wg_wait_until(&other, 0) == 0);
    mote_chan_free(channel);
}

static void mix(void *arg)
{
    (void)arg;
    pthread_t thread[THREADS + 1];
    reset();
    mote_wg_add(&ended, TASKS + PATIENT + THREADS + 1);
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_create(&thread[i], NULL, act_in_thread, (void *)(intptr_t)(1000 + i)) == 0);
    CHECK(pthread_create(&thread[THREADS], NULL, be_patient_in_thread, (void *)(intptr_t)2000) == 0);
    for (int i = 0; i < TASKS; i++)
        CHECK(mote_go(act, i) == 0);
    for (int i = 0; i < PATIENT; i++)
        CHECK(mote_go(be_patient, i) == 0);
    mote_wg_wait(&ended);
    for (int i = 0; i <= THREADS; i++)
        CHECK(pthread_join(thread[i], NULL) == 0);
    yield_until_alone();
    check_all();
}

static void test_what_is_given_up_is_not_missed(void **state)
{
    static const mote_config configs[] = {{.procs = 1},
                                          {.procs = 2},
                                          {.procs = 8},
                                          {.procs = 1, .homes = 2},
                                          {.procs = 2, .homes = 2},
                                          {.procs = 8, .homes = 2}};
    (void)state;
    for (size_t i = 0; i < sizeof configs / sizeof configs[0]; i++)
        run_with(&configs[i], mix, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_what_is_given_up_is_not_missed)};
    watchdog(200);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
