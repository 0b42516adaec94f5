/* SPDX-License-Identifier: MIT */
/* blocking - a call that knows nothing of mote, in a hundred tasks at once, while a ticker goes on.
 *
 *     blocking [--calls N] [--undeclared]
 *
 * look_up stands for any such call: a name server, a database, a file on a slow disk. mote_blocking lets another thread run tasks
 * meanwhile, so N calls (100) take hardly longer than one. --undeclared leaves it out: then the runtime notices after
 * about 10 ms that a task doesn't come back while others wait, and does the same. */
#include <mote.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

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

static int run(int calls)
{
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
    printf("%d calls of 100 ms took %lld ms, with %d ticks in between\n", calls,
           (long long)((mote_now() - start) / MOTE_MS), ticks);
    mote_ticker_free(ticker);
    mote_chan_free(answers);
    return sum == (long)calls * (calls + 1) / 2 && ticks > 0 ? 0 : 1;
}

static int app(int argc, char **argv)
{
    int calls = 100;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--undeclared") == 0) {
            declared = false;
        } else if (strcmp(argv[i], "--calls") == 0 && i + 1 < argc && atoi(argv[i + 1]) > 0) {
            calls = atoi(argv[++i]);
        } else {
            fprintf(stderr, "usage: blocking [--calls N] [--undeclared]\n");
            return 2;
        }
    }
    return run(calls);
}

int main(int argc, char **argv) { return mote_run(app, argc, argv); }
