/* SPDX-License-Identifier: MIT */
/* plain - how plain threads wait for descriptors.
 * Job:    poll(2) on the descriptor, and on an eventfd of the thread's own by which others say that something has changed.
 * Holds:  a thread that waits is in the desc's list, under its lock, so whoever closes the descriptor or moves its deadline
 *         finds it.
 *         PL1 it asks only whether it was closed, for then the number may be another file's; else its caller tries again, and looks
 *         at the desc before it waits again.
 * Why:    it needs no runtime, and no worker has to do anything for it. A thread that can't have an eventfd looks again every
 *         10 ms.
 */
#include "io/desc.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define SLICE INT64_C(10000000) /* ns */
#define NS 1000000000

static __thread int own_fd; /* plus 1 */
static pthread_key_t key;   /* closes it when the thread ends */
static pthread_once_t once = PTHREAD_ONCE_INIT;
static bool has_key;

static void close_at_end(void *arg) { close((int)(intptr_t)arg - 1); }

/* The eventfd is the parent's as well: who reads it first has the wake-up. */
static void in_child(void)
{
    if (own_fd == 0)
        return;
    close(own_fd - 1);
    own_fd = 0;
    pthread_setspecific(key, NULL);
}

static void make_key(void)
{
    (void)pthread_atfork(NULL, NULL, in_child);
    has_key = pthread_key_create(&key, close_at_end) == 0;
}

/* -1: there is none. */
static int eventfd_of_thread(void)
{
    if (LIKELY(own_fd != 0))
        return own_fd - 1;
    pthread_once(&once, make_key);
    int fd = has_key ? eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK) : -1;
    if (fd < 0)
        return -1;
    if (pthread_setspecific(key, (void *)(intptr_t)(fd + 1)) != 0) {
        close(fd);
        return -1;
    }
    own_fd = fd + 1;
    return fd;
}

static void wake(int fd)
{
    const uint64_t one = 1;
    while (fd >= 0 && write(fd, &one, sizeof one) < 0 && errno == EINTR)
        ;
}

void plain_tell(struct plain *first)
{
    for (struct plain *p = first; p; p = p->next)
        wake(p->wakes);
}

/* The function that a context calls. It may still run when the wait has ended otherwise. */
struct hooked {
    int wakes;
    _Atomic uint32_t done;
};

static void on_cancel(void *arg)
{
    struct hooked *h = arg;
    wake(h->wakes);
    atom_store_rel(&h->done, 1); /* [PL done] the last use -> end_hook */
}

static void end_hook(struct hooked *h, mote_ctx_hook *hook)
{
    if (!hook || mote_ctx_hook_stop(hook))
        return;
    for (unsigned tries = 0; !atom_load_acq(&h->done); tries++) /* [PL done] pairs with on_cancel */
        os_back_off(tries);
}

/* Until something happens to one of them, or the deadline. */
static void poll_both(struct pollfd fds[2], int64_t deadline)
{
    int64_t now = os_now(), ns = deadline > now ? deadline - now : 0;
    if (fds[1].fd < 0 && ns > SLICE)
        ns = SLICE;
    struct timespec t = {ns / NS, ns % NS};
    int n = ppoll(fds, 2, deadline == MOTE_FOREVER && fds[1].fd >= 0 ? NULL : &t, NULL);
    uint64_t count;
    if (n > 0 && fds[1].revents && read(fds[1].fd, &count, sizeof count) < 0)
        return; /* somebody's last word came late: it was taken before */
}

static short events_of(unsigned sides)
{
    return (short)((sides & 1u << SIDE_READ ? POLLIN | POLLRDHUP : 0) | (sides & 1u << SIDE_WRITE ? POLLOUT : 0));
}

/* PL1. sides 0: only waits, until then. */
int plain_wait(struct attempt *a, unsigned sides, int64_t pause_until)
{
    mote_ctx *ctx = attempt_limit(a).ctx;
    int error = context_err(ctx);
    struct plain p = {.wakes = eventfd_of_thread()};
    struct hooked h = {.wakes = p.wakes};
    struct pollfd fds[2] = {{.fd = sides ? a->fd : -1, .events = events_of(sides)}, {.fd = p.wakes, .events = POLLIN}};
    mote_ctx_hook *hook = NULL;
    int64_t deadline;
    if (error < 0)
        return error;
    if ((error = desc_enter_plain(a, sides, &p, &deadline)) != 0)
        return error < 0 ? error : 0;
    if (pause_until && pause_until < deadline)
        deadline = pause_until;
    if (ctx)
        error = mote_ctx_after_func(ctx, on_cancel, &h, &hook);
    if (error == 0)
        poll_both(fds, deadline);
    int closed = desc_leave_plain(a, &p);
    end_hook(&h, hook);
    return closed < 0 ? closed : error;
}
