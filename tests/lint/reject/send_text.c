/* SPDX-License-Identifier: MIT */
/* mote_send makes no number of a text. */
/* expect: integer from pointer|pointer to integer|invalid conversion|cannot initialize */
/* also: C++ */
#include <mote.h>

int put(mote_chan(int) c)
{
#ifdef WRONG
    return mote_send(c, "seven");
#else
    return mote_send(c, 7);
#endif
}
