/* SPDX-License-Identifier: MIT */
/* tcp_proxy - passes on connections: what comes here goes there, and the other way round.
 *
 *     tcp_proxy --to ADDRESS [--listen ADDRESS]
 *
 * Two tasks for each connection, one for each direction, each a loop of reading and writing. When one side has said all, the
 * other one hears that, and may still go on talking; when both have, or one is broken, the connection ends; and so do all on SIGINT. */
#include <mote.h>

#include "interrupt.h"
#include "program.h"

#include <getopt.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/socket.h>

static const char *here = "127.0.0.1:8081", *there;
static mote_group connections;

/* Both tasks have it, and the last one closes it. */
struct pair {
    int client, server;
    atomic_int users;
};

static void leave(struct pair *p)
{
    if (atomic_fetch_sub(&p->users, 1) > 1)
        return;
    mote_close(p->client);
    mote_close(p->server);
    free(p);
}

/* Until there is nothing more, or nobody to hear it: then the other direction has no sense either, and is woken. */
static void pass(mote_ctx *ctx, struct pair *p, int from, int to)
{
    char buffer[4096];
    intptr_t n;
    while ((n = mote_read_ctx(ctx, from, buffer, sizeof buffer)) > 0)
        if ((n = mote_write_all(to, buffer, (size_t)n)) < 0)
            break;
    if (n < 0)
        mote_shutdown(from, SHUT_RDWR);
    mote_shutdown(to, n < 0 ? SHUT_RDWR : SHUT_WR);
    leave(p);
}

static void serve(mote_ctx *ctx, int client)
{
    struct pair *p = malloc(sizeof *p);
    int server = p ? mote_dial(ctx, "tcp", there) : -1;
    if (server < 0) {
        mote_close(client);
        free(p);
        return;
    }
    *p = (struct pair){.client = client, .server = server, .users = 2};
    if (mote_group_go(&connections, pass, ctx, p, server, client) == 0) {
        pass(ctx, p, client, server);
    } else {
        p->users = 1;
        leave(p);
    }
}

/* A dial that is cancelled before it begins looks at the address all the same. */
static bool is_address(const char *text)
{
    mote_ctx *ctx = mote_ctx_with_cancel(mote_ctx_background());
    mote_ctx_cancel(ctx, 0);
    int error = mote_dial(ctx, "tcp", text);
    mote_ctx_free(ctx);
    return error == -ECANCELED;
}

static int fail(const char *what, int error)
{
    fprintf(stderr, "tcp_proxy: %s: %s\n", what, strerror(-error));
    return 1;
}

static int proxy(int argc, char **argv)
{
    (void)argc, (void)argv;
    char address[128];
    mote_ctx *ctx = mote_group_ctx(&connections);
    if (!ctx || !is_address(there))
        return fail(there, ctx ? -EINVAL : -ENOMEM);
    int listener = mote_listen("tcp", here);
    int error = listener < 0 ? listener : interrupt_cancels(&connections);
    if (error < 0)
        return fail(here, error);
    mote_local_address(listener, address, sizeof address);
    printf("tcp_proxy: %s\n", address);
    fflush(stdout);
    for (int fd; (fd = mote_accept_ctx(ctx, listener)) >= 0;)
        if (mote_group_go(&connections, serve, ctx, fd) < 0)
            mote_close(fd);
    mote_close(listener);
    return interrupt_finish(&connections);
}

int main(int argc, char **argv)
{
    static const char usage[] = "usage: tcp_proxy --to ADDRESS [--listen ADDRESS]";
    static const struct option options[] = {{"to", 1, NULL, 't'}, {"listen", 1, NULL, 'l'}, {0}};
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (c == '?')
            program_refuse(usage);
        *(c == 't' ? &there : &here) = optarg;
    }
    if (optind < argc || !there)
        program_refuse(usage);
    return program_status("tcp_proxy", mote_run(proxy, argc, argv));
}
