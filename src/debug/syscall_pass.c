/* SPDX-License-Identifier: MIT */
/* syscall_pass - calls are made by those who wanted to make them.
 * Job:    see syscall_pass.h.
 * Holds:  SY3 a call is made by the interrupted context itself, from where the kernel lets it pass (arch/dispatch.h): so it may
 *         block, be interrupted and be restarted as ever. That holds for every call, so none goes unseen while a task runs. What a
 *         call needs in memory lies below that context's stack pointer. A thread or process that begins on another stack finds
 *         its way back on that one; where two return on one stack, as with vfork, both find it in dispatch_place (a signal
 *         handler that calls vfork itself in the three instructions between would mislead them).
 *         SY4 (syscalls.c) no mask and no handler blocks SIGSYS.
 * Rejected: making vfork and clone where they stand, with calls unseen until the next switch: what is done meanwhile can be mended
 *         only then, and a handler that blocks SIGSYS may have run on another thread before.
 */
#if defined(__x86_64__)
#include "debug/syscall_pass.h"

#include "arch/dispatch.h"
#include "debug/syscalls.h"

#include <errno.h>
#include <linux/sched.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>

/* Headers before Linux 5.11 lack it. */
#ifndef SYS_epoll_pwait2
#define SYS_epoll_pwait2 441
#endif

__thread uint64_t dispatch_place;

/* The registers come back as they are now. */
static void lay_frame(struct dispatch_frame *frame, const greg_t *regs)
{
    frame->place = (uint64_t)regs[REG_RIP];
    frame->rdi = (uint64_t)regs[REG_RDI];
    frame->rsi = (uint64_t)regs[REG_RSI];
    frame->r10 = (uint64_t)regs[REG_R10];
    frame->r8 = (uint64_t)regs[REG_R8];
    frame->r9 = (uint64_t)regs[REG_R9];
}

static void resume(greg_t *regs, const char *where)
{
    struct dispatch_frame *frame = (struct dispatch_frame *)(uintptr_t)regs[REG_RSP] - 1;
    lay_frame(frame, regs);
    regs[REG_RSP] = (greg_t)(uintptr_t)frame;
    regs[REG_RIP] = (greg_t)(uintptr_t)where;
}

static void resume_twice(greg_t *regs)
{
    dispatch_place = (uint64_t)regs[REG_RIP];
    regs[REG_RIP] = (greg_t)(uintptr_t)dispatch_resume_twice;
}

/* SY4: rt_sigprocmask, done by changing what the handler goes back to. */
static long change_mask(ucontext_t *context, const long *arg)
{
    uint64_t now, next, set;
    memcpy(&now, &context->uc_sigmask, sizeof now);
    next = now;
    if (arg[3] != (long)SIGNAL_SET)
        return -EINVAL;
    if (arg[1] && !syscalls_fetch(&set, (uintptr_t)arg[1], sizeof set))
        return -EFAULT;
    if (arg[1] && arg[0] != SIG_BLOCK && arg[0] != SIG_UNBLOCK && arg[0] != SIG_SETMASK)
        return -EINVAL;
    if (arg[1])
        next = arg[0] == SIG_BLOCK ? now | set : arg[0] == SIG_UNBLOCK ? now & ~set : set;
    next &= ~(SIGNAL_BIT(SIGSYS) | SIGNAL_BIT(SIGKILL) | SIGNAL_BIT(SIGSTOP));
    if (arg[2] && !syscalls_put((uintptr_t)arg[2], &now, sizeof now))
        return -EFAULT;
    memcpy(&context->uc_sigmask, &next, sizeof next);
    return 0;
}

/* SY4: rt_sigaction. */
static long change_action(const long *arg)
{
    struct signal_action a;
    if (!arg[1] || arg[3] != (long)SIGNAL_SET || !syscalls_fetch(&a, (uintptr_t)arg[1], sizeof a))
        return syscalls_direct(SYS_rt_sigaction, arg[0], arg[1], arg[2], arg[3], 0, 0);
    a.mask &= ~SIGNAL_BIT(SIGSYS);
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

/* It lies below sp. */
static void change_mask_of_call(greg_t *regs, long number)
{
    struct masks m = {0}, *new = (struct masks *)(uintptr_t)regs[REG_RSP] - 1;
    bool paired = number == SYS_pselect6 || number == SYS_io_pgetevents;
    int at = mask_register(number);
    if (at < 0 || !regs[at] || (paired && !syscalls_fetch(&m.pair, (uintptr_t)regs[at], sizeof m.pair)))
        return; /* or the kernel says so */
    if (!paired)
        m.pair.set = (uintptr_t)regs[at];
    if (!m.pair.set || !syscalls_fetch(&m.set, m.pair.set, sizeof m.set) || !(m.set & SIGNAL_BIT(SIGSYS)))
        return;
    new->set = m.set & ~SIGNAL_BIT(SIGSYS);
    new->pair.set = (uintptr_t) & new->set;
    new->pair.size = m.pair.size;
    regs[at] = (greg_t)(uintptr_t)(paired ? (void *)&new->pair : (void *)&new->set);
}

/* SY3: a frame on the stack of who is about to begin. Returns the new top of that stack; the old one where there is no memory, which
 * the kernel's child will notice. */
static uintptr_t lay_frame_for_child(uintptr_t top, const greg_t *regs)
{
    struct dispatch_frame frame;
    uintptr_t at = top - sizeof frame;
    lay_frame(&frame, regs);
    return syscalls_put(at, &frame, offsetof(struct dispatch_frame, red_zone)) ? at : top;
}

static void pass_clone(greg_t *regs, uint64_t flags)
{
    uintptr_t top = (uintptr_t)regs[REG_RSI];
    if (!top && flags & CLONE_VM) {
        resume_twice(regs);
        return;
    }
    if (top)
        top = lay_frame_for_child(top, regs);
    resume(regs, dispatch_resume);
    regs[REG_RSI] = (greg_t)top;
}

/* The arguments that the kernel is handed lie below sp. */
static void pass_clone3(greg_t *regs)
{
    struct clone_args args = {0}, *new;
    size_t size = (size_t)regs[REG_RSI];
    bool known = size >= CLONE_ARGS_SIZE_VER0 &&
                 syscalls_fetch(&args, (uintptr_t)regs[REG_RDI], size < sizeof args ? size : sizeof args);
    if (known && !args.stack && args.flags & CLONE_VM) {
        resume_twice(regs);
    } else if (!known || !args.stack) {
        resume(regs, dispatch_resume); /* the kernel refuses it, or both have a copy of the stack */
    } else if (size > sizeof args) {
        regs[REG_RAX] = -E2BIG; /* as a kernel says that doesn't know the rest either */
    } else {
        uintptr_t top = (uintptr_t)(args.stack + args.stack_size);
        args.stack_size -= top - lay_frame_for_child(top, regs);
        resume(regs, dispatch_resume);
        new = (struct clone_args *)(uintptr_t)regs[REG_RSP] - 1;
        memcpy(new, &args, size);
        regs[REG_RDI] = (greg_t)(uintptr_t) new;
    }
}

void syscall_pass(const struct trapped *t)
{
    greg_t *regs = t->context->uc_mcontext.gregs;
    switch (t->number) {
    case SYS_rt_sigprocmask:
        regs[REG_RAX] = change_mask(t->context, t->arg);
        return;
    case SYS_rt_sigaction:
        regs[REG_RAX] = change_action(t->arg);
        return;
    case SYS_rt_sigreturn:
        regs[REG_RIP] = (greg_t)(uintptr_t)dispatch_restore;
        return;
    case SYS_vfork:
        resume_twice(regs);
        return;
    case SYS_clone:
        pass_clone(regs, (uint64_t)t->arg[0]);
        return;
    case SYS_clone3:
        pass_clone3(regs);
        return;
    default:
        resume(regs, dispatch_resume);
        change_mask_of_call(regs, t->number);
    }
}

void syscall_pass_foreign(const struct trapped *t) { resume(t->context->uc_mcontext.gregs, dispatch_resume_foreign); }
#else
typedef int syscall_pass_is_empty; /* C wants a declaration */
#endif
