/* SPDX-License-Identifier: MIT */
/* chat - a room where everyone hears what anyone says: join by  nc 127.0.0.1 7777  and say your name.
 *
 *     chat [--listen ADDRESS]
 *
 * Three kinds of tasks. The room's is the only one that knows who is there, so it needs no lock: it receives what happens from one
 * channel. Each member has a task that reads, and one that writes what comes by the member's own channel. The room never waits
 * for a member: whose channel is full doesn't read, and has to go. */
#include <mote.h>

#include "interrupt.h"
#include "program.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>

#define LINE 256
#define BEHIND 256 /* lines that a member may lag behind */

struct line {
    char text[LINE + 64];
};

struct member {
    int fd;
    char name[32];
    bool is_in;               /* for the task that reads */
    mote_chan(bool) admitted; /* the room's answer to that */
    mote_chan(
        struct line) lines; /* for the task that writes; closed by the room, or by the reader of one who isn't in */
    struct member *next;    /* the room's */
};

struct event {
    struct member *member;
    enum { JOINS, SAYS, LEAVES } kind;
    struct line line;
};

static mote_chan(struct event) events;
static mote_group connections;

/* No two have one name, or nobody would know who says what. */
static bool admit(struct member **members, struct member *m)
{
    for (; *members; members = &(*members)->next)
        if (strcmp((*members)->name, m->name) == 0)
            return false;
    *members = m;
    return true;
}

static void dismiss(struct member **members, struct member *m)
{
    while (*members && *members != m)
        members = &(*members)->next;
    if (*members)
        *members = m->next;
    mote_chan_close(m->lines); /* so its writer ends, and frees it: it isn't ours any more */
}

static void run_room(void)
{
    struct member *members = NULL;
    mote_chan_range (events, e) {
        if (e.kind == JOINS) {
            bool admitted = admit(&members, e.member);
            if (admitted)
                mote_try_send(e.member->lines, e.line); /* so he knows that he is in */
            mote_send(e.member->admitted, admitted);
            if (!admitted)
                continue;
        } else if (e.kind == LEAVES) {
            dismiss(&members, e.member);
        }
        for (const struct member *m = members; m; m = m->next)
            if (m != e.member && mote_try_send(m->lines, e.line) < 0)
                mote_shutdown(m->fd, SHUT_RDWR); /* its reader sees the end, and says that it leaves */
    }
}

static void discard(struct member *m)
{
    mote_close(m->fd);
    mote_chan_free(m->admitted);
    mote_chan_free(m->lines);
    free(m);
}

static void write_lines(struct member *m)
{
    bool works = true;
    mote_chan_range (m->lines, line)
        works = works && mote_write_all(m->fd, line.text, strlen(line.text)) > 0;
    discard(m);
}

static void tell(struct member *m, int kind, const char *between, const char *text)
{
    struct event e = {.member = m, .kind = kind};
    snprintf(e.line.text, sizeof e.line.text, "%s%s%s\n", m->name, between, text);
    mote_send(events, e);
}

/* What only he is told, before he is in. */
static void ask(struct member *m, const char *question)
{
    struct line line;
    snprintf(line.text, sizeof line.text, "%s\n", question);
    mote_send(m->lines, line);
}

/* Until he is in, each line is his name. False: that is none. */
static bool hear(struct member *m, char *text)
{
    if (m->is_in) {
        tell(m, SAYS, ": ", text);
        return true;
    }
    snprintf(m->name, sizeof m->name, "%.*s", (int)sizeof m->name - 1, text);
    if (!*m->name)
        return false;
    tell(m, JOINS, " is here", "");
    mote_recv(m->admitted, &m->is_in);
    if (!m->is_in)
        ask(m, "that name is taken, your name?");
    return true;
}

static void read_lines(mote_ctx *ctx, struct member *m)
{
    char text[LINE], bytes[LINE];
    size_t used = 0;
    intptr_t n = 1;
    ask(m, "your name?");
    while (n > 0 && (n = mote_read_ctx(ctx, m->fd, bytes, sizeof bytes)) > 0)
        for (intptr_t i = 0; i < n; i++) {
            if (!iscntrl((unsigned char)bytes[i]))
                text[used++] = bytes[i];
            if (bytes[i] != '\n' && used < LINE - 1)
                continue; /* the line goes on */
            text[used] = 0;
            used = 0;
            if (!hear(m, text))
                n = 0;
        }
    if (m->is_in)
        tell(m, LEAVES, " is gone", "");
    else
        mote_chan_close(m->lines); /* nobody else has heard of him */
}

/* Two tasks for a connection; the one that writes comes last, and discards it. */
static void start(mote_ctx *ctx, int fd)
{
    struct member *m = calloc(1, sizeof *m);
    if (!m) {
        mote_close(fd);
        return;
    }
    m->fd = fd;
    m->admitted = mote_chan_make(bool, 1);
    m->lines = mote_chan_make(struct line, BEHIND);
    if (!m->admitted || !m->lines || mote_group_go(&connections, write_lines, m) < 0)
        discard(m);
    else if (mote_group_go(&connections, read_lines, ctx, m) < 0)
        mote_chan_close(m->lines);
}

static const char *address = "127.0.0.1:7777";

static int serve(int argc, char **argv)
{
    (void)argc, (void)argv;
    char name[128];
    int listener = mote_listen("tcp", address);
    mote_ctx *ctx = mote_group_ctx(&connections);
    events = mote_chan_make(struct event, 64);
    if (listener < 0 || !ctx || !events)
        return listener < 0 ? listener : -ENOMEM;
    mote_task *room = mote_spawn(run_room);
    int error = room ? interrupt_cancels(&connections) : -ENOMEM;
    if (error < 0)
        return error;
    mote_local_address(listener, name, sizeof name);
    printf("chat: %s\n", name);
    fflush(stdout);
    for (int fd; (fd = mote_accept_ctx(ctx, listener)) >= 0;)
        start(ctx, fd);
    mote_close(listener);
    error = interrupt_finish(&connections);
    mote_chan_close(events);
    return error ? error : mote_join(room, NULL);
}

int main(int argc, char **argv)
{
    if (argc != 1 && (argc != 3 || strcmp(argv[1], "--listen") != 0))
        program_refuse("usage: chat [--listen ADDRESS]");
    address = argc == 3 ? argv[2] : address;
    return program_status("chat", mote_run(serve, argc, argv));
}
