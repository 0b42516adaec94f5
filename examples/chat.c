/* SPDX-License-Identifier: MIT */
/* chat - a room where everyone hears what anyone says: join by  nc 127.0.0.1 7777  and say your name.
 *
 *     chat [--listen ADDRESS]
 *
 * Three kinds of tasks. The room's is the only one that knows who is there, so it needs no lock: it receives what happens from one
 * channel. Each member has a task that reads, and one that writes what comes by the member's own channel. The room never waits
 * for a member: whose channel is full doesn't read, and has to go. */
#include <mote.h>

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define LINE 256
#define BEHIND 256 /* lines that a member may lag behind */

struct line {
    char text[LINE + 64];
};

struct member {
    int fd;
    char name[32];
    mote_chan(struct line) lines;
    struct member *next;
};

struct event {
    struct member *member; /* who says it; one whom the room doesn't know is new */
    bool leaves;
    struct line line;
};

static mote_chan(struct event) events;

static void run_room(void)
{
    struct member *members = NULL, **link;
    mote_chan_range (events, e) {
        for (link = &members; *link && *link != e.member;)
            link = &(*link)->next;
        if (!*link) {
            *link = e.member;
            (void)mote_chan_ref(e.member->lines);         /* the room's */
            (void)mote_try_send(e.member->lines, e.line); /* so he knows that he is in */
        } else if (e.leaves) {
            mote_chan(struct line) lines = e.member->lines;
            *link = e.member->next;
            mote_chan_close(lines); /* so its writer ends, and frees it: it isn't ours any more */
            mote_chan_free(lines);
        }
        for (const struct member *m = members; m; m = m->next)
            if (m != e.member && mote_try_send(m->lines, e.line) < 0)
                mote_shutdown(m->fd, SHUT_RDWR); /* its reader sees the end, and says that it leaves */
    }
}

static void discard(struct member *m)
{
    mote_close(m->fd);
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

static void tell(struct member *m, const char *between, const char *text, bool leaves)
{
    struct event e = {.member = m, .leaves = leaves};
    snprintf(e.line.text, sizeof e.line.text, "%s%s%s\n", m->name, between, text);
    mote_send(events, e);
}

/* The first line is his name. False: that is none. */
static bool hear(struct member *m, char *text)
{
    if (*m->name) {
        tell(m, ": ", text, false);
        return true;
    }
    snprintf(m->name, sizeof m->name, "%.*s", (int)sizeof m->name - 1, text);
    if (!*m->name || mote_go(write_lines, m) < 0) {
        *m->name = 0;
        return false;
    }
    tell(m, " is here", "", false);
    return true;
}

static void read_lines(struct member *m)
{
    char text[LINE], bytes[LINE];
    size_t used = 0;
    intptr_t n = m->lines ? mote_write_all(m->fd, "your name?\n", 11) : -ENOMEM;
    while (n > 0 && (n = mote_read(m->fd, bytes, sizeof bytes)) > 0)
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
    if (*m->name)
        tell(m, " is gone", "", true);
    else
        discard(m); /* nobody else has heard of him */
}

static int serve(int argc, char **argv)
{
    char address[128];
    int listener = mote_listen("tcp", argc == 3 ? argv[2] : "127.0.0.1:7777");
    events = mote_chan_make(struct event, 64);
    if (listener < 0 || !events || mote_go(run_room) < 0)
        return listener < 0 ? listener : -ENOMEM;
    mote_local_address(listener, address, sizeof address);
    printf("chat: %s\n", address);
    fflush(stdout);
    for (;;) {
        int fd = mote_accept(listener);
        struct member *m = fd < 0 ? NULL : calloc(1, sizeof *m);
        if (!m)
            return fd < 0 ? fd : -ENOMEM;
        m->fd = fd;
        m->lines = mote_chan_make(struct line, BEHIND);
        if (mote_go(read_lines, m) < 0)
            discard(m);
    }
}

int main(int argc, char **argv)
{
    if (argc != 1 && (argc != 3 || strcmp(argv[1], "--listen") != 0)) {
        fprintf(stderr, "usage: chat [--listen ADDRESS]\n");
        return 2;
    }
    int error = mote_run(serve, argc, argv);
    fprintf(stderr, "chat: %s\n", strerror(-error));
    return 1;
}
