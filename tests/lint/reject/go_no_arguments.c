/* SPDX-License-Identifier: MIT */
/* mote_go gives no argument to a function without parameters. */
/* expect: too many arguments */
/* also: C++ */
#include <mote.h>

static void work(void) {}

int start(void)
{
#ifdef WRONG
    return mote_go(work, 1);
#else
    return mote_go(work);
#endif
}
