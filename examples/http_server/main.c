/* SPDX-License-Identifier: MIT */
/* main - a web server: HTTP/1.1 and 1.0, with a task for each connection.
 *
 *     http_server [--listen ADDRESS] [--root FOLDER] [--procs N] [--max-header BYTES] [--idle MS] [--grace MS]
 *
 * "/" and "/hello" greet, every other path is a file below the root, sent by sendfile. It keeps connections, answers requests
 * that come together together, knows conditions and ranges, and refuses with a 4xx what is malformed, too long or too slow. On
 * SIGINT or SIGTERM it accepts nothing more, finishes what it is at, and ends: with status 0, or 1 if the grace time was too
 * short for that. A second signal ends it at once.
 *
 * Read connection.c next, then burst.c; request.c, body.c, path.c and condition.c know nothing of tasks. */
#include "files.h"
#include "server.h"
#include "serving.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct server server = {
    .address = "127.0.0.1:8080",
    .root = -1,
    .max_header = 8192,
    .idle = 60 * MOTE_S,
    .grace = 5 * MOTE_S,
};

static int fail(const char *what, int error)
{
    fprintf(stderr, "http_server: %s: %s\n", what, strerror(-error));
    return 1;
}

static int serve(int argc, char **argv)
{
    (void)argc, (void)argv;
    int error = mote_go(connections_watch);
    if (error == 0)
        error = serving_accept(server.address, "http_server: http://", connection_start);
    if (error < 0)
        return fail(server.address, error);
    server.stopping = true;
    long left = connections_end(mote_now() + server.grace);
    if (left > 0) {
        fprintf(stderr, "http_server: %ld connections were not finished in time\n", left);
        _exit(1); /* what they hold goes with the process */
    }
    return 0;
}

static void usage(void)
{
    fprintf(stderr,
            "usage: http_server [--listen ADDRESS] [--root FOLDER] [--procs N] [--max-header BYTES] [--idle MS] "
            "[--grace MS]\n");
    exit(2);
}

static long number(const char *text, long least, long most) { return serving_number(text, least, most, usage); }

static void parse(int argc, char **argv)
{
    static const struct option options[] = {
        {"listen", 1, NULL, 'l'},
        {"root", 1, NULL, 'r'},
        {"procs", 1, NULL, 'p'},
        {"max-header", 1, NULL, 'h'},
        {"idle", 1, NULL, 'i'},
        {"grace", 1, NULL, 'g'},
        {0},
    };
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (c == 'l')
            server.address = optarg;
        else if (c == 'p' && number(optarg, 1, 1024))
            setenv("MOTE_PROCS", optarg, 1);
        else if (c == 'h')
            server.max_header = (size_t)number(optarg, 64, 1 << 20);
        else if (c == 'i')
            server.idle = number(optarg, 1, 1000000000) * MOTE_MS;
        else if (c == 'g')
            server.grace = number(optarg, 0, 1000000000) * MOTE_MS;
        else if (c != 'r')
            usage();
        else if ((server.root = files_root(optarg)) < 0)
            exit(fail(optarg, server.root));
    }
    if (optind < argc)
        usage();
}

int main(int argc, char **argv)
{
    parse(argc, argv);
    serving_prepare();
    int status = mote_run(serve, argc, argv);
    return status < 0 ? fail("mote", status) : status;
}
