/* SPDX-License-Identifier: MIT */
/* subscriber - the queue of what is to be sent to one who listens, and the task that sends it. */
#ifndef SUBSCRIBER_H
#define SUBSCRIBER_H

#include "server.h"
#include "table.h"

struct subscriber {
    int fd;
    struct table channels; /* that he listens to: pubsub.c's */
    mote_wg sending;
    /* ------------------ under the mutex */
    mote_mutex mutex;
    mote_cond changed;
    struct list queue;
    size_t size; /* bytes in the queue and under way */
    bool ending; /* nothing more comes */
    bool broken; /* nothing more can be sent */
};

/* NULL: no memory. */
struct subscriber *subscriber_start(int fd);

/* Takes the reference over; NULL counts as a failure. is_message: if he lags too far behind then, he is disconnected. False: nothing can
 * be sent to him any more. Doesn't wait for the network. */
bool subscriber_add(struct subscriber *s, struct value *value, bool is_message);

/* Waits while he lags more than half as far as he may. False as above. */
bool subscriber_wait(struct subscriber *s);

/* Sends what is there, if that can be sent, and frees it: he is a member of nothing any more. */
void subscriber_end(struct subscriber *s);

#endif
