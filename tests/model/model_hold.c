/* SPDX-License-Identifier: MIT */
/* model_hold - workers that want the same homes, which are biased to one of them, or become so.
 * Checks: as model_home, in mode SHARED.
 */
#include "homes.h"

/* Holds it by word in spite of the bias, as after a moment in which another one has had the word in vain. */
static void hold_and_work(void)
{
    int self = model_self();
    if (acquire_by_word(&table[1], cache[self].self))
        make_ready(home_release(&table[1]));
    work();
}

/* Each is a proc's. */
static void setup_procs(unsigned count, unsigned streak)
{
    setup_table(HOME_SHARED, count);
    homes.streak = streak;
    for (int i = 0; i < MODEL_THREADS; i++)
        homes.of[cache[i].self = (uint16_t)(i + 1)] = &cache[i];
}

/* Home 1 is thread 0's by bias, and thread 1 has a task there. */
static void setup_biased(void)
{
    setup_procs(1, 0);
    table[1].bias = table[1].user = 1;
    place(0, 1, 2, 0);
    place(1, 1, 1, 1);
}

/* Thread 0 holds it twice in a row, and again. */
static void setup_bias_begins(void)
{
    setup_procs(1, 1);
    place(0, 1, 3, 0);
    place(1, 1, 1, 1);
}

/* It goes to and fro. */
static void setup_bias_moves(void)
{
    setup_procs(1, 1);
    place(0, 1, 3, 0);
    place(1, 1, 3, 1);
}

static void setup_biased_three(void)
{
    setup_procs(1, 1);
    table[1].bias = table[1].user = 1;
    for (int i = 0; i < 3; i++)
        place(i, 1, 1, i);
}

/* New tasks look for homes, among them one that is biased to another. */
static void setup_biased_new(void)
{
    setup_procs(2, 1);
    table[1].bias = table[1].user = 1;
    place(0, 1, 2, 0);
    place(1, 2, 0, -1);
    add_new(2, 2, 1);
}

/* Thread 0's task is in its home, by bias; thread 1 would have it for a new task. */
static void setup_biased_take(void)
{
    setup_procs(1, 1);
    table[1].bias = table[1].user = 1;
    place(0, 1, 1, 0);
}

/* The same the other way round. */
static void setup_biased_taker(void)
{
    setup_procs(1, 1);
    table[1].bias = table[1].user = 2;
    place(0, 1, 2, 0);
}

/* The mode turns meanwhile, and a bias begins. */
static void setup_turn_biased(void)
{
    setup_turn();
    homes.streak = 1;
    for (int i = 0; i < MODEL_THREADS; i++)
        homes.of[cache[i].self = (uint16_t)(i + 1)] = &cache[i];
    plan[2].rounds = 3;
}

static void retire(void)
{
    work();
    home_cache_flush(&cache[model_self()]);
}

static const struct model models[] = {
    {.name = "biased",
     .setup = setup_biased,
     .thread = {work, work},
     .check = check,
     .preemptions = 4,
     .mutants = MUTANT_HEAVY},
    {.name = "bias_begins",
     .setup = setup_bias_begins,
     .thread = {work, work},
     .check = check,
     .preemptions = 4,
     .mutants = MUTANT_HEAVY | MUTANT_FENCE},
    {.name = "bias_moves", .setup = setup_bias_moves, .thread = {work, work}, .check = check, .preemptions = 3},
    {.name = "biased_three",
     .setup = setup_biased_three,
     .thread = {work, work, work},
     .check = check,
     .preemptions = 2},
    {.name = "biased_new", .setup = setup_biased_new, .thread = {work, work}, .check = check, .preemptions = 3},
    {.name = "biased_trim",
     .setup = setup_bias_begins,
     .thread = {work, trim_and_work},
     .check = check,
     .preemptions = 3},
    {.name = "biased_take",
     .setup = setup_biased_take,
     .thread = {work, take_and_work},
     .check = check,
     .preemptions = 4,
     .mutants = MUTANT_FENCE},
    {.name = "biased_taker",
     .setup = setup_biased_taker,
     .thread = {work, take_and_work},
     .check = check,
     .preemptions = 4,
     .mutants = MUTANT_FENCE},
    {.name = "bias_anew",
     .setup = setup_biased_take,
     .thread = {hold_and_work, take_and_work},
     .check = check,
     .preemptions = 4},
    {.name = "turn_biased", .setup = setup_turn_biased, .thread = {work, work}, .check = check, .preemptions = 2},
    {.name = "bias_given_up", .setup = setup_bias_begins, .thread = {retire, work}, .check = check, .preemptions = 3},
    {.name = "chance_bias", .setup = setup_biased_three, .thread = {work, work, work}, .check = check, .random = 50000},
};

int main(int argc, char **argv) { return model_main(argc, argv, models, sizeof models / sizeof models[0]); }
