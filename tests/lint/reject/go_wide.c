/* SPDX-License-Identifier: MIT */
/* mote_go takes no argument that is wider than a word. */
/* expect: a task.*s arguments are integers or pointers */
#include <mote.h>

void count(long n);

int start(long n)
{
#ifdef WRONG
    return mote_go(count, (__int128)n);
#else
    return mote_go(count, n);
#endif
}
