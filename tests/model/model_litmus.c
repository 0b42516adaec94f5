/* SPDX-License-Identifier: MIT */
/* model_litmus - the explorer's own test: what every textbook says about two threads and two words.
 * Checks: that the orders which forbid an outcome do forbid it, and that without them it is found (the mutants).
 */
#include "base/os.h"

#include "explore.h"

static _Atomic uint32_t x, y, sleeper;
static uint32_t seen[2];

static void setup(void)
{
    x = y = sleeper = 0;
    seen[0] = seen[1] = 1;
}

/* Store, then look at the other's. */
static void store_x_look_at_y(void)
{
    atom_store_rlx(&x, 1);
    atom_fence_seq();
    seen[0] = atom_load_rlx(&y);
}

static void store_y_look_at_x(void)
{
    atom_store_rlx(&y, 1);
    atom_fence_seq();
    seen[1] = atom_load_rlx(&x);
}

static void seq_x_look_at_y(void)
{
    atom_store_seq(&x, 1);
    seen[0] = atom_load_seq(&y);
}

static void seq_y_look_at_x(void)
{
    atom_store_seq(&y, 1);
    seen[1] = atom_load_seq(&x);
}

/* The same, with one side's fence left to the other. */
static void store_x_lightly(void)
{
    atom_store_rlx(&x, 1);
    atom_compiler_barrier();
    seen[0] = atom_load_rlx(&y);
}

static void store_y_heavily(void)
{
    atom_store_seq(&y, 1);
    os_barrier_heavy();
    seen[1] = atom_load_rlx(&x);
}

static void one_sees_the_other(void) { MODEL_CHECK(seen[0] || seen[1]); }

/* A message and a flag. */
static void send(void)
{
    atom_store_rlx(&x, 1);
    atom_store_rel(&y, 1);
}

static void receive(void)
{
    if (atom_load_acq(&y))
        MODEL_CHECK(atom_load_rlx(&x) == 1);
}

static void receive_waiting(void)
{
    while (!atom_load_acq(&y))
        cpu_relax();
    MODEL_CHECK(atom_load_rlx(&x) == 1);
}

static void add_two(void)
{
    atom_add_rlx(&x, 1);
    atom_add_rlx(&x, 1);
}

static void all_added(void) { MODEL_CHECK(x == 4); }

static void sleep_until_stored(void)
{
    while (!atom_load_acq(&sleeper))
        os_futex_wait(&sleeper, 0, INT64_MAX);
}

static void store_and_wake(void)
{
    atom_store_rel(&sleeper, 1);
    os_futex_wake(&sleeper, 1);
}

#define BASE .setup = setup, .preemptions = MODEL_ALL

static const struct model models[] = {
    {BASE, .name = "store_buffers", .thread = {store_x_look_at_y, store_y_look_at_x}, .check = one_sees_the_other,
     .mutants = MUTANT_FENCE},
    {BASE, .name = "store_buffers_seq", .thread = {seq_x_look_at_y, seq_y_look_at_x}, .check = one_sees_the_other,
     .mutants = MUTANT_SEQ},
    {BASE, .name = "asymmetric", .thread = {store_x_lightly, store_y_heavily}, .check = one_sees_the_other,
     .mutants = MUTANT_HEAVY},
    {BASE, .name = "message", .thread = {send, receive}, .mutants = MUTANT_RELEASE},
    {BASE, .name = "message_waiting", .thread = {send, receive_waiting}, .mutants = MUTANT_RELEASE},
    {BASE, .name = "add", .thread = {add_two, add_two}, .check = all_added, .mutants = MUTANT_MODIFY},
    {BASE, .name = "wake", .thread = {sleep_until_stored, store_and_wake}},
};

int main(int argc, char **argv) { return model_main(argc, argv, models, sizeof models / sizeof models[0]); }
