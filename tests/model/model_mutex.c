/* SPDX-License-Identifier: MIT */
/* model_mutex - mutexes: overtaking, handing over, conditions, and the end of the object.
 * Checks: MU1-MU5 of sync/mutex.c, CO1, CO2 and CO4 of cond.c: one at a time has it and sees what the last one did, nobody
 *         waits for ever, no signal is missed, and the last one that unlocks may free it; also when some of them give up at a
 *         deadline.
 */
#include "waits.h"

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
    const struct mutex *m = (const struct mutex *)&mutex;
    MODEL_CHECK(inside == 0 && m->owner == &parked[model_self()].task);
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

/* Deadlines */

static _Atomic uint32_t over, got, timed_over; /* waits that have ended, and how */

static void section_until(void)
{
    int error = mote_mutex_lock_until(&mutex, WAITS_DEADLINE);
    MODEL_CHECK(error == 0 || error == -ETIMEDOUT);
    if (error == 0) {
        enter();
        leave();
    }
    atom_add_seq(&over, 1);
}

static void two_sections_until(void)
{
    section_until();
    section_until();
}

static void wait_until_left(void)
{
    mote_mutex_lock(&mutex);
    enter();
    while (!allowed) {
        inside = 0;
        int error = mote_cond_wait_until(&cond, &mutex, WAITS_DEADLINE);
        MODEL_CHECK(error == 0 || error == -ETIMEDOUT);
        enter();
        if (error < 0)
            break;
    }
    leave();
    atom_add_seq(&over, 1);
}

/* One wait, and what ended it. */
static void wait_once_until(void)
{
    mote_mutex_lock(&mutex);
    enter();
    inside = 0;
    atom_add_seq(&over, 1);
    int error = mote_cond_wait_until(&cond, &mutex, WAITS_DEADLINE);
    MODEL_CHECK(error == 0 || error == -ETIMEDOUT);
    enter();
    atom_add_seq(&got, error == 0);
    leave();
    atom_add_seq(&timed_over, 1);
}

/* Waits without a deadline, if a signal is to come. */
static void wait_once(void)
{
    mote_mutex_lock(&mutex);
    enter();
    inside = 0;
    atom_add_seq(&over, 1);
    mote_cond_wait(&cond, &mutex);
    enter();
    atom_add_seq(&got, 1);
    leave();
}

/* When both wait, one of whom may give up: the signal goes to one who then returns 0. */
static void signal_one(void)
{
    while (atom_load_rlx(&over) < 2)
        cpu_relax();
    mote_mutex_lock(&mutex);
    enter();
    mote_cond_signal(&cond);
    leave();
}

static void fire_until(uint32_t n)
{
    while (atom_load_rlx(&over) < n) {
        waits_fire();
        cpu_relax();
    }
}

static void fire_late(void)
{
    while (!atom_load_rlx(&timed_over)) {
        waits_fire();
        cpu_relax();
    }
}

static void fire_until_one(void) { fire_until(1); }
static void fire_until_two(void) { fire_until(2); }
static void fire_until_three(void) { fire_until(3); }

static void setup(void)
{
    waits_setup();
    over = got = timed_over = 0;
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
    const struct cond *c = (const struct cond *)&cond;
    MODEL_CHECK(!m->owner && !m->waiters.first && !m->woken && inside == 0);
    MODEL_CHECK(m->waiters.count == 0 && c->waiters.count == 0 && waits_out == 0);
}

/* The other one may wait for ever. */
static void check_signal(void)
{
    const struct cond *c = (const struct cond *)&cond;
    MODEL_CHECK(got == 1 && c->waiters.count <= 1);
    memset(&cond, 0, sizeof cond);
    nobody_waits();
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
    {BASE, .name = "until", .setup = setup, .thread = {section, section_until, fire_until_one}, .check = nobody_waits,
     .preemptions = 1},
    {BASE, .name = "until_three", .setup = setup, .thread = {two_sections, two_sections_until, section, fire_until_two},
     .check = nobody_waits, .random = 30000},
    {BASE, .name = "until_handed_over", .setup = setup,
     .thread = {long_sections, two_sections_until, section_until, fire_until_three}, .check = nobody_waits,
     .random = 30000},
    {BASE, .name = "signal_until", .setup = setup, .thread = {wait_until_left, allow_and_signal, fire_until_one},
     .check = nobody_waits, .preemptions = 1},
    {BASE, .name = "signal_one_of_two", .setup = setup, .thread = {wait_once_until, wait_once, signal_one, fire_late},
     .check = check_signal, .sleepers = 2, .random = 30000},
    {BASE, .name = "broadcast_until", .setup = setup,
     .thread = {wait_until_left, wait_for_leave, allow_and_broadcast, fire_until_one}, .check = nobody_waits,
     .random = 30000},
};

int main(int argc, char **argv) { return model_main(argc, argv, models, sizeof models / sizeof models[0]); }
