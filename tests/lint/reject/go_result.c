/* SPDX-License-Identifier: MIT */
/* A task's function does not return a floating number. */
/* expect: s result is void, an integer or a pointer */
/* also: C++ */
#include <mote.h>

static double wrong(int n) { return n; }
static long right(int n) { return n; }

int start(void)
{
#ifdef WRONG
    (void)right;
    return mote_go(wrong, 1);
#else
    (void)wrong;
    return mote_go(right, 1);
#endif
}
