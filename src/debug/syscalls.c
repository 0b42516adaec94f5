/* SPDX-License-Identifier: MIT */
/* syscalls - what tasks hand to the kernel, in check mode.
 * Job:    see syscalls.h.
 * Holds:  SY3 a call is made by the interrupted context itself, from where the kernel lets it pass (arch/dispatch.h): so it may
 *         block, be interrupted and be restarted as ever. Those of which the kernel must see the place or the stack (clone for a
 *         thread, vfork) are made where they were, and until the next task is switched to (or the runtime's next look) this
 *         thread's calls are not seen. SY4 the kernel kills who makes a call while SIGSYS is blocked. So it never is on a thread
 *         whose calls are seen: masks are changed here, without it, also those that hold for one call; handlers that were
 *         installed before the runtime began, by tasks, or by the library for any thread (sched_calls_begin), don't block it; and
 *         what was done while calls were not seen is mended when they are again.
 *         SY5 calls are handed over only while a task runs on the thread, and when the last look at SIGSYS found our own handler:
 *         a test library may put its own there for each test (cmocka does) while the workers sleep.
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
#include "debug/syscall_table.h"
#include "debug/trespass.h"
#include "sched/proc.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/prctl.h>
#include <linux/sched.h>
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
#define WORD sizeof(uint64_t)
#define BIT(signal) (UINT64_C(1) << ((signal)-1))
#define VECTORS 64 /* of one call that are looked at */

/* As the kernel has it. */
struct action {
    void *handler;
    unsigned long flags;
    void (*restorer)(void);
    uint64_t mask;
};

static bool on;                      /* immutable while there are workers */
static __thread volatile char block; /* what the kernel looks at: 1: calls are handed to on_call */
static __thread bool entered;
static __thread bool lapsed;      /* a call was made at its place: SY3 */
static __thread bool was_blocked; /* SIGSYS, before syscalls_enter */
static _Atomic uint32_t told;
static void on_call(int signal, siginfo_t *info, void *arg);
static struct action before; /* what SIGSYS did */
static const struct action ours = {
    .handler = (void *)on_call, .flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER | RESTORER, .restorer = dispatch_restore};

long syscalls_direct(long number, long a, long b, long c, long d, long e, long f)
{
    return dispatch_call(number, a, b, c, d, e, f);
}

static long set_action(int signal, const struct action *new, struct action *old)
{
    return syscalls_direct(SYS_rt_sigaction, signal, (long)new, (long)old, WORD, 0, 0);
}

/* SY5 */
static bool is_ours(void)
{
    struct action now;
    uint32_t untold = 0;
    if (set_action(SIGSYS, NULL, &now) == 0 && now.handler == ours.handler)
        return now.flags == ours.flags || set_action(SIGSYS, &ours, NULL) == 0; /* signal() keeps the handler alone */
    if (atom_cas_seq(&told, &untold, 1))                                        /* seq: a message, once */
        msg_print("stackcheck: SIGSYS has another handler, so what system calls do to stacks is not seen meanwhile");
    return false;
}

/* SY4: handlers that the program has installed so far. */
static void spare_sigsys(void)
{
    for (int signal = 1; signal <= 64; signal++) {
        struct action a;
        if (set_action(signal, NULL, &a) < 0 || !(a.mask & BIT(SIGSYS)))
            continue;
        a.mask &= ~BIT(SIGSYS);
        set_action(signal, &a, NULL);
    }
}

static long change_sigsys(int how, uint64_t *old)
{
    uint64_t sigsys = BIT(SIGSYS);
    return syscalls_direct(SYS_rt_sigprocmask, how, (long)&sigsys, (long)old, WORD, 0, 0);
}

/* SY4 */
static void mend_lapse(void)
{
    lapsed = false;
    change_sigsys(SIG_UNBLOCK, NULL);
    spare_sigsys();
}

void syscalls_watch(void)
{
    if (entered && lapsed)
        mend_lapse();
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

static bool fetch(void *to, uintptr_t from, size_t size) { return copy(SYS_process_vm_readv, to, from, size); }

static bool put(uintptr_t to, void *from, size_t size) { return copy(SYS_process_vm_writev, from, to, size); }

/* By the way of 32-bit programs: other numbers, other registers. */
static const struct syscall foreign = {.made = AT_ITS_PLACE};

/* One system call, as it was trapped. */
struct look {
    const ucontext_t *context;
    const struct syscall *call;
    long number, arg[6];
};

static void look_at(const struct look *l, uintptr_t address, int argument)
{
    if (UNLIKELY(trespass_home((const void *)address) != NULL))
        trespass_by_call((const void *)address, l->context, l->call->name, argument);
}

static void look_at_vector(const struct look *l, uintptr_t at, size_t n)
{
    struct iovec v;
    for (size_t i = 0; i < n && i < VECTORS && fetch(&v, at + i * sizeof v, sizeof v); i++)
        if (v.iov_len)
            look_at(l, (uintptr_t)v.iov_base, 2);
}

static void look_at_message(const struct look *l, uintptr_t at)
{
    struct msghdr m;
    if (!fetch(&m, at, sizeof m))
        return;
    look_at(l, (uintptr_t)m.msg_name, 2);
    look_at(l, (uintptr_t)m.msg_control, 2);
    look_at(l, (uintptr_t)m.msg_iov, 2);
    look_at_vector(l, (uintptr_t)m.msg_iov, m.msg_iovlen);
}

static void look_at_arguments(const struct look *l)
{
    for (int i = 0; i < 6; i++)
        if (l->call->addresses >> i & 1)
            look_at(l, (uintptr_t)l->arg[i], i + 1);
    uintptr_t second = (uintptr_t)l->arg[1];
    if (l->call->vector == VECTOR)
        look_at_vector(l, second, (size_t)l->arg[2]);
    for (long i = 0; l->call->vector == MESSAGES && i < l->arg[2] && i < VECTORS; i++)
        look_at_message(l, second + (size_t)i * sizeof(struct mmsghdr));
    if (l->call->vector == MESSAGE)
        look_at_message(l, second);
}

/* SY4: rt_sigprocmask, done by changing what the handler goes back to. */
static long change_mask(ucontext_t *context, const long *arg)
{
    uint64_t now, next, set;
    memcpy(&now, &context->uc_sigmask, sizeof now);
    next = now;
    if (arg[3] != (long)WORD)
        return -EINVAL;
    if (arg[1] && !fetch(&set, (uintptr_t)arg[1], sizeof set))
        return -EFAULT;
    if (arg[1] && arg[0] != SIG_BLOCK && arg[0] != SIG_UNBLOCK && arg[0] != SIG_SETMASK)
        return -EINVAL;
    if (arg[1])
        next = arg[0] == SIG_BLOCK ? now | set : arg[0] == SIG_UNBLOCK ? now & ~set : set;
    next &= ~(BIT(SIGSYS) | BIT(SIGKILL) | BIT(SIGSTOP));
    if (arg[2] && !put((uintptr_t)arg[2], &now, sizeof now))
        return -EFAULT;
    memcpy(&context->uc_sigmask, &next, sizeof next);
    return 0;
}

/* SY4: rt_sigaction. */
static long change_action(const long *arg)
{
    struct action a;
    if (!arg[1] || arg[3] != (long)WORD || !fetch(&a, (uintptr_t)arg[1], sizeof a))
        return syscalls_direct(SYS_rt_sigaction, arg[0], arg[1], arg[2], arg[3], 0, 0);
    a.mask &= ~BIT(SIGSYS);
    if (arg[0] == SIGSYS)
        return -EINVAL; /* it is in use */
    return syscalls_direct(SYS_rt_sigaction, arg[0], (long)&a, arg[2], arg[3], 0, 0);
}

/* SY4: which register of a call holds the address of a mask that is for the time of the call; -1: none. */
static int mask_register(long number)
{
    switch (number) {
    case SYS_rt_sigsuspend:
        return REG_RDI;
    case SYS_ppoll:
        return REG_R10;
    case SYS_epoll_pwait:
    case SYS_epoll_pwait2:
        return REG_R8;
    case SYS_pselect6:
    case SYS_io_pgetevents:
        return REG_R9;
    default:
        return -1;
    }
}

/* What the kernel is handed instead. */
struct masks {
    uint64_t set;
    struct {
        uintptr_t set;
        size_t size;
    } pair; /* some calls want the address of this */
};

/* It lies in the red zone below sp. */
static void change_mask_of_call(greg_t *regs, long number)
{
    struct masks m = {0}, *new = (struct masks *)(uintptr_t)regs[REG_RSP] - 1;
    bool paired = number == SYS_pselect6 || number == SYS_io_pgetevents;
    int at = mask_register(number);
    if (at < 0 || !regs[at] || (paired && !fetch(&m.pair, (uintptr_t)regs[at], sizeof m.pair)))
        return; /* or the kernel says so */
    if (!paired)
        m.pair.set = (uintptr_t)regs[at];
    if (!m.pair.set || !fetch(&m.set, m.pair.set, sizeof m.set) || !(m.set & BIT(SIGSYS)))
        return;
    new->set = m.set & ~BIT(SIGSYS);
    new->pair.set = (uintptr_t) & new->set;
    new->pair.size = m.pair.size;
    regs[at] = (greg_t)(uintptr_t)(paired ? (void *)&new->pair : (void *)&new->set);
}

/* Whether the child goes on where its parent does, on memory of its own. */
static bool copies_memory(const struct look *l)
{
    struct clone_args args;
    if (l->call->made == CLONE3)
        return fetch(&args, (uintptr_t)l->arg[0], CLONE_ARGS_SIZE_VER0) && !(args.flags & CLONE_VM) && !args.stack;
    return l->call->made == CLONE && !(l->arg[0] & CLONE_VM) && !l->arg[1];
}

/* SY3 */
static void let_pass(ucontext_t *context, const struct look *l)
{
    greg_t *regs = context->uc_mcontext.gregs;
    if (l->call->made != THERE && !copies_memory(l)) {
        lapsed = true;
        block = 0;
        regs[REG_RIP] -= 2; /* the length of the instruction */
    } else if (l->number == SYS_rt_sigprocmask) {
        regs[REG_RAX] = change_mask(context, l->arg);
    } else if (l->number == SYS_rt_sigaction) {
        regs[REG_RAX] = change_action(l->arg);
    } else if (l->number == SYS_rt_sigreturn) {
        regs[REG_RIP] = (greg_t)(uintptr_t)dispatch_restore;
    } else {
        regs[REG_RSP] -= DISPATCH_FRAME;
        *(greg_t *)regs[REG_RSP] = regs[REG_RIP];
        change_mask_of_call(regs, l->number);
        regs[REG_RIP] = (greg_t)(uintptr_t)dispatch_resume;
    }
}

static void pass_on(int signal, siginfo_t *info, void *context)
{
    if ((uintptr_t)before.handler > (uintptr_t)SIG_IGN) {
        ((void (*)(int, siginfo_t *, void *))before.handler)(signal, info, context);
        return;
    }
    struct action die = {.handler = (void *)SIG_DFL};
    set_action(SIGSYS, &die, NULL);
    syscalls_direct(SYS_tgkill, getpid(), syscalls_direct(SYS_gettid, 0, 0, 0, 0, 0, 0), SIGSYS, 0, 0, 0);
}

static void on_call(int signal, siginfo_t *info, void *arg)
{
    ucontext_t *context = arg;
    const greg_t *regs = context->uc_mcontext.gregs;
    if (info->si_code != DISPATCHED) {
        pass_on(signal, info, context);
        return;
    }
    struct look l = {
        .context = context,
        .number = regs[REG_RAX],
        .arg = {regs[REG_RDI], regs[REG_RSI], regs[REG_RDX], regs[REG_R10], regs[REG_R8], regs[REG_R9]},
    };
    l.call = info->si_arch == AUDIT_ARCH_X86_64 ? syscall_find(l.number) : &foreign;
    look_at_arguments(&l);
    let_pass(context, &l);
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
    was_blocked = old & BIT(SIGSYS);
    entered = prctl(PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_ON, dispatch_begin, dispatch_end - dispatch_begin,
                    &block) == 0;
}

void syscalls_leave(void)
{
    if (!entered)
        return;
    entered = false;
    block = 0;
    lapsed = false;
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
