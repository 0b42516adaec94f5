/* SPDX-License-Identifier: MIT */
/* mote_go does not make pointers of integers. */
/* expect: pointer from integer|integer to pointer|invalid conversion|no matching|cannot initialize */
/* also: C++ */
#include <mote.h>

static void work(int *at) { (void)at; }

int start(int number, int *at)
{
#ifdef WRONG
    (void)at;
    return mote_go(work, number);
#else
    (void)number;
    return mote_go(work, at);
#endif
}
