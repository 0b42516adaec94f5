/* SPDX-License-Identifier: MIT */
/* call - a system call that is tried until it doesn't say EAGAIN.
 * Job:    see call.h.
 */
#include "io/call.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <time.h>

intptr_t call_run(struct call *c, const struct limit *limit)
{
    intptr_t n = attempt_begin(&c->attempt, c->fd, (enum desc_side)c->attempt.side, limit);
    if (UNLIKELY(n < 0))
        return n;
    n = c->drains && attempt_is_dry(&c->attempt) ? -EAGAIN : c->try(c);
    while (n == -EAGAIN && (n = attempt_wait(&c->attempt)) == 0)
        n = c->try(c);
    attempt_end(&c->attempt);
    return n;
}

int call_would_block(int fd, enum desc_side side)
{
    struct pollfd p = {.fd = fd, .events = side == SIDE_READ ? POLLIN : POLLOUT};
    return CALL_RESULT(poll(&p, 1, 0)) == 0 ? -EAGAIN : 0;
}

/* The signal is the thread's own, so it stays pending while it is blocked, and is taken back before anybody sees it. One that was
 * pending before is somebody else's. */
intptr_t call_quietly(intptr_t (*write)(const struct call *c), const struct call *c)
{
    const struct timespec at_once = {0};
    sigset_t pipes, before, pending;
    sigemptyset(&pipes);
    sigaddset(&pipes, SIGPIPE);
    sigpending(&pending);
    pthread_sigmask(SIG_BLOCK, &pipes, &before);
    intptr_t n = write(c);
    if (n == -EPIPE && !sigismember(&pending, SIGPIPE))
        while (sigtimedwait(&pipes, NULL, &at_once) < 0 && errno == EINTR)
            ;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return n;
}
