/* SPDX-License-Identifier: MIT */
/* syscall_table - the calls, as x86-64 numbers them.
 * Job:    see syscall_table.h.
 */
#if defined(__x86_64__)
#include "debug/syscall_table.h"

#include "base/attr.h"

#include <stddef.h>
#include <sys/syscall.h>

/* Which arguments are addresses that the kernel uses; of calls that are not here, none: behind the last argument of a call the
 * registers hold anything, also addresses that another task has left there. */
static const struct syscall calls[] = {
#define CALL(name, ...)                                                                                                \
    {                                                                                                                  \
#name, SYS_##name, __VA_ARGS__                                                                                 \
    }
    CALL(read, 02, NONE),
    CALL(write, 02, NONE),
    CALL(pread64, 02, NONE),
    CALL(pwrite64, 02, NONE),
    CALL(readv, 02, VECTOR),
    CALL(writev, 02, VECTOR),
    CALL(preadv, 02, VECTOR),
    CALL(pwritev, 02, VECTOR),
    CALL(preadv2, 02, VECTOR),
    CALL(pwritev2, 02, VECTOR),
    CALL(sendmsg, 02, MESSAGE),
    CALL(recvmsg, 02, MESSAGE),
    CALL(sendmmsg, 02, MESSAGES),
    CALL(recvmmsg, 022, MESSAGES),
    CALL(sendto, 022, NONE),
    CALL(recvfrom, 062, NONE),
    CALL(accept, 06, NONE),
    CALL(accept4, 06, NONE),
    CALL(connect, 02, NONE),
    CALL(bind, 02, NONE),
    CALL(getsockname, 06, NONE),
    CALL(getpeername, 06, NONE),
    CALL(getsockopt, 030, NONE),
    CALL(setsockopt, 010, NONE),
    CALL(open, 01, NONE),
    CALL(openat, 02, NONE),
    CALL(stat, 03, NONE),
    CALL(fstat, 02, NONE),
    CALL(newfstatat, 06, NONE),
    CALL(getdents64, 02, NONE),
    CALL(poll, 01, NONE),
    CALL(select, 036, NONE),
    CALL(lstat, 03, NONE),
    CALL(statx, 022, NONE),
    CALL(statfs, 03, NONE),
    CALL(fstatfs, 02, NONE),
    CALL(access, 01, NONE),
    CALL(faccessat, 02, NONE),
    CALL(readlink, 03, NONE),
    CALL(readlinkat, 06, NONE),
    CALL(rename, 03, NONE),
    CALL(renameat, 012, NONE),
    CALL(link, 03, NONE),
    CALL(symlink, 03, NONE),
    CALL(unlink, 01, NONE),
    CALL(unlinkat, 02, NONE),
    CALL(mkdir, 01, NONE),
    CALL(mkdirat, 02, NONE),
    CALL(rmdir, 01, NONE),
    CALL(chdir, 01, NONE),
    CALL(getcwd, 01, NONE),
    CALL(execve, 07, NONE),
    CALL(sendfile, 04, NONE),
    CALL(splice, 012, NONE),
    CALL(copy_file_range, 012, NONE),
    CALL(vmsplice, 02, VECTOR),
    CALL(socketpair, 010, NONE),
    CALL(signalfd4, 02, NONE),
    CALL(timerfd_settime, 014, NONE),
    CALL(timerfd_gettime, 02, NONE),
    CALL(rt_sigtimedwait, 07, NONE),
    CALL(uname, 01, NONE),
    CALL(sysinfo, 01, NONE),
    CALL(getrusage, 02, NONE),
    CALL(getrlimit, 02, NONE),
    CALL(prlimit64, 014, NONE),
    CALL(getitimer, 02, NONE),
    CALL(setitimer, 06, NONE),
    CALL(gettimeofday, 03, NONE),
    CALL(waitid, 024, NONE),
    CALL(sched_getaffinity, 04, NONE),
    CALL(sched_setaffinity, 04, NONE),
    CALL(process_vm_readv, 012, NONE),
    CALL(process_vm_writev, 012, NONE),
    CALL(epoll_ctl, 010, NONE),
    CALL(epoll_wait, 02, NONE),
    CALL(pipe, 01, NONE),
    CALL(pipe2, 01, NONE),
    CALL(getrandom, 01, NONE),
    CALL(nanosleep, 03, NONE),
    CALL(clock_nanosleep, 014, NONE),
    CALL(clock_gettime, 02, NONE),
    CALL(futex, 01, NONE),
    CALL(wait4, 012, NONE),
    CALL(ppoll, 015, NONE),
    CALL(pselect6, 076, NONE),
    CALL(epoll_pwait, 022, NONE),
    CALL(epoll_pwait2, 032, NONE),
    CALL(rt_sigsuspend, 01, NONE),
};

const struct syscall *syscall_find(long number)
{
    for (unsigned i = 0; i < ARRAY_LENGTH(calls); i++)
        if (calls[i].number == number)
            return &calls[i];
    static const struct syscall unknown = {.name = NULL};
    return &unknown;
}
#else
typedef int syscall_table_is_empty; /* C wants a declaration */
#endif
