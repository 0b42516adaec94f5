/* SPDX-License-Identifier: MIT */
/* pubsub - see pubsub.h.
 *
 * Locks: `registry` guards the channels, their members and who is a member of what; then a subscriber's mutex guards its queue. */
#include "pubsub.h"
#include "subscriber.h"
#include "table.h"

#include <stdlib.h>
#include <string.h>

/* One listens to another. */
struct member {
    struct node node; /* in the subscriber's table; the key is the channel's */
    struct subscriber *subscriber;
    struct channel *channel;
    size_t index; /* in the channel's members */
};

struct channel {
    struct node node;
    struct member **members;
    size_t count, room;
    char name[];
};

static mote_rwmutex registry;
static struct table channels;

static struct channel *find_channel(struct bytes name)
{
    struct node **link = table_find(&channels, name, table_hash(name));
    return link ? (struct channel *)*link : NULL;
}

static void discard_if_empty(struct channel *channel)
{
    if (channel->count > 0)
        return;
    table_remove(&channels, table_find(&channels, channel->node.key, channel->node.hash));
    free((void *)channel->members);
    free(channel);
}

/* It has room for one more member. NULL: no memory. */
static struct channel *channel_for(struct bytes name)
{
    struct channel *c = find_channel(name);
    if (!c) {
        c = calloc(1, sizeof *c + name.size);
        if (!c)
            return NULL;
        if (name.size > 0)
            memcpy(c->name, name.at, name.size);
        c->node = (struct node){.hash = table_hash(name), .key = {c->name, name.size}};
        if (!table_add(&channels, &c->node)) {
            free(c);
            return NULL;
        }
    }
    if (c->count < c->room)
        return c;
    size_t room = c->room ? 2 * c->room : 4;
    struct member **members = realloc((void *)c->members, room * sizeof *members);
    if (members) {
        c->members = members;
        c->room = room;
        return c;
    }
    discard_if_empty(c);
    return NULL;
}

static bool join(struct subscriber *s, struct bytes name)
{
    if (table_find(&s->channels, name, table_hash(name)))
        return true;
    struct channel *channel = channel_for(name);
    struct member *m = channel ? malloc(sizeof *m) : NULL;
    if (!m) {
        if (channel)
            discard_if_empty(channel);
        return false;
    }
    *m = (struct member){channel->node, s, channel, channel->count};
    if (!table_add(&s->channels, &m->node)) {
        discard_if_empty(channel);
        free(m);
        return false;
    }
    channel->members[channel->count++] = m;
    return true;
}

static void part(struct subscriber *s, struct node **link)
{
    struct member *m = (struct member *)table_remove(&s->channels, link);
    struct channel *channel = m->channel;
    struct member *last = channel->members[--channel->count];
    channel->members[m->index] = last;
    last->index = m->index;
    free(m);
    discard_if_empty(channel);
}

/* The next of those that are left, from a bucket on; NULL: none is. */
static struct node **any_of(const struct table *table, size_t *bucket)
{
    while (*bucket < table->room && !table->buckets[*bucket])
        ++*bucket;
    return *bucket < table->room ? &table->buckets[*bucket] : NULL;
}

static void confirm(struct client *c, const char *what, const struct bytes *name)
{
    reply_array(&c->reply, 3);
    reply_text(&c->reply, what);
    if (name)
        reply_bulk(&c->reply, *name);
    else
        reply_value(&c->reply, NULL);
    reply_number(&c->reply, c->subscriber ? (int64_t)c->subscriber->channels.count : 0);
}

bool pubsub_listens(const struct client *c) { return c->subscriber && c->subscriber->channels.count > 0; }

/* The confirmations go into the queue before any message can, so under the same lock. */
void command_subscribe(struct client *c)
{
    if (!c->subscriber) {
        c->closing = !reply_send(&c->reply, c->fd);
        c->subscriber = subscriber_start(c->fd);
    }
    if (!c->subscriber) {
        reply_error(&c->reply, NO_MEMORY);
        return;
    }
    subscriber_wait(c->subscriber);
    mote_rwmutex_lock(&registry);
    for (size_t i = 1; i < c->request.count; i++) {
        struct bytes name = arg(c, i);
        if (join(c->subscriber, name))
            confirm(c, "subscribe", &name);
        else
            reply_error(&c->reply, NO_MEMORY);
    }
    subscriber_add(c->subscriber, reply_take(&c->reply), false);
    mote_rwmutex_unlock(&registry);
}

static void leave_all(struct client *c, bool says)
{
    struct table *own = &c->subscriber->channels;
    size_t bucket = 0;
    for (struct node **link; (link = any_of(own, &bucket));) {
        const struct bytes key = (*link)->key;
        struct value *name = says ? value_make(key.at, key.size) : NULL; /* the channel may end with its last member */
        part(c->subscriber, link);
        if (says)
            confirm(c, "unsubscribe", &(struct bytes){name ? name->bytes : "", name ? name->size : 0});
        value_drop(name);
    }
}

void command_unsubscribe(struct client *c)
{
    if (!pubsub_listens(c) && c->request.count == 1) {
        confirm(c, "unsubscribe", NULL);
        return;
    }
    mote_rwmutex_lock(&registry);
    if (c->request.count == 1)
        leave_all(c, true);
    for (size_t i = 1; i < c->request.count; i++) {
        struct bytes name = arg(c, i);
        struct node **link = c->subscriber ? table_find(&c->subscriber->channels, name, table_hash(name)) : NULL;
        if (link)
            part(c->subscriber, link);
        confirm(c, "unsubscribe", &name);
    }
    mote_rwmutex_unlock(&registry);
}

static struct value *message(struct bytes channel, struct bytes text)
{
    struct reply r = {0};
    reply_array(&r, 3);
    reply_text(&r, "message");
    reply_bulk(&r, channel);
    reply_bulk(&r, text);
    struct value *all = reply_take(&r);
    free(r.bytes);
    return all;
}

void command_publish(struct client *c)
{
    struct value *v = message(arg(c, 1), arg(c, 2));
    if (!v) {
        reply_error(&c->reply, NO_MEMORY);
        return;
    }
    mote_rwmutex_rlock(&registry);
    const struct channel *channel = find_channel(arg(c, 1));
    size_t count = channel ? channel->count : 0;
    for (size_t i = 0; i < count; i++)
        subscriber_add(channel->members[i]->subscriber, value_ref(v), true);
    mote_rwmutex_runlock(&registry);
    value_drop(v);
    reply_number(&c->reply, (int64_t)count);
}

bool pubsub_send(struct client *c)
{
    return subscriber_wait(c->subscriber) && subscriber_add(c->subscriber, reply_take(&c->reply), false);
}

void pubsub_leave(struct client *c)
{
    mote_rwmutex_lock(&registry);
    leave_all(c, false);
    mote_rwmutex_unlock(&registry);
    subscriber_end(c->subscriber);
    c->subscriber = NULL;
}
