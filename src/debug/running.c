/* SPDX-License-Identifier: MIT */
/* running - where the tasks are that run at this moment.
 * Job:    see running.h.
 * Why:    nothing else knows the registers of a thread that runs. Go does it in the same way, with the same signal.
 */
#include "debug/running.h"

#include "base/os.h"
#include "base/sanitizer.h"
#include "debug/snapshot.h"
#include "sched/proc.h"

#include <mote/time.h>

#include <errno.h>
#include <signal.h>
#include <string.h>

#define PATIENCE (20 * MOTE_MS)

enum asked { NOBODY, ASKED, AT_IT, ANSWERED, DECLINED };

static _Atomic uint32_t busy;  /* RN2 */
static _Atomic uint32_t asked; /* enum asked */
static struct worker *whom;    /* while asked */
static struct running *answer; /* while asked */
static struct sigaction before;

static uintptr_t stack_pointer(const ucontext_t *registers)
{
#if defined(__x86_64__)
    return (uintptr_t)registers->uc_mcontext.gregs[REG_RSP];
#elif defined(__aarch64__)
    return registers->uc_mcontext.sp;
#endif
}

/* By words, and not by memcpy: AddressSanitizer watches that one, and the bytes between variables are copied, too. */
static __attribute__((no_sanitize("address", "thread"))) void copy_words(char *to, uintptr_t from, size_t n)
{
    const volatile uintptr_t *in = (const volatile uintptr_t *)from;
    uintptr_t *out = (uintptr_t *)(void *)to;
    for (size_t i = 0; i < n / sizeof *in; i++)
        out[i] = in[i];
}

/* The task's own frames. None while it is between two stacks. */
static bool copy(struct running *out, const struct worker *w, const ucontext_t *registers)
{
    const struct task *t = w->self.current;
    uintptr_t sp = stack_pointer(registers);
    if (t == &w->base || t->home == 0)
        return false;
    const struct home *h = home_of(t);
    if (sp < (uintptr_t)h->low || sp >= (uintptr_t)h->top)
        return false;
    size_t live = (uintptr_t)h->top - sp;
    out->task = t;
    out->registers = *registers;
    out->n = live < RUNNING_STACK ? live : RUNNING_STACK;
    copy_words(out->stack, sp, out->n);
    return true;
}

static void on_signal(int signal, siginfo_t *info, void *context)
{
    uint32_t expected = ASKED;
    int saved = errno;
    (void)signal, (void)info;
    if (worker_self() && worker_self() == whom && atom_cas_seq(&asked, &expected, AT_IT)) /* [V asked] RN3 */
        atom_store_seq(&asked, copy(answer, whom, context) ? ANSWERED : DECLINED); /* [V asked] the copy -> who asked */
    errno = saved;
}

bool running_begin(void)
{
    struct sigaction act = {.sa_sigaction = on_signal, .sa_flags = SA_RESTART | SA_ONSTACK | SA_SIGINFO};
    uint32_t free = 0;
    if (UNDER_TSAN || !atom_cas_seq(&busy, &free, 1)) /* [Y busy] the last one's use of what is static here */
        return false;
    sigemptyset(&act.sa_mask);
    if (sigaction(SIGURG, &act, &before) == 0) {
        if (!(before.sa_flags & SA_SIGINFO) && (before.sa_handler == SIG_DFL || before.sa_handler == SIG_IGN))
            return true;
        sigaction(SIGURG, &before, NULL); /* RN1 */
    }
    atom_store_rel(&busy, 0); /* [Y busy] */
    return false;
}

void running_end(void)
{
    sigaction(SIGURG, &before, NULL);
    atom_store_rel(&busy, 0); /* [Y busy] */
}

static bool await_answer(void)
{
    int64_t end = os_now() + PATIENCE;
    for (unsigned tries = 0;; tries++) {
        uint32_t now = atom_load_seq(&asked); /* [V asked] */
        if (now == ANSWERED || now == DECLINED)
            return now == ANSWERED;
        if (now == ASKED && os_now() > end && atom_cas_seq(&asked, &now, NOBODY)) /* [V asked] RN3 */
            return false;
        os_back_off(tries);
    }
}

/* Pointers into the stack lead to the copy. */
static void lead_registers(struct running *r)
{
    uintptr_t sp = stack_pointer(&r->registers), by = (uintptr_t)r->stack - sp;
#if defined(__x86_64__)
    greg_t *word = r->registers.uc_mcontext.gregs;
    size_t n = NGREG;
#elif defined(__aarch64__)
    unsigned long long *word = r->registers.uc_mcontext.regs;
    size_t n = 31;
    r->registers.uc_mcontext.sp += by;
#endif
    for (size_t i = 0; i < n; i++)
        if ((uintptr_t)word[i] - sp <= r->n)
            word[i] += (__typeof__(word[i]))by;
}

bool running_look(unsigned number, struct running *out)
{
    struct worker *w = rt.worker[number];
    if (!w->own_thread || w == worker_self())
        return false;
    whom = w;
    answer = out;
    atom_store_seq(&asked, ASKED); /* [V asked] what is asked for -> the handler */
    bool good = pthread_kill(w->thread, SIGURG) == 0 && await_answer();
    atom_store_seq(&asked, NOBODY); /* seq: it has answered, or won't any more (RN3) */
    if (good) {
        sanitizer_copied(out->stack, out->n);
        snapshot_lead(out->stack, out->n, (const char *)stack_pointer(&out->registers), out->n);
        lead_registers(out);
    }
    return good;
}
