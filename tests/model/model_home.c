/* SPDX-License-Identifier: MIT */
/* model_home - workers that want the same homes, while the table's mode turns.
 * Checks: S1, H1-H3 of stack/home.h: never two at once in a home, and who is in it shows as its holder; a task's bytes are where
 *         they should be; memory is given back only where nobody is; every task gets its turn, and at the end no home is held
 *         and no task left waiting.
 * How:    a worker takes up tasks as sched/switch.c does: it acquires the home or leaves the task pending, changes the occupant, is
 *         in it for a while, and releases; tasks that home.c hands back go into the worker's own queue.
 */
#include "reset.h"

#include "stack/hold.c"
#include "stack/home.c"

#include "explore.h"

#include <string.h>

#define HOMES (HOME_CACHE_MAX + 2)
#define TASKS 4

static struct home table[HOMES + 1];
static struct task task[TASKS];
static struct {
    int rounds;   /* left to run */
    bool ends;    /* after the last one, instead of parking */
    bool started; /* has bytes somewhere */
    bool copied;  /* they are in its image */
} plan[TASKS];
static struct task *inside[HOMES + 1]; /* who runs there */
static struct home_cache cache[MODEL_THREADS];
static struct task *queue[MODEL_THREADS];

/* No home is made: there are as many as the table may have. */
void *os_reserve(size_t bytes, size_t align) { return (void)bytes, (void)align, NULL; }
int os_commit(void *at, size_t bytes) { return (void)at, (void)bytes, -ENOMEM; }
void os_release(void *at, size_t bytes) { (void)at, (void)bytes; }
void os_no_huge(void *at, size_t bytes) { (void)at, (void)bytes; }

void os_discard(void *at, size_t bytes)
{
    for (int i = 1; i <= HOMES; i++)
        if (table[i].low == (char *)at)
            MODEL_CHECK(!inside[i]);
    (void)bytes;
}

/* Puts a list at the end of the worker's queue. */
static void make_ready(struct task *list)
{
    struct task **end = &queue[model_self()];
    while (*end)
        end = &(*end)->next;
    *end = list;
}

static void make_one_ready(struct task *t)
{
    t->next = NULL;
    make_ready(t);
}

/* As prepare_new and refill_home do: the home is held. */
static void move_in(struct home *h, struct task *t)
{
    int i = (int)(t - task);
    if (h->occupant == t) {
        MODEL_CHECK(!plan[i].copied);
        return;
    }
    if (h->occupant)
        plan[h->occupant - task].copied = true;
    MODEL_CHECK(!plan[i].started || plan[i].copied);
    plan[i].copied = false;
    plan[i].started = true;
    h->occupant = t;
    t->home = h->number;
}

static void run_inside(struct home *h, struct task *t)
{
    MODEL_CHECK(!inside[h->number]);
    inside[h->number] = t;
    move_in(h, t);
    model_point();
    MODEL_CHECK(inside[h->number] == t && h->occupant == t);
    MODEL_CHECK(atom_load_rlx(&h->running) || atom_load_rlx(&h->word) || atom_load_rlx(&h->inside)); /* H1 */
    t->sp = h->top - 100;
    inside[h->number] = NULL;
}

/* One round of a task, from taking it up to what follows its switch out. */
static void run(struct task *t)
{
    struct home *h;
    int self = model_self(), i = (int)(t - task);
    if (!t->home) {
        h = home_take(&cache[self]);
        if (!h) {
            if (!queue[self])
                model_pause();
            make_one_ready(t);
            return;
        }
    } else {
        h = home_of(t);
        if (!home_acquire(&cache[self], h)) {
            make_ready(home_pend(h, t));
            return;
        }
    }
    run_inside(h, t);
    bool more = --plan[i].rounds > 0;
    make_ready(plan[i].ends && !more ? home_vacate(&cache[self], h) : home_release(h));
    if (more)
        make_one_ready(t);
}

static void work(void)
{
    struct task **first = &queue[model_self()], *t;
    while ((t = *first)) {
        *first = t->next;
        run(t);
    }
}

/* As image_empty does. */
static void empty_home(struct home *h, void *arg)
{
    (void)arg;
    MODEL_CHECK(!inside[h->number]);
    model_point();
    MODEL_CHECK(!inside[h->number] &&
                (atom_load_rlx(&h->word) || atom_load_rlx(&h->running) || atom_load_rlx(&h->inside))); /* H1 */
    if (h->occupant)
        plan[h->occupant - task].copied = true;
    h->occupant = NULL;
    home_empty(h);
}

static void trim_and_work(void)
{
    make_ready(home_trim_idle(&cache[model_self()], true, empty_home, NULL));
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

/* A started task, parked in its home, or in its image when somebody else is there. */
static void place(int i, int home, int rounds, int worker)
{
    struct home *h = &table[home];
    task[i].home = (uint16_t)home;
    task[i].sp = h->top - 100;
    plan[i].started = true;
    plan[i].rounds = rounds;
    plan[i].copied = h->occupant != NULL;
    if (!h->occupant)
        h->occupant = &task[i];
    if (worker >= 0) {
        task[i].next = queue[worker];
        queue[worker] = &task[i];
    }
}

/* A task that hasn't run. */
static void add_new(int i, int rounds, int worker)
{
    plan[i].rounds = rounds;
    task[i].next = queue[worker];
    queue[worker] = &task[i];
}

static void setup_table(enum home_mode mode, unsigned count)
{
    memset(&homes, 0, sizeof homes);
    reset_bias();
    memset(table, 0, sizeof table);
    memset(task, 0, sizeof task);
    memset(plan, 0, sizeof plan);
    memset(inside, 0, sizeof inside);
    memset(cache, 0, sizeof cache);
    memset(queue, 0, sizeof queue);
    homes.at = table;
    homes.size = (size_t)1 << 20;
    homes.cap = count;
    homes.copied = count;
    homes.mode = mode;
    for (unsigned i = 1; i <= count; i++) {
        table[i].number = (uint16_t)i;
        table[i].low = (char *)((uintptr_t)i << 24);
        table[i].top = table[i].low + homes.size;
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

static void setup_turn(void)
{
    setup_table(HOME_PRIVATE, 2);
    place(0, 1, 2, 0);
    place(1, 2, 0, -1);
    add_new(2, 2, 1);
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

static void check(void)
{
    for (unsigned i = 1; i <= homes.copied; i++)
        MODEL_CHECK(!table[i].word && !table[i].running && !table[i].inside && !table[i].pending && !inside[i]);
    for (int i = 0; i < TASKS; i++)
        MODEL_CHECK(plan[i].rounds == 0);
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
    {.name = "turn_biased", .setup = setup_turn_biased, .thread = {work, work}, .check = check, .preemptions = 2},
    {.name = "bias_given_up", .setup = setup_bias_begins, .thread = {retire, work}, .check = check, .preemptions = 3},
    {.name = "chance_bias", .setup = setup_biased_three, .thread = {work, work, work}, .check = check, .random = 50000},
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
