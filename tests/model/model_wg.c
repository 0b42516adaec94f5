/* SPDX-License-Identifier: MIT */
/* model_wg - wait groups: doers against waiters, and against the end of the object.
 * Checks: G1-G6 of sync/selection.h for waits with a deadline, and WG1-WG3 of sync/wg.c: a wait returns when the count is 0 and
 *         not before, nobody waits for ever, what was done is seen, and the object may be freed as soon as the last wait has
 *         returned.
 */
#include "waits.h"

#include "sync/wg.c"

#define DOERS 2

static mote_wg group;
static _Atomic uint32_t done[MODEL_THREADS]; /* what a doer did; relaxed, so that only the group orders it */
static _Atomic uint32_t waiting;             /* waits that haven't returned */

void msg_fatal(const char *format, ...) { model_fail("msg_fatal: %s", format); }

static void doer(void)
{
    atom_store_rlx(&done[model_self()], 1);
    mote_wg_done(&group);
}

static void wait_for_doers(void)
{
    mote_wg_wait(&group);
    for (int i = 0; i < DOERS; i++)
        MODEL_CHECK(atom_load_rlx(&done[i]) == 1);
}

static void wait_and_free(void)
{
    wait_for_doers();
    if (atom_sub_acq_rel(&waiting, 1) == 1)
        model_free(&group, sizeof group);
}

/* The next round begins at once. */
static void wait_and_go_again(void)
{
    wait_for_doers();
    mote_wg_add(&group, 1);
    mote_wg_done(&group);
    mote_wg_wait(&group);
    model_free(&group, sizeof group);
}

static void both(void)
{
    for (int i = 0; i < DOERS; i++) {
        atom_store_rlx(&done[i], 1);
        mote_wg_done(&group);
    }
}

/* A wait that is late uses the group until it has returned; one that isn't may free it. */
static void wait_until_and_free(void)
{
    int error = mote_wg_wait_until(&group, WAITS_DEADLINE);
    MODEL_CHECK(error == 0 || error == -ETIMEDOUT);
    if (error == 0)
        for (int i = 0; i < DOERS; i++)
            MODEL_CHECK(atom_load_rlx(&done[i]) == 1);
    if (atom_sub_acq_rel(&waiting, 1) != 1)
        return;
    if (error)
        mote_wg_wait(&group);
    model_free(&group, sizeof group);
}

static void check_blocks(void) { MODEL_CHECK(waits_out == 0); }

static void add_more(void)
{
    mote_wg_add(&group, 1);
    mote_wg_done(&group);
    doer();
}

static void setup_waits(uint32_t waits)
{
    waits_setup();
    memset(&group, 0, sizeof group);
    memset(done, 0, sizeof done);
    mote_wg_add(&group, DOERS);
    waiting = waits;
}

static void setup_one(void) { setup_waits(1); }

static void setup_two(void) { setup_waits(2); }

/* A doer is the soloist (base/lock.h). */
static void setup_biased(void)
{
    setup_waits(1);
    lock_bias_begin(&parked[0].self);
}

static const struct model models[] = {
    {.name = "one_waiter",
     .setup = setup_one,
     .thread = {doer, doer, wait_and_free},
     .entered = park_entered,
     .preemptions = 3,
     .mutants = MUTANT_MODIFY},
    {.name = "two_waiters",
     .setup = setup_two,
     .thread = {doer, doer, wait_and_free, wait_and_free},
     .entered = park_entered,
     .preemptions = 1},
    {.name = "two_waiters_chance",
     .setup = setup_two,
     .thread = {doer, doer, wait_and_free, wait_and_free},
     .entered = park_entered,
     .random = 50000},
    {.name = "adding",
     .setup = setup_one,
     .thread = {add_more, doer, wait_and_free},
     .entered = park_entered,
     .preemptions = 2},
    {.name = "again",
     .setup = setup_one,
     .thread = {doer, doer, wait_and_go_again},
     .entered = park_entered,
     .preemptions = 2},
    {.name = "until",
     .setup = setup_one,
     .thread = {both, wait_until_and_free, waits_fire},
     .check = check_blocks,
     .entered = park_entered,
     .preemptions = 2},
    {.name = "until_and_wait",
     .setup = setup_two,
     .thread = {both, wait_until_and_free, wait_and_free, waits_fire},
     .check = check_blocks,
     .entered = park_entered,
     .preemptions = 1},
    {.name = "until_chance",
     .setup = setup_two,
     .thread = {both, wait_until_and_free, wait_until_and_free, waits_fire},
     .check = check_blocks,
     .entered = park_entered,
     .random = 20000},
    {.name = "soloist",
     .setup = setup_biased,
     .thread = {doer, doer, wait_and_free},
     .entered = park_entered,
     .preemptions = 2,
     .mutants = MUTANT_HEAVY},
};

int main(int argc, char **argv) { return model_main(argc, argv, models, sizeof models / sizeof models[0]); }
