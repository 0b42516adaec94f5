/* SPDX-License-Identifier: MIT */
/* model_group - groups: tasks that end against those that start more, wait, ask for the context, and free the group.
 * Checks: GR1-GR5 of sync/group.c: a wait returns when no task is under way and none waits to start, with the first error, by
 *         which the context has been cancelled and let go; no more than the limit are under way; nobody waits for ever; the
 *         group may be freed when the last wait has returned.
 * How:    the task that is started n-th is one of the model's threads, which waits until then.
 */
#include "waits.h"

#include "sync/group.c"

#define CONTEXTS 4

struct mote_ctx {
    _Atomic int cause;
    _Atomic uint32_t refs;
};

static mote_group group;
static struct mote_ctx contexts[CONTEXTS];
static _Atomic uint32_t made, begun, start_signal[MODEL_THREADS], under_way, ended, users;
static int first_task; /* the thread that is the first task */
static bool may_refuse;

void msg_fatal(const char *format, ...) { model_fail("msg_fatal: %s", format); }

/* What group.c calls */

struct sched_owner *sched_own_owner(void) { return NULL; }

mote_ctx *mote_ctx_with_cancel(mote_ctx *parent)
{
    (void)parent;
    uint32_t n = atom_add_rlx(&made, 1);
    MODEL_CHECK(n < CONTEXTS);
    atom_store_rlx(&contexts[n].refs, 1);
    return &contexts[n];
}

mote_ctx *mote_ctx_ref(mote_ctx *ctx)
{
    if (ctx)
        atom_add_rlx(&ctx->refs, 1);
    return ctx;
}

void mote_ctx_free(mote_ctx *ctx)
{
    if (atom_sub_acq_rel(&ctx->refs, 1) == 1)
        atom_store_rlx(&ctx->refs, 1000); /* whoever uses it now is found out below */
}

int mote_ctx_cancel(mote_ctx *ctx, int cause)
{
    int none = 0;
    uint32_t refs = atom_load_rlx(&ctx->refs);
    MODEL_CHECK(refs > 0 && refs < 1000);
    return atom_cas_acq_rel(&ctx->cause, &none, cause ? cause : -ECANCELED) ? 0 : -EALREADY;
}

int sched_go_owned(const struct mote__site *site, void (*fn)(void), const intptr_t *args, struct sched_owner *owner)
{
    (void)site, (void)fn, (void)args;
    if (may_refuse && model_choose(2)) {
        owner->ended(owner, 0);
        return -ENOMEM;
    }
    uint32_t t = (uint32_t)first_task + atom_add_rlx(&begun, 1);
    atom_store_rel(&start_signal[t], 1);
    os_futex_wake(&start_signal[t], 1);
    return 0;
}

/* The threads */

static void run_task(int result)
{
    int self = model_self();
    while (!atom_load_acq(&start_signal[self]))
        os_futex_wait(&start_signal[self], 0, INT64_MAX);
    struct group *g = group_of(&group);
    int limit = g->limit; /* these models don't change it */
    uint32_t now = atom_add_rlx(&under_way, 1) + 1;
    MODEL_CHECK(limit < 1 || now <= (uint32_t)limit);
    atom_sub_acq_rel(&under_way, 1);
    atom_add_rlx(&ended, 1);
    g->owner.ended(&g->owner, result);
}

static void task(void) { run_task(0); }
static void task_1(void) { run_task(-1); }
static void task_2(void) { run_task(-2); }

static int go_once(void)
{
    static const struct mote__site site;
    return mote__group_go(&group, &site, NULL, NULL);
}

static void free_group(void) { model_free(&group, sizeof group); }

static void go_two_and_wait(void)
{
    MODEL_CHECK(go_once() == 0 && go_once() == 0);
    int error = mote_group_wait(&group);
    MODEL_CHECK(atom_load_rlx(&ended) == 2);
    MODEL_CHECK(error == -1 || error == -2);
    free_group();
}

static void go_three_and_wait(void)
{
    MODEL_CHECK(go_once() == 0 && go_once() == 0 && go_once() == 0);
    MODEL_CHECK(mote_group_wait(&group) == 0);
    MODEL_CHECK(atom_load_rlx(&ended) == 3);
    free_group();
}

/* The context shows the error that the wait gives, and is gone then. */
static void go_and_ask(void)
{
    MODEL_CHECK(go_once() == 0);
    mote_ctx *ctx = mote_ctx_ref(mote_group_ctx(&group));
    MODEL_CHECK(go_once() == 0);
    int error = mote_group_wait(&group);
    MODEL_CHECK(atom_load_rlx(&ctx->cause) == error && error < 0);
    MODEL_CHECK(atom_load_rlx(&ctx->refs) == 1);
    free_group();
}

static void ask_and_cancel(void)
{
    mote_ctx *ctx = mote_ctx_ref(mote_group_ctx(&group));
    if (mote_group_cancel(&group, -3) == 0) /* if not, who was quicker may still be at it */
        MODEL_CHECK(atom_load_rlx(&ctx->cause) < 0);
    mote_ctx_free(ctx);
    atom_store_rel(&users, 0);
    os_futex_wake(&users, 1);
}

static void go_and_wait_for_both(void)
{
    MODEL_CHECK(go_once() == 0);
    int error = mote_group_wait(&group);
    MODEL_CHECK(error == 0 || error == -1 || error == -3);
    while (atom_load_acq(&users))
        os_futex_wait(&users, 1, INT64_MAX);
    MODEL_CHECK(error || mote_group_wait(&group) == -3);
    free_group();
}

static void part(int error)
{
    MODEL_CHECK(error <= 0);
    if (atom_sub_acq_rel(&users, 1) == 1) {
        mote_group_wait(&group);
        MODEL_CHECK(atom_load_rlx(&ended) == atom_load_rlx(&begun));
        free_group();
    }
}

static void go_and_leave(void)
{
    go_once();
    part(0);
}

static void go_and_wait_until(void)
{
    MODEL_CHECK(go_once() == 0);
    int error = mote_group_wait_until(&group, WAITS_DEADLINE);
    MODEL_CHECK(error == -1 || error == -ETIMEDOUT);
    if (error == -ETIMEDOUT)
        MODEL_CHECK(mote_group_wait(&group) == -1); /* a late deadline leaves the round as it is */
    free_group();
}

static void wait_and_leave(void) { part(mote_group_wait(&group)); }

/* Setups */

static void setup_with(int limit, int first, uint32_t n)
{
    waits_setup();
    memset(&group, 0, sizeof group);
    memset(contexts, 0, sizeof contexts);
    memset(start_signal, 0, sizeof start_signal);
    made = begun = under_way = ended = 0;
    users = n;
    first_task = first;
    may_refuse = false;
    group_of(&group)->limit = limit;
}

static void setup(void) { setup_with(0, 1, 1); }
static void setup_limit(void) { setup_with(1, 1, 1); }
static void setup_limit_two(void) { setup_with(2, 1, 1); }
static void setup_starters(void) { setup_with(1, 2, 2); }
static void setup_waiters(void) { setup_with(0, 3, 3); }

static void setup_refusing(void)
{
    setup_starters();
    may_refuse = true;
}

static void setup_biased(void)
{
    setup_limit();
    lock_bias_begin(&parked[0].self);
}

static void check_blocks(void) { MODEL_CHECK(waits_out == 0); }

#define BASE .entered = park_entered

static const struct model models[] = {
    {BASE, .name = "errors", .setup = setup, .thread = {go_two_and_wait, task_1, task_2}, .preemptions = 2,
     .mutants = MUTANT_MODIFY},
    {BASE, .name = "context", .setup = setup, .thread = {go_and_ask, task_1, task_2}, .preemptions = 2},
    {BASE, .name = "outsider", .setup = setup, .thread = {go_and_wait_for_both, task_1, ask_and_cancel},
     .preemptions = 2},
    {BASE, .name = "limit", .setup = setup_limit, .thread = {go_three_and_wait, task, task, task}, .preemptions = 2},
    {BASE, .name = "limit_two", .setup = setup_limit_two, .thread = {go_three_and_wait, task, task, task},
     .preemptions = 1},
    {BASE, .name = "starters", .setup = setup_starters, .thread = {go_and_leave, go_and_leave, task, task_1},
     .preemptions = 2},
    {BASE, .name = "refused", .setup = setup_refusing, .thread = {go_and_leave, go_and_leave, task, task},
     .sleepers = 12, .preemptions = 2},
    {BASE, .name = "waiters", .setup = setup_waiters, .thread = {go_and_leave, wait_and_leave, wait_and_leave, task_1},
     .preemptions = 1},
    {BASE, .name = "until", .setup = setup, .thread = {go_and_wait_until, task_1, waits_fire}, .check = check_blocks,
     .preemptions = 1},
    {BASE, .name = "chance", .setup = setup_limit, .thread = {go_three_and_wait, task, task, task}, .random = 20000},
    {BASE, .name = "soloist", .setup = setup_biased, .thread = {go_two_and_wait, task_1, task_2}, .preemptions = 2,
     .mutants = MUTANT_HEAVY},
};

int main(int argc, char **argv) { return model_main(argc, argv, models, sizeof models / sizeof models[0]); }
