/* SPDX-License-Identifier: MIT */
/* model_runq - the ring of woken tasks: its owner against thieves.
 * Checks: Q1-Q3 of sched/runq.h: every task is taken exactly once, none is lost, and each taker gets them in their order.
 */
#include "sched/runq.c"

#include "explore.h"

#include <string.h>

#define TASKS 6

static struct task task[TASKS];
static struct runq ring, loot[MODEL_THREADS]; /* loot[i]: where thread i steals to */
static unsigned taken[TASKS];
static int last[MODEL_THREADS];
static int pushed;

static void take(struct task *t)
{
    int i = (int)(t - task), self = model_self();
    MODEL_CHECK(i >= 0 && i < TASKS && taken[i] == 0);
    MODEL_CHECK(i > last[self]);
    taken[i] = 1;
    last[self] = i;
}

static bool push(void)
{
    if (!runq_push_owner(&ring, &task[pushed]))
        return false;
    pushed++;
    return true;
}

static void pop(void)
{
    struct task *t = runq_pop_owner(&ring, false);
    if (t)
        take(t);
}

static void halve(void)
{
    struct task *t, *end;
    uint32_t n, seen = 0;
    for (t = runq_halve_owner(&ring, &end, &n); t; t = t->next, seen++) {
        take(t);
        MODEL_CHECK(seen < n && (t->next != NULL) == (t != end));
    }
}

static void push_and_pop(void) { push(), push(), pop(); }

static void fill_and_pop(void)
{
    push(), push(), pop(), push(), pop();
    MODEL_CHECK(runq_length(&ring) <= ring.capacity);
}

/* As a spill does: half of a full ring is taken out, then there is room, unless a thief was faster and made some. */
static void fill_and_halve(void)
{
    while (pushed < TASKS && push())
        ;
    halve();
    if (pushed < TASKS)
        MODEL_CHECK(push());
    pop();
}

static void steal(void)
{
    struct runq *to = &loot[model_self()];
    struct task *t;
    runq_steal(&ring, to);
    while ((t = runq_pop_owner(to, false)))
        take(t);
}

static void steal_twice(void)
{
    steal();
    steal();
}

static void setup_ring(uint32_t capacity)
{
    memset(&ring, 0, sizeof ring);
    memset(loot, 0, sizeof loot);
    memset(taken, 0, sizeof taken);
    ring.capacity = capacity;
    pushed = 0;
    for (int i = 0; i < MODEL_THREADS; i++) {
        loot[i].capacity = capacity;
        last[i] = -1;
    }
}

static void setup_two(void) { setup_ring(2); }

static void setup_four(void) { setup_ring(4); }

/* The indices are about to wrap. */
static void setup_wrap(void)
{
    setup_ring(2);
    ring.head = ring.tail = UINT32_MAX;
}

static void check(void)
{
    struct task *t;
    while ((t = runq_pop_owner(&ring, true)))
        taken[t - task]++;
    for (int i = 0; i < TASKS; i++)
        MODEL_CHECK(taken[i] == (i < pushed));
}

static const struct model models[] = {
    {.name = "small",
     .setup = setup_two,
     .thread = {push_and_pop, steal},
     .check = check,
     .preemptions = MODEL_ALL,
     .mutants = MUTANT_RELEASE | MUTANT_MODIFY},
    {.name = "one_thief",
     .setup = setup_two,
     .thread = {fill_and_pop, steal_twice},
     .check = check,
     .preemptions = 4,
     .mutants = MUTANT_RELEASE | MUTANT_MODIFY},
    {.name = "two_thieves",
     .setup = setup_two,
     .thread = {fill_and_pop, steal, steal},
     .check = check,
     .preemptions = 3,
     .mutants = MUTANT_MODIFY},
    {.name = "halve",
     .setup = setup_four,
     .thread = {fill_and_halve, steal_twice},
     .check = check,
     .preemptions = 3,
     .mutants = MUTANT_MODIFY},
    {.name = "halve_two_thieves",
     .setup = setup_four,
     .thread = {fill_and_halve, steal, steal},
     .check = check,
     .preemptions = 2},
    {.name = "wrap", .setup = setup_wrap, .thread = {fill_and_pop, steal_twice}, .check = check, .preemptions = 4},
};

int main(int argc, char **argv) { return model_main(argc, argv, models, sizeof models / sizeof models[0]); }
