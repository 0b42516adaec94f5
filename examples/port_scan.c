/* SPDX-License-Identifier: MIT */
/* port_scan - which TCP ports of this machine somebody listens at: a task for each port, so many at a time.
 *
 *     port_scan [--at-once N] HOST FIRST LAST
 *
 * HOST is localhost, 127.0.0.1 or ::1. The limit of a group bounds the descriptors in use, a context the time that one may take. */
#include <mote.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATIENCE (2 * MOTE_S)

static const char *host;
static bool is_open[65536];

static int try_port(int port)
{
    char address[64];
    mote_ctx *ctx = mote_ctx_with_timeout(mote_ctx_background(), PATIENCE);
    if (!ctx)
        return -ENOMEM;
    snprintf(address, sizeof address, strchr(host, ':') ? "[%s]:%d" : "%s:%d", host, port);
    int fd = mote_dial(ctx, "tcp", address);
    mote_ctx_free(ctx);
    is_open[port] = fd >= 0;
    if (fd >= 0)
        mote_close(fd);
    return fd >= 0 || fd == -ECONNREFUSED || fd == -ETIMEDOUT ? 0 : fd;
}

static int scan(int argc, char **argv)
{
    long at_once = strcmp(argv[1], "--at-once") == 0 ? strtol(argv[2], NULL, 10) : 100;
    long first = strtol(argv[argc - 2], NULL, 10), last = strtol(argv[argc - 1], NULL, 10), count = 0;
    mote_group group = {0}; /* may lie here: the main task's stack is never copied */
    int error = 0;
    if (at_once < 1 || at_once > 10000 || first < 1 || last > 65535 || first > last)
        return -EINVAL;
    mote_group_set_limit(&group, (int)at_once);
    for (long port = first; port <= last && error == 0; port++)
        error = mote_group_go(&group, try_port, (int)port); /* waits while so many are under way */
    if (error < 0)
        mote_group_cancel(&group, error);
    error = mote_group_wait(&group);
    for (long port = first; port <= last; port++)
        if (is_open[port] && ++count)
            printf("%ld\n", port);
    printf("%ld of %ld ports are open\n", count, last - first + 1);
    return error;
}

static bool is_loopback(const char *name)
{
    return strcmp(name, "localhost") == 0 || strcmp(name, "127.0.0.1") == 0 || strcmp(name, "::1") == 0;
}

int main(int argc, char **argv)
{
    if (argc != 4 && (argc != 6 || strcmp(argv[1], "--at-once") != 0)) {
        fprintf(stderr, "usage: port_scan [--at-once N] HOST FIRST LAST\n");
        return 2;
    }
    host = argv[argc - 3];
    if (!is_loopback(host)) {
        fprintf(stderr, "port_scan: %s: only this machine is scanned: localhost, 127.0.0.1 or ::1\n", host);
        return 2;
    }
    int error = mote_run(scan, argc, argv);
    if (error < 0)
        fprintf(stderr, "port_scan: %s\n", strerror(-error));
    return error < 0 ? 1 : 0;
}
