/* SPDX-License-Identifier: MIT */
/* model_context - cancelling parents and children, deadlines, done channels, functions to call, and freeing, all at once.
 * Checks: X1-X6 of sync/context.c: when a cancel has returned all descendants are cancelled; every done channel is closed in
 *         the end; a function is called or stopped, one of them; each context is freed once, and not touched afterwards. X7, and
 *         LI1-LI3 of sync/limit.h: a wait ends by its object, its context or its deadline, one of them, and leaves nothing behind.
 */
#define WAITS_WITH_CONTEXTS
#include "waits.h"

#define POOL 8
#define SLOT 256

static CACHE_ALIGNED char pool[POOL][SLOT];
static int used, freed;

static void *model_malloc(size_t size)
{
    MODEL_CHECK(size <= SLOT && used < POOL);
    return pool[used++];
}

static void model_give(void *p)
{
    if (!p)
        return;
    freed++;
    model_free(p, SLOT);
}

#define malloc model_malloc
#define free model_give
#include "sync/context.c"
#undef malloc
#undef free

struct mote__chan {
    bool closed;
};

struct mote__chan *mote__chan_make(size_t size, size_t capacity, bool pointers)
{
    (void)size, (void)capacity, (void)pointers;
    struct mote__chan *c = model_malloc(sizeof *c);
    c->closed = false;
    return c;
}

int mote__chan_close(struct mote__chan *c)
{
    c->closed = true;
    return 0;
}

void mote__chan_free(struct mote__chan *c) { model_give(c); }

static mote_ctx *top, *child, *leaf;
static mote_ctx_hook *hook;
static int called, stopped;

int mote__go(const struct mote__site *site, void (*fn)(void), const intptr_t *args)
{
    (void)site;
    ((void (*)(intptr_t))fn)(args[0]);
    return 0;
}

void msg_fatal(const char *format, ...) { model_fail("msg_fatal: %s", format); }
int mote_procs(void) { return 1; }
bool sched_timers_hold(void) { return true; }
void sched_timers_release(void) {}

static void count(void *arg)
{
    (void)arg;
    called++;
}

static void setup_empty(void)
{
    waits_setup();
    memset(pool, 0, sizeof pool);
    used = freed = called = stopped = 0;
    hook = NULL;
}

static void setup(void)
{
    setup_empty();
    top = mote_ctx_with_cancel(mote_ctx_background());
    child = mote_ctx_with_cancel(top);
    leaf = mote_ctx_with_cancel(child);
    mote_ctx_ref(top);
    mote_ctx_ref(child);
    mote_ctx_ref(leaf);
    mote_ctx_ref(leaf);
}

/* Everything is freed. */
static void check(void) { MODEL_CHECK(used == freed); }

static void setup_asked(void)
{
    setup();
    mote_ctx_done(leaf);
    mote_ctx_done(child);
}

static void cancel_top(void)
{
    mote_ctx_cancel(top, -1);
    MODEL_CHECK(mote_ctx_err(child) && mote_ctx_err(leaf));
    mote_ctx_free(top);
    mote_ctx_free(leaf);
}

static void cancel_child(void)
{
    mote_ctx_cancel(child, -2);
    MODEL_CHECK(mote_ctx_err(leaf) && mote_ctx_cause(leaf) != 0);
    int cause = mote_ctx_cause(child);
    MODEL_CHECK(cause == -1 || cause == -2);
    mote_ctx_free(leaf);
    mote_ctx_free(child);
    mote_ctx_free(child);
}

static void free_leaf(void)
{
    mote_ctx_free(leaf);
    mote_ctx_free(top);
}

/* A child is made while its parents are cancelled: it is cancelled with them, at birth or later. */
static mote_ctx *made;

static void make_leaf(void)
{
    made = mote_ctx_with_cancel(leaf);
    mote_ctx_free(leaf);
    mote_ctx_free(top);
}

static void check_made(void)
{
    MODEL_CHECK(mote_ctx_err(made) != 0);
    mote_ctx_free(made);
    check();
}

/* A done channel is asked for meanwhile. */
static mote_done_chan asked;

static void ask(void)
{
    asked = mote_ctx_done(leaf);
    MODEL_CHECK(asked == mote_ctx_done(leaf));
}

static void only_cancel_top(void) { mote_ctx_cancel(top, 0); }

static void free_all(void)
{
    mote_ctx_free(leaf);
    for (int i = 0; i < 2; i++) {
        mote_ctx_free(leaf);
        mote_ctx_free(child);
        mote_ctx_free(top);
    }
}

static void check_asked(void)
{
    MODEL_CHECK(((struct mote__chan *)asked)->closed);
    MODEL_CHECK(mote_ctx_done(leaf) == asked);
    free_all();
    check();
}

/* A deadline against a cancel and the end. */
static void setup_timed(void)
{
    setup_empty();
    top = mote_ctx_with_cancel(mote_ctx_background());
    child = mote_ctx_with_deadline(top, WAITS_DEADLINE);
    leaf = mote_ctx_with_cancel(child);
    mote_ctx_done(leaf);
}

static void fire(void) { waits_fire(); }

static void free_child(void)
{
    mote_ctx_free(child);
    mote_ctx_free(leaf);
}

static void cancel_and_free_top(void)
{
    mote_ctx_cancel(top, 0);
    mote_ctx_free(top);
}

static void free_top(void) { mote_ctx_free(top); }

/* Functions */
static void setup_hook(void)
{
    setup_empty();
    top = mote_ctx_with_cancel(mote_ctx_background());
    child = mote_ctx_with_cancel(top);
    mote_ctx_after_func(child, count, NULL, &hook);
}

static void stop_hook(void)
{
    stopped = mote_ctx_hook_stop(hook);
    mote_ctx_free(child);
}

static void cancel_and_count(void) { cancel_and_free_top(); }

static void check_hook(void)
{
    MODEL_CHECK(called + stopped == 1);
    check();
}

/* Waits in the queue of an object that hands out units. */
static struct {
    struct lock lock;
    struct waitq queue;
    int units;
} object;
static _Atomic uint32_t over, got;

static void setup_waits(void)
{
    setup_empty();
    top = mote_ctx_with_cancel(mote_ctx_background());
    child = mote_ctx_with_cancel(top);
    memset(&object, 0, sizeof object);
    over = got = 0;
}

static void take_unit(mote_ctx *ctx, int64_t deadline)
{
    struct limit limit = {.deadline = deadline, .ctx = ctx};
    struct waiting w = {.lock = &object.lock, .queue = &object.queue};
    int error = 0;
    lock_take(&object.lock);
    if (object.units > 0) {
        object.units--;
        lock_drop(&object.lock);
    } else {
        error = limit_wait(limit, &w);
    }
    MODEL_CHECK(error == 0 || error == -ECANCELED || (error == -ETIMEDOUT && deadline == WAITS_DEADLINE));
    MODEL_CHECK(error != -ECANCELED || mote_ctx_err(ctx) == error);
    atom_add_seq(&got, error == 0);
    atom_add_seq(&over, 1);
}

static void take_in_child(void) { take_unit(child, MOTE_FOREVER); }
static void take_in_top(void) { take_unit(top, MOTE_FOREVER); }
static void take_in_child_until(void) { take_unit(child, WAITS_DEADLINE); }

static void give_unit(void)
{
    lock_take(&object.lock);
    struct task *t = selection_pop(&object.queue);
    object.units += !t;
    lock_drop(&object.lock);
    if (t)
        selection_ready(t);
}

static void keep_firing(void)
{
    while (!atom_load_rlx(&over)) {
        waits_fire();
        cpu_relax();
    }
}

static void check_waits(void)
{
    MODEL_CHECK(!object.queue.first && object.queue.count == 0 && !top->waiters.first && !child->waiters.first);
    MODEL_CHECK(waits_out == 0);
    mote_ctx_free(child);
    mote_ctx_free(top);
    check();
}

/* One unit was given. */
static void check_one_wait(void)
{
    MODEL_CHECK(over == 1 && (int)got + object.units == 1);
    check_waits();
}

static void check_two_waits(void)
{
    MODEL_CHECK(over == 2 && (int)got + object.units == 1);
    check_waits();
}

#define BASE .entered = park_entered

static const struct model models[] = {
    {BASE, .name = "cancel_both", .setup = setup, .check = check, .thread = {cancel_top, cancel_child, free_leaf},
     .preemptions = 2, .mutants = MUTANT_MODIFY},
    {BASE, .name = "cancel_asked", .setup = setup_asked, .check = check,
     .thread = {cancel_top, cancel_child, free_leaf}, .preemptions = 2},
    {BASE, .name = "make", .setup = setup, .check = check_made, .thread = {cancel_top, cancel_child, make_leaf},
     .preemptions = 2},
    {BASE, .name = "done", .setup = setup, .check = check_asked, .thread = {only_cancel_top, ask, ask},
     .preemptions = 2},
    {BASE, .name = "deadline", .setup = setup_timed, .check = check, .thread = {fire, free_child, cancel_and_free_top},
     .preemptions = 2},
    {BASE, .name = "deadline_free", .setup = setup_timed, .check = check, .thread = {fire, free_child, free_top},
     .preemptions = 3},
    {BASE, .name = "hook", .setup = setup_hook, .check = check_hook, .thread = {cancel_and_count, stop_hook},
     .preemptions = 3},
    {BASE, .name = "chance", .setup = setup, .check = check, .thread = {cancel_top, cancel_child, free_leaf},
     .random = 30000},
    {BASE, .name = "wait", .setup = setup_waits, .check = check_one_wait,
     .thread = {take_in_child, give_unit, only_cancel_top}, .preemptions = 2, .mutants = MUTANT_MODIFY},
    {BASE, .name = "wait_for_two", .setup = setup_waits, .check = check_two_waits,
     .thread = {take_in_child, take_in_top, give_unit, only_cancel_top}, .random = 30000},
    {BASE, .name = "wait_until", .setup = setup_waits, .check = check_one_wait,
     .thread = {take_in_child_until, give_unit, only_cancel_top, keep_firing}, .random = 30000},
};

int main(int argc, char **argv) { return model_main(argc, argv, models, sizeof models / sizeof models[0]); }
