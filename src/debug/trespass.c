/* SPDX-License-Identifier: MIT */
/* trespass - the report of an access to another task's stack, in check mode.
 * Job:    see trespass.h.
 * Holds:  TR1 as CR1 (crash.c): all but the first line is found by a copy of the process. There the owner's stack is made readable,
 *         and nothing moves. TR2 the owner may have been let run between the access and the handler: then there is no
 *         backtrace of it.
 * Why:    it ends by abort(), as other misuse does, and not by the fault, which might not happen again (TR2).
 */
#include "debug/trespass.h"

#include "base/msg.h"
#include "debug/crash.h"
#include "debug/syscalls.h"
#include "debug/variables.h"
#include "sched/proc.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#define FRAMES 16

struct trespass_ended *trespass_ended;

struct trespass {
    const void *address, *context;
    const struct home *home;
    const struct task *owner; /* NULL: it has ended */
    bool away;                /* the owner is parked or ready: its stack can be looked at */
    char who[64], whose[80];
    struct msg_text text;
};

static _Atomic uintptr_t lowest = UINTPTR_MAX, highest;

void trespass_note(const struct home *h)
{
    uintptr_t low = (uintptr_t)h->low,
              seen = atom_load_rlx(&lowest);                 /* rlx: the compare-and-swap checks it, here and below */
    while (low < seen && !atom_cas_seq(&lowest, &seen, low)) /* seq: rare */
        ;
    seen = atom_load_rlx(&highest);                           /* rlx: as above */
    while (low > seen && !atom_cas_seq(&highest, &seen, low)) /* seq: as above */
        ;
}

const struct home *trespass_home(const void *address)
{
    uintptr_t first = atom_load_rlx(&lowest),
              last = atom_load_rlx(&highest); /* rlx: who has an address has seen the home */
    if (first > last || (uintptr_t)address - first >= last - first + homes.size)
        return NULL;
    const struct home *h = home_of_address(address);
    struct worker *w = worker_self();
    return h && w && h->number == w->self.current->home ? NULL : h;
}

/* What a page fault was for. */
static const char *verb_of(const ucontext_t *context)
{
#if defined(__x86_64__)
    return context->uc_mcontext.gregs[REG_ERR] & 2 ? "wrote to" : "read from";
#else
    (void)context;
    return "accessed";
#endif
}

static uintptr_t sp_of(const ucontext_t *context)
{
#if defined(__x86_64__)
    return (uintptr_t)context->uc_mcontext.gregs[REG_RSP];
#else
    return (uintptr_t)context->uc_mcontext.sp;
#endif
}

/* A large frame may have jumped over the guard below the task's own stack. */
static bool has_run_over(const ucontext_t *context)
{
    struct worker *w = worker_self();
    return w && w->self.current->home &&
           (uintptr_t)home_of(w->self.current)->low - sp_of(context) < HOME_GUARD + homes.size;
}

static void describe_self(struct trespass *t)
{
    struct worker *w = worker_self();
    char task[sizeof t->who - sizeof "task "] = "";
    if (w && w->self.current != &w->base)
        task_describe(w->self.current, task, sizeof task);
    if (!w)
        snprintf(t->who, sizeof t->who, "a plain thread");
    else if (!task[0])
        snprintf(t->who, sizeof t->who, "the runtime");
    else
        snprintf(t->who, sizeof t->who, "task %s", task);
}

static RACY_READER void describe_owner(struct trespass *t)
{
    const struct trespass_ended *ended = trespass_ended ? &trespass_ended[t->home->number] : NULL;
    char task[64];
    t->owner = t->home->occupant;
    if (t->owner) {
        unsigned state = atom_load_rlx(&t->owner->state); /* rlx: a snapshot */
        t->away = state == TASK_PARKED || state == TASK_READY;
        task_describe(t->owner, task, sizeof task);
        snprintf(t->whose, sizeof t->whose, "task %s", task);
    } else if (ended && ended->id) {
        snprintf(t->whose, sizeof t->whose, "task %llu (%s)", (unsigned long long)ended->id,
                 ended->name[0] || !ended->site ? ended->name : ended->site->name);
    } else {
        snprintf(t->whose, sizeof t->whose, "a task");
    }
}

static const char *owner_does(const struct trespass *t)
{
    if (!t->owner)
        return "which has ended";
    if (!t->away)
        return "which runs now";
    unsigned state = atom_load_rlx(&t->owner->state); /* rlx: a snapshot */
    return state == TASK_PARKED ? "which is parked" : "which is ready to run";
}

/* In the copy, from here on. */
static bool able(void) { return msg_tracer && !msg_tracer->missing(); }

static void add_place(struct trespass *t)
{
    struct msg_frame frame;
    char name[256], variable[128] = "";
    if ((const char *)t->address < (const char *)t->owner->sp) {
        msg_add(&t->text, "mote: %zu bytes below its innermost frame: a local of a function that has returned\n",
                (size_t)((const char *)t->owner->sp - (const char *)t->address));
        return;
    }
    if (!msg_tracer->find_frame(t->owner->sp, t->home->top, t->address, &frame))
        return;
    msg_tracer->describe(frame.at, name, sizeof name);
    if (variables_find(&frame, t->address, variable, sizeof variable))
        msg_add(&t->text, "mote: its %s:", variable);
    else
        msg_add(&t->text, "mote: it is");
    msg_add(&t->text, " at offset %zu of the %zu-byte frame of %s\n", (size_t)((uintptr_t)t->address - frame.low),
            (size_t)(frame.high - frame.low), name);
}

static void add_owner(struct trespass *t)
{
    void *trace[FRAMES];
    msg_add(&t->text, "mote: %s", t->whose);
    if (t->owner->site)
        msg_add(&t->text, ", started at %s:%d,", t->owner->site->file, t->owner->site->line);
    msg_add(&t->text, " is here:\n");
    int n = able() ? msg_tracer->walk(t->owner->sp, t->home->top, trace, FRAMES) : 0;
    msg_add_trace(&t->text, trace, n);
}

static void add_advice(struct trespass *t)
{
    if (t->owner)
        msg_add(&t->text,
                "mote: a task's locals are its own: give others a copy, or what lies on the heap, or start %s by "
                "mote_go_pinned\n",
                t->whose);
    else
        msg_add(&t->text, "mote: a task's locals are gone when it has ended: what outlives it must lie elsewhere\n");
}

static void tell(void *arg)
{
    struct trespass *t = arg;
    void *trace[FRAMES];
    long depth = 0;
    bool readable = t->away && mprotect(t->home->low, homes.size, PROT_READ) == 0;
    if (readable && able())
        add_place(t);
    msg_add(&t->text, "mote: %s is here:\n", t->who);
    msg_add_trace(&t->text, trace, able() ? msg_tracer->walk_fault(t->context, trace, FRAMES, &depth) : 0);
    if (readable)
        add_owner(t);
    add_advice(t);
    msg_end(&t->text);
}

static void begin(struct trespass *t, const struct home *h, const void *address, const void *context)
{
    syscalls_ignore();
    *t = (struct trespass){.address = address, .context = context, .home = h};
    describe_self(t);
    describe_owner(t);
    msg_begin(&t->text);
}

static NORETURN void end(struct trespass *t)
{
    if (!crash_tell(tell, t)) {
        add_advice(t);
        msg_end(&t->text);
    }
    msg_abort();
}

bool trespass_look(const void *address, const void *context)
{
    struct trespass t;
    if (has_run_over(context))
        return home_of_address(address) != NULL;
    const struct home *h = trespass_home(address);
    if (!h)
        return false;
    begin(&t, h, address, context);
    msg_add(&t.text, "mote: stackcheck: %s %s the stack of %s, %s, at %p\n", t.who, verb_of(context), t.whose,
            owner_does(&t), address);
    end(&t);
}

void trespass_by_call(const void *address, const void *context, const char *name, int argument)
{
    struct trespass t;
    if (!msg_last_words()) /* CR2 */
        msg_abort();
    begin(&t, home_of_address(address), address, context);
    msg_add(&t.text, "mote: stackcheck: %s called %s with argument %d on the stack of %s, %s, at %p\n", t.who, name,
            argument, t.whose, owner_does(&t), address);
    end(&t);
}
