/* SPDX-License-Identifier: MIT */
/* mote_spawn checks arguments as mote_go does. */
/* expect: incompatible pointer type|cannot convert|invalid conversion|cannot initialize|no known conversion|no matching */
/* also: C++ */
#include <mote.h>

static void work(int *at) { (void)at; }

mote_task *start(char *text, int *number)
{
#ifdef WRONG
    (void)number;
    return mote_spawn(work, text);
#else
    (void)text;
    return mote_spawn(work, number);
#endif
}
