/* SPDX-License-Identifier: MIT */
/* unbounded - a task for each item of a huge input is cheap to write and dear to run: memory grows with the input. Two ways to
 * bound it, so that memory depends on the bound alone, and the producer waits when the consumers are behind.
 *
 *     unbounded [--items N] [--limit L]
 */
#include <mote.h>

#include <getopt.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static long items = 100000, limit = 1000;

/* Of the run under way; alive counts items that have been taken in and not yet been dealt with. */
static atomic_long alive, most, sum;

static void take_in(void)
{
    long now = ++alive, before = most;
    while (now > before && !atomic_compare_exchange_weak(&most, &before, now))
        ;
}

/* A request to somebody else, say: little work, and some waiting. */
static void deal_with(long item)
{
    volatile char buffer[512]; /* what each has on its stack meanwhile */
    buffer[0] = (char)item;
    mote_sleep(5 * MOTE_MS);
    sum += item + buffer[0] - (char)item;
    alive--;
}

/* Wrong: nothing holds the loop back, so nearly all of the input may be in memory at once. */
static void one(long item, mote_wg *ended)
{
    deal_with(item);
    mote_wg_done(ended);
}

static void without_bound(mote_wg *ended)
{
    for (long i = 0; i < items; i++) {
        take_in();
        mote_go(one, i, ended);
    }
}

/* Right: still a task for each item, but only so many at a time. The loop takes a unit, the task gives it back. */
static void one_of_few(long item, mote_wg *ended, mote_sem *units)
{
    deal_with(item);
    mote_sem_release(units, 1);
    mote_wg_done(ended);
}

static mote_sem units;

static void with_semaphore(mote_wg *ended)
{
    for (long i = 0; i < items; i++) {
        mote_sem_acquire(&units, 1); /* waits here: that is the backpressure */
        take_in();
        mote_go(one_of_few, i, ended, &units);
    }
}

/* Right: a few tasks that live for the whole input, and a channel. A full channel holds the loop back. */
static void worker(mote_chan(long) input, mote_wg *ended)
{
    mote_chan_range (input, item) {
        deal_with(item);
        mote_wg_done(ended);
    }
    mote_chan_free(input);
}

static void with_channel(mote_wg *ended)
{
    mote_chan(long) input = mote_chan_make(long, (size_t)(limit / 2));
    long workers =
        limit - limit / 2 - 1; /* with what the channel holds, and the one in the loop's hand: limit in all */
    for (long i = 0; i < (workers ? workers : 1); i++)
        mote_go(worker, mote_chan_ref(input), ended);
    for (long i = 0; i < items; i++) {
        take_in();
        mote_send(input, i);
    }
    mote_chan_close(input);
    mote_chan_free(input);
}

static long resident_kb(void)
{
    long pages = 0;
    FILE *f = fopen("/proc/self/statm", "re");
    if (f && fscanf(f, "%*d %ld", &pages) != 1)
        pages = 0;
    if (f)
        fclose(f);
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

/* False: too much at once, or not everything. */
static bool measure(const char *how, void (*run)(mote_wg *ended), long bound)
{
    mote_wg ended = {0}; /* main is pinned */
    long before = resident_kb();
    alive = most = sum = 0;
    mote_wg_add(&ended, (int)items);
    run(&ended);
    long grown = resident_kb() - before; /* at its most: everything is taken in */
    mote_wg_wait(&ended);
    printf("%-15s %8ld items at once, %7ld kB more\n", how, most, grown);
    return most <= bound && sum == items * (items - 1) / 2;
}

static int app(int argc, char **argv)
{
    (void)argc, (void)argv;
    units = (mote_sem)MOTE_SEM(limit);
    bool good = measure("by semaphore:", with_semaphore, limit);
    good &= measure("by channel:", with_channel, limit < 3 ? 3 : limit);
    good &= measure("without bound:", without_bound, items); /* last, so that it is charged with its own memory */
    return good ? 0 : 1;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"items", 1, NULL, 'i'}, {"limit", 1, NULL, 'l'}, {0}};
    char *end = "";
    bool good = true;
    for (int c; good && (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        long n = c == '?' ? 0 : strtol(optarg, &end, 10);
        *(c == 'i' ? &items : &limit) = n;
        good = n > 0 && n <= 100000000 && !*end;
    }
    if (!good || optind < argc) {
        fprintf(stderr, "usage: unbounded [--items N] [--limit L]\n");
        return 2;
    }
    return mote_run(app, argc, argv) == 0 ? 0 : 1;
}
