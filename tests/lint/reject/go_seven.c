/* SPDX-License-Identifier: MIT */
/* mote_go passes six arguments at most. */
/* expect: at most six arguments */
/* also: C++ */
#include <mote.h>

static void work(int a, int b, int c, int d, int e, int f, int g) { (void)(a + b + c + d + e + f + g); }
static void six(int a, int b, int c, int d, int e, int f) { (void)(a + b + c + d + e + f); }

int start(void)
{
#ifdef WRONG
    return mote_go(work, 1, 2, 3, 4, 5, 6, 7);
#else
    (void)work;
    return mote_go(six, 1, 2, 3, 4, 5, 6);
#endif
}
