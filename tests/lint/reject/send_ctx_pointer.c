/* SPDX-License-Identifier: MIT */
/* mote_send_ctx takes the context first, and then what mote_send takes. */
/* expect: makes (?:integer|pointer) from|incompatible (?:pointer to integer|integer to pointer)|invalid conversion|cannot initialize|cannot convert */
/* also: C++ */
#include <mote.h>

int put(mote_ctx *ctx, mote_chan(const char *) c, const char *text, long number)
{
#ifdef WRONG
    (void)text;
    return mote_send_ctx(ctx, c, number);
#else
    (void)number;
    return mote_send_ctx(ctx, c, text);
#endif
}
