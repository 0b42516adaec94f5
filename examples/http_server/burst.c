/* SPDX-License-Identifier: MIT */
/* burst - what is done when bytes have come: reads requests and answers them until nothing is left.
 *
 * The buffers live only as long as that. As long as requests are in the buffer their answers are gathered, so those that came in
 * one piece (pipelining) are answered by one write, in their order. */
#include "answer.h"
#include "body.h"
#include "server.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define BODY_ROOM 4096        /* for a body, behind the head, which is wanted until it is answered */
#define FAREWELL (1 * MOTE_S) /* a client that we leave may take so long to hear it */
#define GONE (-1)             /* beside statuses, which are negated: there is nobody to answer */

struct burst {
    struct output out;
    bool hurried;          /* a deadline is set for reading */
    uint32_t from, at, to; /* of `in`: the request under way; what is read but not used yet; the end */
    char in[];             /* server.max_header + BODY_ROOM */
};

enum outcome { OUTCOME_WAIT, OUTCOME_CLOSE, OUTCOME_LEAVE }; /* LEAVE: the client doesn't expect that we close */

/* Reading */

static intptr_t read_some(struct burst *b, int flags)
{
    size_t room = server.max_header + BODY_ROOM - b->to;
    intptr_t n = mote_recvfrom(b->out.fd, b->in + b->to, room, flags, NULL, NULL);
    if (n > 0)
        b->to += (uint32_t)n;
    return n;
}

/* The whole request has to come within the time for idling, however it dribbles. */
static void hurry(struct burst *b)
{
    if (!b->hurried)
        mote_set_deadline(b->out.fd, MOTE_READ, mote_now() + server.idle);
    b->hurried = true;
}

static void hurry_no_more(struct burst *b)
{
    if (b->hurried)
        mote_set_deadline(b->out.fd, MOTE_READ, MOTE_FOREVER);
    b->hurried = false;
}

/* In the middle of a request. 0; -400: it ends here; -408: it takes too long; GONE. */
static int read_more(struct burst *b)
{
    if (!output_flush(&b->out, false)) /* what is answered must not wait */
        return GONE;
    memmove(b->in, b->in + b->from, b->to - b->from);
    b->at -= b->from;
    b->to -= b->from;
    b->from = 0;
    hurry(b);
    intptr_t n = read_some(b, 0);
    return n > 0 ? 0 : n == 0 ? -400 : n == -ETIMEDOUT ? -408 : GONE;
}

/* The length of the next head; 0: there is nothing left; or as above, or what request_parse refuses it with. */
static int read_head(struct burst *b, struct request *r)
{
    request_begin(r);
    for (;;) {
        uint32_t size = b->to - b->from;
        int n = request_parse(r, b->in + b->from, size, server.max_header);
        if (n != 0)
            return n;
        if (!r->first_line_done && r->line == size) /* nothing, or empty lines */
            return 0;
        if ((n = read_more(b)) < 0)
            return n;
    }
}

/* The body is read and dropped, the head stays where it is. 0, or as above. */
static int drop_body(struct burst *b, const struct request *r, uint32_t head)
{
    struct body body;
    int error = body_begin(&body, r, MAX_BODY);
    if (r->continues && error == 0 && body.state != BODY_DONE && b->at == b->to)
        output_text(&b->out, "HTTP/1.1 100 Continue\r\n\r\n");
    while (error == 0 && body.state != BODY_DONE) {
        int64_t used = body_take(&body, b->in + b->at, b->to - b->at);
        if (used < 0)
            return (int)used;
        b->at += (uint32_t)used;
        if (body.state != BODY_DONE) {
            b->at = b->to = b->from + head;
            error = read_more(b);
        }
    }
    return error;
}

/* The conversation */

static enum outcome refuse(struct burst *b, const struct request *r, int error)
{
    if (error == GONE)
        return OUTCOME_CLOSE;
    answer_status(&b->out, r, -error, false);
    return output_flush(&b->out, false) ? OUTCOME_LEAVE : OUTCOME_CLOSE;
}

static enum outcome answer_all(struct burst *b)
{
    struct request r;
    for (int head; (head = read_head(b, &r)) != 0; b->from = b->at) {
        b->at = b->from + (uint32_t)(head > 0 ? head : 0);
        int error = head < 0 ? head : drop_body(b, &r, (uint32_t)head);
        if (error < 0)
            return refuse(b, &r, error);
        hurry_no_more(b);
        bool stops = server.stopping, keeps = r.keeps && !stops;
        if (!answer_request(&b->out, &r, b->in + b->from, keeps))
            return OUTCOME_CLOSE;
        if (!keeps)
            return output_flush(&b->out, false) && stops ? OUTCOME_LEAVE : OUTCOME_CLOSE;
    }
    return output_flush(&b->out, false) ? OUTCOME_WAIT : OUTCOME_CLOSE;
}

/* To close a connection where something was sent that we haven't read would reset it, and the client might lose our last
 * answer. So we say that it is the last one, and wait until the client closes. */
static void leave(struct burst *b)
{
    int fd = b->out.fd;
    if (mote_shutdown(fd, SHUT_WR) < 0)
        return;
    mote_set_deadline(fd, MOTE_READ, mote_now() + (server.idle < FAREWELL ? server.idle : FAREWELL));
    do
        b->to = 0;
    while (read_some(b, 0) > 0);
}

bool burst_serve(int fd)
{
    struct burst *b = malloc(sizeof *b + server.max_header + BODY_ROOM);
    if (!b)
        return false;
    b->out.fd = fd;
    b->out.broken = b->hurried = false;
    b->out.used = b->from = b->at = b->to = 0;
    intptr_t n =
        read_some(b, MSG_DONTWAIT); /* there may be nothing after all: then the task waits on without a buffer */
    enum outcome outcome = n > 0 ? answer_all(b) : n == -EAGAIN ? OUTCOME_WAIT : OUTCOME_CLOSE;
    hurry_no_more(b);
    if (outcome == OUTCOME_LEAVE)
        leave(b);
    free(b);
    return outcome == OUTCOME_WAIT;
}
