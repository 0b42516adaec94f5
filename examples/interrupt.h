/* SPDX-License-Identifier: MIT */
/* interrupt - how the small servers stop: the first SIGINT or SIGTERM cancels a group, the second one ends the program at once. */
#ifndef INTERRUPT_H
#define INTERRUPT_H

#include <mote.h>

#include <errno.h>
#include <signal.h>

static void interrupt_wait(mote_group *group, mote_chan(int) signals)
{
    mote_recv(signals, NULL);
    mote_signal_stop(signals);
    mote_group_cancel(group, -EINTR);
    mote_chan_free(signals);
}

/* From now on. Who accepts, reads or sleeps with the group's context then stops. */
static inline int interrupt_cancels(mote_group *group)
{
    mote_chan(int) signals = mote_chan_make(int, 1);
    int error = signals ? mote_signal_notify(signals, SIGINT, SIGTERM) : -ENOMEM;
    if (error == 0)
        error = mote_go(interrupt_wait, group, signals);
    return error == -ENOSYS ? 0 : error; /* linked without libuv: also the first one ends the program at once */
}

/* The group's tasks have some seconds to finish what they are at: 0, or -ETIMEDOUT when that was too short. */
static inline int interrupt_finish(mote_group *group)
{
    int error = mote_group_wait_until(group, mote_now() + 5 * MOTE_S);
    return error == -ETIMEDOUT ? error : 0;
}

#endif
