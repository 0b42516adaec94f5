/* SPDX-License-Identifier: MIT */
/* fd - reading and writing any descriptor.
 * Job:    mote_read and its kind, mote_wait_fd, mote_adopt_fd, mote_pipe.
 * Holds:  CA1, CA2. Of a descriptor that isn't ours nothing is remembered: each call finds out anew what it is, first by trying it
 *         as a socket, with a flag that keeps it from blocking.
 */
#include "io/file.h"

#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

/* Reading */

static intptr_t read_plain(const struct call *c) { return CALL_RESULT(read(c->fd, c->at, c->size)); }

static COLD intptr_t read_foreign(const struct call *c)
{
    if (file_is(c->fd))
        return file_read(c->fd, c->at, c->size, FILE_POSITION);
    int error = call_would_block(c->fd, SIDE_READ);
    return error < 0 ? error : read_plain(c);
}

static intptr_t try_read(const struct call *c)
{
    if (UNLIKELY(c->attempt.kind == DESC_FILE))
        return file_read(c->fd, c->at, c->size, FILE_POSITION);
    if (UNLIKELY(c->attempt.kind == DESC_PLAIN || c->size == 0)) /* a recv of nothing would wait */
        return read_plain(c);
    intptr_t n = CALL_RESULT(recv(c->fd, c->at, c->size, MSG_DONTWAIT));
    attempt_note_read(&c->attempt, n, c->size);
    return UNLIKELY(n == -ENOTSOCK) ? read_foreign(c) : n;
}

PUBLIC intptr_t mote_read(int fd, void *buffer, size_t size)
{
    struct call c = {
        .try = try_read, .fd = fd, .attempt.side = SIDE_READ, .at = buffer, .size = size, .drains = size > 0};
    return call_run(&c, NULL);
}

PUBLIC intptr_t mote_read_ctx(mote_ctx *ctx, int fd, void *buffer, size_t size)
{
    struct call c = {
        .try = try_read, .fd = fd, .attempt.side = SIDE_READ, .at = buffer, .size = size, .drains = size > 0};
    const struct limit limit = limit_ctx(ctx);
    return call_run(&c, &limit);
}

static intptr_t readv_foreign(const struct call *c)
{
    if (file_is(c->fd))
        return FILE_RESULT(readv(c->fd, c->at, c->flags));
    int error = call_would_block(c->fd, SIDE_READ);
    return error < 0 ? error : CALL_RESULT(readv(c->fd, c->at, c->flags));
}

static intptr_t try_readv(const struct call *c)
{
    if (c->attempt.kind == DESC_FILE)
        return FILE_RESULT(readv(c->fd, c->at, c->flags));
    return c->attempt.kind == DESC_FOREIGN ? readv_foreign(c) : CALL_RESULT(readv(c->fd, c->at, c->flags));
}

PUBLIC intptr_t mote_readv(int fd, const struct iovec *parts, int count)
{
    struct call c = {
        .try = try_readv, .fd = fd, .attempt.side = SIDE_READ, .at = (void *)(uintptr_t)parts, .flags = count};
    return call_run(&c, NULL);
}

/* Writing */

static intptr_t write_some(const struct call *c) { return CALL_RESULT(write(c->fd, c->at, c->size)); }

/* What poll(2) promises of a pipe is room for PIPE_BUF bytes. */
static COLD intptr_t write_foreign(const struct call *c)
{
    struct call part = *c;
    int flags = fcntl(c->fd, F_GETFL);
    if (flags < 0)
        return -errno;
    if (file_is(c->fd))
        return file_write(c->fd, c->at, c->size, FILE_POSITION);
    if (!(flags & O_NONBLOCK)) {
        int error = call_would_block(c->fd, SIDE_WRITE);
        if (error < 0)
            return error;
        part.size = c->size < PIPE_BUF ? c->size : PIPE_BUF;
    }
    return call_quietly(write_some, &part);
}

static intptr_t try_write(const struct call *c)
{
    if (UNLIKELY(c->attempt.kind == DESC_FILE))
        return file_write(c->fd, c->at, c->size, FILE_POSITION);
    if (UNLIKELY(c->attempt.kind == DESC_PLAIN))
        return call_quietly(write_some, c);
    intptr_t n = CALL_RESULT(send(c->fd, c->at, c->size, MSG_DONTWAIT | MSG_NOSIGNAL));
    return UNLIKELY(n == -ENOTSOCK) ? write_foreign(c) : n;
}

static intptr_t write_with(int fd, const void *buffer, size_t size, const struct limit *limit)
{
    struct call c = {
        .try = try_write, .fd = fd, .attempt.side = SIDE_WRITE, .at = (void *)(uintptr_t)buffer, .size = size};
    return call_run(&c, limit);
}

PUBLIC intptr_t mote_write(int fd, const void *buffer, size_t size) { return write_with(fd, buffer, size, NULL); }

PUBLIC intptr_t mote_write_ctx(mote_ctx *ctx, int fd, const void *buffer, size_t size)
{
    const struct limit limit = limit_ctx(ctx);
    return write_with(fd, buffer, size, &limit);
}

PUBLIC intptr_t mote_write_all(int fd, const void *buffer, size_t size)
{
    for (size_t done = 0; done < size;) {
        intptr_t n = mote_write(fd, (const char *)buffer + done, size - done);
        if (n < 0)
            return n;
        done += (size_t)n;
    }
    return (intptr_t)size;
}

/* One that isn't ours is written to piece by piece: a short write is allowed. */
static intptr_t writev_foreign(const struct call *c)
{
    const struct iovec *parts = c->at;
    struct call part = {.fd = c->fd, .attempt.kind = c->attempt.kind};
    for (int i = 0; i < c->flags && !part.size; i++)
        part.at = parts[i].iov_base, part.size = parts[i].iov_len;
    return write_foreign(&part);
}

static intptr_t writev_some(const struct call *c) { return CALL_RESULT(writev(c->fd, c->at, c->flags)); }

static intptr_t try_writev(const struct call *c)
{
    if (UNLIKELY(c->attempt.kind == DESC_FILE))
        return FILE_RESULT(writev(c->fd, c->at, c->flags));
    if (UNLIKELY(c->attempt.kind == DESC_PLAIN))
        return call_quietly(writev_some, c);
    struct msghdr m = {.msg_iov = c->at, .msg_iovlen = (size_t)c->flags};
    intptr_t n = CALL_RESULT(sendmsg(c->fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL));
    return UNLIKELY(n == -ENOTSOCK) ? writev_foreign(c) : n;
}

PUBLIC intptr_t mote_writev(int fd, const struct iovec *parts, int count)
{
    struct call c = {
        .try = try_writev, .fd = fd, .attempt.side = SIDE_WRITE, .at = (void *)(uintptr_t)parts, .flags = count};
    if (count < 0 || count > IOV_MAX)
        return -EINVAL;
    return call_run(&c, NULL);
}

static intptr_t sendfile_some(const struct call *c)
{
    return CALL_RESULT(sendfile(c->fd, c->flags, (off_t *)c->at, c->size));
}

static intptr_t try_sendfile(const struct call *c)
{
    int error = c->attempt.kind == DESC_FOREIGN ? call_would_block(c->fd, SIDE_WRITE) : 0;
    return error < 0 ? error : call_quietly(sendfile_some, c);
}

_Static_assert(sizeof(off_t) == sizeof(int64_t), "mote_sendfile's offset");

PUBLIC intptr_t mote_sendfile(int to, int from, int64_t *offset, size_t size)
{
    struct call c = {
        .try = try_sendfile, .fd = to, .attempt.side = SIDE_WRITE, .at = offset, .size = size, .flags = from};
    return call_run(&c, NULL);
}

/* Waiting */

/* Those of events that are ready; 0: none. */
static int look_at(int fd, unsigned events)
{
    struct pollfd p = {
        .fd = fd,
        .events = (short)((events & MOTE_READ ? POLLIN | POLLRDHUP : 0) | (events & MOTE_WRITE ? POLLOUT : 0))};
    int n = (int)CALL_RESULT(poll(&p, 1, 0));
    if (n < 0)
        return n;
    if (p.revents & POLLNVAL)
        return -EBADF;
    unsigned ready = (p.revents & (POLLIN | POLLRDHUP | POLLHUP | POLLERR) ? MOTE_READ : 0) |
                     (p.revents & (POLLOUT | POLLHUP | POLLERR) ? MOTE_WRITE : 0);
    return (int)(ready & events);
}

/* After a wait. An edge has told who was woken, unless somebody else was quicker (D10). */
static int look_again(const struct attempt *a, unsigned events)
{
    bool told = a->kind == DESC_TCP && a->woken && !attempt_is_dry(a);
    return told ? (int)events : look_at(a->fd, events);
}

static int wait_for_one(int fd, unsigned events, const struct limit *limit)
{
    struct attempt a;
    int n = attempt_begin(&a, fd, events == MOTE_READ ? SIDE_READ : SIDE_WRITE, limit);
    if (n < 0)
        return n;
    n = attempt_is_dry(&a) ? 0 : look_at(fd, events);
    while (n == 0 && (n = attempt_wait(&a)) == 0)
        n = look_again(&a, events);
    attempt_end(&a);
    return n;
}

static int wait_for_either(int fd, const struct limit *limit)
{
    struct attempt read, write;
    int n = attempt_begin(&read, fd, SIDE_READ, limit);
    if (n == 0)
        n = attempt_begin(&write, fd, SIDE_WRITE, limit);
    if (n != 0)
        return n;
    do
        n = look_at(fd, MOTE_READ | MOTE_WRITE);
    while (n == 0 && (n = attempt_wait_both(&read, &write)) == 0);
    attempt_end(&read);
    attempt_end(&write);
    return n;
}

/* limit: NULL: none. */
static ALWAYS_INLINE int wait_fd(int fd, unsigned events, const struct limit *limit)
{
    if (!events || events & ~(MOTE_READ | MOTE_WRITE))
        return -EINVAL;
    return events == (MOTE_READ | MOTE_WRITE) ? wait_for_either(fd, limit) : wait_for_one(fd, events, limit);
}

static NOINLINE int wait_fd_limited(int fd, unsigned events, struct limit limit) { return wait_fd(fd, events, &limit); }

/* Without a limit on the stack, where an idle connection waits its life long. */
PUBLIC int mote_wait_fd(int fd, unsigned events, int64_t deadline)
{
    return deadline == MOTE_FOREVER ? wait_fd(fd, events, NULL) : wait_fd_limited(fd, events, limit_until(deadline));
}

PUBLIC int mote_wait_fd_ctx(mote_ctx *ctx, int fd, unsigned events)
{
    return wait_fd_limited(fd, events, limit_ctx(ctx));
}

/* Making */

static enum desc_kind kind_of_socket(int fd)
{
    int type = 0, protocol = 0;
    socklen_t size = sizeof type;
    if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) < 0 ||
        getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &size) < 0)
        return DESC_SOCKET;
    return type == SOCK_STREAM && protocol == IPPROTO_TCP ? DESC_TCP : DESC_SOCKET;
}

static enum desc_kind kind_of(int fd)
{
    struct stat s;
    if (fstat(fd, &s) < 0)
        return DESC_PLAIN;
    return S_ISSOCK(s.st_mode) ? kind_of_socket(fd) : file_is_kind(s.st_mode) ? DESC_FILE : DESC_PLAIN;
}

PUBLIC int mote_adopt_fd(int fd)
{
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || (!(flags & O_NONBLOCK) && fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0))
        return -errno;
    return desc_own(fd, kind_of(fd));
}

PUBLIC int mote_pipe(int ends[2])
{
    if (pipe2(ends, O_NONBLOCK | O_CLOEXEC) < 0)
        return -errno;
    int error = desc_own(ends[0], DESC_PLAIN);
    if (error == 0)
        error = desc_own(ends[1], DESC_PLAIN);
    if (error < 0) {
        mote_close(ends[0]);
        mote_close(ends[1]);
    }
    return error;
}
