/* SPDX-License-Identifier: MIT */
/* model_trace - the rings of a trace: their owners against the collector.
 * Checks: RG2-RG5 of debug/ring.h: each event comes once or is counted as lost; events of all rings come in the order of their
 *         times, over all passes; after a stop none is missing, and none comes later.
 */
#define RING_EVENTS 4u
#include "debug/ring.h"

#include "base/os.h"

#include "explore.h"

#include <string.h>

#define RINGS 2
#define LOST_WHAT 99

static struct ring rings[RINGS];
static struct event slots[RINGS][RING_EVENTS];
static _Atomic uint32_t on;
static unsigned put[RINGS], taken[RINGS], lost[RINGS]; /* owner; collector; collector */
static int64_t last;                                   /* the newest time that a pass has taken */
static bool stopped;

/* An event's number stands in `a`. */
static void emit(int owner)
{
    struct ring *r = &rings[owner];
    if (!ring_begin(r, &on, true))
        return;
    MODEL_CHECK(!stopped); /* RG5 */
    ring_put(r, (struct event){os_now(), 1, put[owner]++, 0}, LOST_WHAT);
    ring_end(r);
}

static void owner_once(void) { emit(model_self()); }

static void owner_twice(void)
{
    emit(model_self());
    emit(model_self());
}

static void owner_overruns(void)
{
    for (int i = 0; i < 6; i++)
        emit(model_self());
}

static void settle(void)
{
    os_barrier_heavy();
    for (int i = 0; i < RINGS; i++)
        for (uint32_t seen = 0; !ring_settled(&rings[i], &seen);)
            os_back_off(0);
}

static void take(int i, int64_t limit, int64_t *newest)
{
    struct ring *r = &rings[i];
    uint64_t head = ring_head(r), tail = atom_load_rlx(&r->tail); /* rlx: our own */
    for (; tail < head; tail++) {
        struct event *e = &r->slots[tail % RING_EVENTS];
        if (e->time >= limit)
            break;
        MODEL_CHECK(e->time >= last); /* RG4: a pass before this one can't have taken newer ones */
        *newest = e->time > *newest ? e->time : *newest;
        if (e->what == LOST_WHAT)
            lost[i] += (unsigned)e->a;
        else
            MODEL_CHECK(e->a == taken[i]++ + lost[i]); /* RG2 */
    }
    ring_take(r, tail);
}

static void pass(int64_t limit)
{
    int64_t newest = last;
    settle();
    for (int i = 0; i < RINGS; i++)
        take(i, limit, &newest);
    last = newest > limit - 1 ? newest : limit - 1; /* nothing older may come */
}

/* The clock goes on between the passes. */
static int64_t tick(void)
{
    int64_t now = atom_load_rlx(&model_now) + 1; /* rlx: nobody else moves it */
    atom_store_seq(&model_now, now);             /* seq: as a clock */
    return now;
}

static void collector(void)
{
    pass(tick());
    pass(tick());
}

static void collector_stops(void)
{
    pass(tick());
    atom_store_seq(&on, 0); /* as trace.c: finish */
    settle();
    stopped = true;
    for (int i = 0; i < RINGS; i++)
        take(i, INT64_MAX, &last);
}

static void setup(void)
{
    memset(rings, 0, sizeof rings);
    memset(slots, 0, sizeof slots);
    memset(put, 0, sizeof put);
    memset(taken, 0, sizeof taken);
    memset(lost, 0, sizeof lost);
    for (int i = 0; i < RINGS; i++)
        rings[i].slots = slots[i];
    on = 1;
    last = 0;
    stopped = false;
    model_now = 1;
}

/* What is left in the rings is all that there is. */
static void check(void)
{
    for (int i = 0; i < RINGS; i++) {
        int64_t newest = 0;
        if (!stopped)
            take(i, INT64_MAX, &newest);
        MODEL_CHECK(taken[i] + lost[i] + (rings[i].lost - rings[i].told) == put[i]);
    }
}

static const struct model models[] = {
    {.name = "order",
     .setup = setup,
     .thread = {owner_twice, owner_once, collector},
     .check = check,
     .preemptions = 2,
     .mutants = MUTANT_HEAVY},
    {.name = "one_owner",
     .setup = setup,
     .thread = {owner_twice, NULL, collector},
     .check = check,
     .preemptions = 4,
     .mutants = MUTANT_HEAVY},
    {.name = "overrun",
     .setup = setup,
     .thread = {owner_overruns, NULL, collector},
     .check = check,
     .preemptions = 3,
     .mutants = MUTANT_HEAVY},
    {.name = "stop",
     .setup = setup,
     .thread = {owner_twice, owner_once, collector_stops},
     .check = check,
     .preemptions = 2,
     .mutants = MUTANT_HEAVY},
};

int main(int argc, char **argv) { return model_main(argc, argv, models, sizeof models / sizeof models[0]); }
