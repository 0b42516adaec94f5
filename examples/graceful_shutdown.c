/* SPDX-License-Identifier: MIT */
/* graceful_shutdown - a server that stops on SIGINT: what it has accepted it finishes, everything else it refuses, and no
 * request is lost or answered twice. Both ways to do it, one after the other: a context is cancelled, a channel is closed.
 *
 *     graceful_shutdown [--after N]
 *
 * After N answers (1000) the program interrupts itself; with 0 it waits for you to press Ctrl-C, once for each way. */
#include <mote.h>

#include "program.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#define WORKERS 8
#define CLIENTS 50

static long after = 1000;

/* Shared by all, so it lies in main's frame: the main task is pinned, its locals may be lent. */
struct server {
    mote_chan(mote_chan(int)) requests; /* a request is the channel where its answer goes */
    mote_ctx *ctx;                      /* cancelled: stop. NULL: the channel is closed instead */
    mote_wg workers, clients;
    atomic_long offered, refused, answered, served;
};

static mote_chan(int) interrupts;

static void stop_when_interrupted(struct server *s)
{
    mote_recv(interrupts, NULL);
    if (s->ctx)
        mote_ctx_cancel(s->ctx, -EINTR);
    else
        mote_chan_close(s->requests);
}

static void serve(struct server *s, mote_chan(int) reply)
{
    mote_sleep(200 * MOTE_US); /* the work: nothing may interrupt it */
    s->served++;
    mote_send(reply, 42); /* has room for one, so a worker never waits for its client */
    mote_chan_free(reply);
}

/* By context: a select between the next request and the end. What has been received is always served. */
static void work_until_cancelled(struct server *s)
{
    mote_chan(int) reply = NULL;
    while (mote_select(MOTE_RECV(s->requests, &reply), MOTE_RECV(mote_ctx_done(s->ctx), NULL)) == 0)
        serve(s, reply);
    mote_wg_done(&s->workers);
}

/* By closing: a closed channel takes nothing more, but what is buffered in it can still be received. */
static void work_until_closed(struct server *s)
{
    mote_chan_range (s->requests, reply)
        serve(s, reply);
    mote_wg_done(&s->workers);
}

/* Accepted or refused: true or false. */
static bool offer(struct server *s, mote_chan(int) reply)
{
    if (s->ctx)
        return mote_select(MOTE_SEND(s->requests, reply), MOTE_RECV(mote_ctx_done(s->ctx), NULL)) == 0;
    return mote_send(s->requests, reply) == 0; /* -EPIPE: closed, also while waiting */
}

static void client(struct server *s)
{
    bool accepted = true;
    while (accepted) {
        mote_chan(int) reply = mote_chan_make(int, 1);
        s->offered++;
        accepted = offer(s, mote_chan_ref(reply)); /* a reference for the worker */
        if (accepted) {
            mote_recv(reply, NULL); /* always comes */
            if (++s->answered == after)
                kill(getpid(), SIGINT);
        } else {
            s->refused++;
            mote_chan_free(reply); /* the worker's: it never got it */
        }
        mote_chan_free(reply);
    }
    mote_wg_done(&s->clients);
}

/* True when the books balance. */
static bool run_server(const char *how, mote_ctx *ctx)
{
    struct server s = {.requests = mote_chan_make(mote_chan(int), ctx ? 0 : 16), .ctx = ctx};
    mote_task *stopping = s.requests ? mote_spawn(stop_when_interrupted, &s) : NULL;
    if (!stopping)
        return false;
    mote_wg_add(&s.workers, WORKERS);
    mote_wg_add(&s.clients, CLIENTS);
    for (int i = 0; i < WORKERS; i++)
        mote_go(ctx ? work_until_cancelled : work_until_closed, &s);
    for (int i = 0; i < CLIENTS; i++)
        mote_go(client, &s);
    mote_wg_wait(&s.clients);
    mote_wg_wait(&s.workers);
    mote_join(stopping, NULL);
    printf("%s: %ld requests: %ld served, %ld answered, %ld refused\n", how, s.offered, s.served, s.answered,
           s.refused);
    mote_chan_free(s.requests);
    return s.served == s.answered && s.offered == s.answered + s.refused && s.refused == CLIENTS;
}

static int app(int argc, char **argv)
{
    (void)argc, (void)argv;
    interrupts = mote_chan_make(int, 1);
    int error = interrupts ? mote_signal_notify(interrupts, SIGINT) : -ENOMEM;
    if (error < 0)
        return error;
    mote_ctx *ctx = mote_ctx_with_cancel(mote_ctx_background());
    bool good = ctx && run_server("by context", ctx);
    good = run_server("by closing", NULL) && good;
    mote_ctx_free(ctx);
    mote_signal_stop(interrupts);
    mote_chan_free(interrupts);
    return good ? 0 : 1;
}

int main(int argc, char **argv)
{
    static const char usage[] = "usage: graceful_shutdown [--after N]";
    if (argc != 1 && (argc != 3 || strcmp(argv[1], "--after") != 0))
        program_refuse(usage);
    if (argc == 3)
        after = program_number(argv[2], 0, 1000000000, usage);
    return program_status("graceful_shutdown", mote_run(app, argc, argv));
}
