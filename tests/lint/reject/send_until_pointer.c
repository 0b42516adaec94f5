/* SPDX-License-Identifier: MIT */
/* mote_send_until takes what the channel is of, and then the deadline. */
/* expect: makes (?:integer|pointer) from|incompatible (?:pointer to integer|integer to pointer)|invalid conversion|cannot initialize|cannot convert */
/* also: C++ */
#include <mote.h>

int put(mote_chan(const char *) c, const char *text, long number)
{
#ifdef WRONG
    (void)text;
    return mote_send_until(c, number, 5);
#else
    (void)number;
    return mote_send_until(c, text, 5);
#endif
}
