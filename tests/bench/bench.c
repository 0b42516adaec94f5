/* SPDX-License-Identifier: MIT */
/* bench - mote-bench: the same items, command line and output as its twin in go/.
 * Job:    run each named item (all but the on-demand ones when none is named) once at its short warm-up size, then five
 *         times; print the best.
 * Holds:  B1 an item does the work and divides by the count that its Go twin does; a change here is a change there. The
 *         items that Go has no twin for are fib_copied and the plain threads.
 *         B2 every item checks its result, so its work cannot be left out.
 *         B3 items run on the main task, which is pinned: they may lend their locals to the tasks they start.
 * Not here: the items (bench_*.c), comparing (compare). */
#include "bench.h"

#include <mote.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RUNS 5
#define MOST_NAMES 64

struct item {
    const char *name;
    long size;
    long warm; /* the size of the warm-up run */
    struct measured (*run)(long size);
    bool on_demand; /* run only when named */
};

static const struct item items[] = {
    {"yield", 1000000, 100000, bench_yield, false},
    {"chan_pingpong", 500000, 50000, bench_chan_pingpong, false},
    {"select_pingpong", 500000, 50000, bench_select_pingpong, false},
    {"chan_spsc", 5000000, 500000, bench_chan_spsc, false},
    {"chan_mpmc", 4000000, 400000, bench_chan_mpmc, false},
    {"spawn_wait", 1000000, 100000, bench_spawn_wait, false},
    {"spawn_batch", 1000, 100, bench_spawn_batch, false},
    {"group_go", 1000, 100, bench_group_go, false},
    {"fib", 27, 22, bench_fib, false},
    {"fib_copied", 27, 22, bench_fib_copied, false},
    {"ring_hop", 500, 50, bench_ring_hop, false},
    {"skynet", 1000000, 100000, bench_skynet, false},
    {"churn", 100000, 10000, bench_churn, false},
    {"churn_1m", 1000000, 100000, bench_churn, true},
    {"sleepers", 100000, 10000, bench_sleepers, false},
    {"ctx_cancel", 100000, 10000, bench_ctx_cancel, false},
    {"mutex_1", 10000000, 1000000, bench_mutex_1, false},
    {"mutex_4", 10000000, 1000000, bench_mutex_4, false},
    {"rwmutex_read", 10000000, 1000000, bench_rwmutex_read, false},
    {"cond_broadcast", 100000, 10000, bench_cond_broadcast, false},
    {"thread_spawn", 10000, 1000, bench_thread_spawn, false},
    {"thread_switch", 20000, 2000, bench_thread_switch, false},
};
#define ITEMS (sizeof items / sizeof items[0])

static struct {
    const char *procs; /* NULL: as many as mote chooses */
    bool json;
    bool list;
    int count;
    const struct item *chosen[MOST_NAMES];
} options;

void bench_check(bool ok, const char *what)
{
    if (ok)
        return;
    fflush(stdout);
    fprintf(stderr, "mote-bench: wrong result: %s\n", what);
    _Exit(1); /* from whatever task or thread found it */
}

static _Noreturn void usage(const char *problem, const char *word)
{
    fprintf(stderr, "mote-bench: %s%s\nusage: mote-bench [--procs P] [--json] [--list] [NAME...]\n", problem, word);
    exit(2);
}

static const struct item *find_item(const char *name)
{
    for (size_t i = 0; i < ITEMS; i++)
        if (strcmp(items[i].name, name) == 0)
            return &items[i];
    return NULL;
}

static void choose(const struct item *item)
{
    if (options.count == MOST_NAMES)
        usage("too many items", "");
    options.chosen[options.count++] = item;
}

static const char *parse_procs(const char *word)
{
    char *end;
    errno = 0;
    long procs = strtol(word, &end, 10);
    if (errno || *end || end == word || procs < 1 || procs > 1024)
        usage("--procs wants a number from 1 to 1024, not ", word);
    return word;
}

static void parse(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        const char *word = argv[i];
        if (strcmp(word, "--procs") == 0) {
            if (++i == argc)
                usage("--procs wants a number", "");
            options.procs = parse_procs(argv[i]);
        } else if (strcmp(word, "--json") == 0) {
            options.json = true;
        } else if (strcmp(word, "--list") == 0) {
            options.list = true;
        } else if (word[0] == '-') {
            usage("unknown option ", word);
        } else {
            const struct item *item = find_item(word);
            if (!item)
                usage("unknown item ", word);
            choose(item);
        }
    }
    if (options.count)
        return;
    for (size_t i = 0; i < ITEMS; i++)
        if (!items[i].on_demand)
            choose(&items[i]);
}

static double best(const struct item *item)
{
    double least = 0;
    item->run(item->warm);
    for (int i = 0; i < RUNS; i++) {
        struct measured m = item->run(item->size);
        double ns = (double)m.took / (double)m.ops;
        if (i == 0 || ns < least)
            least = ns;
    }
    return least;
}

static int run_items(int argc, char **argv)
{
    (void)argc, (void)argv;
    const char *form = options.json ? "{\"name\":\"%s\",\"procs\":%d,\"ns\":%.1f}\n" : "%s %d %.1f\n";
    for (int i = 0; i < options.count; i++) {
        double ns = best(options.chosen[i]);
        printf(form, options.chosen[i]->name, mote_procs(), ns);
        fflush(stdout);
    }
    return 0;
}

int main(int argc, char **argv)
{
    parse(argc, argv);
    if (options.list) {
        for (size_t i = 0; i < ITEMS; i++)
            puts(items[i].name);
        return 0;
    }
    if (options.procs)
        setenv("MOTE_PROCS", options.procs, 1);
    int status = mote_run(run_items, argc, argv);
    if (status < 0)
        fprintf(stderr, "mote-bench: mote_run: %s\n", strerror(-status));
    return status == 0 ? 0 : 1;
}
