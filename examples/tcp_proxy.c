/* SPDX-License-Identifier: MIT */
/* tcp_proxy - passes on connections: what comes here goes there, and the other way round.
 *
 *     tcp_proxy --to ADDRESS [--listen ADDRESS]
 *
 * Two tasks for each connection, one for each direction, each a loop of reading and writing. When one side has said all, the
 * other one hears that, and may still go on talking; when both have, or one is broken, the connection ends. */
#include <mote.h>

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static const char *here = "127.0.0.1:8081", *there;

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
static void pass(struct pair *p, int from, int to)
{
    char buffer[4096];
    intptr_t n;
    while ((n = mote_read(from, buffer, sizeof buffer)) > 0)
        if ((n = mote_write_all(to, buffer, (size_t)n)) < 0)
            break;
    if (n < 0)
        mote_shutdown(from, SHUT_RDWR);
    mote_shutdown(to, n < 0 ? SHUT_RDWR : SHUT_WR);
    leave(p);
}

static void serve(int client)
{
    struct pair *p = malloc(sizeof *p);
    int server = p ? mote_dial(NULL, "tcp", there) : -1;
    if (server < 0) {
        mote_close(client);
        free(p);
        return;
    }
    *p = (struct pair){.client = client, .server = server, .users = 2};
    if (mote_go(pass, p, server, client) == 0) {
        pass(p, client, server);
    } else {
        p->users = 1;
        leave(p);
    }
}

static int proxy(int argc, char **argv)
{
    (void)argc, (void)argv;
    char address[128];
    int listener = mote_listen("tcp", here);
    if (listener < 0) {
        fprintf(stderr, "tcp_proxy: %s: %s\n", here, strerror(-listener));
        return 1;
    }
    mote_local_address(listener, address, sizeof address);
    printf("tcp_proxy: %s\n", address);
    fflush(stdout);
    for (int fd; (fd = mote_accept(listener)) >= 0;)
        if (mote_go(serve, fd) < 0)
            mote_close(fd);
    return 0;
}

int main(int argc, char **argv)
{
    int i = 1;
    for (; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--listen") == 0)
            here = argv[i + 1];
        else if (strcmp(argv[i], "--to") == 0)
            there = argv[i + 1];
        else
            break;
    }
    if (i < argc || !there) {
        fprintf(stderr, "usage: tcp_proxy --to ADDRESS [--listen ADDRESS]\n");
        return 2;
    }
    return mote_run(proxy, argc, argv) == 0 ? 0 : 1;
}
