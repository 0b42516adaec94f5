/* SPDX-License-Identifier: MIT */
/* A channel of int is no channel of long. */
/* expect: incompatible (?:function )?pointer type|invalid conversion|cannot convert|no matching|invalid conversion */
/* also: C++ */
#include <mote.h>

static int use(mote_chan(long) c) { return mote_chan_close(c); }

int pass(mote_chan(int) narrow, mote_chan(long) wide)
{
#ifdef WRONG
    (void)wide;
    return use(narrow);
#else
    (void)narrow;
    return use(wide);
#endif
}
