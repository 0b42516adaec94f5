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
    CALL(read, 02, NONE, THERE),
    CALL(write, 02, NONE, THERE),
    CALL(pread64, 02, NONE, THERE),
    CALL(pwrite64, 02, NONE, THERE),
    CALL(readv, 02, VECTOR, THERE),
    CALL(writev, 02, VECTOR, THERE),
    CALL(preadv, 02, VECTOR, THERE),
    CALL(pwritev, 02, VECTOR, THERE),
    CALL(preadv2, 02, VECTOR, THERE),
    CALL(pwritev2, 02, VECTOR, THERE),
    CALL(sendmsg, 02, MESSAGE, THERE),
    CALL(recvmsg, 02, MESSAGE, THERE),
    CALL(sendmmsg, 02, MESSAGES, THERE),
    CALL(recvmmsg, 022, MESSAGES, THERE),
    CALL(sendto, 022, NONE, THERE),
    CALL(recvfrom, 062, NONE, THERE),
    CALL(accept, 06, NONE, THERE),
    CALL(accept4, 06, NONE, THERE),
    CALL(connect, 02, NONE, THERE),
    CALL(bind, 02, NONE, THERE),
    CALL(getsockname, 06, NONE, THERE),
    CALL(getpeername, 06, NONE, THERE),
    CALL(getsockopt, 030, NONE, THERE),
    CALL(setsockopt, 010, NONE, THERE),
    CALL(open, 01, NONE, THERE),
    CALL(openat, 02, NONE, THERE),
    CALL(stat, 03, NONE, THERE),
    CALL(fstat, 02, NONE, THERE),
    CALL(newfstatat, 06, NONE, THERE),
    CALL(getdents64, 02, NONE, THERE),
    CALL(poll, 01, NONE, THERE),
    CALL(select, 036, NONE, THERE),
    CALL(lstat, 03, NONE, THERE),
    CALL(statx, 022, NONE, THERE),
    CALL(statfs, 03, NONE, THERE),
    CALL(fstatfs, 02, NONE, THERE),
    CALL(access, 01, NONE, THERE),
    CALL(faccessat, 02, NONE, THERE),
    CALL(readlink, 03, NONE, THERE),
    CALL(readlinkat, 06, NONE, THERE),
    CALL(rename, 03, NONE, THERE),
    CALL(renameat, 012, NONE, THERE),
    CALL(link, 03, NONE, THERE),
    CALL(symlink, 03, NONE, THERE),
    CALL(unlink, 01, NONE, THERE),
    CALL(unlinkat, 02, NONE, THERE),
    CALL(mkdir, 01, NONE, THERE),
    CALL(mkdirat, 02, NONE, THERE),
    CALL(rmdir, 01, NONE, THERE),
    CALL(chdir, 01, NONE, THERE),
    CALL(getcwd, 01, NONE, THERE),
    CALL(execve, 07, NONE, THERE),
    CALL(sendfile, 04, NONE, THERE),
    CALL(splice, 012, NONE, THERE),
    CALL(copy_file_range, 012, NONE, THERE),
    CALL(vmsplice, 02, VECTOR, THERE),
    CALL(socketpair, 010, NONE, THERE),
    CALL(signalfd4, 02, NONE, THERE),
    CALL(timerfd_settime, 014, NONE, THERE),
    CALL(timerfd_gettime, 02, NONE, THERE),
    CALL(rt_sigtimedwait, 07, NONE, THERE),
    CALL(uname, 01, NONE, THERE),
    CALL(sysinfo, 01, NONE, THERE),
    CALL(getrusage, 02, NONE, THERE),
    CALL(getrlimit, 02, NONE, THERE),
    CALL(prlimit64, 014, NONE, THERE),
    CALL(getitimer, 02, NONE, THERE),
    CALL(setitimer, 06, NONE, THERE),
    CALL(gettimeofday, 03, NONE, THERE),
    CALL(waitid, 024, NONE, THERE),
    CALL(sched_getaffinity, 04, NONE, THERE),
    CALL(sched_setaffinity, 04, NONE, THERE),
    CALL(process_vm_readv, 012, NONE, THERE),
    CALL(process_vm_writev, 012, NONE, THERE),
    CALL(epoll_ctl, 010, NONE, THERE),
    CALL(epoll_wait, 02, NONE, THERE),
    CALL(pipe, 01, NONE, THERE),
    CALL(pipe2, 01, NONE, THERE),
    CALL(getrandom, 01, NONE, THERE),
    CALL(nanosleep, 03, NONE, THERE),
    CALL(clock_nanosleep, 014, NONE, THERE),
    CALL(clock_gettime, 02, NONE, THERE),
    CALL(futex, 01, NONE, THERE),
    CALL(wait4, 012, NONE, THERE),
    CALL(ppoll, 015, NONE, THERE),
    CALL(pselect6, 076, NONE, THERE),
    CALL(epoll_pwait, 022, NONE, THERE),
    CALL(epoll_pwait2, 032, NONE, THERE),
    CALL(rt_sigsuspend, 01, NONE, THERE),
    /* SY3 */
    CALL(clone, 0, NONE, CLONE),
    CALL(clone3, 0, NONE, CLONE3),
    CALL(vfork, 0, NONE, AT_ITS_PLACE),
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
