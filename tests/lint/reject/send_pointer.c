/* SPDX-License-Identifier: MIT */
/* mote_send takes what the channel is of: not another pointer. */
/* expect: incompatible pointer type|cannot convert|cannot initialize|invalid conversion */
/* also: C++ */
#include <mote.h>

int put(mote_chan(int *) c, int *number, char *text)
{
#ifdef WRONG
    (void)number;
    return mote_send(c, text);
#else
    (void)text;
    return mote_send(c, number);
#endif
}
