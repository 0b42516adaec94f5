/* SPDX-License-Identifier: MIT */
/* model_clock - a timer that is set and stopped while it fires.
 * Checks: T1-T3 of sync/clock.c: every setting happens or is taken back, one of them; after a stop nothing of it is left; the timer
 *         is freed once, and not touched afterwards.
 */
#include "park.h"

#include "sched/timer.c"

#include <stdlib.h>

static CACHE_ALIGNED char memory[256];
static bool freed;

static void *model_malloc(size_t size)
{
    MODEL_CHECK(size <= sizeof memory);
    return memory;
}

static void model_give(void *p)
{
    MODEL_CHECK(p == memory && !freed);
    freed = true;
    model_free(memory, sizeof memory);
}

#define malloc model_malloc
#define free model_give
#include "sync/clock.c"
#undef malloc
#undef free

static struct timers timers;
static mote_timer *timer;
static _Atomic int happened, set_anew, taken_back;
static _Atomic uint32_t buffered; /* the channel */

struct mote__chan *mote__chan_make(size_t size, size_t capacity, bool pointers)
{
    (void)size, (void)capacity, (void)pointers;
    return (struct mote__chan *)&buffered;
}

int mote__chan_try_send(struct mote__chan *c, const void *value)
{
    uint32_t empty = 0;
    (void)c, (void)value;
    return atom_cas_seq(&buffered, &empty, 1) ? 0 : -EAGAIN;
}

bool chan_take_back(struct mote__chan *c)
{
    uint32_t full = 1;
    (void)c;
    return atom_cas_seq(&buffered, &full, 0);
}

void mote__chan_free(struct mote__chan *c) { (void)c; }
struct mote__chan *mote__chan_ref(struct mote__chan *c) { return c; }

/* Tasks that were started, for the thread that fires to run when it is done with that. */
static struct {
    struct mote_timer *c;
    uint32_t setting;
} started[4];
static int starts, no_memory;

int mote__go(const struct mote__site *site, void (*fn)(void), const intptr_t *args)
{
    (void)site, (void)fn;
    if (no_memory-- > 0)
        return -ENOMEM;
    MODEL_CHECK(starts < 4);
    started[starts].c = (struct mote_timer *)args[0];
    started[starts++].setting = (uint32_t)args[1];
    return 0;
}

int sched_timer_add(struct timer *t) { return timer_add(&timers, t); }
bool sched_timers_hold(void) { return true; }
void sched_timers_release(void) {}

static void happen(void *arg)
{
    (void)arg;
    atom_add_seq(&happened, 1);
}

static void fire_and_run(void)
{
    for (int round = 0; round < 2; round++) {
        timers_run(&timers, 2 * RETRY);
        int n = starts;
        starts = 0;
        for (int i = 0; i < n; i++)
            call(started[i].c, started[i].setting);
    }
}

static void stop_it(void) { atom_add_seq(&taken_back, mote_timer_stop(timer)); }

static void set_it(void)
{
    atom_add_seq(&taken_back, mote_timer_reset(timer, 1));
    atom_add_seq(&set_anew, 1);
}

static void receive(void)
{
    if (chan_take_back(NULL))
        atom_add_seq(&happened, 1);
}

static void stop_and_free(void)
{
    atom_add_seq(&taken_back, mote_timer_stop(timer));
    mote_timer_free(timer);
}

static void setup_any(void)
{
    park_setup();
    reset_timers(&timers);
    memset(memory, 0, sizeof memory);
    freed = false;
    happened = taken_back = 0;
    set_anew = 1;
    buffered = 0;
    starts = no_memory = 0;
}

static void setup_function(void)
{
    setup_any();
    timer = mote_timer_make_func(0, happen, NULL);
}

static void setup_no_memory(void)
{
    setup_function();
    no_memory = 1;
}

static void setup_channel(void)
{
    setup_any();
    timer = mote_timer_make(0);
}

static void check_freed(void)
{
    MODEL_CHECK(happened + taken_back == set_anew);
    MODEL_CHECK(freed && timers.count == 0 && timers.firing == 0);
}

static void check(void)
{
    stop_and_free();
    check_freed();
}

#define BASE .entered = park_entered

static const struct model models[] = {
    {BASE, .name = "function", .setup = setup_function, .check = check, .thread = {fire_and_run, stop_it, set_it},
     .preemptions = 1},
    {BASE, .name = "function_free", .setup = setup_function, .check = check_freed,
     .thread = {fire_and_run, stop_and_free}, .preemptions = 3},
    {BASE, .name = "no_memory", .setup = setup_no_memory, .check = check, .thread = {fire_and_run, set_it},
     .preemptions = 2},
    {BASE, .name = "channel", .setup = setup_channel, .check = check, .thread = {fire_and_run, set_it, receive},
     .preemptions = 1},
    {BASE, .name = "chance", .setup = setup_function, .check = check, .thread = {fire_and_run, stop_it, set_it, set_it},
     .random = 20000},
};

int main(int argc, char **argv) { return model_main(argc, argv, models, sizeof models / sizeof models[0]); }
