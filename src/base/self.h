/* SPDX-License-Identifier: MIT */
/* self - which worker is this thread?
 * Job:    one thread-local pointer, read by instructions that the compiler can't see through.
 * Holds:  T1 nothing derived from thread-local storage is kept across a switch: a task may continue on another thread, and
 *         compilers keep addresses of thread-local variables in registers. The volatile assembly is never merged or moved.
 *         T2 it points to the thread's struct worker (sched/proc.h), of which the lower layers know the first fields; NULL on
 *         threads that are not workers.
 * Why:    a call of a function that isn't inlined would do too; it costs 1 ns on every path.
 */
#ifndef BASE_SELF_H
#define BASE_SELF_H

#include "base/atomic.h"

struct task;

/* What a struct worker begins with. */
struct self {
    _Atomic uint32_t bias;   /* lock.h: 1 while this thread is the soloist */
    _Atomic uint32_t trying; /* lock.h: 1 while it takes a lock as the soloist */
    struct task *current;    /* itself: the running task's record, or the worker's own */
    const void *left_at;     /* itself: where the task that parked last would have returned (arch/switch.h) */
};

extern __thread void *mote_self_worker __attribute__((tls_model("initial-exec"), visibility("hidden")));

static inline struct self *self_read(void)
{
    struct self *w;
#if defined(__x86_64__)
    __asm__ volatile("movq mote_self_worker@gottpoff(%%rip), %0\n\tmovq %%fs:(%0), %0" : "=r"(w));
#elif defined(__aarch64__)
    __asm__ volatile("mrs %0, tpidr_el0\n\t"
                     "adrp x16, :gottprel:mote_self_worker\n\t"
                     "ldr x16, [x16, :gottprel_lo12:mote_self_worker]\n\t"
                     "ldr %0, [%0, x16]"
                     : "=&r"(w)
                     :
                     : "x16");
#endif
    return w;
}

#endif
