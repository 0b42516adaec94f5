/* SPDX-License-Identifier: MIT */
/* mote - green threads for C: everything public in one include. */
#ifndef MOTE_H
#define MOTE_H

#include <mote/chan.h>
#include <mote/context.h>
#include <mote/debug.h>
#include <mote/group.h>
#include <mote/io.h>
#include <mote/sim.h>
#include <mote/sync.h>
#include <mote/task.h>
#include <mote/time.h>

#endif
