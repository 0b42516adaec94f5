/* SPDX-License-Identifier: MIT */
/* port_scan - which TCP ports of this machine somebody listens at: a task for each port, so many at a time.
 *
 *     port_scan [--at-once N] HOST FIRST LAST
 *
 * HOST is localhost, 127.0.0.1 or ::1. The limit of a group bounds the descriptors in use, a context the time that one may take. */
#include <mote.h>

#include "program.h"

#include <errno.h>
#include <stdio.h>

#define PATIENCE (2 * MOTE_S)

static const char *host;
static long at_once = 100, first, last;
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
    (void)argc, (void)argv;
    mote_group group = {0}; /* may lie here: the main task's stack is never copied */
    long count = 0;
    int error = 0;
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
    static const char usage[] = "usage: port_scan [--at-once N] HOST FIRST LAST, ports from 1 to 65535";
    bool has_limit = argc == 6 && strcmp(argv[1], "--at-once") == 0;
    if (argc != 4 && !has_limit)
        program_refuse(usage);
    if (has_limit)
        at_once = program_number(argv[2], 1, 10000, usage);
    host = argv[argc - 3];
    first = program_number(argv[argc - 2], 1, 65535, usage);
    last = program_number(argv[argc - 1], 1, 65535, usage);
    if (first > last)
        program_refuse("port_scan: FIRST is behind LAST");
    if (!is_loopback(host))
        program_refuse("port_scan: only this machine is scanned: localhost, 127.0.0.1 or ::1");
    return program_status("port_scan", mote_run(scan, argc, argv));
}
