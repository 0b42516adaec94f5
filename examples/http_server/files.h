/* SPDX-License-Identifier: MIT */
/* files - files below the root. */
#ifndef FILES_H
#define FILES_H

#include "condition.h"

struct file {
    int fd;
    struct version version;
    const char *type;
};

/* The folder that files come from: a descriptor, or a negative errno. */
int files_root(const char *folder);

/* Opens what the path of a request means. 0, and the caller closes f->fd; or the status to say, negated: -404, -403, … */
int files_open(struct file *f, const char *path, size_t length);

#endif
