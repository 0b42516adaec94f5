/* SPDX-License-Identifier: MIT */
/* fan_in_out - one producer, many workers, one consumer: jobs fan out over one channel, results fan in over another.
 *
 *     fan_in_out [--jobs N] [--workers W] [--unordered]
 *
 * A job is a number, its result how many steps of "halve it, or triple it and add 1" lead it to 1. Jobs take unequal time,
 * so results come in any order; the consumer restores it, or with --unordered takes them as they come. */
#include <mote.h>

#include "program.h"

#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

static struct {
    long jobs, workers;
    bool unordered;
} options = {.jobs = 10000, .workers = 8};

struct result {
    long job;
    int steps;
};

/* What several tasks use lies in a global or on the heap, never among the locals of one of them. */
static mote_chan(long) jobs;
static mote_chan(struct result) results;
static mote_wg working;

static int steps_of(long n)
{
    int steps = 0;
    for (; n != 1; n = n % 2 ? 3 * n + 1 : n / 2)
        steps++;
    return steps;
}

static void produce(void)
{
    for (long job = 1; job <= options.jobs; job++)
        mote_send(jobs, job);
    mote_chan_close(jobs); /* the workers drain it, then their loops end */
}

static void work(void)
{
    mote_chan_range (jobs, job) {
        struct result result = {job, steps_of(job)};
        mote_send(results, result);
    }
    mote_wg_done(&working);
}

/* No worker may close the results, for the others may still send. So one task waits for them all and closes. */
static void close_when_done(void)
{
    mote_wg_wait(&working);
    mote_chan_close(results);
}

static struct {
    long seen, longest_job;
    int longest;
    bool right;
} tally = {.right = true};

static void consume(struct result r)
{
    tally.seen++;
    tally.right &= r.steps == steps_of(r.job) && (options.unordered || r.job == tally.seen);
    if (r.steps > tally.longest) {
        tally.longest = r.steps;
        tally.longest_job = r.job;
    }
}

/* Keeps results back until it is their turn. */
static int consume_in_order(void)
{
    int *steps = calloc((size_t)options.jobs + 2, sizeof *steps); /* 0: not here yet; else steps + 1 */
    long turn = 1, kept = 0, most = 0;
    if (!steps)
        return -ENOMEM;
    mote_chan_range (results, r) {
        steps[r.job] = r.steps + 1;
        most = ++kept > most ? kept : most;
        for (; steps[turn]; turn++, kept--)
            consume((struct result){turn, steps[turn] - 1});
    }
    free(steps);
    printf("at most %ld results were kept back\n", most);
    return 0;
}

static int fan(int argc, char **argv)
{
    (void)argc, (void)argv;
    jobs = mote_chan_make(long, 32);
    results = mote_chan_make(struct result, 32);
    if (!jobs || !results)
        return -ENOMEM;
    mote_wg_add(&working, (int)options.workers);
    int error = mote_go(produce);
    for (long i = 0; i < options.workers && error == 0; i++)
        error = mote_go(work);
    if (error == 0)
        error = mote_go(close_when_done);
    if (error < 0) /* the end of the main task discards the others */
        return error;
    if (options.unordered)
        mote_chan_range (results, r)
            consume(r);
    else
        error = consume_in_order();
    mote_chan_free(jobs);
    mote_chan_free(results);
    if (error < 0)
        return error;
    printf("%ld results; %ld takes the most steps, %d\n", tally.seen, tally.longest_job, tally.longest);
    return tally.right && tally.seen == options.jobs ? 0 : -EIO;
}

int main(int argc, char **argv)
{
    static const char usage[] = "usage: fan_in_out [--jobs N] [--workers W] [--unordered]";
    static const struct option known[] = {
        {"jobs", 1, NULL, 'j'}, {"workers", 1, NULL, 'w'}, {"unordered", 0, NULL, 'u'}, {0}};
    for (int c; (c = getopt_long(argc, argv, "", known, NULL)) != -1;) {
        if (c == 'u')
            options.unordered = true;
        else if (c == '?')
            program_refuse(usage);
        else
            *(c == 'j' ? &options.jobs : &options.workers) = program_number(optarg, 1, 1000000, usage);
    }
    if (optind < argc)
        program_refuse(usage);
    return program_status("fan_in_out", mote_run(fan, argc, argv));
}
