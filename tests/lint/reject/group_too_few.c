/* SPDX-License-Identifier: MIT */
/* The arguments of a group's task are checked against its prototype. */
/* expect: too few arguments */
/* also: C++ */
#include <mote.h>

static int work(int a, const char *b) { return b[a]; }

int start(mote_group *group)
{
#ifdef WRONG
    return mote_group_go(group, work, 1);
#else
    return mote_group_go(group, work, 1, "ab");
#endif
}
