/* SPDX-License-Identifier: MIT */
/* syscalls - what tasks hand to the kernel, in check mode.
 * Job:    see syscalls.h.
 * Holds:  SY4 the kernel kills who makes a call while SIGSYS is blocked. So it never is on a thread whose calls are seen: masks are
 *         changed by syscall_pass.c, without it; and handlers that were installed before the runtime began, by tasks, or by the
 *         library for any thread (sched_calls_begin), don't block it.
 *         SY5 calls are handed over only while a task runs on the thread, and when the last look at SIGSYS found our own handler:
 *         a test library may put its own there for each test (cmocka does) while the workers sleep; a task that runs then and
 *         makes a call ends in that handler.
 *         SY6 who puts our handler back by signal() loses its flags. What comes before the next look is handled all the same: then
 *         SIGSYS is blocked in the handler, and the kernel has told nothing but where the call was.
 * Why:    an address in another task's home is a mistake at any time, also when that task runs now: it may park before the kernel
 *         looks. So what counts is the address, and not whether the memory is accessible.
 * Rejected: ptrace and seccomp's notifications (children inherit the filter; a process beside us); libc's functions in place of
 *         its own (programs call the kernel in other ways).
 */
#include "debug/syscalls.h"

#if defined(__x86_64__)
#include "arch/dispatch.h"
#include "base/attr.h"
#include "base/msg.h"
#include "debug/syscall_pass.h"
#include "debug/syscall_table.h"
#include "debug/trespass.h"
#include "sched/proc.h"

#include <errno.h>
#include <linux/prctl.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <ucontext.h>
#include <unistd.h>

/* Headers before Linux 5.11 lack them. */
#ifndef PR_SET_SYSCALL_USER_DISPATCH
#define PR_SET_SYSCALL_USER_DISPATCH 59
#define PR_SYS_DISPATCH_OFF 0
#define PR_SYS_DISPATCH_ON 1
#endif
#define DISPATCHED 2 /* si_code: SYS_USER_DISPATCH */
#define RESTORER 0x04000000
#define VECTORS 64 /* of one call that are looked at */

static bool on;                      /* immutable while there are workers */
static __thread volatile char block; /* what the kernel looks at: 1: calls are handed to on_call */
static __thread bool entered;
static __thread bool was_blocked; /* SIGSYS, before syscalls_enter */
static _Atomic uint32_t told;
static void on_call(int signal, siginfo_t *info, void *arg);
static struct signal_action before; /* what SIGSYS did */
static const struct signal_action ours = {
    .handler = (void *)on_call, .flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER | RESTORER, .restorer = dispatch_restore};

long syscalls_direct(long number, long a, long b, long c, long d, long e, long f)
{
    return dispatch_call(number, a, b, c, d, e, f);
}

static long set_action(int signal, const struct signal_action *new, struct signal_action *old)
{
    return syscalls_direct(SYS_rt_sigaction, signal, (long)new, (long)old, SIGNAL_SET, 0, 0);
}

/* SY5 */
static bool is_ours(void)
{
    struct signal_action now;
    uint32_t untold = 0;
    if (set_action(SIGSYS, NULL, &now) == 0 && now.handler == ours.handler)
        return now.flags == ours.flags || set_action(SIGSYS, &ours, NULL) == 0; /* SY6 */
    if (atom_cas_seq(&told, &untold, 1))                                        /* seq: a message, once */
        msg_print("stackcheck: SIGSYS has another handler, so what system calls do to stacks is not seen meanwhile");
    return false;
}

/* SY4: handlers that the program has installed so far. */
static void spare_sigsys(void)
{
    for (int signal = 1; signal <= 64; signal++) {
        struct signal_action a;
        if (set_action(signal, NULL, &a) < 0 || !(a.mask & SIGNAL_BIT(SIGSYS)))
            continue;
        a.mask &= ~SIGNAL_BIT(SIGSYS);
        set_action(signal, &a, NULL);
    }
}

static long change_sigsys(int how, uint64_t *old)
{
    uint64_t sigsys = SIGNAL_BIT(SIGSYS);
    return syscalls_direct(SYS_rt_sigprocmask, how, (long)&sigsys, (long)old, SIGNAL_SET, 0, 0);
}

void syscalls_watch(void)
{
    if (entered)
        block = is_ours() ? 1 : 0;
}

void syscalls_ignore(void) { block = 0; }

/* Of the program's memory, which may not be there. */
static bool copy(long call, void *ours, uintptr_t theirs, size_t size)
{
    struct iovec local = {ours, size}, remote = {(void *)theirs, size};
    long self = syscalls_direct(SYS_getpid, 0, 0, 0, 0, 0, 0);
    long done = syscalls_direct(call, self, (long)&local, 1, (long)&remote, 1, 0);
    if (done == -EPERM || done == -ENOSYS) /* a sandbox: then it must be there */
        memcpy(call == SYS_process_vm_readv ? ours : (void *)theirs,
               call == SYS_process_vm_readv ? (void *)theirs : ours, size);
    return done == (long)size || done == -EPERM || done == -ENOSYS;
}

bool syscalls_fetch(void *to, uintptr_t from, size_t size) { return copy(SYS_process_vm_readv, to, from, size); }

bool syscalls_put(uintptr_t to, void *from, size_t size) { return copy(SYS_process_vm_writev, from, to, size); }

static void look_at(const struct trapped *t, uintptr_t address, int argument)
{
    if (UNLIKELY(trespass_home((const void *)address) != NULL))
        trespass_by_call((const void *)address, t->context, syscall_find(t->number)->name, argument);
}

static void look_at_vector(const struct trapped *t, uintptr_t at, size_t n)
{
    struct iovec v;
    for (size_t i = 0; i < n && i < VECTORS && syscalls_fetch(&v, at + i * sizeof v, sizeof v); i++)
        if (v.iov_len)
            look_at(t, (uintptr_t)v.iov_base, 2);
}

static void look_at_message(const struct trapped *t, uintptr_t at)
{
    struct msghdr m;
    if (!syscalls_fetch(&m, at, sizeof m))
        return;
    look_at(t, (uintptr_t)m.msg_name, 2);
    look_at(t, (uintptr_t)m.msg_control, 2);
    look_at(t, (uintptr_t)m.msg_iov, 2);
    look_at_vector(t, (uintptr_t)m.msg_iov, m.msg_iovlen);
}

static void look_at_arguments(const struct trapped *t)
{
    const struct syscall *call = syscall_find(t->number);
    for (int i = 0; i < 6; i++)
        if (call->addresses >> i & 1)
            look_at(t, (uintptr_t)t->arg[i], i + 1);
    uintptr_t second = (uintptr_t)t->arg[1];
    if (call->vector == VECTOR)
        look_at_vector(t, second, (size_t)t->arg[2]);
    for (long i = 0; call->vector == MESSAGES && i < t->arg[2] && i < VECTORS; i++)
        look_at_message(t, second + (size_t)i * sizeof(struct mmsghdr));
    if (call->vector == MESSAGE)
        look_at_message(t, second);
}

static void pass_on(int signal, siginfo_t *info, void *context)
{
    if ((uintptr_t)before.handler > (uintptr_t)SIG_IGN) {
        ((void (*)(int, siginfo_t *, void *))before.handler)(signal, info, context);
        return;
    }
    struct signal_action die = {.handler = (void *)SIG_DFL};
    set_action(SIGSYS, &die, NULL);
    syscalls_direct(SYS_tgkill, getpid(), syscalls_direct(SYS_gettid, 0, 0, 0, 0, 0, 0), SIGSYS, 0, 0, 0);
}

/* SY6: called without our flags. From here on it is as it should be. */
static bool lost_flags(void)
{
    uint64_t old = 0;
    change_sigsys(SIG_UNBLOCK, &old);
    return old & SIGNAL_BIT(SIGSYS) && is_ours();
}

/* 32-bit programs' way: other numbers, other registers. */
static bool is_foreign(const greg_t *regs) { return ((const uint8_t *)(uintptr_t)regs[REG_RIP])[-2] == 0xcd; }

static void on_call(int signal, siginfo_t *info, void *arg)
{
    ucontext_t *context = arg;
    const greg_t *regs = context->uc_mcontext.gregs;
    if (lost_flags() ? !block : info->si_code != DISPATCHED) {
        pass_on(signal, info, context);
        return;
    }
    struct trapped t = {
        .context = context,
        .number = regs[REG_RAX],
        .arg = {regs[REG_RDI], regs[REG_RSI], regs[REG_RDX], regs[REG_R10], regs[REG_R8], regs[REG_R9]},
    };
    if (is_foreign(regs)) {
        syscall_pass_foreign(&t);
        return;
    }
    look_at_arguments(&t);
    syscall_pass(&t);
}

void syscalls_start(bool watched)
{
    on = false;
    if (!watched)
        return;
    if (prctl(PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_OFF, 0, 0, 0) < 0) {
        msg_print(
            "stackcheck: this kernel doesn't show a program its system calls, so what they do to stacks is not seen");
        return;
    }
    atom_store_seq(&told, 0); /* seq: no worker runs yet */
    spare_sigsys();
    on = set_action(SIGSYS, &ours, &before) == 0;
}

void syscalls_stop(void)
{
    if (on)
        set_action(SIGSYS, &before, NULL);
    on = false;
}

void syscalls_enter(void)
{
    uint64_t old = 0;
    if (!on)
        return;
    change_sigsys(SIG_UNBLOCK, &old);
    was_blocked = old & SIGNAL_BIT(SIGSYS);
    entered = prctl(PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_ON, dispatch_begin, dispatch_end - dispatch_begin,
                    &block) == 0;
}

void syscalls_leave(void)
{
    if (!entered)
        return;
    entered = false;
    block = 0;
    prctl(PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_OFF, 0, 0, 0);
    if (was_blocked)
        change_sigsys(SIG_BLOCK, NULL);
}
#else
#include "base/msg.h"

#include <errno.h>
#include <unistd.h>

void syscalls_start(bool watched)
{
    if (watched)
        msg_print("stackcheck: on this processor a program isn't shown its system calls, so what they do to stacks is "
                  "not seen");
}
void syscalls_stop(void) {}
void syscalls_enter(void) {}
void syscalls_leave(void) {}
void syscalls_watch(void) {}
void syscalls_ignore(void) {}

long syscalls_direct(long number, long a, long b, long c, long d, long e, long f)
{
    int saved = errno;
    long result = syscall(number, a, b, c, d, e, f);
    if (result < 0)
        result = -errno;
    errno = saved;
    return result;
}
#endif
