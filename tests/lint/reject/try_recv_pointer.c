/* SPDX-License-Identifier: MIT */
/* mote_try_recv checks as mote_recv does. */
/* expect: incompatible pointer type|cannot convert|cannot initialize */
/* also: C++ */
#include <mote.h>

int get(mote_chan(int) c, int *number, long *wide)
{
#ifdef WRONG
    (void)number;
    return mote_try_recv(c, wide);
#else
    (void)wide;
    return mote_try_recv(c, number);
#endif
}
