/* SPDX-License-Identifier: MIT */
/* main - a server that speaks Redis' protocol, RESP2, and knows a useful part of its commands; a task for each client.
 *
 *     redis_server [--listen ADDRESS] [--procs N] [--max-value BYTES] [--max-memory BYTES] [--max-clients N]
 *                  [--max-queue BYTES] [--grace MS]
 *
 * redis-cli and redis-benchmark of Redis itself can be used with it. Everything is in memory. On SIGINT or SIGTERM it accepts nothing
 * more, does the requests that have come, sends their answers and ends with status 0; a client that doesn't take them is
 * cut off when the grace time is over. A second signal ends it at once, with status 1.
 *
 * Read connection.c next, then commands.c, store.c and pubsub.c; resp.c, value.c, table.c, fields.c and sorted.c
 * know nothing of tasks. */
#include "server.h"
#include "serving.h"
#include "store.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SWEEP (100 * MOTE_MS)

struct server server = {
    .address = "127.0.0.1:6379",
    .max_value = 512 << 20,
    .max_queue = 32 << 20,
    .max_clients = 10000,
    .grace = 5 * MOTE_S,
};

static int fail(const char *what, int error)
{
    fprintf(stderr, "redis_server: %s: %s\n", what, strerror(-error));
    return 1;
}

/* Keys that nobody asks for expire, too. */
static void sweep(void)
{
    while (mote_sleep(SWEEP) == 0)
        store_sweep();
}

static int serve(int argc, char **argv)
{
    (void)argc, (void)argv;
    server.started = mote_now();
    int error = mote_go(sweep);
    if (error == 0)
        error = serving_accept(server.address, "redis_server: ", connection_start);
    if (error < 0)
        return fail(server.address, error);
    server.stopping = true;
    long cut = connections_end(mote_now() + server.grace);
    if (cut > 0)
        fprintf(stderr, "redis_server: %ld clients did not take their answers in time\n", cut);
    return 0;
}

static void usage(void)
{
    fprintf(stderr, "usage: redis_server [--listen ADDRESS] [--procs N] [--max-value BYTES] [--max-memory BYTES] "
                    "[--max-clients N] [--max-queue BYTES] [--grace MS]\n");
    exit(2);
}

static long number(const char *text, long least, long most) { return serving_number(text, least, most, usage); }

static void parse(int argc, char **argv)
{
    static const struct option options[] = {
        {"listen", 1, NULL, 'l'},    {"procs", 1, NULL, 'p'},
        {"max-value", 1, NULL, 'v'}, {"max-memory", 1, NULL, 'm'},
        {"max-queue", 1, NULL, 'q'}, {"max-clients", 1, NULL, 'c'},
        {"grace", 1, NULL, 'g'},     {0},
    };
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (c == 'l')
            server.address = optarg;
        else if (c == 'p' && number(optarg, 1, 1024))
            setenv("MOTE_PROCS", optarg, 1);
        else if (c == 'v')
            server.max_value = (size_t)number(optarg, 1, 1L << 40);
        else if (c == 'm')
            server.max_memory = (size_t)number(optarg, 0, 1L << 50);
        else if (c == 'q')
            server.max_queue = (size_t)number(optarg, 1, 1L << 40);
        else if (c == 'c')
            server.max_clients = number(optarg, 1, 10000000);
        else if (c == 'g')
            server.grace = number(optarg, 0, 1000000000) * MOTE_MS;
        else
            usage();
    }
    if (optind < argc)
        usage();
}

int main(int argc, char **argv)
{
    parse(argc, argv);
    serving_prepare();
    table_seed();
    int status = mote_run(serve, argc, argv);
    return status < 0 ? fail("mote", status) : status;
}
