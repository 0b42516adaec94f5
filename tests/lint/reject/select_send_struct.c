/* SPDX-License-Identifier: MIT */
/* A case that sends takes what the channel is of: not its first member. */
/* expect: invalid initializer|incompatible type|conversion from|no viable conversion|could not convert|no matching function */
/* also: C++ */
#include <mote.h>

struct apple {
    int weight;
};

int put(mote_chan(struct apple) c, struct apple a, int weight)
{
#ifdef WRONG
    (void)a;
    return mote_select(MOTE_SEND(c, weight), MOTE_AFTER(5));
#else
    (void)weight;
    return mote_select(MOTE_SEND(c, a), MOTE_AFTER(5));
#endif
}
