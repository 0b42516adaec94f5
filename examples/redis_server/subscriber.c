/* SPDX-License-Identifier: MIT */
/* subscriber - see subscriber.h. */
#include "subscriber.h"

#include <stdlib.h>
#include <sys/socket.h>

#define OVERHEAD 64 /* bytes that a place in the queue counts for, beside its text */

/* Wakes all that wait: for things to send, for room, for the end. */
static void cut(struct subscriber *s)
{
    s->broken = true;
    mote_shutdown(s->fd, SHUT_RDWR);
    mote_cond_broadcast(&s->changed);
}

/* What is to be sent next; false: nothing, ever. */
static bool take(struct subscriber *s, struct list *batch)
{
    while (s->queue.count == 0 && !s->ending && !s->broken)
        mote_cond_wait(&s->changed, &s->mutex);
    *batch = s->queue;
    s->queue = (struct list){0};
    return batch->count > 0 && !s->broken;
}

static size_t size_of(const struct list *list)
{
    size_t size = 0;
    for (size_t i = 0; i < list->count; i++)
        size += list_at(list, i)->size + OVERHEAD;
    return size;
}

static void send_queue(struct subscriber *s)
{
    struct list batch;
    mote_mutex_lock(&s->mutex);
    while (take(s, &batch)) {
        size_t size = size_of(&batch);
        mote_mutex_unlock(&s->mutex);
        bool sent = reply_send_list(&batch, s->fd);
        mote_mutex_lock(&s->mutex);
        s->size -= size;
        if (!sent && !s->broken)
            cut(s);
        mote_cond_broadcast(&s->changed);
    }
    mote_mutex_unlock(&s->mutex);
    list_clear(&batch);
    mote_wg_done(&s->sending);
}

struct subscriber *subscriber_start(int fd)
{
    struct subscriber *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->fd = fd;
    mote_wg_add(&s->sending, 1);
    if (mote_go(send_queue, s) == 0)
        return s;
    free(s);
    return NULL;
}

bool subscriber_add(struct subscriber *s, struct value *value, bool is_message)
{
    mote_mutex_lock(&s->mutex);
    bool added = !s->broken && value && list_push(&s->queue, false, value);
    if (added)
        s->size += value->size + OVERHEAD;
    else
        value_drop(value);
    if (!s->broken && (!added || (is_message && s->size > server.max_queue))) {
        server.disconnected++;
        cut(s);
    } else if (added) {
        mote_cond_broadcast(&s->changed);
    }
    bool works = !s->broken;
    mote_mutex_unlock(&s->mutex);
    return works;
}

bool subscriber_wait(struct subscriber *s)
{
    mote_mutex_lock(&s->mutex);
    while (s->size > server.max_queue / 2 && !s->broken)
        mote_cond_wait(&s->changed, &s->mutex);
    bool works = !s->broken;
    mote_mutex_unlock(&s->mutex);
    return works;
}

void subscriber_end(struct subscriber *s)
{
    mote_mutex_lock(&s->mutex);
    s->ending = true;
    mote_cond_broadcast(&s->changed);
    mote_mutex_unlock(&s->mutex);
    mote_wg_wait(&s->sending);
    list_clear(&s->queue); /* what came when it was broken already */
    table_free(&s->channels);
    free(s);
}
