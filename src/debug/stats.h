/* SPDX-License-Identifier: MIT */
/* stats - the runtime in numbers.
 * Job:    what of mote_stats costs next to nothing, for reports that come often.
 */
#ifndef DEBUG_STATS_H
#define DEBUG_STATS_H

#include <mote/debug.h>

/* Fills all but what takes a walk over the records: tasks by state, live_bytes. Anyone may call it. 0, -ESHUTDOWN. */
int stats_without_walk(struct mote_stats *info);

#endif
