/* SPDX-License-Identifier: MIT */
/* mote/time.h - the clock that every deadline is on, sleeping, timers and tickers. */
#ifndef MOTE_TIME_H
#define MOTE_TIME_H

#include <stdint.h>

#include <mote/chan.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Durations and times are int64_t nanoseconds. */
#define MOTE_US INT64_C(1000)
#define MOTE_MS INT64_C(1000000)
#define MOTE_S INT64_C(1000000000)

/* The deadline that never comes. */
#define MOTE_FOREVER INT64_MAX

/* Nanoseconds on the monotonic clock. Anyone may call it; it never switches. */
int64_t mote_now(void);

/* Sleeps for at least `ns` nanoseconds; zero or less yields instead. Tasks switch, plain threads block.
 * A task wakes as soon after its time as its proc reaches a scheduling point. 0; -ENOMEM, at once. */
int mote_sleep(int64_t ns);

/* What timers send: mote_now() at the time of sending. */
typedef mote_chan(int64_t) mote_time_chan;

/* A channel that gets one element when `ns` nanoseconds have passed; zero or less: at once. The caller's reference is dropped by
 * mote_chan_free, at any time: when nobody receives nothing is left over once the time has passed. NULL with errno: ENOMEM, or
 * ESHUTDOWN when no runtime runs. Never switches. When the runtime ends before, nothing is ever sent. */
mote_time_chan mote_after(int64_t ns);

/* Something that happens once, `ns` nanoseconds after it was last set. When mote_timer_stop or mote_timer_reset has returned,
 * nothing of the setting before can happen or be received any more. They may be called at any time, by anyone, also by the
 * timer's own function. A runtime that ends takes all settings back. */
typedef struct mote_timer mote_timer;

/* A new timer, set to `ns` nanoseconds from now (zero or less: at once), which then sends to its channel. NULL with errno:
 * ENOMEM, or ESHUTDOWN when no runtime runs. Freed by mote_timer_free. Never switches. */
mote_timer *mote_timer_make(int64_t ns);

/* The same for a timer that calls fn(arg) in a new task, which may wait as any other. The task is started when the time has come,
 * or, if there is no memory for it then, as soon as there is. arg must not point into the caller's own copied stack: that stops the
 * program. */
mote_timer *mote_timer_make_func(int64_t ns, void (*fn)(void *arg), void *arg);

/* The timer's channel, valid until mote_timer_free, or as long as the caller takes a reference; a null channel for a timer with a
 * function. Never switches. */
mote_time_chan mote_timer_chan(mote_timer *timer);

/* Takes the setting back. 1: so nothing of it happens: nobody has received, or its function hasn't begun. 0: it had happened, or
 * nothing was set. Never switches. */
int mote_timer_stop(mote_timer *timer);

/* Sets the timer anew, to `ns` nanoseconds from now. 1 or 0 as mote_timer_stop says it of the setting before; -ENOMEM, or
 * -ESHUTDOWN when no runtime runs: then it isn't set any more. Never switches. */
int mote_timer_reset(mote_timer *timer, int64_t ns);

/* Stops it and frees it. Nobody may use it any more, or wait on its channel without a reference. NULL is ignored. Never
 * switches. */
void mote_timer_free(mote_timer *timer);

/* Something that happens every `ns` nanoseconds: its channel gets an element, unless there is one already: who is late misses
 * ticks, and the next one comes at its time. A runtime that ends stops it. */
typedef struct mote_ticker mote_ticker;

/* A new ticker; the first tick is `ns` nanoseconds from now. NULL with errno: EINVAL when ns is zero or less; ENOMEM; ESHUTDOWN
 * when no runtime runs. Freed by mote_ticker_free. Never switches. */
mote_ticker *mote_ticker_make(int64_t ns);

/* The ticker's channel, valid until mote_ticker_free, or as long as the caller takes a reference. Never switches. */
mote_time_chan mote_ticker_chan(mote_ticker *ticker);

/* No more ticks: also one that nobody has received is taken back. Doesn't close the channel. Never switches. */
void mote_ticker_stop(mote_ticker *ticker);

/* The same, then ticks every `ns` nanoseconds from now. 0; -EINVAL when ns is zero or less, with nothing changed; -ENOMEM,
 * or -ESHUTDOWN when no runtime runs: then it is stopped. Never switches. */
int mote_ticker_reset(mote_ticker *ticker, int64_t ns);

/* Stops it and frees it, as mote_timer_free does. NULL is ignored. Never switches. */
void mote_ticker_free(mote_ticker *ticker);

#ifdef __cplusplus
}
#endif
#endif
