/* SPDX-License-Identifier: MIT */
/* panic - ending calls from within: mote_panic, mote_try, mote_exit.
 * Job:    run the steps (steps.c) of what is left, and go on at a try, or report and end.
 * Holds:  PA1 a try is a step itself, the mark of its scope. A panic runs the steps above the newest mark, on top of the frames
 *         that it leaves, and then jumps there. PA2 what unwinds is on a list, newest first: panics and exits whose steps run.
 *         One that begins in a step takes over the rest of the list of steps. PA3 a mark knows what was unwinding when it was
 *         made: what has begun since then ends with a jump to it. But an exit does not end: a panic that is caught beyond the
 *         beginning of an exit goes back to that exit, the oldest of them, which goes on. So no try stops an exit, as in Go.
 *         PA4 all of it lies on the task's own stack and in its extra; nothing is kept that depends on the thread.
 */
#include "arch/jump.h"
#include "base/msg.h"
#include "sched/proc.h"
#include "sched/sim.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TRACE_MAX 32

/* A panic or an exit under way. */
struct unwinding {
    struct unwinding *outer;
    struct panic *panic;     /* NULL: an exit */
    struct jump_point point; /* of an exit: where its steps are run */
};

struct panic {
    struct unwinding unwinding;
    int frames;
    void *trace[TRACE_MAX];
    char message[MOTE_ERROR_MESSAGE];
};

struct scope {
    struct sched_exit_step step; /* first; on the list it is the mark */
    struct jump_point point;
    struct unwinding *unwinding; /* when it was made (PA3) */
    mote_error *error;
};

#if UNDER_TSAN
/* ThreadSanitizer counts calls and returns; its own setjmp and longjmp set the count back (it has none of _longjmp). */
#include <setjmp.h>

struct noted_call {
    struct jump_point point;
    jmp_buf note;
    struct jump_point *given;
    void (*fn)(void *arg);
    void *arg;
};

static UNCOUNTED void call_noted(void *arg)
{
    struct noted_call *call = arg;
    call->given->sp = call;
    if (_setjmp(call->note))
        jump_back(&call->point);
    call->fn(call->arg);
}

static int call(struct jump_point *point, void (*fn)(void *arg), void *arg)
{
    struct noted_call noted = {.given = point, .fn = fn, .arg = arg};
    return jump_call(&noted.point, call_noted, &noted);
}

static NORETURN void back(struct jump_point *point) { longjmp(((struct noted_call *)point->sp)->note, 1); }
#else
#define call jump_call

static NORETURN void back(struct jump_point *point)
{
    sanitizer_abandon_frames();
    jump_back(point);
}
#endif

/* The mark of a scope, as a step: it is off the list now. */
static void leave_try(struct sched_exit_step *step)
{
    (void)step;
    sched_self()->extra->tries--;
}

static bool is_mark(const struct sched_exit_step *step) { return step->run == leave_try; }

static void run_scope(void *arg)
{
    const struct scope *scope = arg;
    steps_run_until(sched_self()->extra, &scope->step);
}

PUBLIC int mote_try(void (*fn)(void *arg), void *arg, mote_error *error)
{
    struct task *self = sched_self();
    struct task_extra *extra = steps_of(self);
    if (UNLIKELY(!extra))
        return -ENOMEM;
    struct scope scope = {
        .step = {.outer = extra->steps, .run = leave_try}, .unwinding = extra->unwinding, .error = error};
    extra->steps = &scope.step;
    extra->tries++;
    if (call(&scope.point, fn, arg))
        return -ECANCELED;
    if (UNLIKELY(extra->steps != &scope.step) && call(&scope.point, run_scope, &scope))
        return -ECANCELED;
    extra->steps = scope.step.outer;
    extra->tries--;
    return 0;
}

static void fill_error(mote_error *error, const struct panic *panic)
{
    memcpy(error->message, panic->message, sizeof error->message);
    error->task = mote_self();
    error->frames = panic->frames < MOTE_ERROR_FRAMES ? panic->frames : MOTE_ERROR_FRAMES;
    memcpy(error->trace, panic->trace, sizeof error->trace[0] * (size_t)error->frames);
}

/* The mark is off the list. */
static NORETURN void recover(struct task_extra *extra, struct scope *scope, const struct panic *panic)
{
    struct unwinding *exit = NULL;
    for (struct unwinding *u = extra->unwinding; u != scope->unwinding; u = u->outer)
        if (!u->panic)
            exit = u;
    if (UNLIKELY(exit != NULL)) {
        extra->unwinding = exit;
        back(&exit->point);
    }
    extra->unwinding = scope->unwinding;
    if (scope->error)
        fill_error(scope->error, panic);
    back(&scope->point);
}

/* The reports. A text that is cut ends between two characters, and says that it is cut. */
static void format_message(char *text, size_t size, const char *format, va_list args)
{
    int n = vsnprintf(text, size, format, args);
    if (n < 0)
        text[0] = 0;
    if (n < 0 || (size_t)n < size)
        return;
    size_t end = size - sizeof "...";
    while (end > 0 && ((unsigned char)text[end] & 0xc0) == 0x80)
        end--;
    memcpy(text + end, "...", sizeof "...");
}

/* Those that have been replaced come first, as in Go. */
static void add_panics(struct msg_text *text, const struct unwinding *u)
{
    const struct unwinding *chain[8];
    size_t n = 0;
    for (; u; u = u->outer)
        if (u->panic && n < ARRAY_LENGTH(chain))
            chain[n++] = u;
    for (size_t i = n; i-- > 0;)
        msg_add(text, "%s%s\n", i == n - 1 ? "mote: panic: " : "\tpanic: ", chain[i]->panic->message);
}

/* Nothing has caught it, and every step has run. */
static NORETURN COLD void uncaught(struct task *self, struct panic *panic)
{
    struct msg_text text;
    bool ends = (!rt.panic_ends_task || (self->flags & (TASK_MAIN | TASK_THREAD))) && !sim_panicked(self);
    if (ends)
        msg_last_words(); /* of several at once one is told, and not cut off */
    msg_begin(&text);
    add_panics(&text, &panic->unwinding);
    msg_add_caller(&text);
    msg_add_trace(&text, panic->trace, panic->frames);
    msg_end(&text);
    if (ends)
        msg_abort();
    if (self->extra) {
        self->extra->panicked = true;
        self->extra->unwinding = NULL;
    }
    switch_end_task(-EOWNERDEAD);
}

static const struct scope *next_scope(const struct task_extra *extra)
{
    if (!extra || !extra->tries)
        return NULL;
    const struct sched_exit_step *step = extra->steps;
    while (!is_mark(step))
        step = step->outer;
    return (const struct scope *)step;
}

static NORETURN void unwind(struct task *self, struct panic *panic)
{
    struct task_extra *extra = self->flags & TASK_STEPS ? self->extra : NULL;
    if (extra) {
        panic->unwinding.outer = extra->unwinding;
        extra->unwinding = &panic->unwinding;
    }
    for (struct sched_exit_step *step; extra && (step = extra->steps);) {
        bool mark = is_mark(step); /* a deferred call is freed before it runs */
        extra->steps = step->outer;
        step->run(step);
        if (mark)
            recover(extra, (struct scope *)step, panic);
    }
    uncaught(self, panic);
}

PUBLIC void mote_panic(const char *format, ...)
{
    struct task *self = sched_self();
    struct panic panic = {.frames = 0};
    panic.unwinding = (struct unwinding){.panic = &panic};
    va_list args;
    va_start(args, format);
    format_message(panic.message, sizeof panic.message, format, args);
    va_end(args);
    const struct scope *scope = next_scope(self->flags & TASK_STEPS ? self->extra : NULL);
    if (!scope || scope->error) /* else nobody will see it */
        panic.frames = msg_trace(panic.trace, TRACE_MAX, __builtin_return_address(0));
    struct worker *w = worker_self();
    if (w && proc_watched(w->proc))
        debug_panics(w->proc);
    unwind(self, &panic);
}

PUBLIC void mote_error_print(const mote_error *error)
{
    struct msg_text text;
    msg_begin(&text);
    msg_add(&text, "mote: panic: %s\nmote: in task %llu\n", error->message, (unsigned long long)error->task);
    msg_add_trace(&text, error->trace, error->frames);
    msg_end(&text);
}

static void run_all(void *arg) { steps_run_until(arg, NULL); }

/* Again after each panic in a step that a try outside of the exit would have caught (PA3). */
static NOINLINE void exit_with_steps(struct task *self)
{
    struct task_extra *extra = self->extra;
    struct unwinding exit = {.outer = extra->unwinding};
    extra->unwinding = &exit;
    while (call(&exit.point, run_all, extra))
        continue;
}

PUBLIC void mote_exit(void)
{
    struct worker *w = worker_self();
    if (!w || w->self.current == &w->base)
        msg_fatal("mote_exit on a plain thread: only a task can end itself");
    struct task *self = w->self.current;
    if (UNLIKELY(self->flags & TASK_MAIN))
        rt.main_result = 0; /* it may have returned already: a deferred function calls this */
    if (UNLIKELY(self->flags & TASK_STEPS))
        exit_with_steps(self);
    switch_end_task(0);
}
