/* SPDX-License-Identifier: MIT */
/* leak - tasks that wait for ever: how they come about, how to see them, and three ways to write it right.
 *
 *     leak [--requests N]
 *
 * Each request asks three replicas and takes the first answer. The other two answers are wanted by nobody; if their
 * channel has no room, their senders wait for ever, and each keeps its stack, its record and the channel alive. mote_leaks counts
 * them, and says on stderr what they wait for, and where. */
#include <mote.h>

#include "program.h"

#include <errno.h>
#include <stdio.h>

#define REPLICAS 3

static long requests = 100;

static void replica(mote_chan(int) answers, int number)
{
    mote_yield();               /* looks it up */
    mote_send(answers, number); /* the leak is here */
    mote_chan_free(answers);
}

static void replica_with_context(mote_chan(int) answers, int number, mote_ctx *ctx)
{
    mote_yield();
    mote_send_ctx(ctx, answers, number);
    mote_chan_free(answers);
    mote_ctx_free(ctx);
}

/* What is left in the channel is freed with its last reference, so each user has one of its own. */
static mote_chan(int) ask(size_t capacity, mote_ctx *ctx)
{
    mote_chan(int) answers = mote_chan_make(int, capacity);
    for (int i = 0; i < REPLICAS && answers; i++) {
        if (ctx)
            mote_go(replica_with_context, mote_chan_ref(answers), i, mote_ctx_ref(ctx));
        else
            mote_go(replica, mote_chan_ref(answers), i);
    }
    mote_recv(answers, NULL); /* the first one is good enough */
    return answers;
}

static mote_chan(mote_chan(int)) lost;

static void wrong(void)
{
    mote_chan(int) answers = ask(0, NULL);
    mote_send(lost, answers); /* a real program would just forget it */
}

/* Room for every answer: no send waits. */
static void right_with_buffer(void) { mote_chan_free(ask(REPLICAS, NULL)); }

static void right_with_context(void)
{
    mote_ctx *ctx = mote_ctx_with_cancel(mote_ctx_background());
    mote_chan(int) answers = ask(0, ctx);
    mote_ctx_cancel(ctx, 0); /* whoever still waits may go */
    mote_ctx_free(ctx);
    mote_chan_free(answers);
}

static void right_with_close(void)
{
    mote_chan(int) answers = ask(0, NULL);
    mote_chan_close(answers); /* a send on a closed channel fails with -EPIPE, also one that waits */
    mote_chan_free(answers);
}

/* Those that have been let go get ten seconds to end. */
static bool leaves(const char *what, void (*request)(void), long expected)
{
    for (long i = 0; i < requests && request; i++)
        request();
    int64_t deadline = mote_now() + 10 * MOTE_S;
    while ((long)mote_task_count() - 1 > expected && mote_now() < deadline)
        mote_sleep(MOTE_MS);
    long left = (long)mote_leaks();
    printf("%-12s %4ld tasks leaked\n", what, left);
    return left == expected;
}

static int app(int argc, char **argv)
{
    (void)argc, (void)argv;
    lost = mote_chan_make(mote_chan(int), (size_t)requests);
    if (!lost)
        return -ENOMEM;
    bool good = leaves("wrong:", wrong, (REPLICAS - 1) * requests);
    mote_chan_close(lost);
    mote_chan_range (lost, answers) { /* lets them go, so that the rest begins with a clean slate */
        mote_chan_close(answers);
        mote_chan_free(answers);
    }
    mote_chan_free(lost);
    good &= leaves("let go:", NULL, 0);
    good &= leaves("buffer:", right_with_buffer, 0);
    good &= leaves("context:", right_with_context, 0);
    good &= leaves("close:", right_with_close, 0);
    return good ? 0 : 1;
}

int main(int argc, char **argv)
{
    static const char usage[] = "usage: leak [--requests N]";
    if (argc != 1 && (argc != 3 || strcmp(argv[1], "--requests") != 0))
        program_refuse(usage);
    if (argc == 3)
        requests = program_number(argv[2], 1, 1000000, usage);
    return program_status("leak", mote_run(app, argc, argv));
}
