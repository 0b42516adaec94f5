/* SPDX-License-Identifier: MIT */
/* files - files below the root: see files.h.
 *
 * That nothing else is opened is the system's affair: RESOLVE_BENEATH refuses whatever leads out of the root, ".." and links
 * included, also when somebody moves folders at this moment. */
#include "files.h"
#include "path.h"
#include "server.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define FLAGS (O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY) /* O_NONBLOCK: a pipe would wait for its writer */

/* For systems without openat2: part by part, and no links at all. There is no ".." in a name (path.h). */
static int open_by_parts(int root, const char *name)
{
    char part[NAME_MAX + 1];
    int at = root;
    for (const char *slash; at >= 0 && (slash = strchr(name, '/')); name = slash + 1) {
        int length = snprintf(part, sizeof part, "%.*s", (int)(slash - name), name);
        int next = length > NAME_MAX ? -1 : openat(at, part, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        int error = length > NAME_MAX ? -ENAMETOOLONG : next < 0 ? -errno : next;
        if (at != root)
            close(at);
        at = error;
    }
    if (at < 0)
        return at;
    int fd = openat(at, name, FLAGS | O_NOFOLLOW), error = fd < 0 ? -errno : fd;
    if (at != root)
        close(at);
    return error;
}

static int open_beneath(int root, const char *name)
{
    struct open_how how = {.flags = FLAGS, .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
    long fd = syscall(SYS_openat2, root, name, &how, sizeof how);
    if (fd < 0 && errno == ENOSYS)
        return open_by_parts(root, name);
    return fd < 0 ? -errno : (int)fd;
}

int files_root(const char *folder)
{
    int root = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return root < 0 ? -errno : root;
}

static int status_of(int error)
{
    switch (error) {
    case -EACCES:
    case -EPERM:
        return -403;
    case -EMFILE:
    case -ENFILE:
    case -ENOMEM:
        return -503;
    case -ENAMETOOLONG:
        return -414;
    default: /* not there; a folder in the place of a file, or the other way round; a link out of the root */
        return -404;
    }
}

int files_open(struct file *f, const char *path, size_t length)
{
    char name[PATH_MAX];
    struct stat s;
    int n = server.root < 0 ? -404 : path_decode(path, length, name, sizeof name);
    if (n < 0)
        return n;
    f->fd = mote_blocking(open_beneath, server.root, name); /* a disk may take its time */
    if (f->fd < 0)
        return status_of(f->fd);
    if (mote_fstat(f->fd, &s) < 0 || !S_ISREG(s.st_mode)) {
        close(f->fd);
        return -404;
    }
    f->version = (struct version){s.st_size, s.st_mtim};
    f->type = path_type(name);
    return 0;
}
