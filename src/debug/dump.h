/* SPDX-License-Identifier: MIT */
/* dump - reports of tasks, for other reports.
 * Job:    what mote_dump does, for those of the tasks that somebody chooses.
 */
#ifndef DEBUG_DUMP_H
#define DEBUG_DUMP_H

#include "base/record.h"

#include <stdbool.h>

struct dump_choice {
    bool (*wanted)(const struct task *t); /* of records that may change meanwhile; NULL: all */
    const char *title;                    /* what comes behind "mote: 12 tasks"; NULL: how many procs there are */
    const char *title_one;                /* the same behind "mote: 1 task" */
};

/* As mote_dump, for some of the tasks; nothing is said if there are none. The caller keeps the runtime from ending. How many there
 * are; -ENOMEM. */
int64_t dump_some(int fd, unsigned flags, struct dump_choice choice);

#endif
