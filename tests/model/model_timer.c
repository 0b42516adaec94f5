/* SPDX-License-Identifier: MIT */
/* model_timer - a timer that is cancelled while it fires, or while it moves to another heap.
 * Checks: M1-M4 of sched/timer.h: it fires or it is cancelled, one of them; when timer_cancel returns nobody touches it any more.
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
        MODEL_CHECK(first.heap[i] == &other && other.index == i);
}

#define BASE .setup = setup, .check = check

static const struct model models[] = {
    {BASE, .name = "fire", .thread = {cancel, run_first}, .preemptions = 3},
    {BASE, .name = "fire_two", .thread = {cancel, run_first, run_first}, .preemptions = 2},
    {BASE, .name = "add", .thread = {cancel, run_first, add_other}, .preemptions = 2},
    {BASE, .name = "move", .thread = {cancel, run_both, move}, .preemptions = 2},
    {BASE, .name = "chance", .thread = {cancel, run_both, move, add_other}, .random = 30000},
};

int main(int argc, char **argv) { return model_main(argc, argv, models, sizeof models / sizeof models[0]); }
