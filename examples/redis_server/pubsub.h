/* SPDX-License-Identifier: MIT */
/* pubsub - channels, and who listens to them.
 *
 * A subscriber has a queue and a task that sends what is in it, so who publishes never waits for anybody's network. When the queue
 * is longer than server.max_queue the subscriber is disconnected: one who doesn't read can't make the others wait, nor take
 * all the memory. From his first SUBSCRIBE on all answers to a client go through his queue, in order with the messages. */
#ifndef PUBSUB_H
#define PUBSUB_H

#include "server.h"

command_function command_subscribe, command_unsubscribe, command_publish;

/* Whether he listens to any channel, and so may do little else. */
bool pubsub_listens(const struct client *c);

/* Sends what is in c->reply by way of the queue; waits while much is in it. False: he is disconnected. May switch. */
bool pubsub_send(struct client *c);

/* Before a subscriber's connection is closed: nobody sends to it when this has returned; what is in the queue is sent first,
 * unless it can't be. May switch. */
void pubsub_leave(struct client *c);

#endif
