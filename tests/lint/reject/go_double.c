/* SPDX-License-Identifier: MIT */
/* mote_go takes no floating argument, even where the parameter would convert it. */
/* expect: s arguments are integers or pointers */
/* also: C++ */
#include <mote.h>

static void work(int n) { (void)n; }

int start(double x)
{
#ifdef WRONG
    return mote_go(work, x);
#else
    return mote_go(work, (int)x);
#endif
}
