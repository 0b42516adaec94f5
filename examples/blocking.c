/* SPDX-License-Identifier: MIT */
/* blocking - a call that knows nothing of mote, in a hundred tasks at once, while a ticker goes on.
 *
 *     blocking [--calls N] [--undeclared]
 *
 * look_up stands for any such call: a name server, a database, a file on a slow disk. mote_blocking lets another thread run tasks
 * meanwhile, so N calls (100) take hardly longer than one. --undeclared leaves it out: then the runtime notices after
 * about 10 ms that a task doesn't come back while others wait, and does the same. */
#include <mote.h>

#include "program.h"

#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <time.h>

static long calls = 100;
static bool declared = true;

/* 100 ms in the system; all that other tasks could do in this thread must wait. */
static int look_up(int number)
{
    struct timespec t = {.tv_nsec = 100000000};
    nanosleep(&t, NULL);
    return number + 1;
}

static void ask(int number, mote_chan(int) answers)
{
    int answer = declared ? mote_blocking(look_up, number) : look_up(number);
    mote_send(answers, answer);
}

static int run(int argc, char **argv)
{
    (void)argc, (void)argv;
    mote_chan(int) answers = mote_chan_make(int, 0);
    mote_ticker *ticker = mote_ticker_make(10 * MOTE_MS);
    if (!answers || !ticker)
        return 1;
    int64_t start = mote_now();
    for (int i = 0; i < calls; i++)
        mote_go(ask, i, answers);
    long sum = 0;
    int ticks = 0, answered = 0;
    while (answered < calls) {
        int answer = 0;
        if (mote_select(MOTE_RECV(answers, &answer), MOTE_RECV(mote_ticker_chan(ticker), NULL)) == 0) {
            sum += answer;
            answered++;
        } else {
            ticks++;
        }
    }
    printf("%ld calls of 100 ms took %lld ms, with %d ticks in between\n", calls,
           (long long)((mote_now() - start) / MOTE_MS), ticks);
    mote_ticker_free(ticker);
    mote_chan_free(answers);
    return sum == calls * (calls + 1) / 2 && ticks > 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
    static const char usage[] = "usage: blocking [--calls N] [--undeclared]";
    static const struct option options[] = {{"calls", 1, NULL, 'c'}, {"undeclared", 0, NULL, 'u'}, {0}};
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (c == 'c')
            calls = program_number(optarg, 1, 1000000, usage);
        else if (c == 'u')
            declared = false;
        else
            program_refuse(usage);
    }
    if (optind < argc)
        program_refuse(usage);
    return program_status("blocking", mote_run(run, argc, argv));
}
