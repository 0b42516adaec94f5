/* SPDX-License-Identifier: MIT */
/* mote_go's pointers have the types that the function takes. */
/* expect: incompatible pointer type|cannot convert|invalid conversion|cannot initialize|no known conversion|no matching */
/* also: C++ */
#include <mote.h>

static void work(int *at) { (void)at; }

int start(char *text, int *number)
{
#ifdef WRONG
    (void)number;
    return mote_go(work, text);
#else
    (void)text;
    return mote_go(work, number);
#endif
}
