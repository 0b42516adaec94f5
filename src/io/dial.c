/* SPDX-License-Identifier: MIT */
/* dial - a connection to one of several addresses.
 * Job:    see dial.h.
 * Holds:  DA1 a try is a task of its own, with a context that ends when one has gone well or the caller's ends. DA2 each sends its
 *         outcome into a channel that has room for all; when that is closed already it closes its descriptor itself. So every
 *         descriptor has one owner. DA3 the tries and the caller share the struct; who comes last frees it.
 * Source: RFC 8305, sections 4 and 5: families in turn, 250 ms from one try to the next, and the next at once when one has failed.
 */
#include "io/dial.h"

#include "base/attr.h"
#include "base/os.h"
#include "sched/sched.h"

#include <mote/chan.h>
#include <mote/io.h>
#include <mote/task.h>
#include <mote/time.h>

#include <errno.h>
#include <stdlib.h>

#define DELAY (250 * MOTE_MS)

struct outcome {
    int which, fd; /* fd: a descriptor, or an error */
};

struct race {
    _Atomic int sharers; /* DA3 */
    struct network n;
    mote_ctx *ctx;
    mote_chan(struct outcome) outcomes;
    struct endpoint list[ENDPOINTS_MAX];
};

static void unshare(struct race *r)
{
    if (atom_sub_acq_rel(&r->sharers, 1) >
        1) /* [DA sharers] every sharer's uses -> the last one's free, at both ends */
        return;
    mote_chan_free(r->outcomes);
    mote_ctx_free(r->ctx);
    free(r);
}

static void try_one(struct race *r, int which)
{
    struct outcome o = {which, dial_endpoint(r->ctx, r->n, &r->list[which])};
    if (mote_try_send(r->outcomes, o) < 0 && o.fd >= 0)
        mote_close(o.fd); /* DA2 */
    unshare(r);
}

static int start(struct race *r, int which)
{
    atom_add_rlx(&r->sharers, 1); /* rlx: we are one */
    int error = mote_go(try_one, r, which);
    if (error < 0)
        atom_add_rlx(&r->sharers, -1); /* rlx: as above, so it isn't the last */
    return error;
}

/* Families take turns, and the first is the first one's. */
static void put_in_order(struct endpoint *to, const struct endpoint *from, int count)
{
    int next[2] = {0, 0}, first = from[0].any.sa_family;
    for (int i = 0; i < count; i++) {
        for (int tries = 0; tries < 2; tries++) {
            int other = (i + tries) % 2, *at = &next[other];
            while (*at < count && (from[*at].any.sa_family != first) != other)
                ++*at;
            if (*at < count) {
                to[i] = from[(*at)++];
                break;
            }
        }
    }
}

static struct race *make(mote_ctx *ctx, struct network n, const struct endpoint *list, int count)
{
    struct race *r = calloc(1, sizeof *r);
    if (!r)
        return NULL;
    atom_store_rlx(&r->sharers, 1); /* rlx: nobody else knows it */
    r->n = n;
    put_in_order(r->list, list, count);
    r->ctx = mote_ctx_with_cancel(ctx ? ctx : mote_ctx_background());
    r->outcomes = mote_chan_make(struct outcome, (size_t)count);
    if (!r->ctx || !r->outcomes) {
        unshare(r);
        return NULL;
    }
    return r;
}

/* The others are told, and what they have got meanwhile is closed. */
static void end(struct race *r)
{
    struct outcome o;
    mote_ctx_cancel(r->ctx, 0);
    mote_chan_close(r->outcomes);
    while (mote_try_recv(r->outcomes, &o) == 0)
        if (o.fd >= 0)
            mote_close(o.fd);
    unshare(r);
}

static int race(struct race *r, int count)
{
    int started = 0, ended = 0, result = 0;
    int64_t next = 0; /* when the next is due */
    while (ended < count) {
        struct outcome o;
        if (started < count && os_now() >= next) {
            int error = start(r, started);
            if (error < 0)
                return result ? result : error;
            started++;
            next = os_now() + DELAY;
        }
        if (mote_recv_until(r->outcomes, &o, started < count ? next : MOTE_FOREVER) < 0)
            continue; /* the next one's turn; nobody closes the channel meanwhile */
        if (o.fd >= 0)
            return o.fd;
        ended++;
        next = 0;
        result = o.which == 0 || !result ? o.fd : result;
        if (mote_ctx_err(r->ctx))
            break;
    }
    return result;
}

static int one_after_the_other(mote_ctx *ctx, struct network n, const struct endpoint *list, int count)
{
    int result = 0;
    for (int i = 0; i < count; i++) {
        int fd = dial_endpoint(ctx, n, &list[i]);
        if (fd >= 0)
            return fd;
        result = i == 0 ? fd : result;
        if (ctx && mote_ctx_err(ctx))
            break;
    }
    return result;
}

int dial_any(mote_ctx *ctx, struct network n, const struct endpoint *list, int count)
{
    if (count == 1 || n.type != SOCK_STREAM || (sched_self()->flags & TASK_THREAD))
        return one_after_the_other(ctx, n, list, count);
    struct race *r = make(ctx, n, list, count);
    if (!r)
        return -ENOMEM;
    int fd = race(r, count);
    end(r);
    return fd;
}
