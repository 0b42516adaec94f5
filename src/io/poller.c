/* SPDX-License-Identifier: MIT */
/* poller - the runtime's epoll set.
 * Job:    make it when something waits for the first time, and give it up when the runtime ends; turn events into tasks that go on.
 * Holds:  a descriptor is in it once, for both sides, edge-triggered, from its first wait until it is closed. An event carries
 *         number and generation (D7 of desc.h). Only one thread polls at a time (PO1 of sched/polling.c), so the buffer is its own.
 * Seam:   who has descriptors of its own to be watched, and a function to be called, is a poll_source (poller.h).
 */
#include "io/poller.h"

#include "base/os.h"
#include "base/sanitizer.h"
#include "io/desc.h"

#include <errno.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define EVENTS 128
#define NS 1000000000
#define IS_SOURCE (UINT64_C(1) << 63) /* else the upper half is the generation, the lower one the number */
#define IS_INTERRUPT UINT64_MAX

static struct lock opening;
static _Atomic bool opened;
static int set = -1, alarm_fd = -1; /* immutable while it is open */
static struct epoll_event events[EVENTS];
static struct poll_source *sources; /* opening */
static bool coarse; /* who polls: the kernel, or a tool that we run under, counts in milliseconds only */

/* ns from now, rounded up. */
static int wait_coarsely(int64_t ns)
{
    int64_t ms = ns < 0 ? -1 : (ns + 999999) / 1000000;
    return epoll_wait(set, events, EVENTS, ms > INT32_MAX ? INT32_MAX : (int)ms);
}

/* ns: -1 for ever. */
static int wait_for_events(int64_t ns)
{
#ifdef SYS_epoll_pwait2
    if (ns > 0 && !coarse) {
        struct timespec t = {ns / NS, ns % NS};
        long n = syscall(SYS_epoll_pwait2, set, events, EVENTS, &t, NULL, 0);
        if (n >= 0 || errno == EINTR)
            return (int)n;
        coarse = true; /* ENOSYS; or a sandbox that refuses what it doesn't know in other words */
    }
#endif
    return wait_coarsely(ns);
}

static unsigned sides_of(uint32_t what)
{
    const uint32_t read = EPOLLIN | EPOLLPRI | EPOLLRDHUP | EPOLLHUP | EPOLLERR, write = EPOLLOUT | EPOLLHUP | EPOLLERR;
    return (what & read ? 1u << SIDE_READ : 0) | (what & write ? 1u << SIDE_WRITE : 0);
}

static bool is_odd(uint32_t what) { return what & (EPOLLRDHUP | EPOLLHUP | EPOLLERR | EPOLLPRI); }

/* True: something has happened beyond an interrupt. */
static bool handle(const struct epoll_event *e, struct desc_list *woken)
{
    uint64_t data = e->data.u64;
    if (data == IS_INTERRUPT)
        return false;
    if (data & IS_SOURCE) {
        struct poll_source *s = (struct poll_source *)(uintptr_t)(data & ~IS_SOURCE);
        s->ready(s);
        return true;
    }
    desc_edge((int)(uint32_t)data, (uint32_t)(data >> 32), sides_of(e->events), is_odd(e->events), woken);
    return woken->first != NULL;
}

static bool poll_events(int64_t deadline, struct task **first)
{
    int64_t ns = deadline == INT64_MAX ? -1 : deadline ? deadline - os_now() : 0;
    int n = wait_for_events(deadline != INT64_MAX && ns < 0 ? 0 : ns);
    struct desc_list woken = {0};
    bool happened = false;
    for (int i = 0; i < n; i++)
        happened |= handle(&events[i], &woken);
    *first = woken.first;
    return happened;
}

/* Edge-triggered, too: each write is an edge, and nobody need read. The count overflows after 2^64 of them. */
static void interrupt(void)
{
    const uint64_t one = 1;
    while (write(alarm_fd, &one, sizeof one) < 0 && errno == EINTR)
        ;
}

static int add(int fd, uint32_t what, uint64_t data)
{
    struct epoll_event e = {.events = what, .data.u64 = data};
    return epoll_ctl(set, EPOLL_CTL_ADD, fd, &e) < 0 ? -errno : 0;
}

static void close_set(void)
{
    if (alarm_fd >= 0)
        close(alarm_fd);
    if (set >= 0)
        close(set);
    set = alarm_fd = -1;
}

static bool any_waits(void)
{
    bool waits = desc_any_waits();
    lock_take(&opening);
    for (struct poll_source *s = sources; s && !waits; s = s->next)
        waits = s->waits(s);
    lock_drop(&opening);
    return waits;
}

static void forget(void)
{
    desc_forget();
    for (struct poll_source *s; (s = sources);) {
        sources = s->next;
        s->ended(s);
    }
    lock_take(&opening);
    atom_store_rel(&opened, false); /* [IO opened] */
    close_set();
    lock_drop(&opening);
}

static const struct sched_poller poller = {
    .poll = poll_events, .interrupt = interrupt, .waits = any_waits, .forget = forget};

/* The set is the parent's, and its registrations are of the parent's numbers: what a child closes would be taken out of it. */
static void in_child(void) { close_set(); }

/* Without memory it goes on at the program's risk. */
static void handle_forks(void) { (void)pthread_atfork(NULL, NULL, in_child); }

static int open_set(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, handle_forks);
    coarse = sanitizer_pins_all();
    set = epoll_create1(EPOLL_CLOEXEC);
    alarm_fd = set < 0 ? -1 : eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int error = alarm_fd < 0 ? -errno : add(alarm_fd, EPOLLIN | EPOLLET, IS_INTERRUPT);
    if (error < 0) {
        close_set();
        return error;
    }
    atom_store_rel(&opened, true); /* [IO opened] the set -> who sees that it is open */
    sched_poll_by(&poller);
    return 0;
}

bool poller_opened(void) { return atom_load_acq(&opened); } /* [IO opened] pairs with open_set */

int poller_open(void)
{
    if (LIKELY(poller_opened()))
        return 0;
    lock_take(&opening);
    int error = poller_opened() ? 0 : open_set();
    lock_drop(&opening);
    return error;
}

int poller_add(int fd, uint32_t generation, bool again)
{
    struct epoll_event e = {.events = EPOLLIN | EPOLLPRI | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                            .data.u64 = (uint64_t)(generation & DESC_GENERATIONS) << 32 | (uint32_t)fd};
    return epoll_ctl(set, again ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &e) < 0 ? -errno : 0;
}

void poller_remove(int fd) { epoll_ctl(set, EPOLL_CTL_DEL, fd, NULL); }

int poller_add_source(int fd, struct poll_source *source)
{
    int error = poller_open();
    if (error < 0 || (error = add(fd, EPOLLIN, IS_SOURCE | (uintptr_t)source)) < 0)
        return error;
    lock_take(&opening);
    source->next = sources;
    sources = source;
    lock_drop(&opening);
    return 0;
}
