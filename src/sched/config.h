/* SPDX-License-Identifier: MIT */
/* config - settings, from the caller and from the environment.
 * Job: one checked struct out of mote_config, MOTE_PROCS and MOTEDEBUG.
 */
#ifndef SCHED_CONFIG_H
#define SCHED_CONFIG_H

#include <mote/task.h>

/* Fills in the defaults and the environment's overrides. 0; -EINVAL for numbers out of range, after a message; a key in
 * MOTEDEBUG that isn't known is reported and ignored. */
int config_resolve(const mote_config *given, mote_config *out);

#endif
