/* SPDX-License-Identifier: MIT */
/* search - which executions of a model to run, and what to say about them.
 * Job:    depth first through all lists of choices, or by chance; the report of a failure with every step told; main.
 * Holds:  E3. Chance begins with the same seed at every run, unless --seed says another.
 * Source: Musuvathi and Qadeer, "Iterative context bounding for systematic testing of multithreaded programs", 2007.
 */
#include "engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHOICES 20000
#define LIMIT 3000000 /* executions: a model that needs more is too large to be searched */

enum mode { SEARCH, CHANCE };

/* A place in the list of choices. */
struct choice {
    uint8_t taken, of;
};

static struct {
    enum mode mode;
    struct choice list[CHOICES];
    int length, at;
    uint64_t random;
    unsigned mutants;
    bool too_large;
} s;

struct options {
    unsigned mutant;
    const char *only;
    unsigned random, seed;
};

static const struct {
    const char *name;
    enum model_mutant mutant;
} mutants[] = {{"fence", MUTANT_FENCE},
               {"heavy", MUTANT_HEAVY},
               {"seq", MUTANT_SEQ},
               {"release", MUTANT_RELEASE},
               {"modify", MUTANT_MODIFY}};

#define MUTANT_COUNT (sizeof mutants / sizeof mutants[0])

bool model_mutant(enum model_mutant mutant) { return (s.mutants & mutant) != 0; }

static uint64_t next_random(void)
{
    s.random ^= s.random << 13;
    s.random ^= s.random >> 7;
    s.random ^= s.random << 17;
    return s.random >> 11;
}

int search_choose(int n, int of)
{
    if (n < 2)
        return 0;
    if (s.at == CHOICES)
        model_fail("more than %d choices", CHOICES);
    struct choice *c = &s.list[s.at];
    if (s.at == s.length) {
        *c = (struct choice){0, (uint8_t)of};
        if (s.mode == CHANCE && next_random() % 4 == 0)
            c->taken = (uint8_t)(next_random() % (unsigned)n);
        s.length++;
    }
    s.at++;
    return c->taken < n ? c->taken : 0;
}

int model_choose(int n) { return search_choose(n, n); }

/* The next list of the search. False: that was the last. */
static bool next_list(void)
{
    if (s.length > s.at)
        s.length = s.at;
    while (s.length && s.list[s.length - 1].taken + 1 >= s.list[s.length - 1].of)
        s.length--;
    if (!s.length)
        return false;
    s.list[s.length - 1].taken++;
    return true;
}

static bool run(const struct model *m)
{
    s.at = 0;
    return explore_run(m);
}

/* One execution. What failed before all shared words were known is worth nothing: it is run again, as another. */
static bool holds(const struct model *m, bool *learned)
{
    bool held = run(m);
    *learned = memory_learned();
    return held || *learned;
}

static bool search(const struct model *m, unsigned long *executions)
{
    bool learned;
    s.mode = SEARCH;
    s.length = 0;
    for (*executions = 1;; ++*executions) {
        if (!holds(m, &learned))
            return false;
        if (learned)
            s.length = 0, *executions = 0;
        else if (!next_list())
            return true;
        if (*executions == LIMIT) {
            s.too_large = true;
            return false;
        }
    }
}

static bool by_chance(const struct model *m, unsigned runs, unsigned seed, unsigned long *executions)
{
    bool learned;
    s.mode = CHANCE;
    s.random = 0x9e3779b97f4a7c15u + seed;
    for (*executions = 0; *executions < runs;) {
        s.length = 0;
        ++*executions;
        if (!holds(m, &learned))
            return false;
        if (learned)
            *executions = 0;
    }
    return true;
}

/* Runs the failed execution again, with every step told. */
static void report(const struct model *m)
{
    printf("%s fails: %s\nchoices: ", m->name, explore_failure());
    s.length = s.at;
    for (int i = 0; i < s.length; i++)
        printf("%d", s.list[i].taken);
    printf("\n");
    explore_tell(true);
    run(m);
    explore_tell(false);
}

static bool run_model(const struct model *m, const struct options *o)
{
    unsigned long executions = 0;
    s.mutants = o->mutant;
    s.too_large = false;
    memory_forget();
    unsigned random = o->random ? o->random : m->random;
    bool held = random ? by_chance(m, random, o->seed, &executions) : search(m, &executions);
    if (!held && !o->mutant && !s.too_large)
        report(m);
    printf("%s: %s after %lu executions", m->name,
           s.too_large ? "too large, stopped"
           : held      ? "holds"
                       : "fails",
           executions);
    if (random)
        printf(" by chance\n");
    else if (m->preemptions < MODEL_ALL)
        printf(", all with up to %d preemptions\n", m->preemptions);
    else
        printf(", all\n");
    return !s.too_large && held == !o->mutant;
}

static int usage(const char *program)
{
    printf("usage: %s [--mutant NAME] [--only MODEL] [--random RUNS] [--seed NUMBER]\nmutants:", program);
    for (size_t i = 0; i < MUTANT_COUNT; i++)
        printf(" %s", mutants[i].name);
    printf("\n");
    return 2;
}

static bool parse(struct options *o, int argc, char **argv)
{
    for (int i = 1; i + 1 < argc; i += 2) {
        const char *value = argv[i + 1];
        if (strcmp(argv[i], "--mutant") == 0)
            for (size_t j = 0; j < MUTANT_COUNT; j++)
                o->mutant |= strcmp(value, mutants[j].name) == 0 ? mutants[j].mutant : 0;
        else if (strcmp(argv[i], "--only") == 0)
            o->only = value;
        else if (strcmp(argv[i], "--seed") == 0)
            o->seed = (unsigned)strtoul(value, NULL, 10);
        else if (strcmp(argv[i], "--random") == 0)
            o->random = (unsigned)strtoul(value, NULL, 10);
        else
            return false;
        if (strcmp(argv[i], "--mutant") == 0 && !o->mutant)
            return false;
    }
    return argc % 2 == 1;
}

int model_main(int argc, char **argv, const struct model *models, int count)
{
    struct options o = {0};
    if (!parse(&o, argc, argv))
        return usage(argv[0]);
    int ran = 0, bad = 0;
    for (int i = 0; i < count; i++) {
        const struct model *m = &models[i];
        if ((o.only && strcmp(o.only, m->name) != 0) || (o.mutant && !o.only && !(m->mutants & o.mutant)))
            continue;
        ran++;
        bad += !run_model(m, &o);
    }
    if (!ran)
        printf("no model of that name, or none that must catch this mutant\n");
    return ran && !bad ? 0 : 1;
}
