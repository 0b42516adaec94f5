/* SPDX-License-Identifier: MIT */
/* echo_server - a server with a task for each connection, written as if reading and writing just took their time.
 *
 *     echo_server [--port N]          until it is interrupted: try  nc 127.0.0.1 N
 *     echo_server --self-test N       N clients of its own, then it stops
 */
#include <mote.h>

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static long port = 7777, clients;

static void serve(int fd)
{
    char buffer[4096];
    intptr_t n;
    while ((n = mote_read(fd, buffer, sizeof buffer)) > 0 && mote_write_all(fd, buffer, (size_t)n) == n)
        ;
    mote_close(fd);
}

/* Until the listener is closed. */
static void accept_all(int listener)
{
    int fd;
    while ((fd = mote_accept(listener)) >= 0)
        if (mote_go(serve, fd) < 0)
            mote_close(fd); /* no memory for one more task */
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

static int run(int argc, char **argv)
{
    (void)argc, (void)argv;
    static char address[64];
    mote_group group = {0};
    snprintf(address, sizeof address, "127.0.0.1:%ld", clients ? 0 : port);
    int listener = mote_listen("tcp", address);
    if (listener < 0)
        return listener;
    mote_local_address(listener, address, sizeof address);
    printf("listening at %s\n", address);
    if (!clients)
        accept_all(listener);
    else if (mote_go(accept_all, listener) < 0)
        return -ENOMEM;
    for (int i = 0; i < clients; i++)
        mote_group_go(&group, call, address, i);
    int error = mote_group_wait(&group);
    printf("%ld clients: %s\n", clients, error ? strerror(-error) : "all heard what they said");
    mote_close(listener); /* ends accept_all */
    return error;
}

int main(int argc, char **argv)
{
    bool test = argc == 3 && strcmp(argv[1], "--self-test") == 0;
    if (argc != 1 && !test && (argc != 3 || strcmp(argv[1], "--port") != 0)) {
        fprintf(stderr, "usage: echo_server [--port N | --self-test CLIENTS]\n");
        return 2;
    }
    *(test ? &clients : &port) = argc == 3 ? strtol(argv[2], NULL, 10) : port;
    int error = mote_run(run, argc, argv);
    if (error < 0)
        fprintf(stderr, "echo_server: %s\n", strerror(-error));
    return error < 0 ? 1 : 0;
}
