/* SPDX-License-Identifier: MIT */
/* model_mutex - mutexes: overtaking, handing over, conditions, and the end of the object.
 * Checks: MU1-MU4 of sync/mutex.c, CO1 and CO2 of cond.c: one at a time has it and sees what the last one did, nobody waits for
 *         ever, no signal is missed, and the last one that unlocks may free it.
 */
#include "park.h"

static int spins; /* in the explorer, who pauses waits for another's store: with spins hardly anybody parks */
#define MUTEX_SPINS spins
#define MUTEX_PAUSES 1
#include "sync/cond.c"
#include "sync/mutex.c"

static mote_mutex mutex;
static mote_cond cond;
static _Atomic uint32_t data; /* mutex; relaxed, so that only the mutex orders it */
static unsigned inside, sections;
static bool allowed;             /* mutex */
static _Atomic uint32_t holders; /* mutex: who will still use it */

void msg_fatal(const char *format, ...) { model_fail("msg_fatal: %s", format); }

static void enter(void)
{
    MODEL_CHECK(inside == 0);
    inside = 1;
    MODEL_CHECK(atom_load_rlx(&data) == sections);
    atom_store_rlx(&data, ++sections);
}

static void leave(void)
{
    inside = 0;
    mote_mutex_unlock(&mutex);
}

static void section(void)
{
    mote_mutex_lock(&mutex);
    enter();
    leave();
}

static void two_sections(void)
{
    section();
    section();
}

static void try_then_lock(void)
{
    if (mote_mutex_try_lock(&mutex) < 0)
        mote_mutex_lock(&mutex);
    enter();
    leave();
}

/* The clock moves while others wait: their patience ends. */
static void long_sections(void)
{
    for (int i = 0; i < 2; i++) {
        mote_mutex_lock(&mutex);
        enter();
        atom_store_rlx(&model_now, atom_load_rlx(&model_now) + 2 * PATIENCE);
        leave();
    }
}

static void section_and_free(void)
{
    mote_mutex_lock(&mutex);
    enter();
    uint32_t left = atom_load_rlx(&holders) - 1;
    atom_store_rlx(&holders, left);
    leave();
    if (left == 0)
        model_free(&mutex, sizeof mutex);
}

static void wait_for_leave(void)
{
    mote_mutex_lock(&mutex);
    enter();
    while (!allowed) {
        inside = 0;
        mote_cond_wait(&cond, &mutex);
        enter();
    }
    leave();
}

static void allow(void)
{
    mote_mutex_lock(&mutex);
    enter();
    allowed = true;
    leave();
}

static void allow_and_signal(void)
{
    allow();
    mote_cond_signal(&cond);
}

static void allow_and_broadcast(void)
{
    allow();
    mote_cond_broadcast(&cond);
}

static void broadcast_locked(void)
{
    mote_mutex_lock(&mutex);
    enter();
    allowed = true;
    mote_cond_broadcast(&cond);
    leave();
}

static void setup(void)
{
    park_setup();
    memset(&mutex, 0, sizeof mutex);
    memset(&cond, 0, sizeof cond);
    data = 0;
    inside = sections = 0;
    allowed = false;
    model_now = 0;
    holders = 3;
    spins = 0;
}

static void setup_spinning(void)
{
    setup();
    spins = 1;
}

/* The first one is the soloist (base/lock.h). */
static void setup_biased(void)
{
    setup();
    lock_bias_begin(&parked[0].self);
}

static void nobody_waits(void)
{
    const struct mutex *m = (const struct mutex *)&mutex;
    MODEL_CHECK(!m->owner && !m->waiters.first && !m->woken && inside == 0);
}

#define BASE .entered = park_entered

static const struct model models[] = {
    {BASE, .name = "two", .setup = setup, .thread = {two_sections, two_sections}, .check = nobody_waits,
     .preemptions = 4},
    {BASE, .name = "three", .setup = setup, .thread = {section, section, try_then_lock}, .check = nobody_waits,
     .preemptions = 2},
    {BASE, .name = "three_chance", .setup = setup, .thread = {two_sections, two_sections, two_sections},
     .check = nobody_waits, .random = 50000},
    {BASE, .name = "handed_over", .setup = setup, .thread = {long_sections, section, section}, .check = nobody_waits,
     .preemptions = 2},
    {BASE, .name = "handed_over_chance", .setup = setup, .thread = {long_sections, long_sections, two_sections},
     .check = nobody_waits, .random = 50000},
    {BASE, .name = "freed", .setup = setup, .thread = {section_and_free, section_and_free, section_and_free},
     .preemptions = 2, .mutants = MUTANT_MODIFY},
    {BASE, .name = "spinning", .setup = setup_spinning, .thread = {two_sections, section, section},
     .check = nobody_waits, .preemptions = 2},
    {BASE, .name = "soloist", .setup = setup_biased, .thread = {two_sections, section}, .check = nobody_waits,
     .preemptions = 3, .mutants = MUTANT_HEAVY},
    {BASE, .name = "signal", .setup = setup, .thread = {wait_for_leave, allow_and_signal}, .check = nobody_waits,
     .preemptions = 3},
    {BASE, .name = "broadcast", .setup = setup, .thread = {wait_for_leave, wait_for_leave, allow_and_broadcast},
     .check = nobody_waits, .preemptions = 2},
    {BASE, .name = "broadcast_locked", .setup = setup, .thread = {wait_for_leave, wait_for_leave, broadcast_locked},
     .check = nobody_waits, .preemptions = 2},
};

int main(int argc, char **argv) { return model_main(argc, argv, models, sizeof models / sizeof models[0]); }
