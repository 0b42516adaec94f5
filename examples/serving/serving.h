/* SPDX-License-Identifier: MIT */
/* serving - what the larger servers here do besides serving: options, accepting, and stopping in good order. */
#ifndef SERVING_H
#define SERVING_H

#include <mote.h>

#include <stdbool.h>

/* SIGINT and SIGTERM come only to serving_accept from now on. Also lets the process have as many descriptors as it may: each
 * connection is one. Before mote_run, whose threads inherit what is blocked. */
void serving_prepare(void);

/* A number on the command line that is least to most, or usage is called, which doesn't return. */
long serving_number(const char *text, long least, long most, void (*usage)(void));

/* Accepts until SIGINT or SIGTERM comes, and hands each connection to start. First says on stdout what is listened at, behind
 * greeting. When it returns 0 the listener is closed and start will not be called again; a second signal ends the process with
 * status 1. Or an error, before anything was accepted. */
int serving_accept(const char *address, const char *greeting, void (*start)(int fd));

#endif
