/* SPDX-License-Identifier: MIT */
/* echo_server - a server with a task for each connection, written as if reading and writing just took their time.
 *
 *     echo_server [--port N]          until it is interrupted: try  nc 127.0.0.1 N
 *     echo_server --self-test N       N clients of its own, then it stops
 */
#include <mote.h>

#include "interrupt.h"
#include "program.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>

static long port = 7777, clients;
static int failed;
static mote_group connections, calls;

/* When the context is cancelled: no more is read, but what has been read is still sent. */
static void serve(mote_ctx *ctx, int fd)
{
    char buffer[4096];
    intptr_t n;
    while ((n = mote_read_ctx(ctx, fd, buffer, sizeof buffer)) > 0 && mote_write_all(fd, buffer, (size_t)n) == n)
        ;
    mote_close(fd);
}

static void accept_all(mote_ctx *ctx, int listener)
{
    int fd;
    while ((fd = mote_accept_ctx(ctx, listener)) >= 0)
        if (mote_group_go(&connections, serve, ctx, fd) < 0)
            mote_close(fd); /* no memory for one more task */
    mote_close(listener);
}

/* Says something, and wants to hear the same, within ten seconds. */
static int call(const char *address, int number)
{
    char said[64], heard[64];
    int n = snprintf(said, sizeof said, "this is client %d", number), got = 0;
    int fd = mote_dial(NULL, "tcp", address);
    if (fd < 0)
        return fd;
    mote_set_deadline(fd, MOTE_READ | MOTE_WRITE, mote_now() + 10 * MOTE_S);
    intptr_t moved = mote_write_all(fd, said, (size_t)n);
    while (moved > 0 && got < n && (moved = mote_read(fd, heard + got, (size_t)(n - got))) > 0)
        got += (int)moved;
    mote_close(fd);
    return moved < 0 ? (int)moved : got == n && memcmp(said, heard, (size_t)n) == 0 ? 0 : -EIO;
}

static void call_all(const char *address)
{
    for (int i = 0; i < clients && failed == 0; i++)
        failed = mote_group_go(&calls, call, address, i);
    int error = mote_group_wait(&calls);
    failed = failed ? failed : error;
    printf("%ld clients: %s\n", clients, failed ? strerror(-failed) : "all heard what they said");
    mote_group_cancel(&connections, 0);
}

static int run(int argc, char **argv)
{
    (void)argc, (void)argv;
    static char address[64];
    mote_ctx *ctx = mote_group_ctx(&connections);
    snprintf(address, sizeof address, "127.0.0.1:%ld", clients ? 0 : port);
    int listener = ctx ? mote_listen("tcp", address) : -ENOMEM;
    if (listener < 0)
        return listener;
    mote_local_address(listener, address, sizeof address);
    int error = clients ? mote_go(call_all, address) : interrupt_cancels(&connections);
    if (error < 0)
        return error;
    printf("listening at %s\n", address);
    fflush(stdout); /* now, also where it goes to a file */
    accept_all(ctx, listener);
    error = interrupt_finish(&connections);
    return failed ? failed : error;
}

int main(int argc, char **argv)
{
    static const char usage[] = "usage: echo_server [--port N | --self-test CLIENTS]";
    bool test = argc == 3 && strcmp(argv[1], "--self-test") == 0;
    if (argc != 1 && !test && (argc != 3 || strcmp(argv[1], "--port") != 0))
        program_refuse(usage);
    if (test)
        clients = program_number(argv[2], 1, 1000000, usage);
    else if (argc == 3)
        port = program_number(argv[2], 0, 65535, usage);
    return program_status("echo_server", mote_run(run, argc, argv));
}
