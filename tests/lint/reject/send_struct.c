/* SPDX-License-Identifier: MIT */
/* mote_send takes what the channel is of: not another struct. */
/* expect: invalid initializer|incompatible type|conversion from|no viable conversion|cannot convert */
/* also: C++ */
#include <mote.h>

struct apple {
    int weight;
};
struct pear {
    int weight;
};

int put(mote_chan(struct apple) c, struct apple a, struct pear p)
{
#ifdef WRONG
    (void)a;
    return mote_send(c, p);
#else
    (void)p;
    return mote_send(c, a);
#endif
}
