/* SPDX-License-Identifier: MIT */
/* timeouts - four ways to call a service that may be slow, and not to wait for it too long.
 *
 *     timeouts [--service MS] [--patience MS]
 *
 * The service takes so long for an answer (1000 ms), the callers have so much patience (30 ms), then they call again with
 * ten seconds of it, at a service that is quick. */
#include <mote.h>

#include "program.h"

#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static long service_ms = 1000, patience_ms = 30;

/* A request: a number to be squared, how long that takes, and where the answer goes. */
struct request {
    int number;
    int64_t takes;
    mote_chan(int) answer;
};
static mote_chan(struct request) requests;

/* The service's tasks; the group's context tells them when it closes down. */
static mote_group service;

/* The answer channel has room for one, so a late answer waits for nobody; it goes when both owners have let go of it. */
static void answer(mote_ctx *open, int number, int64_t takes, mote_chan(int) to)
{
    if (mote_sleep_ctx(open, takes) == 0)
        mote_send(to, number * number);
    mote_chan_free(to);
}

/* One task for each request, so that a slow one doesn't hold up the others. */
static void serve(mote_ctx *open)
{
    mote_chan_range (requests, r) {
        if (mote_group_go(&service, answer, open, r.number, r.takes, r.answer) < 0)
            mote_chan_free(r.answer);
    }
}

/* Sends a request; the caller owns what it returns. A null channel, on which one waits for ever, stands for no memory. */
static mote_chan(int) ask(int number, int64_t takes)
{
    mote_chan(int) to = mote_chan_make(int, 1);
    if (!to)
        return NULL;
    struct request r = {number, takes, mote_chan_ref(to)};
    mote_send(requests, r);
    return to;
}

/* 1. A deadline is a point in time, so one deadline may serve for several waits: what they take together is bounded. */
static int until_a_deadline(int64_t takes, int64_t patience, int *square)
{
    int64_t deadline = mote_now() + patience;
    mote_chan(int) to = ask(7, takes);
    int error = mote_recv_until(to, square, deadline);
    mote_chan_free(to);
    return error;
}

/* 2. A select waits for several things at once; time is one of them. */
static int by_select(int64_t takes, int64_t patience, int *square)
{
    mote_chan(int) to = ask(7, takes);
    int which = mote_select(MOTE_RECV(to, square), MOTE_AFTER(patience));
    mote_chan_free(to);
    return which == 1 ? -ETIMEDOUT : which;
}

/* 3. A context is passed down through the layers of a program: the one at the top decides how long, the one at the bottom waits,
 * and those between need not know. */
static int lower_layer(mote_ctx *ctx, int64_t takes, int *square)
{
    mote_chan(int) to = ask(7, takes);
    int error = mote_recv_ctx(ctx, to, square);
    mote_chan_free(to);
    return error;
}

static int middle_layer(mote_ctx *ctx, int64_t takes, int *square) { return lower_layer(ctx, takes, square); }

static int by_context(int64_t takes, int64_t patience, int *square)
{
    mote_ctx *ctx = mote_ctx_with_timeout(mote_ctx_background(), patience);
    if (!ctx)
        return -errno;
    int error = middle_layer(ctx, takes, square);
    mote_ctx_free(ctx);
    return error;
}

/* 4. Two calls at once and the first answer wins: a select over both and the context. */
static int the_quicker_one(int64_t takes, int64_t patience, int *square)
{
    mote_ctx *ctx = mote_ctx_with_timeout(mote_ctx_background(), patience);
    if (!ctx)
        return -errno;
    mote_chan(int) one = ask(7, takes), other = ask(7, takes + takes / 2);
    int which = mote_select(MOTE_RECV(one, square), MOTE_RECV(other, square), MOTE_DONE(ctx));
    int error = which == 2 ? mote_ctx_err(ctx) : which < 0 ? which : 0;
    mote_chan_free(one);
    mote_chan_free(other);
    mote_ctx_free(ctx);
    return error;
}

static const struct way {
    const char *name;
    int (*call)(int64_t takes, int64_t patience, int *square);
} ways[] = {
    {"until a deadline", until_a_deadline},
    {"by a select", by_select},
    {"by a context", by_context},
    {"the quicker of two", the_quicker_one},
};

/* Calls in one of the ways, and says how that went. False: not as it must. */
static bool call(const struct way *way, int64_t takes, int64_t patience, bool must_answer, bool must_not)
{
    int square = 0;
    int64_t start = mote_now();
    int error = way->call(takes, patience, &square);
    int64_t took = mote_now() - start;
    printf("%-20s %5lld ms: %s\n", way->name, (long long)(took / MOTE_MS), error ? strerror(-error) : "an answer");
    if (error == 0)
        return square == 49 && !must_not;
    return error == -ETIMEDOUT && took >= patience && !must_answer;
}

static int call_all(int argc, char **argv)
{
    (void)argc, (void)argv;
    bool right = true;
    int64_t takes = service_ms * MOTE_MS, patience = patience_ms * MOTE_MS;
    requests = mote_chan_make(struct request, 8);
    mote_ctx *open = mote_group_ctx(&service);
    if (!requests || !open || mote_group_go(&service, serve, open) < 0)
        return -ENOMEM;
    printf("a service that takes %ld ms, %ld ms of patience:\n", service_ms, patience_ms);
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) /* only a service much slower than we wait surely loses */
        right &= call(&ways[i], takes, patience, false, takes > patience + 60 * MOTE_S);
    printf("a service that answers at once, 10 s of patience:\n");
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++)
        right &= call(&ways[i], 0, 10 * MOTE_S, true, false);
    mote_chan_close(requests);
    mote_group_cancel(&service, 0); /* it would take its time over those that nobody waits for any more */
    mote_group_wait(&service);
    mote_chan_free(requests);
    return right ? 0 : -EIO;
}

int main(int argc, char **argv)
{
    static const char usage[] = "usage: timeouts [--service MS] [--patience MS]";
    static const struct option options[] = {{"service", 1, NULL, 's'}, {"patience", 1, NULL, 'p'}, {0}};
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (c == '?')
            program_refuse(usage);
        *(c == 's' ? &service_ms : &patience_ms) = program_number(optarg, 0, 1000000, usage);
    }
    if (optind < argc)
        program_refuse(usage);
    return program_status("timeouts", mote_run(call_all, argc, argv));
}
