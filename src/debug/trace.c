/* SPDX-License-Identifier: MIT */
/* trace - what happens, written to a file while it happens.
 * Job:    mote_trace_start and mote_trace_stop; a thread that collects the events of all rings, in the order of their times.
 * Holds:  TR3 what is collected in one pass is older than all that comes later (RG4). TR4 the file is only touched by who has
 *         `collecting`. TR5 where the program ends without stopping the trace, by exit, in a deadlock, or by a signal that the
 *         library reports, the trace is ended all the same: last events, runs that go on, the closing bracket.
 * Why:    a thread, because events come faster than a task could write them out, and a trace must not wait for a task's turn. It
 *         wakes nobody that waits in mote, so a program whose tasks all wait is still said to be in deadlock (rt.helpers).
 */
#include "debug/trace.h"

#include "base/msg.h"
#include "base/os.h"

#include <mote/debug.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PAUSE_MIN INT64_C(1000000) /* ns between passes */
#define PAUSE_MAX INT64_C(16000000)
#define PATIENCE 2000 /* tries, of a tenth of a millisecond and more, to see a ring settle */

static struct {
    pthread_mutex_t lock; /* of those who start and stop */
    /* Under the lock. */
    bool under_way;
    bool exits; /* end_at_exit is registered */
    uint32_t number;
    pid_t process; /* a fork's copy of us has no trace */
    pthread_t thread;

    _Atomic uint32_t ending;     /* 1: the thread is to end */
    _Atomic uint32_t collecting; /* TR4: 1: somebody does */
    bool closed;                 /* TR4: the file is complete */
    uint64_t lost;               /* TR4 */
    uint64_t told_lost;          /* TR4: of these, those that events in the file tell of */
    int result;                  /* TR4: of closing */
} trace = {.lock = PTHREAD_MUTEX_INITIALIZER, .closed = true};

static bool begin_collecting(unsigned tries)
{
    for (unsigned i = 0; i < tries; i++) {
        uint32_t none = 0;
        if (atom_cas_seq(&trace.collecting, &none, 1)) /* [G file] */
            return true;
        os_back_off(i);
    }
    return false;
}

static void end_collecting(void) { atom_store_seq(&trace.collecting, 0); } /* [G file] what we wrote -> the next */

/* RG4. False: somebody stays in a section, as who has crashed there does. */
static bool settle(unsigned rings)
{
    os_barrier_heavy();
    for (unsigned i = 0; i < rings; i++) {
        uint32_t seen = 0;
        for (unsigned tries = 0; !ring_settled(&trace_rings[i], &seen); tries++) {
            if (tries == PATIENCE)
                return false;
            os_back_off(tries);
        }
    }
    lock_take(&trace_outside); /* whoever held it when the clock was read has put his event when we get it */
    lock_drop(&trace_outside);
    return true;
}

/* What of a ring this pass takes. */
static struct range {
    uint64_t tail, head;
} ranges[MAX_WORKERS + 1];

static unsigned track_of(unsigned i, unsigned rings) { return i == rings ? OUTSIDE : i; }

/* The ring whose next event is the oldest, and *until: up to where no other's comes before. -1: none is left. */
static int oldest(unsigned rings, int64_t *until)
{
    int best = -1;
    int64_t least = INT64_MAX;
    *until = INT64_MAX;
    for (unsigned i = 0; i <= rings; i++) {
        struct range *range = &ranges[i];
        if (range->tail == range->head)
            continue;
        int64_t time = trace_rings[track_of(i, rings)].slots[range->tail % RING_EVENTS].time;
        if (best < 0 || time < least) {
            *until = best < 0 ? INT64_MAX : least;
            least = time;
            best = (int)i;
        } else if (time < *until) {
            *until = time;
        }
    }
    return best;
}

/* All events before `limit`, which RG4 allows. */
static void take_until(int64_t limit, unsigned rings)
{
    int i;
    int64_t until;
    for (unsigned k = 0; k <= rings; k++) {
        struct ring *r = &trace_rings[track_of(k, rings)];
        ranges[k] = (struct range){atom_load_rlx(&r->tail), ring_head(r)}; /* rlx: our own */
    }
    while ((i = oldest(rings, &until)) >= 0) {
        unsigned track = track_of((unsigned)i, rings);
        struct ring *r = &trace_rings[track];
        struct range *range = &ranges[i];
        while (range->tail != range->head) {
            const struct event *e = &r->slots[range->tail % RING_EVENTS];
            if (e->time > until || e->time >= limit)
                break;
            if (event_kind(e) == EVENT_LOST)
                trace.told_lost += e->a;
            trace_file_add(track, e);
            range->tail++;
        }
        ring_take(r, range->tail);
        if (range->tail != range->head && r->slots[range->tail % RING_EVENTS].time >= limit)
            range->head = range->tail; /* the rest is for the next pass */
    }
}

/* TR3. How many there were, about. */
static uint64_t pass(void)
{
    unsigned rings = atom_load_acq(&rt.made); /* [R made] pairs with make_procs */
    int64_t limit = os_now();
    uint64_t n = 0;
    if (!settle(rings))
        return 0; /* the next pass will do */
    for (unsigned i = 0; i < rings; i++)
        n += ring_head(&trace_rings[i]) - atom_load_rlx(&trace_rings[i].tail); /* rlx: our own */
    take_until(limit, rings);
    return n;
}

static void *collect(void *arg)
{
    int64_t pause = PAUSE_MIN;
    while (!atom_load_acq(&trace.ending)) { /* [G ending] */
        uint64_t n = 0;
        if (begin_collecting(1)) {
            if (!trace.closed)
                n = pass();
            end_collecting();
        }
        pause = n ? PAUSE_MIN : pause * 2 > PAUSE_MAX ? PAUSE_MAX : pause * 2;
        if (n < RING_EVENTS / 4)
            os_futex_wait(&trace.ending, 0, os_now() + pause);
    }
    return arg;
}

/* What ran all the time and never came to the library: nobody has told of it. */
static RACY_READER void tell_silent(unsigned rings)
{
    for (unsigned i = 0; i < rings; i++) {
        const struct worker *w = rt.worker[i];
        const struct task *t = w->self.current;
        if (!trace_file_knows(i))
            trace_file_runs(i, t == &w->base ? NULL : t);
    }
}

/* TR4: what was lost since the last event of a ring, no event has told. */
static void tell_last_lost(unsigned track)
{
    const struct ring *r = &trace_rings[track];
    uint64_t lost = atom_load_rlx(&r->lost); /* rlx: settled */
    trace.lost += lost;
    if (lost != r->told)
        trace_file_add(track, &(struct event){os_now(), event_what(EVENT_LOST, 0, 0), lost - r->told, 0});
}

/* TR4. No event comes any more. */
static void close_file(void)
{
    unsigned rings = atom_load_acq(&rt.made); /* [R made] as above */
    settle(rings);
    take_until(INT64_MAX, rings);
    tell_silent(rings);
    trace.lost = 0;
    for (unsigned i = 0; i < rings; i++)
        tell_last_lost(i);
    tell_last_lost(OUTSIDE);
    trace.result = trace_file_close(os_now(), trace.lost);
    trace.closed = true;
}

/* Under the lock. */
static int finish(void)
{
    atom_store_seq(&trace_on, 0); /* [G on] from here on no section begins; settle waits for those under way */
    runtime_watch(WATCH_TRACE, false);
    atom_store_rel(&trace.ending, 1); /* [G ending] */
    os_futex_wake(&trace.ending, 1);
    pthread_join(trace.thread, NULL);
    atom_sub_seq(&rt.helpers, 1); /* seq: as where it was counted */
    trace.under_way = false;
    if (!begin_collecting(UINT_MAX))
        return -EBUSY;
    if (!trace.closed)
        close_file();
    end_collecting();
    if (trace.result < 0)
        return trace.result;
    return trace.lost < INT_MAX ? (int)trace.lost : INT_MAX;
}

PUBLIC int mote_trace_stop(void)
{
    pthread_mutex_lock(&trace.lock);
    int result = trace.under_way && trace.process == getpid() ? finish() : -EINVAL;
    pthread_mutex_unlock(&trace.lock);
    return result;
}

void trace_end_now(void)
{
    int error = mote_trace_stop();
    if (error < 0 && error != -EINVAL)
        msg_print("the trace could not be written: %s", strerror(-error));
    else if (error > 0)
        msg_print("the trace lacks %d events: they came faster than they could be written", error);
}

void debug_end_trace(void)
{
    trace_end_now();
    trace_free_rings();
}

/* In the handler of a signal, so without the lock, and with little patience. */
void trace_last_words(void)
{
    if (!atom_load_seq(&trace_on) || trace.process != getpid()) /* [G on] */
        return;
    atom_store_seq(&trace_on, 0); /* [G on] as in finish */
    if (!begin_collecting(PATIENCE))
        return;
    if (!trace.closed)
        close_file();
    end_collecting();
}

/* path with %p as the process's number, %% as %. */
static int expand(const char *path, char *out, size_t size)
{
    size_t n = 0;
    for (const char *s = path; *s; s++) {
        if (s[0] == '%' && s[1] == 'p')
            n += (size_t)snprintf(out + n, size - n, "%d", (int)getpid());
        else
            out[n++] = *s;
        if (s[0] == '%' && (s[1] == 'p' || s[1] == '%'))
            s++;
        if (n + 16 > size)
            return -ENAMETOOLONG;
    }
    out[n] = 0;
    return n ? 0 : -ENOENT;
}

static int open_file(const char *path)
{
    char name[PATH_MAX];
    int error = expand(path, name, sizeof name);
    int fd = error < 0 ? error : open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    return fd == -1 ? -errno : fd;
}

/* Nobody is in a section: there is no trace. */
static void reset_rings(void)
{
    lock_take(&trace_outside);
    for (unsigned i = 0; i <= OUTSIDE; i++)
        ring_reset(&trace_rings[i]);
    lock_drop(&trace_outside);
}

static int start_thread(void)
{
    atom_store_rlx(&trace.ending, 0); /* rlx: the thread doesn't exist yet */
    atom_add_seq(&rt.helpers, 1);     /* seq: before it can be counted as a thread of the process */
    int error = pthread_create(&trace.thread, NULL, collect, NULL);
    if (error)
        atom_sub_seq(&rt.helpers, 1); /* seq: as above */
    return -error;
}

/* Under the lock. starting: the runtime does, so there are no procs yet. */
static int start(int fd, bool starting)
{
    if (!begin_collecting(PATIENCE))
        return -EBUSY;
    reset_rings();
    trace.process = getpid();
    trace.lost = trace.told_lost = 0;
    trace.closed = false;
    trace_file_open(fd, os_now());
    atom_store_seq(&trace_on, ++trace.number); /* [G on] the rings as they are -> who puts events */
    int error = 0;
    if (starting)
        atom_store_seq(&rt.watchers, WATCH_TRACE); /* seq: no worker runs yet */
    else
        error = runtime_watch(WATCH_TRACE, true);
    trace_file_watched_since(os_now());
    if (!error)
        error = start_thread();
    if (error < 0) {
        atom_store_seq(&trace_on, 0); /* [G on] as in finish */
        close_file();
        if (!starting)
            runtime_watch(WATCH_TRACE, false);
    }
    trace.under_way = !error;
    end_collecting();
    return error;
}

static int start_at(const char *path, bool starting)
{
    pthread_mutex_lock(&trace.lock);
    int fd = trace.under_way ? -EBUSY : open_file(path);
    int error = fd < 0 ? fd : start(fd, starting);
    if (!error && !trace.exits)
        trace.exits = atexit(trace_end_now) == 0;
    pthread_mutex_unlock(&trace.lock);
    return error;
}

PUBLIC int mote_trace_start(const char *path)
{
    bool plain = !worker_self();
    if (!path)
        return -EINVAL;
    if (plain && !runtime_enter())
        return -ESHUTDOWN;
    int error = rt.simulated ? -EBUSY : start_at(path, false); /* its thread has another clock */
    if (plain)
        runtime_leave();
    return error;
}

int debug_start_trace(const char *path)
{
    int error = start_at(path, true);
    if (error < 0)
        msg_print("trace: %s: %s", path, strerror(-error));
    return error;
}
