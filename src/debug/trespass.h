/* SPDX-License-Identifier: MIT */
/* trespass - the report of an access to another task's stack, in check mode.
 * Job:    say who accessed whose stack, which variable, and where both were; then end the program.
 * Callers: crash.c for faults, syscalls.c for system calls: in a handler of a signal.
 */
#ifndef DEBUG_TRESPASS_H
#define DEBUG_TRESPASS_H

#include "stack/home.h"

/* The last task of a home that has ended. */
struct trespass_ended {
    uint64_t id; /* 0: none */
    const struct mote__site *site;
    char name[32];
};
extern struct trespass_ended *trespass_ended; /* by the number of the home; NULL: no memory for it */

/* A home that is in use: before any address in it can be known. */
void trespass_note(const struct home *h);

/* The copied home that contains the address, unless it is the calling task's own; NULL. */
const struct home *trespass_home(const void *address);

/* A fault at the address: returns only if that isn't on another task's stack, or if the caller's own has run over, beyond its
 * guard: then true. context: what the handler was given. */
bool trespass_look(const void *address, const void *context);

/* The same for a system call that was given the address, on another task's stack, as the argument of that number, from 1. */
void trespass_by_call(const void *address, const void *context, const char *name, int argument) NORETURN;

#endif
