/* SPDX-License-Identifier: MIT */
/* model_home - workers that want the same homes, while the table's mode turns.
 * Checks: S1, H1-H3 of stack/home.h: never two at once in a home, and who is in it shows as its holder; a task's bytes are where
 *         they should be; memory is given back only where nobody is; every task gets its turn, and at the end no home is held
 *         and no task left waiting.
 */
#include "homes.h"

static void turn_and_work(void)
{
    lock_take(&homes.lock);
    turn_mode(HOME_SHARED);
    lock_drop(&homes.lock);
    work();
}

/* Takes new homes until it has the one that thread 0 gives back. */
static void take_vacated(void)
{
    struct home_cache *c = &cache[model_self()];
    struct home *h;
    while ((h = home_pop_spare(c, false)) || refill(c, false))
        if (h && h->number == 1) {
            h->next_spare = c->spare[0];
            c->spare[0] = h;
            c->count[0]++;
            run(&task[1]);
            return;
        }
}

static void setup_shared(void)
{
    setup_table(HOME_SHARED, 1);
    place(0, 1, 2, 0);
    place(1, 1, 2, 1);
}

static void setup_shared_three(void)
{
    setup_table(HOME_SHARED, 1);
    for (int i = 0; i < 3; i++)
        place(i, 1, 1, i);
}

static void setup_turn_two(void)
{
    setup_table(HOME_PRIVATE, 2);
    place(0, 1, 1, 0);
    place(1, 2, 0, -1);
    add_new(2, 1, 1);
    add_new(3, 1, 2);
}

/* Both homes are wanted by their own tasks and by a new one. */
static void setup_turn_both(void)
{
    setup_table(HOME_PRIVATE, 2);
    place(0, 1, 1, 0);
    place(1, 2, 1, 1);
    add_new(2, 2, 2);
}

static void setup_trim(void)
{
    setup_table(HOME_PRIVATE, 2);
    place(0, 1, 2, 0);
    place(1, 2, 1, 1);
}

static void setup_trim_turn(void)
{
    setup_table(HOME_PRIVATE, 2);
    place(0, 1, 2, 0);
    place(1, 2, 0, -1);
    add_new(2, 1, 2);
}

static void setup_trim_shared(void)
{
    setup_table(HOME_SHARED, 2);
    place(0, 1, 2, 0);
    place(1, 2, 1, 1);
}

/* Thread 0's task ends, and its home is one too many for its cache. */
static void setup_vacate(void)
{
    setup_table(HOME_PRIVATE, HOME_CACHE_MAX + 1);
    place(0, 1, 1, 0);
    plan[0].ends = true;
    for (int i = 2; i <= HOME_CACHE_MAX + 1; i++) {
        table[i].next_spare = cache[0].spare[0];
        cache[0].spare[0] = &table[i];
        cache[0].count[0]++;
    }
    plan[1].rounds = 1;
}

static void setup_end(void)
{
    setup_turn();
    plan[0].ends = plan[2].ends = true;
}

/* The mode turns while thread 1 tries the only home. */
static void setup_turn_taker(void)
{
    setup_table(HOME_PRIVATE, 1);
    place(0, 1, 2, 0);
}

/* Thread 1 may have come too early to find the home. */
static void check_vacate(void)
{
    plan[1].rounds = 0;
    check();
}

static const struct model models[] = {
    {.name = "shared",
     .setup = setup_shared,
     .thread = {work, work},
     .check = check,
     .preemptions = 4,
     .mutants = MUTANT_FENCE | MUTANT_MODIFY},
    {.name = "shared_three",
     .setup = setup_shared_three,
     .thread = {work, work, work},
     .check = check,
     .preemptions = 2},
    {.name = "turn",
     .setup = setup_turn,
     .thread = {work, work},
     .check = check,
     .preemptions = 3,
     .mutants = MUTANT_HEAVY},
    {.name = "turn_two", .setup = setup_turn_two, .thread = {work, work, work}, .check = check, .preemptions = 2},
    {.name = "turn_both", .setup = setup_turn_both, .thread = {work, work, work}, .check = check, .preemptions = 2},
    {.name = "trim",
     .setup = setup_trim,
     .thread = {work, trim_and_work},
     .check = check,
     .preemptions = 3,
     .mutants = MUTANT_HEAVY},
    {.name = "trim_turn",
     .setup = setup_trim_turn,
     .thread = {work, trim_and_work, work},
     .check = check,
     .preemptions = 2},
    {.name = "trim_shared",
     .setup = setup_trim_shared,
     .thread = {work, trim_and_work},
     .check = check,
     .preemptions = 3},
    {.name = "turn_taker",
     .setup = setup_turn_taker,
     .thread = {turn_and_work, take_and_work},
     .check = check,
     .preemptions = 4,
     .mutants = MUTANT_FENCE},
    {.name = "end", .setup = setup_end, .thread = {work, work}, .check = check, .preemptions = 3},
    {.name = "vacate", .setup = setup_vacate, .thread = {work, take_vacated}, .check = check_vacate, .preemptions = 2},
    {.name = "chance_turn", .setup = setup_turn_both, .thread = {work, work, work}, .check = check, .random = 50000},
    {.name = "chance_trim",
     .setup = setup_trim_turn,
     .thread = {work, trim_and_work, work},
     .check = check,
     .random = 50000},
};

int main(int argc, char **argv) { return model_main(argc, argv, models, sizeof models / sizeof models[0]); }
