/* SPDX-License-Identifier: MIT */
/* What mote_chan_make returns has the type of its elements. */
/* expect: incompatible (?:function )?pointer type|invalid conversion|cannot convert|cannot initialize */
/* also: C++ */
#include <mote.h>

int make(void)
{
#ifdef WRONG
    mote_chan(int) c = mote_chan_make(long, 1);
    return c != 0;
#else
    mote_chan(int) c = mote_chan_make(int, 1);
    return c != 0;
#endif
}
