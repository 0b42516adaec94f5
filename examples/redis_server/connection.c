/* SPDX-License-Identifier: MIT */
/* connection - one task for each client: reads what has come, does all requests that are whole, sends the answers together. */
#include "pubsub.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define ROOM ((size_t)16384) /* bytes of a client's buffer, to begin with and when nothing is in it */
#define SEND 65536           /* bytes of answers that are sent before more requests are done */
#define MORE 1048576         /* bytes that a request may have beyond twice the largest value */
#define LINGER 1000          /* ms that a client has to read why it is disconnected */

static struct {
    mote_mutex mutex;
    struct client *first;
    mote_wg open;
} all;

static void enter(struct client *c)
{
    mote_mutex_lock(&all.mutex);
    c->next = all.first;
    c->link = &all.first;
    if (c->next)
        c->next->link = &c->next;
    all.first = c;
    mote_mutex_unlock(&all.mutex);
}

static void leave(struct client *c)
{
    mote_mutex_lock(&all.mutex);
    *c->link = c->next;
    if (c->next)
        c->next->link = c->link;
    mote_mutex_unlock(&all.mutex);
}

static bool resize(struct client *c, size_t room)
{
    char *in = realloc(c->in, room);
    if (!in)
        return false;
    c->in = in;
    c->room = room;
    return true;
}

/* Room for more behind what is there. The buffer grows as bytes come, not as they are announced. */
static bool make_room(struct client *c)
{
    if (c->from > 0 && c->used > c->from)
        memmove(c->in, c->in + c->from, c->used - c->from);
    c->used -= c->from;
    c->from = 0;
    if (c->used == 0 && c->room > 4 * ROOM) {
        free(c->in);
        c->in = NULL;
        c->room = 0;
    }
    if (c->room == 0)
        return resize(c, ROOM);
    return c->used < c->room || resize(c, 2 * c->room);
}

static bool send_answers(struct client *c)
{
    if (c->reply.size == 0 && !c->reply.broken)
        return true;
    return c->subscriber ? pubsub_send(c) : reply_send(&c->reply, c->fd);
}

/* All that are whole. False: the connection is to be closed. */
static bool do_requests(struct client *c)
{
    enum resp_result got = RESP_MORE;
    while (!c->closing && (got = resp_next(&c->request, c->in + c->from, c->used - c->from)) == RESP_REQUEST) {
        if (c->request.count > 0)
            command_run(c);
        c->from += c->request.at;
        resp_reset(&c->request);
        if (c->reply.size > SEND && !send_answers(c))
            return false;
    }
    if (got == RESP_ERROR) {
        reply_error(&c->reply, "ERR Protocol error: %s", c->request.error);
        c->closing = true;
    }
    if (server.stopping && c->from == c->used)
        c->closing = true;
    return send_answers(c) && !c->closing;
}

static bool read_more(struct client *c)
{
    if (!make_room(c))
        return false;
    intptr_t n = mote_read(c->fd, c->in + c->used, c->room - c->used);
    if (n > 0)
        c->used += (size_t)n;
    return n > 0;
}

/* If we closed while there is something that we haven't read, the client might never see our last answer. */
static void linger(struct client *c)
{
    if (mote_shutdown(c->fd, SHUT_WR) < 0)
        return;
    mote_set_deadline(c->fd, MOTE_READ, mote_now() + LINGER * MOTE_MS);
    while (make_room(c) && mote_read(c->fd, c->in, c->room) > 0)
        ;
}

static void serve(struct client *c)
{
    while (read_more(c) && do_requests(c))
        ;
    if (c->subscriber)
        pubsub_leave(c);
    if (c->closing)
        linger(c);
    leave(c); /* first: nobody may shut down whoever gets the number next */
    mote_close(c->fd);
    resp_free(&c->request);
    reply_clear(&c->reply);
    free(c->reply.bytes);
    free(c->reply.parts);
    free(c->in);
    free(c);
    server.clients--;
    mote_wg_done(&all.open);
}

static void refuse(int fd, const char *why)
{
    mote_sendto(fd, why, strlen(why), MSG_DONTWAIT, NULL, 0); /* it fits, or it is lost */
    mote_close(fd);
}

void connection_start(int fd)
{
    if (server.clients >= server.max_clients) {
        refuse(fd, "-ERR max number of clients reached\r\n");
        return;
    }
    struct client *c = calloc(1, sizeof *c);
    if (!c) {
        refuse(fd, "-" NO_MEMORY "\r\n");
        return;
    }
    c->fd = fd;
    resp_init(&c->request, server.max_value, 2 * server.max_value + MORE);
    enter(c);
    server.clients++;
    mote_wg_add(&all.open, 1);
    if (mote_go(serve, c) == 0)
        return;
    mote_wg_done(&all.open);
    server.clients--;
    leave(c);
    free(c);
    refuse(fd, "-" NO_MEMORY "\r\n");
}

static long shut_down(int how)
{
    long count = 0;
    mote_mutex_lock(&all.mutex);
    for (struct client *c = all.first; c; c = c->next) {
        mote_shutdown(c->fd, how);
        count++;
    }
    mote_mutex_unlock(&all.mutex);
    return count;
}

long connections_end(int64_t deadline)
{
    shut_down(SHUT_RD); /* what has come already is still done */
    if (mote_wg_wait_until(&all.open, deadline) == 0)
        return 0;
    long cut = shut_down(SHUT_RDWR);
    mote_wg_wait_until(&all.open, mote_now() + 5 * MOTE_S);
    return cut;
}
