/* SPDX-License-Identifier: MIT */
/* msg - what the library says on stderr.
 * Job:    lines, and reports of several lines, each written by one write(2), without memory from the heap.
 * Callers: anyone; msg_print also from signal handlers.
 */
#ifndef BASE_MSG_H
#define BASE_MSG_H

#include "base/attr.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* "mote: " and the text and a newline. */
void msg_print(const char *format, ...) PRINTF_LIKE(1, 2);

/* The same, with who called and from where, then abort(): the program has a bug that could corrupt memory. */
void msg_fatal(const char *format, ...) PRINTF_LIKE(1, 2) NORETURN COLD;

/* Ends a program that has said why. */
void msg_abort(void) NORETURN COLD;

/* Called by who is about to end the process, before it says why. True: nobody has called it yet. False: the calling thread has, and
 * fails again in its last words; or another has, and takes longer for them than anybody waits: until then the call doesn't return, so
 * that they aren't cut off. Also in handlers of signals, and in a copy of the process for its thread. */
bool msg_last_words(void);

/* A report; what doesn't fit is left out. */
struct msg_text {
    size_t n;
    char text[6000];
};
void msg_begin(struct msg_text *t);
void msg_add(struct msg_text *t, const char *format, ...) PRINTF_LIKE(2, 3);
void msg_add_caller(struct msg_text *t);
void msg_add_trace(struct msg_text *t, void *const *trace, int n);
void msg_end(const struct msg_text *t);

/* The program counters of the callers, innermost first, beginning with `from`, a return address. How many there are; 0 when
 * nobody knows. */
int msg_trace(void **trace, int max, const void *from);

/* What the layers above know; NULL: nothing. Set before there are tasks. */
extern void (*msg_describe_caller)(char *text, size_t size);
#define MSG_DEEPEST 1000000
struct msg_frame {
    void *at;            /* where it goes on: a return address */
    uintptr_t low, high; /* its bytes, the return address among them; high is what unwinding rules call the CFA */
    uintptr_t base;      /* the frame pointer's register in it */
};
struct msg_tracer {
    int (*take)(void **trace, int max); /* as msg_trace, beginning anywhere */
    int (*walk)(const void *sp, const void *end, void **trace,
                int max); /* the same of a task that was left, by a copy of its
                                                                            stack from the saved sp on, with its pointers into
                                                                            itself led to the copy */
    int (*walk_running)(const void *context, const void *sp, const void *end, void **trace,
                        int max); /* the same of one that ran: registers and stack have been led to a copy */
    int (*walk_fault)(const void *context, void **trace, int max,
                      long *depth); /* the same from what a handler of a signal is
                                                                                  given; *depth: how many there are, up to
                                                                                  MSG_DEEPEST */
    /* of a task's stack in place: the frame that has the address; false: none does */
    bool (*find_frame)(const void *sp, const void *end, const void *address, struct msg_frame *frame);
    void (*describe)(void *at, char *text, size_t size); /* a return address, as function+0x1c (file) */
    const char *(*missing)(void);                        /* why there can't be any; NULL: there can */
};
extern const struct msg_tracer *msg_tracer;

/* Stops a program of a build with MOTE_DEBUG where one of the library's own invariants doesn't hold. */
#ifdef MOTE_DEBUG
#define INVARIANT(holds)                                                                                               \
    ((holds) ? (void)0 : msg_fatal("%s:%d: a defect of mote: not true: %s", __FILE__, __LINE__, #holds))
#else
#define INVARIANT(holds) ((void)sizeof(holds))
#endif

#endif
