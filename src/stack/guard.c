/* SPDX-License-Identifier: MIT */
/* guard - the handler for stack overflow.
 * Job:    see guard.h.
 * Why:    the handler leaves everything to the previous one unless the address lies in a guard that we made: programs have
 *         their own crash reporters, and sanitizers have theirs.
 */
#include "stack/guard.h"

#include "base/msg.h"
#include "base/os.h"
#include "stack/home.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#define ALTERNATE_STACK ((size_t)64 << 10)

static const int signals[2] = {SIGSEGV, SIGBUS};
static struct sigaction previous[2];
static struct sigaction over[2]; /* if left: who had been put over ours when the runtime ended */
static bool left[2];
static void (*describe_task)(char *text, size_t size);

static const struct sigaction *previous_of(int signal) { return &previous[signal == SIGBUS]; }

/* Hands the fault on. A default disposition is put back, and the instruction faults again when we return. */
static void pass_on(int signal, siginfo_t *info, void *context)
{
    const struct sigaction *before = previous_of(signal);
    if (before->sa_flags & SA_SIGINFO) {
        before->sa_sigaction(signal, info, context);
    } else if (before->sa_handler == SIG_IGN && info->si_code <= 0) {
        return; /* sent by somebody, and to be ignored */
    } else if (before->sa_handler == SIG_DFL || before->sa_handler == SIG_IGN) {
        struct sigaction die = {.sa_handler = SIG_DFL};
        sigaction(signal, &die, NULL);
        if (info->si_code <= 0) /* sent by somebody: no instruction faults again */
            raise(signal);
    } else {
        before->sa_handler(signal);
    }
}

static void on_fault(int signal, siginfo_t *info, void *context)
{
    int saved = errno;
    const struct home *h = info->si_code > 0 ? home_of_guard(info->si_addr) : NULL;
    if (h) {
        char text[160] = "";
        describe_task(text, sizeof text);
        msg_print("stack overflow in task %s: more than %zu bytes at address %p. Set max_stack higher, or look for "
                  "recursion without an end.",
                  text, homes.size, info->si_addr);
        struct sigaction die = {.sa_handler = SIG_DFL};
        sigaction(signal, &die, NULL); /* the instruction faults again, and the process dies as usual */
    } else {
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
void guard_install(void (*describe)(char *text, size_t size))
{
    describe_task = describe;
    struct sigaction act = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER}, now;
    sigemptyset(&act.sa_mask);
    for (int i = 0; i < 2; i++)
        if (sigaction(signals[i], NULL, &now) == 0 && !(left[i] && same(&now, &over[i])))
            sigaction(signals[i], &act, &previous[i]);
}

/* Puts the old handlers back, unless somebody has put his own over ours. */
void guard_remove(void)
{
    for (int i = 0; i < 2; i++) {
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
