/* SPDX-License-Identifier: MIT */
/* explore - one execution: model threads that take turns.
 * Job:    see explore.h. Which choices an execution makes is search.c's business.
 * Holds:  E1, E2. E3 an execution is repeated by its list of choices: every place where more than one thing could go on makes
 *         one, even where the bound leaves no alternative.
 *         E4 a thread that pauses in a loop goes on when a word that it has looked at since its last pause has changed, or is
 *         about to, or when nobody else can go on: so waiting loops end. One that can't end is found after some more turns.
 *         E5 a thread's stack is begun once; each execution jumps back to where it began. Jumps alone switch between them: contexts
 *         make a system call each time, for the signal mask, which took a third of the time.
 */
#include "engine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#define STACK ((size_t)64 << 10)
#define STEPS 5000      /* choices between threads */
#define ACCESSES 500000 /* of words that aren't shared, too */
#define LOOKS 8
#define TURNS 100 /* of a waiting loop, when nobody else can go on */

enum state { READY, PAUSED, ASLEEP, ENDED };

struct look {
    const void *at;
    size_t size;
    uint64_t value; /* at the last look */
    bool varied;    /* between two looks */
};

struct thread {
    jmp_buf start;   /* where each execution begins */
    jmp_buf context; /* where it goes on */
    enum state state;
    const void *word;         /* ASLEEP: what it waits for, */
    int64_t deadline;         /* and until when */
    struct look looks[LOOKS]; /* since its last pause */
    int look_count;
};

static struct {
    const struct model *model;
    struct thread thread[MODEL_THREADS];
    _Alignas(16) char stack[MODEL_THREADS][STACK];
    jmp_buf base; /* while a thread runs: where it leaves to */
    jmp_buf exit; /* where a failure outside of the threads goes */
    ucontext_t beginner;
    bool begun;     /* the stacks are */
    int self, next; /* -1: none */
    int steps, accesses, preemptions;
    bool failed, tell;
    char failure[256];
} x = {.self = -1};

int model_self(void) { return x.self; }

bool explore_access(void)
{
    if (x.self >= 0 && ++x.accesses > ACCESSES)
        model_fail("more than %d accesses: a loop without an end", ACCESSES);
    return x.self >= 0;
}

bool explore_running(void) { return x.self >= 0; }

const char *explore_failure(void) { return x.failure; }

void explore_tell(bool on) { x.tell = on; }

const char *model_base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

void explore_trace(const struct model_site *site, const char *format, ...)
{
    if (!x.tell || x.self < 0)
        return;
    if (site)
        printf("  thread %d  %s:%d %s: %s ", x.self, model_base_name(site->file), site->line, site->function,
               site->what);
    va_list args;
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    putchar('\n');
}

void model_fail(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(x.failure, sizeof x.failure, format, args);
    va_end(args);
    x.failed = true;
    _longjmp(x.self >= 0 ? x.base : x.exit, 1);
}

/* Remembers what a thread has seen, for E4. */
void explore_looked(const void *at, size_t size, uint64_t value)
{
    if (x.self < 0)
        return;
    struct thread *t = &x.thread[x.self];
    for (int i = 0; i < t->look_count; i++)
        if (t->looks[i].at == at) {
            t->looks[i].varied |= t->looks[i].value != value;
            t->looks[i].value = value;
            return;
        }
    if (t->look_count == LOOKS)
        memmove(&t->looks[0], &t->looks[1], (size_t)--t->look_count * sizeof t->looks[0]);
    t->looks[t->look_count++] = (struct look){at, size, value, false};
}

void explore_overwrote(const void *at)
{
    if (x.self < 0)
        return;
    struct thread *t = &x.thread[x.self];
    for (int i = 0; i < t->look_count; i++)
        if (t->looks[i].at == at) {
            t->looks[i] = t->looks[--t->look_count];
            return;
        }
}

static bool has_changed(const struct thread *t)
{
    for (int i = 0; i < t->look_count; i++)
        if (t->looks[i].varied || memory_read(t->looks[i].at, t->looks[i].size) != t->looks[i].value)
            return true;
    return false;
}

static bool will_change(int i)
{
    const struct thread *t = &x.thread[i];
    for (int j = 0; j < t->look_count; j++)
        if (memory_awaited(i, t->looks[j].at))
            return true;
    return false;
}

static bool can_go_on(int i)
{
    const struct thread *t = &x.thread[i];
    switch (t->state) {
    case READY:
        return true;
    case PAUSED:
        return has_changed(t) || will_change(i);
    case ASLEEP:
        return (int64_t)memory_read(&model_now, sizeof model_now) >= t->deadline;
    default:
        return false;
    }
}

/* Who goes on: the calling thread first, if it can; -1: nobody can. */
static int choose_thread(void)
{
    int candidate[MODEL_THREADS], n = 0;
    bool self = x.self >= 0 && can_go_on(x.self);
    if (self)
        candidate[n++] = x.self;
    for (int i = 0; i < MODEL_THREADS; i++)
        if (i != x.self && can_go_on(i))
            candidate[n++] = i;
    if (!n)
        return -1;
    int taken = search_choose(n, self && x.preemptions >= x.model->preemptions ? 1 : n);
    x.preemptions += self && taken;
    return candidate[taken];
}

/* Back to the base, which continues `next`, or chooses when it is -1. */
static void leave(int next)
{
    x.next = next;
    if (_setjmp(x.thread[x.self].context) == 0)
        _longjmp(x.base, 1);
}

void explore_step(void)
{
    if (++x.steps > STEPS)
        model_fail("more than %d steps: nobody gets on", STEPS);
    int next = choose_thread();
    if (next != x.self)
        leave(next);
}

void model_point(void)
{
    if (x.self >= 0)
        explore_step();
}

void model_pause(void)
{
    if (x.self < 0 || !x.thread[x.self].look_count)
        return;
    struct thread *t = &x.thread[x.self];
    t->state = PAUSED;
    leave(-1);
    t->look_count = 0;
}

void explore_sleep(const void *word, int64_t deadline)
{
    struct thread *t = &x.thread[x.self];
    t->state = ASLEEP;
    t->word = word;
    t->deadline = deadline;
    leave(-1);
}

void explore_wake(const void *word, int how_many)
{
    for (int i = 0; i < MODEL_THREADS && how_many > 0; i++)
        if (x.thread[i].state == ASLEEP && x.thread[i].word == word) {
            x.thread[i].state = READY;
            how_many--;
        }
}

/* A thread's first frame, which it never leaves: comes to the call at each execution. */
static void enter_thread(void)
{
    static ucontext_t left;
    if (_setjmp(x.thread[x.self].start) == 0)
        swapcontext(&left, &x.beginner);
    x.model->thread[x.self]();
    x.thread[x.self].state = ENDED;
    leave(-1);
}

static void resume(int i)
{
    struct thread *t = &x.thread[i];
    if (t->state == PAUSED && !has_changed(t))
        for (int j = 0; j < t->look_count; j++)
            memory_arrive(i, t->looks[j].at);
    t->state = READY;
    x.self = i;
    if (x.model->entered)
        x.model->entered(i);
    if (_setjmp(x.base) == 0)
        _longjmp(t->context, 1);
    x.self = -1;
}

static void begin_stacks(void)
{
    for (x.self = 0; x.self < MODEL_THREADS; x.self++) {
        ucontext_t context;
        getcontext(&context);
        context.uc_stack.ss_sp = x.stack[x.self];
        context.uc_stack.ss_size = STACK;
        context.uc_link = NULL;
        makecontext(&context, enter_thread, 0);
        swapcontext(&x.beginner, &context);
    }
    x.begun = true;
}

static void make_thread(int i)
{
    struct thread *t = &x.thread[i];
    t->state = x.model->thread[i] ? READY : ENDED;
    t->look_count = 0;
    memcpy(&t->context, &t->start, sizeof t->context);
}

/* The next in turn that waits in a loop. */
static int paused_thread(int turn)
{
    for (int i = 0; i < MODEL_THREADS; i++)
        if (x.thread[(turn + i) % MODEL_THREADS].state == PAUSED)
            return (turn + i) % MODEL_THREADS;
    return -1;
}

/* Until nobody can go on, even with all stores arrived. */
static void run_threads(void)
{
    int turns = 0;
    x.next = -1;
    while (!x.failed) {
        int i = x.next >= 0 ? x.next : choose_thread();
        if (i < 0) {
            memory_settle();
            i = choose_thread();
        }
        turns = i < 0 ? turns + 1 : 0;
        if (i < 0 && turns < TURNS)
            i = paused_thread(turns);
        if (i < 0)
            return;
        x.next = -1;
        resume(i);
    }
}

/* Who is left must be allowed to sleep. */
static void check_end(void)
{
    for (int i = 0; i < MODEL_THREADS; i++) {
        enum state s = x.thread[i].state;
        if (s == PAUSED || (s == ASLEEP && !(x.model->sleepers & 1u << i)))
            model_fail("thread %d %s for ever", i, s == PAUSED ? "waits in a loop" : "sleeps");
    }
    memory_check_freed();
    if (x.model->check)
        x.model->check();
}

bool explore_run(const struct model *m)
{
    if (!x.begun)
        begin_stacks();
    x.model = m;
    x.self = -1;
    x.steps = x.accesses = x.preemptions = 0;
    x.failed = false;
    memory_reset();
    model_now = 0;
    if (_setjmp(x.exit) == 0) { /* model_fail outside of the threads continues behind this */
        m->setup();
        for (int i = 0; i < MODEL_THREADS; i++)
            make_thread(i);
        run_threads();
        if (!x.failed)
            check_end();
    }
    return !x.failed;
}
