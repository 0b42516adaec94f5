/* SPDX-License-Identifier: MIT */
/* ping_pong - two tasks hit a ball to and fro over two unbuffered channels, and the clock says what a round trip costs.
 *
 *     ping_pong [--rounds N] [--procs P]
 *
 * The first thing to know about channels: an unbuffered one is a meeting. A send returns when a receiver has taken the
 * element. Here each hit hands the processor straight to the other player: two switches from stack to stack, no system call. */
#include <mote.h>

#include "program.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

static long rounds = 1000000;

/* Channels are passed by value, like every argument of a task. */
static void player(mote_chan(long) to_me, mote_chan(long) to_other)
{
    mote_chan_range (to_me, hits) /* until the channel is closed */
        mote_send(to_other, hits + 1);
    mote_chan_close(to_other);
}

static int play(int argc, char **argv)
{
    (void)argc, (void)argv;
    mote_chan(long) ping = mote_chan_make(long, 0);
    mote_chan(long) pong = mote_chan_make(long, 0);
    if (!ping || !pong || mote_go(player, ping, pong) < 0)
        return 1;
    long hits = 0;
    int64_t start = mote_now();
    for (long i = 0; i < rounds; i++) {
        mote_send(ping, hits + 1);
        mote_recv(pong, &hits);
    }
    int64_t ns = mote_now() - start;
    printf("%ld round trips on %d procs: %.1f ns each\n", rounds, mote_procs(), (double)ns / (double)rounds);
    mote_chan_close(ping); /* the player's range ends ... */
    mote_recv(pong, NULL); /* ... and it says so by closing the other one: -EPIPE */
    mote_chan_free(ping);  /* one reference each, so now nobody may use them any more */
    mote_chan_free(pong);
    return hits == 2 * rounds ? 0 : 1;
}

int main(int argc, char **argv)
{
    static const char usage[] = "usage: ping_pong [--rounds N] [--procs P]";
    static const struct option options[] = {{"rounds", 1, NULL, 'r'}, {"procs", 1, NULL, 'p'}, {0}};
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (c == 'r')
            rounds = program_number(optarg, 1, 1000000000, usage);
        else if (c == 'p' && program_number(optarg, 1, 1024, usage))
            setenv("MOTE_PROCS", optarg, 1);
        else
            program_refuse(usage);
    }
    if (optind < argc)
        program_refuse(usage);
    return program_status("ping_pong", mote_run(play, argc, argv));
}
