/* SPDX-License-Identifier: MIT */
/* model_fresh - the deque of new tasks: its owner against thieves.
 * Checks: F1-F3 of sched/fresh.h: every task is taken exactly once and none is lost; thieves get the oldest first.
 */
#include "sched/fresh.c"

#include "explore.h"

#include <string.h>

#define TASKS 5

static struct task task[TASKS];
static struct fresh deque;
static unsigned taken[TASKS];
static int pushed, last[MODEL_THREADS];

static int take(struct task *t)
{
    int i = (int)(t - task);
    MODEL_CHECK(i >= 0 && i < pushed && taken[i] == 0);
    taken[i] = 1;
    return i;
}

static void push(void)
{
    pushed++; /* before it is published */
    if (!fresh_push_owner(&deque, &task[pushed - 1]))
        pushed--;
}

static void pop(void)
{
    struct task *t = fresh_pop_owner(&deque, false);
    if (t)
        take(t);
}

static void steal(void)
{
    struct task *t = fresh_steal(&deque);
    int self = model_self(), i = t ? take(t) : TASKS;
    MODEL_CHECK(i > last[self]);
    last[self] = t ? i : last[self];
}

static void steal_twice(void)
{
    steal();
    steal();
}

static void push_and_pop(void) { push(), pop(); }

static void push_two(void) { push(), push(), pop(), pop(); }

static void push_more(void) { push(), push(), pop(), push(), pop(), pop(); }

static void pop_oldest(void)
{
    struct task *t = fresh_pop_oldest_owner(&deque, false);
    int i = t ? take(t) : TASKS;
    for (int k = 0; t && k < i; k++)
        MODEL_CHECK(taken[k]); /* thieves take the oldest, too */
}

/* Oldest first (N4 of sched/worker.c), then not any more. */
static void push_and_pop_oldest(void)
{
    push(), push(), push();
    pop_oldest(), pop_oldest();
    push();
    pop();
}

/* The owner takes the oldest now and then (N2 of sched/worker.c). */
static void take_oldest(void)
{
    push(), push();
    steal();
    pop();
}

static void push_four(void)
{
    push(), push(), push(), push(), push();
    MODEL_CHECK(fresh_length(&deque) <= deque.capacity);
    pop(), pop();
}

static void setup_deque(int64_t capacity)
{
    memset(&deque, 0, sizeof deque);
    memset(taken, 0, sizeof taken);
    deque.capacity = capacity;
    pushed = 0;
    for (int i = 0; i < MODEL_THREADS; i++)
        last[i] = -1;
}

static void setup_two(void) { setup_deque(2); }

static void setup_four(void) { setup_deque(4); }

static void check(void)
{
    struct task *t;
    while ((t = fresh_pop_owner(&deque, true)))
        take(t);
    for (int i = 0; i < pushed; i++)
        MODEL_CHECK(taken[i]);
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
     .thread = {push_more, steal_twice},
     .check = check,
     .preemptions = 4,
     .mutants = MUTANT_FENCE | MUTANT_RELEASE | MUTANT_MODIFY},
    {.name = "two_thieves",
     .setup = setup_two,
     .thread = {push_two, steal, steal},
     .check = check,
     .preemptions = 3,
     .mutants = MUTANT_FENCE | MUTANT_MODIFY},
    {.name = "oldest", .setup = setup_two, .thread = {take_oldest, steal_twice}, .check = check, .preemptions = 3},
    {.name = "in_order",
     .setup = setup_four,
     .thread = {push_and_pop_oldest, steal_twice},
     .check = check,
     .preemptions = 4,
     .mutants = MUTANT_FENCE | MUTANT_RELEASE | MUTANT_MODIFY},
    {.name = "in_order_2",
     .setup = setup_two,
     .thread = {push_and_pop_oldest, steal, steal},
     .check = check,
     .preemptions = 3},
    {.name = "four", .setup = setup_four, .thread = {push_four, steal_twice, steal}, .check = check, .preemptions = 2},
};

int main(int argc, char **argv) { return model_main(argc, argv, models, sizeof models / sizeof models[0]); }
