/* SPDX-License-Identifier: MIT */
/* stack_growth - a stack that grows with recursion, and shrinks again.
 *
 * A task that calls itself 256 times stops at some depths to look at its stack: the bytes in use, the image that keeps them while
 * another task has the home, and the memory of the home. Few homes for many tasks see to it that its stack is copied to and
 * fro all the time. Every frame finds what it has written, and the image and the home give their memory back. */
#include <mote.h>

#include "program.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum { DEEPEST = 256, FRAME = 1000, NEIGHBOURS = 64 };

static atomic_int done;
static size_t largest;

static void neighbour(void)
{
    while (!done)
        mote_yield();
}

/* Bytes of the home that have memory: the pages around the present one, as far as they are there. */
static size_t home_memory(void)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), pages = 1;
    char *here = (char *)((uintptr_t)&page & -(uintptr_t)page);
    unsigned char there = 1;
    for (char *at = here - page; mincore(at, page, &there) == 0 && (there & 1); at -= page)
        pages++;
    for (char *at = here + page; mincore(at, page, &there) == 0 && (there & 1); at += page)
        pages++;
    return pages * page;
}

/* Lets the others run until the image has the size that the present stack needs. A pinned task has none. */
static void show(const char *way, int depth)
{
    struct mote_stack_info s;
    mote_stack_info(&s);
    for (int i = 0; i < 1000 && !s.pinned && (s.image < s.live || s.image > 4 * s.live + 512); i++) {
        mote_yield();
        mote_stack_info(&s);
    }
    largest = s.image > largest ? s.image : largest;
    printf("%-5s %6d %9zu %9zu %9zu %8llu\n", way, depth, s.live, s.image, home_memory(),
           (unsigned long long)s.growths);
}

static void descend(int depth)
{
    volatile char frame[FRAME];
    __asm__ volatile("" ::"r"(frame) : "memory"); /* all of it is needed, whatever the compiler thinks */
    bool look = (depth & (depth - 1)) == 0;       /* at 0, 1, 2, 4 ... */
    frame[0] = frame[FRAME - 1] = (char)depth;
    if (look)
        show("down", depth);
    if (depth < DEEPEST)
        descend(depth + 1);
    if (look)
        show("back", depth);
    if (frame[0] != (char)depth || frame[FRAME - 1] != (char)depth)
        abort();
}

static int climb(void)
{
    struct mote_stack_info s;
    printf("%-5s %6s %9s %9s %9s %8s\n", "", "depth", "live", "image", "home", "growths");
    descend(0);
    done = 1;
    mote_sleep(100 * MOTE_MS); /* nothing is to be done: homes that nobody uses give back what is below their stacks */
    mote_stack_info(&s);
    printf("asleep %5s %9zu %9zu %9zu %8llu\n", "", s.live, s.image, home_memory(), (unsigned long long)s.growths);
    bool as_shown = largest >= (size_t)DEEPEST * FRAME && s.image < largest / 8;
    return s.pinned || mote_procs() > 1 || as_shown ? 0 : 1; /* with more of them tasks needn't meet in a home */
}

int main(int argc, char **argv)
{
    (void)argv;
    if (argc > 1)
        program_refuse("usage: stack_growth");
    intptr_t failed = 1;
    mote_start(&(mote_config){.procs = 1, .homes = 2});
    for (int i = 0; i < NEIGHBOURS; i++) /* first: alone the climber would not be copied */
        mote_go(neighbour);
    mote_task *climber = mote_spawn(climb);
    mote_join(climber, &failed);
    mote_stop(MOTE_FOREVER);
    return program_status("stack_growth", (int)failed);
}
