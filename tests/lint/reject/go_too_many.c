/* SPDX-License-Identifier: MIT */
/* mote_go wants no more arguments than the function takes. */
/* expect: too many arguments */
/* also: C++ */
#include <mote.h>

static void work(int a, int b) { (void)a, (void)b; }

int start(void)
{
#ifdef WRONG
    return mote_go(work, 1, 2, 3);
#else
    return mote_go(work, 1, 2);
#endif
}
