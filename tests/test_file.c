/* SPDX-License-Identifier: MIT */
/* test_file - files and directories: what the calls say, bytes that aren't in memory, and that nothing else stops while one blocks
 * (FI1, FI2).
 */
#include "support.h"

#include "base/sanitizer.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static char folder[PATH_MAX]; /* of this test, made and removed by main */

/* A name in it. */
static const char *in_folder(char to[PATH_MAX], const char *name)
{
    CHECK(snprintf(to, PATH_MAX, "%s/%s", folder, name) < PATH_MAX);
    return to;
}

static void remove_file(const char *name)
{
    char path[PATH_MAX];
    CHECK(mote_unlink(in_folder(path, name)) == 0);
}

/* Every call, and what it says. */
static void walk_through(void *arg)
{
    char path[PATH_MAX], other[PATH_MAX], text[32] = "";
    struct stat s;
    (void)arg;
    in_folder(path, "first"), in_folder(other, "second");
    int fd = mote_open(path, O_RDWR | O_CREAT | O_EXCL, 0600);
    CHECK(fd >= 0 && fcntl(fd, F_GETFD) == FD_CLOEXEC);
    CHECK(mote_fstat(fd, &s) == 0 && S_ISREG(s.st_mode) && (s.st_mode & 0777) == 0600 && s.st_size == 0);
    CHECK(mote_write_all(fd, "hello, file", 11) == 11 && mote_fdatasync(fd) == 0 && mote_fsync(fd) == 0);
    CHECK(mote_pread(fd, text, 5, 7) == 4 && strcmp(text, "file") == 0 && mote_pwrite(fd, "F", 1, 7) == 1);
    CHECK(mote_pread(fd, text, 5, 11) == 0 && mote_pread(fd, text, 5, -1) == -EINVAL &&
          mote_pwrite(fd, text, 5, -2) == -EINVAL);
    CHECK(mote_read(fd, text, 5) == 0 && lseek(fd, 0, SEEK_SET) == 0);
    CHECK(mote_read(fd, text, 5) == 5 && mote_read(fd, text + 5, 20) == 6 && strcmp(text, "hello, File") == 0);
    char three[4] = "", rest[9] = "";
    CHECK(lseek(fd, 0, SEEK_SET) == 0);
    CHECK(mote_readv(fd, (struct iovec[]){{three, 3}, {rest, 8}}, 2) == 11);
    CHECK(strcmp(three, "hel") == 0 && strcmp(rest, "lo, File") == 0);
    CHECK(mote_writev(fd, (struct iovec[]){{three, 3}, {rest, 2}}, 2) == 5 && lseek(fd, 0, SEEK_CUR) == 16);
    CHECK(mote_ftruncate(fd, 4) == 0 && mote_stat(path, &s) == 0 && s.st_size == 4);
    CHECK(mote_wait_fd(fd, MOTE_READ | MOTE_WRITE, MOTE_FOREVER) == (MOTE_READ | MOTE_WRITE));
    CHECK(mote_set_deadline(fd, MOTE_READ, 1) == 0 && mote_read(fd, text, 1) == -ETIMEDOUT);
    CHECK(mote_close(fd) == 0 && mote_close(fd) == -EBADF && mote_read(fd, text, 1) == -EBADF);

    CHECK(mote_open(path, O_RDWR | O_CREAT | O_EXCL, 0600) == -EEXIST && mote_rename(path, other) == 0);
    CHECK(mote_open(path, O_RDONLY) == -ENOENT && mote_stat(path, &s) == -ENOENT && mote_unlink(path) == -ENOENT);
    CHECK(mote_symlink("second", path) == 0 && mote_lstat(path, &s) == 0 && S_ISLNK(s.st_mode));
    CHECK(mote_stat(path, &s) == 0 && S_ISREG(s.st_mode) && s.st_nlink == 1);
    CHECK(mote_readlink(path, text, sizeof text) == 6 && memcmp(text, "second", 6) == 0);
    CHECK(mote_unlink(path) == 0 && mote_link(other, path) == 0 && mote_stat(path, &s) == 0 && s.st_nlink == 2);
    CHECK(mote_unlink(path) == 0 && mote_unlink(other) == 0);
    CHECK(mote_mkdir(path, 0700) == 0 && mote_mkdir(path, 0700) == -EEXIST && mote_rmdir(other) == -ENOENT);
    fd = mote_open(path, O_RDONLY | O_DIRECTORY);
    CHECK(fd >= 0 && mote_read(fd, text, 1) == -EISDIR && mote_close(fd) == 0);
    CHECK(mote_open(path, O_WRONLY) == -EISDIR && mote_rmdir(path) == 0);
}

static void test_what_the_calls_say(void **state)
{
    (void)state;
    run_everywhere(walk_through);
    walk_through(NULL); /* without a runtime */
}

/* Of what is in no memory, and of what lets nobody ask (FI2). */

enum { PAGES = 64, PAGE = 4096 };

static unsigned char byte_at(size_t i) { return (unsigned char)(i * 2654435761u >> 13); }

static void check_bytes(const unsigned char *at, size_t from, size_t size)
{
    for (size_t i = 0; i < size; i++)
        CHECK(at[i] == byte_at(from + i));
}

static void forget(int fd) { CHECK(mote_fsync(fd) == 0 && posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) == 0); }

/* Every other page was fetched before: what is read at once is then a part of it. */
static void read_forgotten(void *arg)
{
    static const size_t size = (size_t)PAGES * PAGE;
    char path[PATH_MAX];
    unsigned char *bytes = malloc(size);
    (void)arg;
    CHECK(bytes);
    for (size_t i = 0; i < size; i++)
        bytes[i] = byte_at(i);
    int fd = mote_open(in_folder(path, "bytes"), O_RDWR | O_CREAT | O_TRUNC, 0600);
    CHECK(fd >= 0 && mote_write_all(fd, bytes, size) == (intptr_t)size);
    for (int round = 0; round < 3; round++) {
        forget(fd);
        CHECK(posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM) == 0);
        for (size_t page = 0; round && page < PAGES; page += 2)
            CHECK(mote_pread(fd, bytes, PAGE, (int64_t)(page * PAGE)) == PAGE);
        memset(bytes, 0, size);
        CHECK(mote_pread(fd, bytes, size - 100, 100) == (intptr_t)size - 100);
        check_bytes(bytes, 100, size - 100);
        forget(fd);
        memset(bytes, 0, size);
        CHECK(lseek(fd, 1, SEEK_SET) == 1 && mote_read(fd, bytes, size) == (intptr_t)size - 1);
        check_bytes(bytes, 1, size - 1);
        CHECK(mote_read(fd, bytes, size) == 0);
    }
    free(bytes);
    CHECK(mote_close(fd) == 0);
    remove_file("bytes");
}

static void read_what_the_kernel_makes(void *arg)
{
    char text[400];
    (void)arg;
    int fd = mote_open("/proc/self/status", O_RDONLY);
    CHECK(fd >= 0 && mote_read(fd, text, 5) == 5 && memcmp(text, "Name:", 5) == 0);
    CHECK(mote_pread(fd, text, 5, 0) == 5 && memcmp(text, "Name:", 5) == 0 && mote_close(fd) == 0);
    fd = mote_open("/dev/zero", O_RDWR);
    text[0] = text[399] = 1;
    CHECK(fd >= 0 && mote_read(fd, text, sizeof text) == sizeof text && text[0] == 0 && text[399] == 0);
    CHECK(mote_write(fd, text, 7) == 7 && mote_close(fd) == 0);
}

static void test_bytes_that_are_in_no_memory(void **state)
{
    (void)state;
    run_everywhere(read_forgotten);
    run_everywhere(read_what_the_kernel_makes);
}

/* A number that was a file's, and is something else's: it is waited for. */
static void send_late(int to)
{
    mote_sleep(MOTE_MS);
    CHECK(mote_write(to, "x", 1) == 1);
}

static void reuse(void *arg)
{
    char path[PATH_MAX], c;
    int ends[2];
    (void)arg;
    for (int foreign = 0; foreign < 2; foreign++) {
        int fd = mote_open(in_folder(path, "reused"), O_RDWR | O_CREAT, 0600);
        CHECK(fd >= 0 && mote_close(fd) == 0);
        CHECK((foreign ? pipe(ends) : mote_pipe(ends)) == 0 && (ends[0] == fd || ends[1] == fd));
        CHECK(mote_go(send_late, ends[1]) == 0 && mote_read(ends[0], &c, 1) == 1);
        CHECK(mote_close(ends[0]) == 0 && mote_close(ends[1]) == 0);
    }
    remove_file("reused");
}

static void test_the_number_is_somebody_elses(void **state)
{
    (void)state;
    run_with(&one_proc, reuse, NULL);
}

/* Others go on while one opens (FI1): on a single proc the two ends of a FIFO meet only so. */

static void open_to_write(const char *path)
{
    int fd = mote_open(path, O_WRONLY);
    CHECK(fd >= 0);
    mote_sleep(MOTE_MS); /* who reads parks: a FIFO is no file */
    CHECK(mote_write_all(fd, "met", 3) == 3 && mote_close(fd) == 0);
}

static void meet(void *arg)
{
    char *path = arg, text[4] = "";
    CHECK(mkfifo(path, 0600) == 0);
    CHECK(mote_go(open_to_write, path) == 0);
    int fd = mote_open(path, O_RDONLY);
    CHECK(fd >= 0 && mote_read(fd, text, 1) == 1 && mote_read(fd, text + 1, 2) == 2 && strcmp(text, "met") == 0);
    CHECK(mote_read(fd, text, 1) == 0 && mote_close(fd) == 0 && mote_unlink(path) == 0);
}

static void test_who_blocks_stops_nobody(void **state)
{
    char path[PATH_MAX];
    (void)state;
    static const mote_config one = {.procs = 1};
    run_with(&one, meet, (void *)(uintptr_t)in_folder(path, "fifo"));
}

/* Directories */

static void list(const char *path, unsigned seen[], int n)
{
    mote_dir *dir;
    struct dirent *entry;
    int found, number;
    CHECK(mote_opendir(path, &dir) == 0 && dir);
    while ((found = mote_readdir(dir, &entry)) == 1)
        if (sscanf(entry->d_name, "f%d", &number) == 1) {
            CHECK(number >= 0 && number < n);
            seen[number]++;
        }
    CHECK(found == 0 && !entry && mote_readdir(dir, &entry) == 0 && mote_closedir(dir) == 0);
}

static void read_directories(void *arg)
{
    enum { FILES = 1000 };
    char path[PATH_MAX], name[PATH_MAX + 20];
    unsigned *seen = calloc(FILES, sizeof *seen);
    int n = (int)scale(FILES);
    (void)arg;
    CHECK(seen && mote_mkdir(in_folder(path, "many"), 0700) == 0);
    for (int i = 0; i < n; i++) {
        snprintf(name, sizeof name, "%s/f%d", path, i);
        int fd = mote_open(name, O_WRONLY | O_CREAT, 0600);
        CHECK(fd >= 0 && mote_close(fd) == 0);
    }
    list(path, seen, n);
    for (int i = 0; i < n; i++) {
        CHECK(seen[i] == 1);
        snprintf(name, sizeof name, "%s/f%d", path, i);
        CHECK(mote_unlink(name) == 0);
    }
    free(seen);
    mote_dir *dir = (mote_dir *)1;
    CHECK(mote_rmdir(path) == 0 && mote_opendir(path, &dir) == -ENOENT && !dir);
    CHECK(mote_opendir("/dev/null", &dir) == -ENOTDIR && mote_closedir(NULL) == 0);
}

static void test_directories(void **state)
{
    (void)state;
    run_everywhere(read_directories);
}

/* Many at one file, each at its place. */

enum { WRITERS = 16, BLOCK = 1000 };

static void write_and_read_back(int fd, int which, mote_wg *all)
{
    unsigned char block[BLOCK];
    size_t from = (size_t)which * BLOCK;
    for (int round = 0; round < 20; round++) {
        for (size_t i = 0; i < BLOCK; i++)
            block[i] = byte_at(from + i);
        CHECK(mote_pwrite(fd, block, BLOCK, (int64_t)from) == BLOCK);
        memset(block, 0, BLOCK);
        CHECK(mote_pread(fd, block, BLOCK, (int64_t)from) == BLOCK);
        check_bytes(block, from, BLOCK);
        mote_yield();
    }
    mote_wg_done(all);
}

static void share(void *arg)
{
    static mote_wg all;
    char path[PATH_MAX];
    (void)arg;
    int fd = mote_open(in_folder(path, "shared"), O_RDWR | O_CREAT | O_TRUNC, 0600);
    CHECK(fd >= 0);
    mote_wg_add(&all, WRITERS);
    for (int i = 0; i < WRITERS; i++)
        CHECK(mote_go(write_and_read_back, fd, i, &all) == 0);
    mote_wg_wait(&all);
    unsigned char bytes[WRITERS * BLOCK + 1];
    CHECK(mote_pread(fd, bytes, sizeof bytes, 0) == WRITERS * BLOCK && mote_close(fd) == 0);
    check_bytes(bytes, 0, WRITERS * BLOCK);
    remove_file("shared");
}

static void test_many_at_one_file(void **state)
{
    (void)state;
    run_with_each(share, NULL);
}

/* No descriptors, no room. */
static void run_out(void *arg)
{
    char path[PATH_MAX];
    struct rlimit limit;
    mote_dir *dir;
    (void)arg;
    CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    limit.rlim_cur = 0;
    CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    CHECK(mote_open("/dev/null", O_RDONLY) == -EMFILE && mote_opendir("/", &dir) == -EMFILE && !dir);
    limit.rlim_cur = limit.rlim_max;
    CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    int fd = mote_open("/dev/full", O_WRONLY);
    CHECK(fd >= 0 && mote_write(fd, "x", 1) == -ENOSPC && mote_close(fd) == 0);
    memset(path, 'x', sizeof path);
    path[sizeof path - 1] = 0;
    CHECK(mote_open(path, O_RDONLY) == -ENAMETOOLONG);
}

static void run_out_in_child(void *arg) { run_with(&one_proc, run_out, arg); }

static void test_nothing_left(void **state)
{
    (void)state;
    struct child_result child = run_child(run_out_in_child, NULL);
    if (child.status != 0)
        fail_msg("status %x: %s", (unsigned)child.status, child.err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_the_calls_say),
        cmocka_unit_test(test_bytes_that_are_in_no_memory),
        cmocka_unit_test(test_the_number_is_somebody_elses),
        cmocka_unit_test(test_who_blocks_stops_nobody),
        cmocka_unit_test(test_directories),
        cmocka_unit_test(test_many_at_one_file),
        cmocka_unit_test(test_nothing_left),
    };
    watchdog(120);
    CHECK(mkdtemp(temporary_name(folder, sizeof folder)));
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    CHECK(rmdir(folder) == 0 || failed);
    return failed;
}
