/* SPDX-License-Identifier: MIT */
/* mote/time.h - the clock that every deadline is on, and sleeping. */
#ifndef MOTE_TIME_H
#define MOTE_TIME_H

#include <stdint.h>

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

#ifdef __cplusplus
}
#endif
#endif
