/* SPDX-License-Identifier: MIT */
/* unbounded - a task for each item of a huge input is cheap to write and dear to run: memory grows with the input. Two ways to
 * bound it, so that memory depends on the bound alone, and the producer waits when the consumers are behind.
 *
 *     unbounded [--items N] [--limit L] [--takes MS]
 *
 * The wrong way must exceed the limit L (1000), and the right ways must not. */
#include <mote.h>

#include "program.h"

#include <errno.h>
#include <getopt.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

static long items = 100000, limit = 1000, takes = 5;

/* Of the run under way; alive counts items that have been taken in and not yet been dealt with. */
static atomic_long alive, most, sum;
static mote_group tasks;

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
    mote_sleep(takes * MOTE_MS);
    sum += item + buffer[0] - (char)item;
    alive--;
}

/* Wrong: nothing holds the loop back, so nearly all of the input may be in memory at once. */
static int without_bound(void)
{
    int error = 0;
    for (long i = 0; i < items && error == 0; i++) {
        take_in();
        error = mote_group_go(&tasks, deal_with, i);
    }
    return error;
}

/* Right: still a task for each item, but only so many at a time. The loop takes a unit, the task gives it back. */
static mote_sem units;

static void one_of_few(long item)
{
    deal_with(item);
    mote_sem_release(&units, 1);
}

static int with_semaphore(void)
{
    int error = 0;
    units = (mote_sem)MOTE_SEM(limit);
    for (long i = 0; i < items && error == 0; i++) {
        mote_sem_acquire(&units, 1); /* waits here: that is the backpressure */
        take_in();
        error = mote_group_go(&tasks, one_of_few, i);
    }
    return error;
}

/* Right: a few tasks that live for the whole input, and a channel. A full channel holds the loop back. */
static void worker(mote_chan(long) input)
{
    mote_chan_range (input, item)
        deal_with(item);
}

static int with_channel(void)
{
    long room = limit / 2, workers = limit - room - 1; /* and one item in the loop's hand: limit in all */
    mote_chan(long) input = mote_chan_make(long, (size_t)room);
    int error = input ? 0 : -ENOMEM;
    for (long i = 0; i < workers && error == 0; i++)
        error = mote_group_go(&tasks, worker, input);
    for (long i = 0; i < items && error == 0; i++) {
        take_in();
        mote_send(input, i);
    }
    mote_chan_close(input);
    mote_group_wait(&tasks);
    mote_chan_free(input);
    return error;
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

/* 0: as it should be; 1: not everything was dealt with, or the limit means something else. */
static int measure(const char *how, int (*run)(void), bool bounded)
{
    long before = resident_kb();
    alive = most = sum = 0;
    int error = run();
    long grown = resident_kb() - before; /* at its most: everything is taken in */
    mote_group_wait(&tasks);
    printf("%-15s %8ld items at once, %7ld kB more%s\n", how, most, grown,
           most <= limit ? "" : ": more than the limit");
    return error ? error : (most <= limit) != bounded || sum != items * (items - 1) / 2;
}

static int app(int argc, char **argv)
{
    (void)argc, (void)argv;
    int error = measure("by semaphore:", with_semaphore, true);
    if (error == 0)
        error = measure("by channel:", with_channel, true);
    if (error == 0)
        error = measure("without bound:", without_bound, false); /* last, so that it is charged with its own memory */
    return error;
}

int main(int argc, char **argv)
{
    static const char usage[] = "usage: unbounded [--items N] [--limit L] [--takes MS], and L is 3 or more and below N";
    static const struct option options[] = {
        {"items", 1, NULL, 'i'}, {"limit", 1, NULL, 'l'}, {"takes", 1, NULL, 't'}, {0}};
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (c == '?')
            program_refuse(usage);
        *(c == 'i' ? &items : c == 'l' ? &limit : &takes) = program_number(optarg, 1, 100000000, usage);
    }
    if (optind < argc || limit < 3 || limit >= items)
        program_refuse(usage);
    return program_status("unbounded", mote_run(app, argc, argv));
}
