/* SPDX-License-Identifier: MIT */
/* mote_recv writes to an element of the channel's type and no other. */
/* expect: incompatible pointer type|cannot convert|cannot initialize */
/* also: C++ */
#include <mote.h>

int get(mote_chan(int) c, int *number, long *wide)
{
#ifdef WRONG
    (void)number;
    return mote_recv(c, wide);
#else
    (void)wide;
    return mote_recv(c, number);
#endif
}
