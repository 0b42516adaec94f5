/* SPDX-License-Identifier: MIT */
/* evicted - waiting while one's stack is copied out: what stress_evicted and stress_evicted_sync share.
 * Job:    for a way to wait and an event: lets tasks wait, sees to it that their bytes have left their homes, makes the event
 *         happen, by a task or by a plain thread, and looks whether each has gone on once, with its locals as they were.
 */
#ifndef TESTS_EVICTED_H
#define TESTS_EVICTED_H

#include "support.h"

#include "base/sanitizer.h"
#include "sched/proc.h"

#include <errno.h>
#include <string.h>

#define WAITERS 8
#define CROWD 8
#define ALL ((1u << WAITERS) - 1)
#define LONG (1000 * MOTE_S)
#define WORDS 40

/* A way to wait; any function but wait may be NULL. Waiters 0 to 7 wait; each says that it has gone on as it should by
 * arrive(), once. */
struct kind {
    const char *name;
    void (*prepare)(void); /* in the test's thread */
    void (*wait)(int i);
    void (*wake)(void);  /* none: the time comes at `due` */
    int helpers;         /* other tasks that prepare leaves parked */
    void (*clean)(void); /* when all tasks have ended */
};

static mote_chan(int) c, other, third; /* nobody ever sends on `other` or receives on `third` */
static mote_chan(int) gate;            /* holds the crowd */
static int64_t due;
static _Atomic unsigned arrived;
static _Atomic int intact, crowded;

static void arrive(int i)
{
    CHECK(!(arrived & 1u << i));
    arrived |= 1u << i;
}

/* Locals that the compiler must keep in memory. */
static __attribute__((noinline)) void fill(uint32_t *words, uint32_t seed)
{
    for (uint32_t i = 0; i < WORDS; i++)
        words[i] = seed * 2654435761u + i * i;
}

static __attribute__((noinline)) void check_words(const uint32_t *words, uint32_t seed)
{
    for (uint32_t i = 0; i < WORDS; i++)
        CHECK(words[i] == seed * 2654435761u + i * i);
}

static struct task *records[WAITERS];

static void waiter(const struct kind *k, int i)
{
    records[i] = sched_self();
    uint32_t words[WORDS], *self = words;
    fill(words, (uint32_t)i + 1);
    k->wait(i);
    CHECK(self == words);
    check_words(words, (uint32_t)i + 1);
    intact++;
}

/* The crowd: runs on every home, so that no waiter's bytes are left in one. */

static __attribute__((noinline)) long descend(int depth)
{
    uint32_t words[WORDS];
    fill(words, (uint32_t)depth);
    if (depth == 0)
        mote_yield();
    long sum = depth ? descend(depth - 1) : 0;
    check_words(words, (uint32_t)depth);
    return sum + words[depth];
}

static void crowd(int depth)
{
    descend(depth);
    crowded++;
    CHECK(mote_recv(gate, NULL) == -EPIPE);
    descend(depth);
}

static void wait_until_parked(unsigned n)
{
    struct mote_stats s;
    while (mote_stats(&s) == 0 && s.tasks_parked < n)
        mote_sleep(50 * MOTE_US);
}

static void make_channels(void)
{
    c = mote_chan_make(int, 0);
    other = mote_chan_make(int, 0);
    third = mote_chan_make(int, 0);
    gate = mote_chan_make(int, 0);
    CHECK(c && other && third && gate);
    memset(records, 0, sizeof records);
    arrived = 0;
    intact = crowded = 0;
}

static void free_channels(void)
{
    mote_chan_close(c); /* lets go whom nobody has joined */
    mote_chan_close(gate);
    while (mote_task_count() > 0)
        mote_sleep(50 * MOTE_US);
    mote_chan_free(c);
    mote_chan_free(other);
    mote_chan_free(third);
    mote_chan_free(gate);
}

/* To be asked while nothing runs: their bytes are in no home. */
static bool all_are_out(void)
{
    for (int i = 0; i < WAITERS; i++)
        if (!records[i] || home_of(records[i])->occupant == records[i])
            return false;
    return true;
}

/* Until the waiters are out, or the time has come. False: they aren't, or it has. */
static bool crowd_out(unsigned parked, bool timed)
{
    if (!stacks_are_copied())
        return false;
    while (!(timed && mote_now() >= due) && crowded < 100 * CROWD) {
        int n = crowded + CROWD;
        for (int i = 0; i < CROWD; i++)
            CHECK(mote_go(crowd, 10) == 0);
        while (crowded < n)
            mote_sleep(50 * MOTE_US);
        wait_until_parked((timed ? 0 : parked) + (unsigned)n);
        if ((!timed || mote_now() < due) && all_are_out())
            return true;
    }
    return false;
}

/* False: the time had come before the waiters were out. */
static bool wake_evicted(const struct kind *k, bool by_task, int64_t ns)
{
    make_channels();
    due = mote_now() + ns;
    if (k->prepare)
        k->prepare();
    for (int i = 0; i < WAITERS; i++)
        CHECK(mote_go(waiter, k, i) == 0);
    unsigned parked = (k->wake ? WAITERS : 0) + (unsigned)k->helpers;
    wait_until_parked(parked);
    while (!k->wake && mote_now() < due - ns / 2) /* they have parked, or it is too late */
        mote_sleep(ns / 10);
    bool out = crowd_out(parked, !k->wake);
    if (k->wake) {
        CHECK(intact == 0 && (out || !stacks_are_copied()));
        if (by_task)
            CHECK(mote_join(mote_spawn(k->wake), NULL) == 0);
        else
            k->wake();
    }
    while (intact < WAITERS)
        mote_sleep(50 * MOTE_US);
    CHECK(arrived == ALL);
    free_channels();
    if (k->clean)
        k->clean();
    return out;
}

static void wake_all_kinds(const struct kind *kinds, size_t count, const mote_config *config)
{
    assert_int_equal(mote_start(config), 0);
    for (size_t n = 0; n < count; n++) {
        for (int by_task = 0; by_task < (kinds[n].wake ? 2 : 1); by_task++) {
            int64_t ns = 10 * MOTE_MS;
            while (!wake_evicted(&kinds[n], by_task, ns) && stacks_are_copied()) {
                ns *= 2;
                CHECK(!kinds[n].wake && ns < 30 * MOTE_S);
            }
        }
    }
    assert_int_equal(mote_stop(MOTE_FOREVER), 0);
}

/* Each kind, with procs that have fewer homes than there are waiters. */
static void wake_evicted_ones(const struct kind *kinds, size_t count)
{
    for (int procs = 1; procs <= 8; procs *= 2)
        wake_all_kinds(kinds, count, &(mote_config){.procs = procs, .homes = 2});
}

#endif
