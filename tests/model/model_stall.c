/* SPDX-License-Identifier: MIT */
/* model_stall - the look for a deadlock against plain threads that wake one another.
 * Checks: E1-E3 of sched/stall.c: when it says that nothing can run again, every plain thread waits, and has done all it will.
 */
#include "reset.h"

#include "sched/globq.c"
#include "sched/stall.c"
#include "sched/thread.c"

#include "explore.h"

#include <string.h>

#define PLAIN 2

struct runtime rt;
static struct thread_record plain[PLAIN]; /* of model threads 0 and 1 */
static struct lock lock;                  /* of what they wait for */
static bool waits[PLAIN];                 /* lock */
static uint32_t acts;                     /* of all threads, beyond the memory model: how many will still come */

bool monitor_all_asleep(void) { return true; }
bool polling_waits(void) { return false; }
void monitor_wake(void) {}
size_t mote_task_count(void) { return 1; }
int os_threads(void) { return PLAIN + 1; } /* and the monitor */

static void await(int i)
{
    lock_take(&lock);
    waits[i] = true;
    lock_drop(&lock);
    sched_thread_wait(&plain[i].task, INT64_MAX);
}

/* Once it waits. */
static void wake(int i)
{
    for (bool ready = false; !ready;) {
        lock_take(&lock);
        if ((ready = waits[i]))
            waits[i] = false;
        lock_drop(&lock);
        if (!ready)
            os_back_off(0);
    }
    thread_ready(&plain[i].task);
}

static void act(void)
{
    model_point();
    acts--;
}

/* The two wake each other in turn, and then wait for ever. */
static void first(void)
{
    wake(1);
    await(0);
    act();
    await(0);
}

static void second(void)
{
    await(1);
    act();
    wake(0);
    await(1);
}

static void look(void)
{
    if (stalled())
        MODEL_CHECK(acts == 0);
}

/* The pause between the two looks ends. */
static void pass_time(void) { atom_swap_seq(&model_now, PAUSE); }

static void setup(void)
{
    memset(&rt, 0, sizeof rt);
    memset(plain, 0, sizeof plain);
    memset(&lock, 0, sizeof lock);
    memset(waits, 0, sizeof waits);
    reset_bias();
    acts = PLAIN;
}

static void check(void)
{
    MODEL_CHECK(acts == 0);
    MODEL_CHECK(rt.threads_waiting == PLAIN);
}

#define BASE .setup = setup, .check = check, .sleepers = 7

static const struct model models[] = {
    {BASE, .name = "turns", .thread = {first, second, look, pass_time}, .preemptions = 2, .mutants = MUTANT_MODIFY},
    {BASE, .name = "chance", .thread = {first, second, look, pass_time}, .random = 30000},
};

int main(int argc, char **argv) { return model_main(argc, argv, models, sizeof models / sizeof models[0]); }
