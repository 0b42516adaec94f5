/* SPDX-License-Identifier: MIT */
/* model_lock - one at a time holds a lock, and sees what the last holder wrote; with the bias and without.
 * Checks: L1-L3 of base/lock.h and lock.c.
 */
#include "reset.h"

#include "explore.h"

static struct lock guard;
static _Atomic uint32_t data; /* guard; relaxed, so that only the lock orders it */
static unsigned inside, sections;
static bool asleep; /* guard */
static struct self worker[MODEL_THREADS];

static void enter_worker(int thread) { mote_self_worker = &worker[thread]; }

static void section(void)
{
    lock_take(&guard);
    MODEL_CHECK(inside == 0);
    inside = 1;
    MODEL_CHECK(atom_load_rlx(&data) == sections);
    atom_store_rlx(&data, ++sections);
    inside = 0;
    lock_drop(&guard);
}

static void quick_section(void)
{
    if (!lock_take_quickly(&guard))
        lock_take(&guard);
    MODEL_CHECK(inside == 0);
    inside = 1;
    atom_store_rlx(&data, ++sections);
    inside = 0;
    lock_drop(&guard);
    section();
}

static void two_sections(void)
{
    section();
    section();
}

static void setup(void)
{
    guard = (struct lock){0};
    data = 0;
    inside = sections = 0;
    asleep = false;
    for (int i = 0; i < MODEL_THREADS; i++)
        worker[i] = (struct self){0};
    reset_bias();
}

static void setup_biased(void)
{
    setup();
    lock_bias_begin(&worker[0]);
}

static void begin(void) { lock_bias_begin(&worker[0]); }

/* The first soloist falls asleep and wakes; the monitor, when it finds him asleep, makes another the soloist. */
static void fall_asleep_and_wake(void)
{
    lock_take(&guard);
    asleep = true;
    lock_drop(&guard);
    section();
}

static void find_soloist(void)
{
    lock_take(&guard);
    bool found = asleep;
    lock_drop(&guard);
    if (found)
        lock_bias_begin(&worker[1]);
}

/* Somebody ends the first one's bias by another lock, and the monitor makes another the soloist, though the first, who counts as
 * asleep, is in a section (it polls, and is at a desc's lock; or it has retired, and hands over). */
static struct lock other;
static _Atomic uint32_t go;
static void end_and_begin(void)
{
    lock_take(&other);
    lock_drop(&other);
    lock_bias_begin(&worker[2]);
    atom_store_seq(&go, 1);
}
static void section_when_soloist(void)
{
    if (atom_load_seq(&go))
        section();
}
static void setup_two(void)
{
    setup_biased();
    other = (struct lock){0};
    go = 0;
}

#define BASE .entered = enter_worker

static const struct model models[] = {
    {BASE, .name = "plain", .setup = setup, .thread = {two_sections, two_sections}, .preemptions = 4,
     .mutants = MUTANT_MODIFY | MUTANT_RELEASE},
    {BASE, .name = "three", .setup = setup, .thread = {section, section, section}, .preemptions = 3},
    {BASE, .name = "quickly", .setup = setup_biased, .thread = {quick_section, quick_section}, .preemptions = 3},
    {BASE, .name = "soloist", .setup = setup_biased, .thread = {two_sections, two_sections}, .preemptions = 3,
     .mutants = MUTANT_HEAVY | MUTANT_RELEASE},
    {BASE, .name = "soloist_begins", .setup = setup, .thread = {two_sections, section, begin}, .preemptions = 2},
    {BASE, .name = "soloist_changes", .setup = setup_biased, .thread = {fall_asleep_and_wake, section, find_soloist},
     .preemptions = 2, .mutants = MUTANT_HEAVY},
    {BASE, .name = "soloist_inside", .setup = setup_two, .thread = {section, end_and_begin, section_when_soloist},
     .preemptions = 2},
};

int main(int argc, char **argv) { return model_main(argc, argv, models, sizeof models / sizeof models[0]); }
