/* SPDX-License-Identifier: MIT */
/* os - the seam to the operating system, for Linux.
 * Job:    see os.h.
 * Holds:  O1, O2. Ranges are MAP_NORESERVE: a home is mostly never touched, so it must not count against the commit limit.
 * Why:    membarrier is asked for once, at load; a sandbox that refuses it costs speed, not correctness.
 */
#include "base/os.h"

#include "base/attr.h"
#include "base/msg.h"
#include "base/sanitizer.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static atomic_int fail_countdown;

void os_fail_after(int n) { atom_store_seq(&fail_countdown, n); } /* seq: a test's switch */

/* Counts down to 1 and stays there: from then on everything fails. */
static bool injected_failure(void)
{
    int left = atom_load_rlx(&fail_countdown); /* rlx: a test's switch */
    if (left == 0)
        return false;
    if (left > 1)
        atom_store_rlx(&fail_countdown, left - 1); /* rlx: only tests write it, one thread at a time */
    return left == 1;
}

void *os_reserve(size_t bytes, size_t align)
{
    if (injected_failure())
        return NULL;
    size_t page = 4096, slack = align > page ? align : 0;
    char *raw = mmap(NULL, bytes + slack, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (raw == MAP_FAILED)
        return NULL;
    char *at = (char *)(((uintptr_t)raw + slack) & -(uintptr_t)(slack ? align : 1));
    if (at > raw)
        munmap(raw, (size_t)(at - raw));
    if (slack)
        munmap(at + bytes, (size_t)(raw + slack - at));
    return at;
}

int os_commit(void *at, size_t bytes)
{
    if (injected_failure())
        return -ENOMEM;
    return mprotect(at, bytes, PROT_READ | PROT_WRITE) == 0 ? 0 : -ENOMEM;
}

void *os_pages(size_t bytes, size_t align)
{
    void *at = os_reserve(bytes, align);
    if (at && os_commit(at, bytes) < 0) {
        os_release(at, bytes);
        return NULL;
    }
    return at;
}

void os_release(void *at, size_t bytes)
{
    if (at)
        munmap(at, bytes);
}

void os_discard(void *at, size_t bytes) { madvise(at, bytes, MADV_DONTNEED); }

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23 /* Linux 5.14 */
#endif

void os_touch(void *at, size_t bytes) { madvise(at, bytes, MADV_POPULATE_WRITE); }

void os_no_huge(void *at, size_t bytes) { madvise(at, bytes, MADV_NOHUGEPAGE); }

static _Atomic(int64_t (*)(void)) other_clock;

void os_set_clock(int64_t (*clock)(void)) { atom_store_seq(&other_clock, clock); } /* seq: rare */

int64_t os_now(void)
{
    int64_t (*clock)(void) = atom_load_rlx(&other_clock),
            now; /* rlx: who is meant by it has set it, or was started since */
    if (UNLIKELY(clock != NULL) && (now = clock()))
        return now;
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

void os_futex_wait(_Atomic uint32_t *word, uint32_t expected, int64_t deadline)
{
    struct timespec t = {.tv_sec = deadline / 1000000000, .tv_nsec = deadline % 1000000000};
    /* WAIT_BITSET takes an absolute time on CLOCK_MONOTONIC. */
    syscall(SYS_futex, word, FUTEX_WAIT_BITSET_PRIVATE, expected, deadline == INT64_MAX ? NULL : &t, NULL,
            FUTEX_BITSET_MATCH_ANY);
}

void os_futex_wake(_Atomic uint32_t *word, int how_many)
{
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, how_many, NULL, NULL, 0);
}

void os_back_off(unsigned tries)
{
    if (tries < 16) {
        sched_yield();
        return;
    }
    /* A spinner of higher real-time priority than the holder must really sleep, or it would starve him. */
    struct timespec t = {.tv_nsec = 50000};
    nanosleep(&t, NULL);
}

/* Quota divided by period, rounded up, from one cgroup v2 "cpu.max" file; 0 when there is no limit. */
static int quota_in(const char *path)
{
    FILE *f = fopen(path, "re");
    if (!f)
        return 0;
    char quota[32];
    long long period;
    int fields = fscanf(f, "%31s %lld", quota, &period);
    fclose(f);
    long long q = fields == 2 ? atoll(quota) : 0;
    return q > 0 && period > 0 ? (int)((q + period - 1) / period) : 0;
}

/* Smallest quota from this process's cgroup up to the root: each level can limit. */
static int cgroup_quota(void)
{
    char line[PATH_MAX], path[PATH_MAX + 64];
    int least = 0;
    FILE *f = fopen("/proc/self/cgroup", "re");
    if (!f)
        return 0;
    while (fgets(line, sizeof line, f)) {
        if (strncmp(line, "0::", 3) != 0)
            continue;
        char *group = line + 3;
        group[strcspn(group, "\n")] = 0;
        for (;;) {
            snprintf(path, sizeof path, "/sys/fs/cgroup%s/cpu.max", group);
            int n = quota_in(path);
            if (n && (!least || n < least))
                least = n;
            char *slash = strrchr(group, '/');
            if (!slash)
                break;
            *slash = 0;
        }
    }
    fclose(f);
    return least;
}

int os_processors(void)
{
    int n = 0;
    /* The mask may be larger than cpu_set_t on big machines: grow until the kernel accepts it. */
    for (int bits = 1024; n == 0 && bits <= 1 << 20; bits *= 2) {
        cpu_set_t *set = CPU_ALLOC((size_t)bits);
        size_t size = CPU_ALLOC_SIZE((size_t)bits);
        if (!set)
            break;
        if (sched_getaffinity(0, size, set) == 0)
            n = CPU_COUNT_S(size, set);
        else if (errno != EINVAL)
            bits = 1 << 20;
        CPU_FREE(set);
    }
    int quota = cgroup_quota();
    if (quota && quota < n)
        n = quota;
    return n > 0 ? n : 1;
}

/* The kernel links a folder for each thread into this one. */
int os_threads(void)
{
    struct stat s;
    return stat("/proc/self/task", &s) == 0 && s.st_nlink > 2 ? (int)s.st_nlink - 2 : 0;
}

int os_thread_id(void) { return (int)syscall(SYS_gettid); }

/* "number (name) state ...", where the name may have anything in it. */
bool os_thread_runs(int id)
{
    char path[64], text[128];
    snprintf(path, sizeof path, "/proc/self/task/%d/stat", id);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    text[n > 0 ? n : 0] = 0;
    const char *end = strrchr(text, ')');
    return end && end[1] == ' ' && end[2] == 'R';
}

static bool barrier_ready;

__attribute__((constructor)) static void register_barrier(void)
{
    /* ThreadSanitizer can't see this barrier, so under it both sides use real fences. */
    barrier_ready = !UNDER_TSAN && !getenv("MOTE_NO_MEMBARRIER") &&
                    syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) == 0;
}

bool os_barrier_ready(void) { return barrier_ready; }

void os_barrier_heavy(void)
{
    if (barrier_ready && syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0) != 0)
        msg_fatal("membarrier is refused, though it was granted when the runtime began: a sandbox that the program "
                  "enters later "
                  "must allow it");
    if (!barrier_ready)
        atom_fence_seq(); /* seq: both sides use real fences then */
}
