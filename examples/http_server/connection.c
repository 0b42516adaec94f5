/* SPDX-License-Identifier: MIT */
/* connection - one task for each connection.
 *
 * It spends its life in wait_for_bytes, two calls deep, and has no buffer there: what an idle connection takes is this small
 * record and the few hundred bytes of its task and its stack. Buffers are the affair of burst.c. Nor does it set a timer for each
 * wait: one task looks after all that are idle too long. */
#include "server.h"

#include <stdlib.h>
#include <sys/socket.h>

struct connection {
    int fd;
    _Atomic int64_t idle_since; /* on mote_now's clock; 0: it is answering */
    struct connection *next, **link;
};

static struct {
    mote_mutex mutex;
    struct connection *first;
    mote_wg open;
} all;

static void enter(struct connection *c)
{
    mote_mutex_lock(&all.mutex);
    c->next = all.first;
    c->link = &all.first;
    if (c->next)
        c->next->link = &c->next;
    all.first = c;
    mote_mutex_unlock(&all.mutex);
}

static void leave(struct connection *c)
{
    mote_mutex_lock(&all.mutex);
    *c->link = c->next;
    if (c->next)
        c->next->link = c->link;
    mote_mutex_unlock(&all.mutex);
}

/* What has come already can still be read then, and is answered; behind it is the end. */
static void let_no_more_in(const struct connection *c) { mote_shutdown(c->fd, SHUT_RD); }

/* False: it is broken. */
static bool wait_for_bytes(struct connection *c)
{
    c->idle_since = mote_now();
    if (server.stopping) /* and if it begins to stop only now, connections_end sees that we are idle */
        let_no_more_in(c);
    bool came = mote_wait_fd(c->fd, MOTE_READ, MOTE_FOREVER) > 0;
    c->idle_since = 0;
    return came;
}

static void serve(struct connection *c)
{
    while (wait_for_bytes(c) && burst_serve(c->fd))
        ;
    leave(c); /* first: nobody may shut down whoever gets the number next */
    mote_close(c->fd);
    free(c);
    mote_wg_done(&all.open);
}

void connection_start(int fd)
{
    struct connection *c = calloc(1, sizeof *c);
    if (c) {
        c->fd = fd;
        enter(c);
        mote_wg_add(&all.open, 1);
        if (mote_go(serve, c) == 0)
            return;
        mote_wg_done(&all.open);
        leave(c);
    }
    free(c);
    mote_close(fd); /* no memory: who comes later may have more luck */
}

/* Those that have been idle since then or longer get no more requests, and so end. */
static void end_idle(int64_t since)
{
    mote_mutex_lock(&all.mutex);
    for (struct connection *c = all.first; c; c = c->next) {
        int64_t idle_since = c->idle_since;
        if (idle_since && idle_since <= since)
            let_no_more_in(c);
    }
    mote_mutex_unlock(&all.mutex);
}

void connections_watch(void)
{
    for (;;) {
        mote_sleep(server.idle / 4);
        end_idle(mote_now() - server.idle);
    }
}

long connections_end(int64_t deadline)
{
    long left = 0;
    end_idle(INT64_MAX);
    mote_wg_wait_until(&all.open, deadline);
    mote_mutex_lock(&all.mutex);
    for (struct connection *c = all.first; c; c = c->next)
        left++;
    mote_mutex_unlock(&all.mutex);
    return left;
}
