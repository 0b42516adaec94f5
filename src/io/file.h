/* SPDX-License-Identifier: MIT */
/* file - descriptors of which there is no end to wait for: regular files, directories, block devices.
 * Job:    reads and writes of these.
 * Holds:  FI1 what may take as long as a disk does is a blocking section (sched/spare.c), on the caller's own thread.
 */
#ifndef IO_FILE_H
#define IO_FILE_H

#include "io/call.h"

#include <mote/task.h>

#include <stdbool.h>

struct iovec;

/* FI1: the result of a system call, tried again after EINTR, or a negative errno. */
#define FILE_RESULT(system_call)                                                                                       \
    __extension__({                                                                                                    \
        mote_blocking_begin();                                                                                         \
        intptr_t result_ = CALL_RESULT(system_call);                                                                   \
        mote_blocking_end();                                                                                           \
        result_;                                                                                                       \
    })

/* Whether fd is one; the same of stat's st_mode. */
bool file_is(int fd);
bool file_is_kind(unsigned mode);

/* At offset, or, if that is FILE_POSITION, at the file's own position, which moves. */
#define FILE_POSITION INT64_C(-1)
intptr_t file_read(int fd, void *buffer, size_t size, int64_t offset);
intptr_t file_write(int fd, const void *buffer, size_t size, int64_t offset);

#endif
