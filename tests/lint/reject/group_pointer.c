/* SPDX-License-Identifier: MIT */
/* What a group's task returns is an error or none, not a pointer. */
/* expect: s task is void or an integer */
/* also: C++ */
#include <mote.h>

static void *wrong(int n) { return n ? (void *)"" : 0; }
static int right(int n) { return n; }

int start(mote_group *group)
{
#ifdef WRONG
    (void)right;
    return mote_group_go(group, wrong, 1);
#else
    (void)wrong;
    return mote_group_go(group, right, 1) + mote_group_go_pinned(group, right, 1) + mote_group_try_go(group, right, 1);
#endif
}
