/* SPDX-License-Identifier: MIT */
/* mote_spawn passes six arguments at most, whatever they are. */
/* expect: at most six arguments */
/* also: C++ */
#include <mote.h>

static void work(int *a, int b, int c, int d, int e, int f, int g, int *h) { (void)(*a + b + c + d + e + f + g + *h); }
static void six(int *a, int b, int c, int d, int e, int *f) { (void)(*a + b + c + d + e + *f); }

bool start(int *p)
{
#ifdef WRONG
    return mote_spawn(work, p, 1 + 1, *p, 4, 5, 6, (int)sizeof(int), &p[2]);
#else
    (void)work;
    return mote_spawn(six, p, 1 + 1, *p, 4, 5, &p[2]);
#endif
}
