/* SPDX-License-Identifier: MIT */
/* leak - tasks that wait for ever: how they come about, how to see them, and three ways to write it right.
 *
 *     leak [--requests N]
 *
 * Each request asks three replicas and takes the first answer. The other two answers are wanted by nobody; if their
 * channel has no room, their senders wait for ever, and each keeps its stack, its record and the channel alive. */
#include <mote.h>

#include <getopt.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#define REPLICAS 3

static long requests = 100;

/* Who is at the place where tasks may hang. To count at the places that wait is the simplest way to find a leak. */
static atomic_long sending;

static void replica(mote_chan(int) answers, int number)
{
    mote_yield(); /* looks it up */
    sending++;
    mote_send(answers, number); /* the leak is here */
    sending--;
    mote_chan_free(answers);
}

static void replica_with_context(mote_chan(int) answers, int number, mote_ctx *ctx)
{
    mote_yield();
    sending++;
    mote_select(MOTE_SEND(answers, number), MOTE_RECV(mote_ctx_done(ctx), NULL));
    sending--;
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

static void wrong(mote_chan(int) * kept)
{
    for (long i = 0; i < requests; i++)
        kept[i] = ask(0, NULL); /* a real program would forget the channel here */
}

static void right_with_buffer(void)
{
    for (long i = 0; i < requests; i++)
        mote_chan_free(ask(REPLICAS, NULL)); /* room for every answer: no send waits */
}

static void right_with_context(void)
{
    for (long i = 0; i < requests; i++) {
        mote_ctx *ctx = mote_ctx_with_cancel(mote_ctx_background());
        mote_chan(int) answers = ask(0, ctx);
        mote_ctx_cancel(ctx, 0); /* whoever still waits may go */
        mote_ctx_free(ctx);
        mote_chan_free(answers);
    }
}

static void right_with_close(void)
{
    for (long i = 0; i < requests; i++) {
        mote_chan(int) answers = ask(0, NULL);
        mote_chan_close(answers); /* a send on a closed channel fails with -EPIPE, also one that waits */
        mote_chan_free(answers);
    }
}

/* Whether so many tasks are left, besides the main one, when everyone who can has ended: they get ten seconds to. */
static bool leaves(const char *what, size_t expected)
{
    int64_t deadline = mote_now() + 10 * MOTE_S;
    while ((mote_task_count() - 1 > expected || sending < (long)expected) && mote_now() < deadline)
        mote_sleep(MOTE_MS);
    size_t left = mote_task_count() - 1;
    printf("%-12s %4zu tasks leaked", what, left);
    if (left)
        printf(", %ld of them in the send of replica()", sending);
    printf("\n");
    return left == expected;
}

static int app(int argc, char **argv)
{
    (void)argc, (void)argv;
    mote_chan(int) *kept = calloc((size_t)requests, sizeof *kept);
    if (!kept)
        return 1;
    wrong(kept);
    long lost = (REPLICAS - 1) * requests;
    bool good = leaves("wrong:", (size_t)lost) && sending == lost;
    for (long i = 0; i < requests; i++) { /* lets them go, so that the rest begins with a clean slate */
        mote_chan_close(kept[i]);
        mote_chan_free(kept[i]);
    }
    free(kept);
    good &= leaves("let go:", 0);
    right_with_buffer();
    good &= leaves("buffer:", 0);
    right_with_context();
    good &= leaves("context:", 0);
    right_with_close();
    good &= leaves("close:", 0);
    return good ? 0 : 1;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"requests", 1, NULL, 'r'}, {0}};
    char *end = "";
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;)
        requests = c == 'r' ? strtol(optarg, &end, 10) : -1;
    if (requests < 1 || *end || optind < argc) {
        fprintf(stderr, "usage: leak [--requests N]\n");
        return 2;
    }
    return mote_run(app, argc, argv) == 0 ? 0 : 1;
}
