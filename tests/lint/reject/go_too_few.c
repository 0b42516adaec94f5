/* SPDX-License-Identifier: MIT */
/* mote_go wants as many arguments as the function takes. */
/* expect: too few arguments */
/* also: C++ */
#include <mote.h>

static void work(int a, int b) { (void)a, (void)b; }

int start(void)
{
#ifdef WRONG
    return mote_go(work, 1);
#else
    return mote_go(work, 1, 2);
#endif
}
