/* SPDX-License-Identifier: MIT */
/* sim_calls - in simulations a task may be left at every call that deals with others (SI4): what it has read before may have changed
 * behind it. */
#include "support.h"

#include <errno.h>
#include <string.h>

#define HOUR (3600 * MOTE_S)

static mote_wg wg;

typedef mote_chan(int) channel;

static void begin(void) { wg = (mote_wg){0}; }

static mote_mutex mutex;
static mote_rwmutex rwmutex;
static mote_sem sem;
static mote_once once;
static mote_wg other_wg;
static mote_cond cond;
static mote_group group;
static mote_ctx *ctx;
static channel chan, full, closed;
static mote_timer *timer;

static void task(void) {}
static void call_nothing(void *arg) { (void)arg; }
static void by_mutex(void) { mote_mutex_lock(&mutex), mote_mutex_unlock(&mutex); }
static void by_try_lock(void)
{
    if (mote_mutex_try_lock(&mutex) == 0)
        mote_mutex_unlock(&mutex);
}
static void by_rlock(void) { mote_rwmutex_rlock(&rwmutex), mote_rwmutex_runlock(&rwmutex); }
static void by_wlock(void) { mote_rwmutex_lock(&rwmutex), mote_rwmutex_unlock(&rwmutex); }
static void by_sem(void) { mote_sem_acquire(&sem, 1), mote_sem_release(&sem, 1); }
static void by_once(void) { mote_once_do(&once, call_nothing, NULL); }
static void by_wg(void) { mote_wg_add(&other_wg, 1), mote_wg_done(&other_wg); }
static void by_wait(void) { mote_wg_wait(&other_wg); }
static void by_signal(void) { mote_cond_signal(&cond); }
static void by_broadcast(void) { mote_cond_broadcast(&cond); }
static void by_send(void) { mote_send(chan, 1); }
static void by_try_send(void) { CHECK(mote_try_send(full, 1) == -EAGAIN); }
static void by_receive(void) { CHECK(mote_recv(closed, NULL) == -EPIPE); }
static void by_try_receive(void) { mote_try_recv(full, NULL); }
static void by_select(void) { mote_select(MOTE_SEND(chan, 1), MOTE_DEFAULT); }
static void by_close(void) { mote_chan_close(chan); }
static void by_cancel(void) { mote_ctx_cancel(ctx, 0); }
static void by_go(void) { CHECK(mote_go(task) == 0); }
static void by_join(void) { mote_detach(mote_spawn(task)); }
static void by_group(void) { CHECK(mote_group_go(&group, task) == 0); }
static void by_timer(void) { mote_timer_stop(timer); }
static void by_yield(void) { mote_yield(); }

static int shared;

static void add_one(void (*call)(void))
{
    int before = shared;
    call();
    shared = before + 1;
    mote_wg_done(&wg);
}

static int lose_an_update(void *arg)
{
    begin();
    mutex = (mote_mutex){0};
    rwmutex = (mote_rwmutex){0};
    sem = (mote_sem)MOTE_SEM(2);
    once = (mote_once){0};
    other_wg = (mote_wg){0};
    cond = (mote_cond){0};
    group = (mote_group){0};
    ctx = mote_ctx_with_cancel(mote_ctx_background());
    chan = mote_chan_make(int, 2);
    full = mote_chan_make(int, 1);
    closed = mote_chan_make(int, 1);
    timer = mote_timer_make(HOUR);
    CHECK(ctx && chan && full && closed && timer && mote_send(full, 1) == 0 && mote_chan_close(closed) == 0);
    shared = 0;
    mote_wg_add(&wg, 2);
    for (int i = 0; i < 2; i++)
        CHECK(mote_go(add_one, *(void (**)(void))arg) == 0);
    mote_wg_wait(&wg);
    mote_group_wait(&group);
    mote_ctx_free(ctx);
    mote_chan_free(chan);
    mote_chan_free(full);
    mote_chan_free(closed);
    mote_timer_free(timer);
    return shared == 2 ? 0 : 1;
}

static void test_a_task_may_be_left_at_every_call(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        void (*call)(void);
    } calls[] = {{"mutex", by_mutex},     {"try_lock", by_try_lock},
                 {"rlock", by_rlock},     {"lock", by_wlock},
                 {"sem", by_sem},         {"once", by_once},
                 {"wg", by_wg},           {"wait", by_wait},
                 {"signal", by_signal},   {"broadcast", by_broadcast},
                 {"send", by_send},       {"try_send", by_try_send},
                 {"receive", by_receive}, {"try_receive", by_try_receive},
                 {"select", by_select},   {"close", by_close},
                 {"cancel", by_cancel},   {"go", by_go},
                 {"join", by_join},       {"group", by_group},
                 {"timer", by_timer},     {"yield", by_yield}};
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        void (*call)(void) = calls[i].call;
        int lost = 0;
        for (uint64_t seed = 1; seed <= 100 && !lost; seed++)
            lost = mote_sim_run(seed, lose_an_update, &call);
        if (lost != 1)
            fail_msg("%s: %d", calls[i].name, lost);
    }
}

static int done_when_freed; /* by who waits, as free would */

static void use_after_done(void)
{
    mote_wg_done(&wg);
    shared = done_when_freed;
}

static int wait_and_free(void *arg)
{
    (void)arg;
    begin();
    shared = done_when_freed = 0;
    mote_wg_add(&wg, 1);
    CHECK(mote_go(use_after_done) == 0);
    mote_wg_wait(&wg);
    done_when_freed = 1;
    mote_yield();
    return shared;
}

static void test_also_after_who_waits_was_woken(void **state)
{
    (void)state;
    int found = 0;
    for (uint64_t seed = 1; seed <= 100; seed++)
        found += mote_sim_run(seed, wait_and_free, NULL) == 1;
    assert_true(found > 0 && found < 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_task_may_be_left_at_every_call),
        cmocka_unit_test(test_also_after_who_waits_was_woken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
