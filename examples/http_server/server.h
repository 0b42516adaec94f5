/* SPDX-License-Identifier: MIT */
/* server - what all parts of the server share: its settings, and whether it is stopping. */
#ifndef SERVER_H
#define SERVER_H

#include <mote.h>

#include <stdatomic.h>

#define MAX_BODY (1 << 20) /* bytes of a request's body, which nobody wants: 413 */

struct server {
    const char *address;
    int root;          /* the folder that files come from; -1: none */
    size_t max_header; /* bytes */
    int64_t idle;      /* ns that a client may leave us waiting: for a request, for the rest of one, for room to send */
    int64_t grace;     /* ns from the first interrupt to the end, at most */
    atomic_bool stopping;
};
extern struct server server;

/* connection.c */

/* Starts a task that serves it, and closes it in the end. */
void connection_start(int fd);

/* A task that ends those which have been idle for too long. */
void connections_watch(void);

/* When the server is stopping: those that wait for a request get no more of them; waits until all have ended or the deadline has
 * passed. How many are left. */
long connections_end(int64_t deadline);

/* burst.c: answers all that has come, until nothing is left to be read. True: wait for more; false: close it. */
bool burst_serve(int fd);

#endif
