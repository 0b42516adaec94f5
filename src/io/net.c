/* SPDX-License-Identifier: MIT */
/* net - sockets.
 * Job:    listen, accept, dial, connect; messages; addresses.
 * Holds:  CA1, CA2. NE1 every socket made here is non-blocking and closed on exec, and in the table before anybody has its number.
 */
#include "io/address.h"
#include "io/call.h"
#include "io/dial.h"

#include <netinet/tcp.h>
#include <string.h>
#include <unistd.h>

#define SOCK_TYPE 15              /* what isn't flags */
#define PAUSE_FIRST (5 * MOTE_MS) /* when there are no descriptors, or a unix listener's queue is full */
#define PAUSE_LAST (1 * MOTE_S)

/* NE1. Closes it when that fails. */
static int own_socket(int fd, enum desc_kind kind)
{
    int error = desc_own(fd, kind);
    if (error < 0)
        close(fd);
    return error < 0 ? error : fd;
}

PUBLIC int mote_socket(int domain, int type, int protocol)
{
    int fd = socket(domain, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
    bool tcp = (domain == AF_INET || domain == AF_INET6) && (type & SOCK_TYPE) == SOCK_STREAM &&
               (protocol == 0 || protocol == IPPROTO_TCP);
    return fd < 0 ? -errno : own_socket(fd, tcp ? DESC_TCP : DESC_SOCKET);
}

static int set_option(int fd, int level, int option)
{
    const int yes = 1;
    return setsockopt(fd, level, option, &yes, sizeof yes) < 0 ? -errno : 0;
}

/* A wait that grows. */
static int pause_longer(struct attempt *a, int64_t *pause)
{
    *pause = *pause == 0 ? PAUSE_FIRST : *pause < PAUSE_LAST / 2 ? *pause * 2 : PAUSE_LAST;
    return attempt_pause(a, *pause);
}

/* Accepting */

static intptr_t accept_one(int fd) { return CALL_RESULT(accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)); }

static intptr_t try_accept(const struct attempt *a)
{
    int error = a->kind == DESC_FOREIGN ? call_would_block(a->fd, SIDE_READ) : 0;
    return error < 0 ? error : accept_one(a->fd);
}

static bool is_out_of_something(intptr_t error)
{
    return error == -EMFILE || error == -ENFILE || error == -ENOBUFS || error == -ENOMEM;
}

/* accept(2): errors of the new connection. */
static bool is_connections(intptr_t error)
{
    static const int errors[] = {ECONNABORTED, EPROTO,       ENETDOWN,    ENOPROTOOPT, EHOSTDOWN,
                                 ENONET,       EHOSTUNREACH, ENETUNREACH, EPERM};
    for (size_t i = 0; i < ARRAY_LENGTH(errors); i++)
        if (error == -errors[i])
            return true;
    return false;
}

static int accept_with(int fd, const struct limit *limit)
{
    struct attempt a;
    int64_t pause = 0;
    intptr_t n = attempt_begin(&a, fd, SIDE_READ, limit);
    if (n < 0)
        return (int)n;
    do {
        n = try_accept(&a);
        if (n == -EAGAIN)
            n = attempt_wait(&a);
        else if (is_out_of_something(n))
            n = pause_longer(&a, &pause);
        else if (is_connections(n))
            n = 0;
        else
            break;
    } while (n == 0);
    attempt_end(&a);
    return n < 0 ? (int)n : own_socket((int)n, a.kind == DESC_TCP ? DESC_TCP : DESC_SOCKET);
}

PUBLIC int mote_accept(int fd) { return accept_with(fd, NULL); }

PUBLIC int mote_accept_ctx(mote_ctx *ctx, int fd)
{
    const struct limit limit = limit_ctx(ctx);
    return accept_with(fd, &limit);
}

/* Connecting */

/* A second connect(2) says what has become of the first. */
static intptr_t try_connect(int fd, const struct sockaddr *to, unsigned to_size)
{
    int n = connect(fd, to, to_size) < 0 ? -errno : 0;
    return n == -EINPROGRESS || n == -EALREADY || n == -EINTR ? -EINPROGRESS : n;
}

static int connect_with(int fd, const struct sockaddr *to, unsigned to_size, const struct limit *limit)
{
    struct attempt a;
    int64_t pause = 0;
    bool begun = false;
    intptr_t n = attempt_begin(&a, fd, SIDE_WRITE, limit);
    if (n < 0)
        return (int)n;
    do {
        n = try_connect(fd, to, to_size);
        if (n == -EINPROGRESS) {
            begun = true;
            n = attempt_wait(&a);
        } else if (n == -EAGAIN && to->sa_family == AF_UNIX) { /* its queue is full; no edge tells when it isn't */
            n = pause_longer(&a, &pause);
        } else {
            n = n == -EISCONN && begun ? 1 : n ? n : 1;
        }
    } while (n == 0);
    attempt_end(&a);
    return n < 0 ? (int)n : 0;
}

PUBLIC int mote_connect(int fd, const struct sockaddr *to, unsigned to_size)
{
    return connect_with(fd, to, to_size, NULL);
}

PUBLIC int mote_connect_ctx(mote_ctx *ctx, int fd, const struct sockaddr *to, unsigned to_size)
{
    const struct limit limit = limit_ctx(ctx);
    return connect_with(fd, to, to_size, &limit);
}

int dial_endpoint(mote_ctx *ctx, struct network n, const struct endpoint *e)
{
    int fd = mote_socket(e->any.sa_family, n.type, 0);
    if (fd < 0)
        return fd;
    int error = n.type == SOCK_STREAM && n.family != AF_UNIX ? set_option(fd, IPPROTO_TCP, TCP_NODELAY) : 0;
    if (error == 0)
        error = mote_connect_ctx(ctx, fd, &e->any, e->size);
    if (error == 0)
        return fd;
    mote_close(fd);
    return error;
}

PUBLIC int mote_dial(mote_ctx *ctx, const char *network, const char *address)
{
    struct network n;
    struct endpoint list[ENDPOINTS_MAX];
    int error = network_parse(network, &n);
    int count = error < 0 ? error : address_parse(ctx, n, address, false, list);
    return count < 0 ? count : dial_any(ctx, n, list, count);
}

/* Listening */

/* Who serves will wait, also when there are no descriptors left. A plain thread may be here without a runtime. */
static int open_for_waits(void) { return sched_self()->flags & TASK_THREAD ? 0 : poller_open(); }

static int listen_at(struct network n, const struct endpoint *e, const mote_listen_options *o)
{
    bool stream = n.type == SOCK_STREAM, internet = e->any.sa_family != AF_UNIX;
    int fd = mote_socket(e->any.sa_family, n.type, 0), error = 0;
    if (fd < 0)
        return fd;
    if (stream && internet)
        error = set_option(fd, SOL_SOCKET, SO_REUSEADDR);
    if (!error && n.family == AF_INET6)
        error = set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY);
    if (!error && o->reuse_port)
        error = set_option(fd, SOL_SOCKET, SO_REUSEPORT);
    if (!error && stream && internet && !o->delay)
        error = set_option(fd, IPPROTO_TCP, TCP_NODELAY);
    if (!error && bind(fd, &e->any, e->size) < 0)
        error = -errno;
    if (!error && stream && listen(fd, o->backlog > 0 ? o->backlog : INT32_MAX) < 0)
        error = -errno;
    if (!error && (error = open_for_waits()) == 0)
        return fd;
    mote_close(fd);
    return error;
}

PUBLIC int mote_listen_with(const char *network, const char *address, const mote_listen_options *options)
{
    static const mote_listen_options none;
    struct network n;
    struct endpoint list[ENDPOINTS_MAX];
    int error = network_parse(network, &n);
    int count = error < 0 ? error : address_parse(NULL, n, address, true, list);
    int fd = count;
    for (int i = 0; i < count; i++) {
        int got = listen_at(n, &list[i], options ? options : &none);
        if (got >= 0)
            return got;
        fd = i == 0 || fd == -EAFNOSUPPORT ? got : fd;
    }
    return fd;
}

PUBLIC int mote_listen(const char *network, const char *address) { return mote_listen_with(network, address, NULL); }

/* Messages */

/* Who asks not to wait doesn't, whatever the deadline. */
static intptr_t run_message(struct call *c)
{
    if (!(c->flags & MSG_DONTWAIT))
        return call_run(c, NULL);
    if (c->drains) {
        int error = attempt_begin(&c->attempt, c->fd, SIDE_READ, NULL);
        c->drains = error == 0 || error == -ETIMEDOUT;
    }
    return c->try(c);
}

struct with_address {
    struct call call; /* first */
    struct sockaddr *address;
    unsigned *address_size;
};

static intptr_t try_recvfrom(const struct call *c)
{
    const struct with_address *w = (const struct with_address *)c;
    intptr_t n = CALL_RESULT(recvfrom(c->fd, c->at, c->size, c->flags | MSG_DONTWAIT, w->address, w->address_size));
    if (c->drains)
        attempt_note_read(&c->attempt, n, c->size);
    return n;
}

PUBLIC intptr_t mote_recvfrom(int fd, void *buffer, size_t size, int flags, struct sockaddr *from, unsigned *from_size)
{
    struct with_address w = {.call = {.try = try_recvfrom,
                                      .fd = fd,
                                      .attempt.side = SIDE_READ,
                                      .flags = flags,
                                      .at = buffer,
                                      .size = size,
                                      .drains = !(flags & ~MSG_DONTWAIT) && size > 0},
                             .address = from,
                             .address_size = from_size};
    return run_message(&w.call);
}

static intptr_t try_sendto(const struct call *c)
{
    const struct with_address *w = (const struct with_address *)c;
    const int flags = c->flags | MSG_DONTWAIT | MSG_NOSIGNAL;
    return CALL_RESULT(sendto(c->fd, c->at, c->size, flags, w->address, *w->address_size));
}

PUBLIC intptr_t mote_sendto(int fd, const void *buffer, size_t size, int flags, const struct sockaddr *to,
                            unsigned to_size)
{
    struct with_address w = {.call = {.try = try_sendto,
                                      .fd = fd,
                                      .attempt.side = SIDE_WRITE,
                                      .flags = flags,
                                      .at = (void *)(uintptr_t)buffer,
                                      .size = size},
                             .address = (struct sockaddr *)(uintptr_t)to,
                             .address_size = &to_size};
    return run_message(&w.call);
}

static intptr_t try_recvmsg(const struct call *c)
{
    return CALL_RESULT(recvmsg(c->fd, c->at, c->flags | MSG_DONTWAIT));
}

PUBLIC intptr_t mote_recvmsg(int fd, struct msghdr *message, int flags)
{
    struct call c = {.try = try_recvmsg, .fd = fd, .attempt.side = SIDE_READ, .flags = flags, .at = message};
    return run_message(&c);
}

static intptr_t try_sendmsg(const struct call *c)
{
    return CALL_RESULT(sendmsg(c->fd, c->at, c->flags | MSG_DONTWAIT | MSG_NOSIGNAL));
}

PUBLIC intptr_t mote_sendmsg(int fd, const struct msghdr *message, int flags)
{
    struct call c = {
        .try = try_sendmsg, .fd = fd, .attempt.side = SIDE_WRITE, .flags = flags, .at = (void *)(uintptr_t)message};
    return run_message(&c);
}

/* The rest */

PUBLIC int mote_shutdown(int fd, int how) { return shutdown(fd, how) < 0 ? -errno : 0; }

PUBLIC int mote_local_address(int fd, char *text, size_t size)
{
    struct endpoint e = {.size = sizeof e - offsetof(struct endpoint, any)};
    return getsockname(fd, &e.any, &e.size) < 0 ? -errno : address_format(&e, text, size);
}

PUBLIC int mote_peer_address(int fd, char *text, size_t size)
{
    struct endpoint e = {.size = sizeof e - offsetof(struct endpoint, any)};
    return getpeername(fd, &e.any, &e.size) < 0 ? -errno : address_format(&e, text, size);
}
