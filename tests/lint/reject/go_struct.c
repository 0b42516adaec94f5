/* SPDX-License-Identifier: MIT */
/* mote_go takes no struct. */
/* expect: s arguments are integers or pointers|aggregate value|cannot convert|arithmetic or pointer type|integers or pointers */
/* also: C++ */
#include <mote.h>

struct point {
    int x, y;
};

static void work(struct point p) { (void)p; }
static void other(int x) { (void)x; }

int start(struct point p)
{
#ifdef WRONG
    return mote_go(work, p);
#else
    (void)work;
    return mote_go(other, p.x);
#endif
}
