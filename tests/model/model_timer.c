/* SPDX-License-Identifier: MIT */
/* model_timer - a timer that is cancelled while it fires, or while it moves to another heap.
 * Checks: M1-M5 of sched/timer.h: it fires or it is cancelled, one of them; when timer_cancel returns nobody touches it any more.
 */
#include "reset.h"

#include "sched/timer.c"

#include "explore.h"

#include <string.h>

static struct timers first, second;
static struct timer timer, other;
static bool fired, over;
static _Atomic uint32_t work; /* what the timer's function did; relaxed: only the timer orders it */

static void on_time(struct timer *t)
{
    if (t != &timer)
        return;
    MODEL_CHECK(!fired && !over);
    fired = true;
    model_point();
    atom_store_rlx(&work, 1);
}

static void cancel(void)
{
    bool cancelled = timer_cancel(&timer);
    MODEL_CHECK(cancelled != fired);
    MODEL_CHECK(cancelled || atom_load_rlx(&work) == 1);
    over = true;
    model_free(&timer, sizeof timer);
}

static void run_first(void) { timers_run(&first, 5); }

static void run_both(void)
{
    timers_run(&second, 5);
    timers_run(&first, 5);
}

static void move(void) { MODEL_CHECK(timers_move(&first, &second) == 0); }

static void add_other(void) { timer_add(&first, &other); }

static void setup(void)
{
    reset_bias();
    reset_timers(&first);
    reset_timers(&second);
    timer = (struct timer){.when = 5, .fire = on_time};
    other = (struct timer){.when = 3, .fire = on_time};
    fired = over = false;
    work = 0;
    timer_add(&first, &timer);
}

static void check(void)
{
    MODEL_CHECK(over);
    for (uint32_t i = 0; i < first.count; i++)
        MODEL_CHECK(first.heap[i].timer == &other && other.index == i);
}

/* A kept timer that its function arms again: cancelled, it is quiet. */
static void on_tick(struct timer *t)
{
    MODEL_CHECK(!over);
    model_point();
    atom_store_rlx(&work, 1);
    t->again = t->when++ < 7;
}

static void cancel_tick(void)
{
    timer_cancel(&timer);
    over = true;
    MODEL_CHECK(!timer_cancel(&timer));
    model_free(&timer, sizeof timer);
}

static void run_ticks(void)
{
    for (int now = 5; now <= 8; now++)
        timers_run(&first, now);
}

static void setup_tick(void)
{
    setup();
    timer_cancel(&timer);
    timer = (struct timer){.when = 5, .fire = on_tick, .kind = TIMER_KEPT};
    timer_add(&first, &timer);
}

/* A loose one that ends itself, and is freed by who cancels it. */
static void on_end(struct timer *t)
{
    on_time(t);
    timer_over(t);
}

static void setup_loose(void)
{
    setup();
    timer.fire = on_end;
    timer.kind = TIMER_LOOSE;
}

#define BASE .setup = setup, .check = check

static const struct model models[] = {
    {BASE, .name = "fire", .thread = {cancel, run_first}, .preemptions = 3},
    {BASE, .name = "fire_two", .thread = {cancel, run_first, run_first}, .preemptions = 2},
    {BASE, .name = "add", .thread = {cancel, run_first, add_other}, .preemptions = 2},
    {BASE, .name = "move", .thread = {cancel, run_both, move}, .preemptions = 2},
    {.setup = setup_tick, .check = check, .name = "again", .thread = {cancel_tick, run_ticks}, .preemptions = 2},
    {.setup = setup_tick,
     .check = check,
     .name = "again_move",
     .thread = {cancel_tick, run_ticks, move},
     .preemptions = 1},
    {.setup = setup_loose, .check = check, .name = "loose", .thread = {cancel, run_first}, .preemptions = 3},
    {BASE, .name = "chance", .thread = {cancel, run_both, move, add_other}, .random = 30000},
};

int main(int argc, char **argv) { return model_main(argc, argv, models, sizeof models / sizeof models[0]); }
