/* SPDX-License-Identifier: MIT */
/* call - a system call that is tried until it doesn't say EAGAIN.
 * Job:    the loop that all calls of io.h share.
 * Holds:  CA1 a try never blocks, or only as mote/io.h says of descriptors that aren't ours. CA2 no try ends with EINTR.
 */
#ifndef IO_CALL_H
#define IO_CALL_H

#include "io/desc.h"

#include <errno.h>

struct call {
    intptr_t (*try)(const struct call *c); /* the result, or a negative errno */
    int fd;
    int flags; /* whatever the try makes of these */
    void *at;
    size_t size;
    bool drains;            /* it is a read that notes how far it came (D10) */
    struct attempt attempt; /* `side` is set by the caller */
};

/* NULL: no limit. */
intptr_t call_run(struct call *c, const struct limit *limit);

/* CA2: the result of a system call that has returned n. */
#define CALL_RESULT(system_call)                                                                                       \
    __extension__({                                                                                                    \
        intptr_t n_;                                                                                                   \
        do                                                                                                             \
            n_ = (system_call);                                                                                        \
        while (UNLIKELY(n_ < 0) && errno == EINTR);                                                                    \
        n_ < 0 ? -errno : n_;                                                                                          \
    })

/* Before a system call that may block, on a descriptor that isn't ours: 0: it won't; -EAGAIN. */
int call_would_block(int fd, enum desc_side side);

/* A write that might raise SIGPIPE, which is kept from it. */
intptr_t call_quietly(intptr_t (*write)(const struct call *c), const struct call *c);

#endif
