/* SPDX-License-Identifier: MIT */
/* model_join - the end of a task against who waits for it, up to a deadline, or lets it go.
 * Checks: J1-J3 of sched/join.c, M3 and M4 of timer.h: a join returns after the end or at its deadline, never both and never
 *         neither; the record and the timer are freed once, and not used afterwards.
 */
#include "park.h"

#include "sched/proc.h"
#include "sched/timer.c"

#define malloc(size) model_malloc(size)
#define free(p) model_free(p, sizeof(struct timed_join))
static void *model_malloc(size_t size);
#include "sched/join.c"
#undef malloc
#undef free

static CACHE_ALIGNED struct task ending; /* its number is 0, so its address is its handle */
static struct task_extra extra;
static struct timers timers;
static struct timed_join heap;
static bool freed, ended;

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

static void *model_malloc(size_t size) { return size == sizeof heap ? &heap : NULL; }

void task_free(struct proc *p, struct task *t)
{
    (void)p;
    MODEL_CHECK(t == &ending && !freed);
    freed = true;
    model_free(&ending, sizeof ending);
    model_free(&extra, sizeof extra);
}

int sched_timer_add(struct timer *t) { return timer_add(&timers, t); }

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

static void detach(void) { mote_detach((mote_task *)&ending); }

static void fire(void) { timers_run(&timers, 5); }

static void setup(void)
{
    park_setup();
    memset(&ending, 0, sizeof ending);
    memset(&extra, 0, sizeof extra);
    memset(&heap, 0, sizeof heap);
    reset_timers(&timers);
    ending.flags = TASK_JOINABLE;
    ending.state = TASK_RUNNING;
    ending.extra = &extra;
    extra.joinable = true;
    freed = ended = false;
}

static void check(void) { MODEL_CHECK(ended && freed); }

#define BASE .setup = setup, .check = check, .entered = park_entered

static const struct model models[] = {
    {BASE, .name = "join", .thread = {join, end}, .preemptions = MODEL_ALL, .mutants = MUTANT_MODIFY},
    {BASE, .name = "detach", .thread = {detach, end}, .preemptions = MODEL_ALL, .mutants = MUTANT_MODIFY},
    {BASE, .name = "join_until", .thread = {join_until, end, fire}, .preemptions = 2},
    {BASE, .name = "chance", .thread = {join_until, end, fire}, .random = 30000},
};

int main(int argc, char **argv) { return model_main(argc, argv, models, sizeof models / sizeof models[0]); }
