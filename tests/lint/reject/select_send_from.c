/* SPDX-License-Identifier: MIT */
/* What is sent from an address is an element of the channel's type. */
/* expect: incompatible pointer type|cannot convert|cannot initialize */
/* also: C++ */
#include <mote.h>

int put(mote_chan(int) c, const int *number, const long *wide)
{
#ifdef WRONG
    mote_case k[] = {MOTE_SEND_FROM(c, wide)};
    (void)number;
#else
    mote_case k[] = {MOTE_SEND_FROM(c, number)};
    (void)wide;
#endif
    return mote_select_n(k, 1, 0);
}
