/* SPDX-License-Identifier: MIT */
/* MOTE_DONE takes a context, not its done channel. */
/* expect: incompatible (?:pointer|function pointer)|cannot convert|cannot initialize */
/* also: C++ */
#include <mote.h>

int wait_for(mote_ctx *ctx, mote_chan(int) c)
{
#ifdef WRONG
    return mote_select(MOTE_DONE(mote_ctx_done(ctx)), MOTE_RECV(c, NULL));
#else
    return mote_select(MOTE_DONE(ctx), MOTE_RECV(c, NULL));
#endif
}
