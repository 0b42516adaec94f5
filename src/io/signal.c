/* SPDX-License-Identifier: MIT */
/* signal - signals as values in channels.
 * Job:    mote_signal_notify, mote_signal_stop.
 * Holds:  SG1 libuv's handler is in place for a signal exactly while a channel is registered for it. SG2 a registration holds a
 *         reference of its channel. SG3 all under the loop's lock; sending never waits: a channel that is full misses the signal,
 *         as with Go's signal.Notify.
 */
#include "base/attr.h"
#include "base/os.h"
#include "io/loop.h"

#include <mote/chan.h>
#include <mote/io.h>

#include <errno.h>
#include <signal.h>
#include <stdlib.h>

#define SIGNALS 65

#ifdef MOTE_UV
#define WEAK __attribute__((weak))
extern WEAK __typeof__(uv_signal_init) uv_signal_init;
extern WEAK __typeof__(uv_signal_start) uv_signal_start;
extern WEAK __typeof__(uv_signal_stop) uv_signal_stop;
extern WEAK __typeof__(uv_unref) uv_unref;

struct registration {
    struct registration *next;
    struct mote__chan *to; /* of int */
};

static struct {
    uv_signal_t *handle; /* once made, for good */
    struct registration *first;
} at[SIGNALS];

static void on_signal(uv_signal_t *handle, int number)
{
    (void)handle;
    for (struct registration *r = at[number].first; r; r = r->next)
        mote__chan_try_send(r->to, &number);
}

static int start(uv_loop_t *loop, int number)
{
    if (!at[number].handle) {
        uv_signal_t *handle = malloc(sizeof *handle);
        int error = handle ? uv_signal_init(loop, handle) : -ENOMEM;
        if (error < 0) {
            free(handle);
            return error;
        }
        at[number].handle = handle;
    }
    return uv_signal_start(at[number].handle, on_signal, number);
}

static bool is_registered(int number, const struct mote__chan *to)
{
    for (struct registration *r = at[number].first; r; r = r->next)
        if (r->to == to)
            return true;
    return false;
}

static int enlist(uv_loop_t *loop, int number, struct mote__chan *to)
{
    if (is_registered(number, to))
        return 0;
    struct registration *r = malloc(sizeof *r);
    int error = !r ? -ENOMEM : at[number].first ? 0 : start(loop, number);
    if (error < 0) {
        free(r);
        return error;
    }
    mote__chan_ref(to);
    *r = (struct registration){at[number].first, to};
    at[number].first = r;
    loop_pending(1);
    return 0;
}

/* NULL: all. */
static void strike(int number, const struct mote__chan *to)
{
    for (struct registration **link = &at[number].first, *r; (r = *link);) {
        if (to && r->to != to) {
            link = &r->next;
            continue;
        }
        *link = r->next;
        mote__chan_free(r->to);
        free(r);
        loop_pending(-1);
        if (!at[number].first)
            uv_signal_stop(at[number].handle); /* SG1 */
    }
}

void signal_forget(void)
{
    for (int number = 1; number < SIGNALS; number++)
        strike(number, NULL);
}

static bool is_sensible(int number) { return number > 0 && number < SIGNALS && number != SIGKILL && number != SIGSTOP; }

PUBLIC int mote__signal_notify(struct mote__chan *to, const int *signals, int n)
{
    uv_loop_t *loop;
    for (int i = 0; i < n; i++)
        if (!is_sensible(signals[i]))
            return -EINVAL;
    if (!to || n < 1)
        return -EINVAL;
    int error = loop_enter(&loop);
    if (error < 0)
        return error;
    for (int i = 0; error == 0 && i < n; i++)
        error = enlist(loop, signals[i], to);
    loop_leave();
    return error;
}

PUBLIC int mote__signal_stop(struct mote__chan *to)
{
    uv_loop_t *loop;
    int error = to ? loop_enter(&loop) : -EINVAL;
    if (error < 0)
        return error;
    for (int number = 1; number < SIGNALS; number++)
        strike(number, to);
    loop_leave();
    return 0;
}
#else
PUBLIC int mote__signal_notify(struct mote__chan *to, const int *signals, int n)
{
    (void)to, (void)signals, (void)n;
    return -ENOSYS;
}
PUBLIC int mote__signal_stop(struct mote__chan *to) { return (void)to, -ENOSYS; }
#endif
