/* SPDX-License-Identifier: MIT */
/* mote_go takes no function with a floating parameter, also where the argument is an integer. */
/* expect: changes value */
#include <mote.h>

enum color { RED };
void right(int n, unsigned char c, enum color e, bool b, const char *text, void (*f)(void));
void wrong(int n, float x);

int start(int n)
{
#ifdef WRONG
    return mote_go(wrong, n, n);
#else
    return mote_go(right, n, n, RED, n, "", NULL);
#endif
}
