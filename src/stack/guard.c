/* SPDX-License-Identifier: MIT */
/* guard - the handler for stack overflow and other faults.
 * Job:    see guard.h.
 * Why:    the handler leaves everything to the previous one unless the address lies in a guard that we made: programs have
 *         their own crash reporters, and sanitizers have theirs.
 */
#include "stack/guard.h"

#include "base/os.h"
#include "stack/home.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#define ALTERNATE_STACK ((size_t)64 << 10)

static const int signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
#define SIGNALS ARRAY_LENGTH(signals)
static struct sigaction previous[SIGNALS];
static struct sigaction over[SIGNALS]; /* if left: who had been put over ours when the runtime ended */
static bool left[SIGNALS];
static guard_reporter *report;

static const struct sigaction *previous_of(int signal)
{
    size_t i = 0;
    while (signals[i] != signal)
        i++;
    return &previous[i];
}

/* A fault, or abort(): not what somebody sent from outside. */
static bool is_own(int signal, const siginfo_t *info)
{
    return info->si_code > 0 || (signal == SIGABRT && info->si_code == SI_TKILL && info->si_pid == getpid());
}

/* Hands the fault on. A default disposition is put back, and the instruction faults again when we return. */
static void pass_on(int signal, siginfo_t *info, void *context)
{
    const struct sigaction *before = previous_of(signal);
    if (before->sa_flags & SA_SIGINFO) {
        before->sa_sigaction(signal, info, context);
    } else if (before->sa_handler == SIG_IGN && info->si_code <= 0) {
        return; /* sent by somebody, and to be ignored */
    } else if (before->sa_handler == SIG_DFL || before->sa_handler == SIG_IGN) {
        if (is_own(signal, info))
            report(signal, info->si_addr, context, 0);
        struct sigaction die = {.sa_handler = SIG_DFL};
        sigaction(signal, &die, NULL);
        if (info->si_code <= 0) /* sent by somebody: no instruction faults again */
            raise(signal);
    } else {
        before->sa_handler(signal);
    }
}

/* Another task's stack, in check mode: whoever handles the signal otherwise, this is ours to report. */
static bool is_trespass(int signal, const siginfo_t *info)
{
    return homes.watch && signal == SIGSEGV && info->si_code > 0 && home_of_address(info->si_addr);
}

static void on_fault(int signal, siginfo_t *info, void *context)
{
    int saved = errno;
    const struct home *h = info->si_code > 0 ? home_of_guard(info->si_addr) : NULL;
    if (h) {
        report(signal, info->si_addr, context, homes.size);
        struct sigaction die = {.sa_handler = SIG_DFL};
        sigaction(signal, &die, NULL); /* the instruction faults again, and the process dies as usual */
    } else {
        if (is_trespass(signal, info))
            report(signal, info->si_addr, context,
                   0); /* which ends the process, but for a fault on the task's own stack */
        pass_on(signal, info, context);
    }
    errno = saved;
}

static bool same(const struct sigaction *a, const struct sigaction *b)
{
    if ((a->sa_flags ^ b->sa_flags) & SA_SIGINFO)
        return false;
    return a->sa_flags & SA_SIGINFO ? a->sa_sigaction == b->sa_sigaction : a->sa_handler == b->sa_handler;
}

/* Not again below somebody who was put over ours in the last runtime: he may pass faults on to us, and we to him then. */
void guard_install(guard_reporter *reporter)
{
    report = reporter;
    struct sigaction act = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER}, now;
    sigemptyset(&act.sa_mask);
    for (size_t i = 0; i < SIGNALS; i++)
        if (sigaction(signals[i], NULL, &now) == 0 && !(left[i] && same(&now, &over[i])))
            sigaction(signals[i], &act, &previous[i]);
}

/* Puts the old handlers back, unless somebody has put his own over ours. */
void guard_remove(void)
{
    for (size_t i = 0; i < SIGNALS; i++) {
        if (sigaction(signals[i], NULL, &over[i]) < 0)
            continue;
        left[i] = !((over[i].sa_flags & SA_SIGINFO) && over[i].sa_sigaction == on_fault);
        if (!left[i])
            sigaction(signals[i], &previous[i], NULL);
    }
}

int guard_thread_enter(void **stack)
{
    stack_t old;
    *stack = NULL;
    if (sigaltstack(NULL, &old) == 0 && !(old.ss_flags & SS_DISABLE))
        return 0; /* the thread has one: somebody else's will do */
    *stack = os_pages(ALTERNATE_STACK, 0);
    if (!*stack)
        return -ENOMEM;
    stack_t ours = {.ss_sp = *stack, .ss_size = ALTERNATE_STACK};
    return sigaltstack(&ours, NULL) == 0 ? 0 : -errno;
}

void guard_thread_leave(void *stack)
{
    if (!stack)
        return;
    stack_t off = {.ss_flags = SS_DISABLE};
    sigaltstack(&off, NULL);
    os_release(stack, ALTERNATE_STACK);
}
