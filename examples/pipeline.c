/* SPDX-License-Identifier: MIT */
/* pipeline - the prime sieve: a chain of tasks, one for each prime, that let through what their prime doesn't divide.
 *
 *     pipeline [COUNT]
 *
 * prints the first COUNT primes (25). The source sends 2, 3, 4 ... The first number that comes out at the end is a prime:
 * a new filter for it is put there, and so the chain grows.
 *
 *     source -> filter 2 -> filter 3 -> filter 5 -> main
 *
 * Each arrow is a channel that the task on its left and the one on its right own together. At the end main closes the last
 * one; whoever then sends into it gets -EPIPE, closes the one that he receives from, and ends: so the whole chain ends, from
 * right to left. */
#include <mote.h>

#include "program.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>

static long count = 25;

static void source(mote_chan(long) out)
{
    for (long n = 2; mote_send(out, n) == 0; n++)
        ;
    mote_chan_free(out);
}

static void filter(long prime, mote_chan(long) in, mote_chan(long) out)
{
    mote_chan_range (in, n) {
        if (n % prime != 0 && mote_send(out, n) != 0)
            break;
    }
    mote_chan_close(in);
    mote_chan_free(in);
    mote_chan_free(out);
}

static bool is_prime(long n)
{
    for (long d = 2; d * d <= n; d++)
        if (n % d == 0)
            return false;
    return n >= 2;
}

/* Puts a filter between in, which becomes the filter's, and what is returned. */
static mote_chan(long) filtered(mote_group *chain, long prime, mote_chan(long) in)
{
    mote_chan(long) out = mote_chan_make(long, 64); /* room for a few: fewer switches than with none */
    if (!out)
        return NULL;
    if (mote_group_go(chain, filter, prime, in, mote_chan_ref(out)) == 0)
        return out;
    mote_chan_free(out);
    mote_chan_free(out);
    return NULL;
}

static int sieve(int argc, char **argv)
{
    (void)argc, (void)argv;
    mote_group chain = {0};
    mote_chan(long) end = mote_chan_make(long, 64);
    if (!end || mote_group_go(&chain, source, mote_chan_ref(end)) < 0)
        return -ENOMEM;
    bool right = true;
    for (long i = 0, prime, last = 1; i < count; i++, last = prime) {
        if (mote_recv(end, &prime) < 0)
            return -EIO;
        for (long n = last + 1; n <= prime; n++) /* each number up to it must be where it belongs */
            right &= is_prime(n) == (n == prime);
        printf("%ld%c", prime, i % 10 == 9 || i == count - 1 ? '\n' : ' ');
        if (i == count - 1)
            break;
        mote_chan(long) next = filtered(&chain, prime, end);
        if (!next)
            return -ENOMEM;
        end = next;
    }
    mote_chan_close(end);
    mote_group_wait(&chain);
    mote_chan_free(end);
    return right ? 0 : -EIO;
}

int main(int argc, char **argv)
{
    static const char usage[] = "usage: pipeline [COUNT]";
    if (argc > 2)
        program_refuse(usage);
    if (argc == 2)
        count = program_number(argv[1], 1, 1000000, usage);
    return program_status("pipeline", mote_run(sieve, argc, argv));
}
