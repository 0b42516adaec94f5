/* SPDX-License-Identifier: MIT */
/* homes - what the models of homes have in common: workers that run tasks in them.
 * How:    a worker takes up tasks as sched/switch.c does: it acquires the home or leaves the task pending, changes the occupant, is
 *         in it for a while, and releases; tasks that come back from there go into the worker's own queue.
 */
#ifndef MODEL_HOMES_H
#define MODEL_HOMES_H

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
static inline void make_ready(struct task *list)
{
    struct task **end = &queue[model_self()];
    while (*end)
        end = &(*end)->next;
    *end = list;
}

static inline void make_one_ready(struct task *t)
{
    t->next = NULL;
    make_ready(t);
}

/* As prepare_new and refill_home do: the home is held. */
static inline void move_in(struct home *h, struct task *t)
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

static inline void run_inside(struct home *h, struct task *t)
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
static inline void run(struct task *t)
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

static inline void work(void)
{
    struct task **first = &queue[model_self()], *t;
    while ((t = *first)) {
        *first = t->next;
        run(t);
    }
}

/* As image_empty does. */
static inline void empty_home(struct home *h, void *arg)
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

static inline void trim_and_work(void)
{
    make_ready(home_trim_idle(&cache[model_self()], true, empty_home, NULL));
    work();
}

/* Who looks for any home leaves one that is held. */
static inline void take_and_work(void)
{
    struct home *h = try_to_share(&cache[model_self()], 0);
    if (h) {
        MODEL_CHECK(!inside[1]);
        model_point();
        MODEL_CHECK(!inside[1]);
        make_ready(home_release(h));
    }
    work();
}

/* A started task, parked in its home, or in its image when somebody else is there. */
static inline void place(int i, int home, int rounds, int worker)
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
static inline void add_new(int i, int rounds, int worker)
{
    plan[i].rounds = rounds;
    task[i].next = queue[worker];
    queue[worker] = &task[i];
}

static inline void setup_table(enum home_mode mode, unsigned count)
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

static inline void setup_turn(void)
{
    setup_table(HOME_PRIVATE, 2);
    place(0, 1, 2, 0);
    place(1, 2, 0, -1);
    add_new(2, 2, 1);
}

static inline void check(void)
{
    for (unsigned i = 1; i <= homes.copied; i++)
        MODEL_CHECK(!table[i].word && !table[i].running && !table[i].inside && !table[i].pending && !inside[i]);
    for (int i = 0; i < TASKS; i++)
        MODEL_CHECK(plan[i].rounds == 0);
}

#endif
