/* SPDX-License-Identifier: MIT */
/* A case that receives writes to an element of the channel's type and no other. */
/* expect: incompatible pointer type|cannot convert|cannot initialize */
/* also: C++ */
#include <mote.h>

int get(mote_chan(int) c, int *number, long *wide)
{
#ifdef WRONG
    (void)number;
    return mote_select(MOTE_RECV(c, wide), MOTE_DEFAULT);
#else
    (void)wide;
    return mote_select(MOTE_RECV(c, number), MOTE_DEFAULT);
#endif
}
