/* SPDX-License-Identifier: MIT */
/* file - files and directories.
 * Job:    see file.h; mote_open, mote_stat, mote_readdir and their kind.
 * Holds:  FI1. FI2 a read asks first for what the system has in memory (RWF_NOWAIT), outside of any section. What it doesn't get it
 *         reads in one, also when it was told that there is nothing more: some kernels (Linux 5.9, 5.10) say so wrongly.
 * Why:    a section may wake a thread, which costs more than most reads and is in vain for those that don't wait. Writes have no such
 *         flag on most file systems.
 */
#include "io/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

bool file_is_kind(unsigned mode) { return S_ISREG(mode) || S_ISBLK(mode) || S_ISDIR(mode); }

bool file_is(int fd)
{
    struct stat s;
    return fstat(fd, &s) == 0 && file_is_kind(s.st_mode);
}

/* FI2 */
static intptr_t read_at_once(int fd, void *buffer, size_t size, int64_t offset)
{
    struct iovec part = {buffer, size};
    intptr_t n = CALL_RESULT(preadv2(fd, &part, 1, offset, RWF_NOWAIT));
    return n == -EAGAIN || n == -EOPNOTSUPP || n == -ENOSYS ? 0 : n;
}

intptr_t file_read(int fd, void *buffer, size_t size, int64_t offset)
{
    intptr_t n = read_at_once(fd, buffer, size, offset);
    if (LIKELY(n == (intptr_t)size) || n < 0)
        return n;
    char *rest = (char *)buffer + n;
    size_t left = size - (size_t)n;
    intptr_t more =
        offset == FILE_POSITION ? FILE_RESULT(read(fd, rest, left)) : FILE_RESULT(pread(fd, rest, left, offset + n));
    return more >= 0 ? n + more : n > 0 ? n : more;
}

intptr_t file_write(int fd, const void *buffer, size_t size, int64_t offset)
{
    return offset == FILE_POSITION ? FILE_RESULT(write(fd, buffer, size))
                                   : FILE_RESULT(pwrite(fd, buffer, size, offset));
}

PUBLIC intptr_t mote_pread(int fd, void *buffer, size_t size, int64_t offset)
{
    return offset < 0 ? -EINVAL : file_read(fd, buffer, size, offset);
}

PUBLIC intptr_t mote_pwrite(int fd, const void *buffer, size_t size, int64_t offset)
{
    return offset < 0 ? -EINVAL : file_write(fd, buffer, size, offset);
}

/* What isn't a file is waited for by the poller. */
static int adopt(int fd, mode_t mode) { return file_is_kind(mode) ? desc_own(fd, DESC_FILE) : mote_adopt_fd(fd); }

PUBLIC int mote_open(const char *path, int flags, ...)
{
    mode_t mode = 0;
    struct stat s;
    if (flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE) {
        va_list args;
        va_start(args, flags);
        mode = va_arg(args, mode_t);
        va_end(args);
    }
    mote_blocking_begin();
    int fd = (int)CALL_RESULT(open(path, flags | O_CLOEXEC, mode));
    int error = fd < 0 ? fd : (int)CALL_RESULT(fstat(fd, &s));
    mote_blocking_end();
    if (error == 0)
        error = adopt(fd, s.st_mode);
    if (error < 0 && fd >= 0)
        close(fd);
    return error < 0 ? error : fd;
}

PUBLIC int mote_stat(const char *path, struct stat *status) { return (int)FILE_RESULT(stat(path, status)); }

PUBLIC int mote_lstat(const char *path, struct stat *status) { return (int)FILE_RESULT(lstat(path, status)); }

PUBLIC int mote_fstat(int fd, struct stat *status) { return (int)FILE_RESULT(fstat(fd, status)); }

PUBLIC int mote_fsync(int fd) { return (int)FILE_RESULT(fsync(fd)); }

PUBLIC int mote_fdatasync(int fd) { return (int)FILE_RESULT(fdatasync(fd)); }

PUBLIC int mote_ftruncate(int fd, int64_t size) { return (int)FILE_RESULT(ftruncate(fd, size)); }

PUBLIC int mote_rename(const char *from, const char *to) { return (int)FILE_RESULT(rename(from, to)); }

PUBLIC int mote_link(const char *from, const char *to) { return (int)FILE_RESULT(link(from, to)); }

PUBLIC int mote_symlink(const char *target, const char *path) { return (int)FILE_RESULT(symlink(target, path)); }

PUBLIC int mote_unlink(const char *path) { return (int)FILE_RESULT(unlink(path)); }

PUBLIC int mote_mkdir(const char *path, unsigned mode) { return (int)FILE_RESULT(mkdir(path, mode)); }

PUBLIC int mote_rmdir(const char *path) { return (int)FILE_RESULT(rmdir(path)); }

PUBLIC intptr_t mote_readlink(const char *path, char *target, size_t size)
{
    return FILE_RESULT(readlink(path, target, size));
}

/* Directories: mote_dir is what the C library has. */

PUBLIC int mote_opendir(const char *path, mote_dir **dir)
{
    mote_blocking_begin();
    DIR *d = opendir(path);
    int error = d ? 0 : -errno;
    mote_blocking_end();
    *dir = (mote_dir *)d;
    return error;
}

PUBLIC int mote_readdir(mote_dir *dir, struct dirent **entry)
{
    int saved = errno;
    mote_blocking_begin();
    errno = 0;
    *entry = readdir((DIR *)dir);
    int error = *entry ? 1 : -errno;
    mote_blocking_end();
    errno = saved;
    return error;
}

PUBLIC int mote_closedir(mote_dir *dir) { return dir ? (int)FILE_RESULT(closedir((DIR *)dir)) : 0; }
