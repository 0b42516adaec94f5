/* SPDX-License-Identifier: MIT */
/* model_join - the end of a task against who waits for it, up to a deadline, or lets it go.
 * Checks: J1-J3 and J6 of sched/join.c, M3 and M4 of timer.h: a join returns after the end, or at its deadline, or when its
 *         context is cancelled, never both and never neither; the record and the timer are freed once, and not used afterwards.
 */
#define WAITS_WITH_CONTEXTS
#include "waits.h"

#include "sched/proc.h"

#include "sched/join.c"
#include "sync/joining.c"

static CACHE_ALIGNED struct task ending; /* its number is 0, so its address is its handle */
static struct task_extra extra;
static struct timed_join heap;
static bool freed, ended;

/* A context: cancelled or not, and who waits with it. */
static struct mote_ctx {
    struct lock lock;
    struct waitq waiters;
    _Atomic int err;
} context;

mote_ctx *mote_ctx_background(void) { return NULL; }
int mote_ctx_err(const mote_ctx *ctx) { return atom_load_acq(&ctx->err); }

bool context_enter(mote_ctx *ctx, struct selection *s, unsigned i)
{
    lock_take(&ctx->lock);
    bool waits = !atom_load_rlx(&ctx->err);
    if (waits)
        selection_enter(s, i, &ctx->lock, &ctx->waiters);
    lock_drop(&ctx->lock);
    return waits;
}

static void cancel(void)
{
    lock_take(&context.lock);
    atom_store_rel(&context.err, -ECANCELED);
    struct waitq taken = selection_take_all(&context.waiters);
    lock_drop(&context.lock);
    selection_ready_each(taken);
}

/* What only misuse and plain threads call. */
void task_describe(const struct task *t, char *text, size_t size) { (void)t, (void)text, (void)size; }
void msg_fatal(const char *format, ...)
{
    (void)format;
    MODEL_CHECK(!"misuse");
    abort();
}
struct runtime rt; /* of which only visitors is used */
bool runtime_enter(void) { return true; }
void runtime_leave(void) {}
bool sched_timers_hold(void) { return true; }
void sched_timers_release(void) {}

void *wait_get(void) { return &heap; }
void wait_put(void *wait) { model_free(wait, sizeof heap); }

void task_free(struct proc *p, struct task *t)
{
    (void)p;
    MODEL_CHECK(t == &ending && !freed);
    freed = true;
    model_free(&ending, sizeof ending);
    model_free(&extra, sizeof extra);
}

/* As task_retire does. */
static void end(void)
{
    ending.mailbox = 7;
    ended = true;
    if (join_publish_end(&ending))
        task_free(NULL, &ending);
}

static void join(void)
{
    intptr_t result = 0;
    MODEL_CHECK(mote_join((mote_task *)&ending, &result) == 0);
    MODEL_CHECK(ended && freed && result == 7);
}

static void join_until(void)
{
    intptr_t result = 0;
    int error = mote_join_until((mote_task *)&ending, &result, 5);
    MODEL_CHECK(error == 0 ? ended && freed && result == 7 : error == -ETIMEDOUT && !freed);
    if (error)
        mote_detach((mote_task *)&ending);
}

/* Cancelled, it may be joined by somebody else, or again, or let go. */
static void join_ctx(void)
{
    intptr_t result = 0;
    int error = mote_join_ctx(&context, (mote_task *)&ending, &result);
    MODEL_CHECK(error == 0 ? ended && freed && result == 7 : error == -ECANCELED && !freed);
    if (error && model_choose(2))
        MODEL_CHECK(mote_join((mote_task *)&ending, &result) == 0 && freed && result == 7);
    else if (error)
        mote_detach((mote_task *)&ending);
}

static void detach(void) { mote_detach((mote_task *)&ending); }

static void fire(void) { waits_fire(); }

static void setup(void)
{
    waits_setup();
    memset(&context, 0, sizeof context);
    memset(&ending, 0, sizeof ending);
    memset(&extra, 0, sizeof extra);
    memset(&heap, 0, sizeof heap);
    ending.flags = TASK_JOINABLE;
    ending.state = TASK_RUNNING;
    ending.extra = &extra;
    extra.joinable = true;
    freed = ended = false;
}

static void check(void)
{
    MODEL_CHECK(ended && freed && waits_out == 0 && !context.waiters.first && context.waiters.count == 0);
}

#define BASE .setup = setup, .check = check, .entered = park_entered

static const struct model models[] = {
    {BASE, .name = "join", .thread = {join, end}, .preemptions = MODEL_ALL, .mutants = MUTANT_MODIFY},
    {BASE, .name = "detach", .thread = {detach, end}, .preemptions = MODEL_ALL, .mutants = MUTANT_MODIFY},
    {BASE, .name = "join_until", .thread = {join_until, end, fire}, .preemptions = 2},
    {BASE, .name = "join_ctx", .thread = {join_ctx, end, cancel}, .preemptions = 2, .mutants = MUTANT_MODIFY},
    {BASE, .name = "chance", .thread = {join_until, end, fire}, .random = 30000},
};

int main(int argc, char **argv) { return model_main(argc, argv, models, sizeof models / sizeof models[0]); }
