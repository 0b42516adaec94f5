/* SPDX-License-Identifier: MIT */
/* schedule - the choices that make up one run of a simulation.
 * Job:    see schedule.h.
 * Holds:  SC1, SC2. SC3 every alternative of every choice has a chance in every run, whatever the manner: so a task that waits by
 *         yielding again and again can't keep others from running for ever.
 * Why:    three manners, by the seed. Even chances go everywhere, but switch so often that nobody gets far. To go on mostly, and
 *         switch now and then, finds what takes one long stretch. Priorities that change at a few points find with a known
 *         chance what takes few switches in the right places, however many there are.
 * Source: the third is Burckhardt, Kothari, Musuvathi, Nagarakatte, "A Randomized Scheduler with Probabilistic Guarantees of
 *         Finding Bugs", 2010 (PCT).
 */
#include "sched/schedule.h"

#include "base/msg.h"

#include <string.h>

#define CHANGES 3      /* of priorities, at most */
#define STAY 8         /* one in so many points lets another task run */
#define EVEN_NEXT 16   /* SC3: one in so many choices is even, when a task has left */
#define EVEN_POINT 256 /* and when it could go on: that would spoil the priorities sooner */

enum manner { EVEN, MOSTLY_ON, PRIORITIES, MANNERS = 4 /* the last twice as often */ };

static struct {
    const struct schedule_plan *plan;
    enum manner manner;
    uint64_t random;
    uint32_t next_step;           /* of the plan's */
    uint64_t change_at[CHANGES];  /* numbers of choices */
    uint32_t changed[CHANGES], n; /* tasks whose priority was lowered, the last one lowest */
    uint32_t changes;
} now;

/* splitmix64, Steele et al. 2014. */
static uint64_t mix(uint64_t x)
{
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

static uint32_t draw(uint32_t n)
{
    uint64_t x = mix(now.random += UINT64_C(0x9e3779b97f4a7c15));
    return (uint32_t)((x >> 32) * n >> 32);
}

void schedule_begin(const struct schedule_plan *plan)
{
    memset(&now, 0, sizeof now);
    now.plan = plan;
    now.random = plan->seed;
    uint32_t manner = draw(MANNERS);
    now.manner = manner < PRIORITIES ? (enum manner)manner : PRIORITIES;
    now.changes = 1 + draw(CHANGES);
    uint32_t length = 8U << draw(8); /* of the run, as nobody knows it */
    for (uint32_t i = 0; i < now.changes; i++)
        now.change_at[i] = draw(length);
}

static uint64_t priority(uint32_t task)
{
    for (uint32_t i = 0; i < now.n; i++)
        if (now.changed[i] == task)
            return CHANGES - i;
    return mix(now.plan->seed ^ mix(task)) | 1U << 31;
}

static uint32_t highest(uint32_t n, struct schedule_who (*who)(uint32_t i))
{
    uint32_t best = 0;
    uint64_t most = priority(who(0).task);
    for (uint32_t i = 1; i < n; i++) {
        uint64_t p = priority(who(i).task);
        if (p > most) {
            most = p;
            best = i;
        }
    }
    return best;
}

static uint32_t by_priority(enum schedule_kind kind, uint32_t n, struct schedule_who (*who)(uint32_t i))
{
    if (draw(kind == SCHEDULE_POINT ? EVEN_POINT : EVEN_NEXT) == 0)
        return draw(n);
    uint32_t best = highest(n, who);
    for (uint32_t i = 0; i < now.changes; i++)
        if (now.change_at[i] == now.plan->log->choices && now.n < CHANGES) {
            now.changed[now.n++] = who(best).task;
            best = highest(n, who);
        }
    return best;
}

static uint32_t drawn(enum schedule_kind kind, uint32_t n, struct schedule_who (*who)(uint32_t i))
{
    if (!who || now.manner == EVEN)
        return draw(n);
    if (now.manner == PRIORITIES)
        return by_priority(kind, n, who);
    return kind == SCHEDULE_POINT && draw(STAY) ? 0 : draw(n);
}

/* The shorter a schedule has become, the less its steps need to fit: what isn't there can't be chosen. */
static uint32_t planned(uint32_t n)
{
    const struct schedule_plan *p = now.plan;
    if (now.next_step == p->steps || p->step[now.next_step].at != p->log->choices)
        return 0;
    uint32_t chosen = p->step[now.next_step++].chosen;
    return chosen < n ? chosen : 0;
}

static void note(enum schedule_kind kind, uint32_t chosen, uint32_t n, struct schedule_who (*who)(uint32_t i),
                 struct schedule_who self)
{
    struct schedule_log *log = now.plan->log;
    if (log->count == log->room) {
        log->lost++;
        return;
    }
    struct schedule_step *s = &log->step[log->count++];
    *s = (struct schedule_step){
        .at = (uint32_t)log->choices, .chosen = chosen, .of = n, .kind = (uint8_t)kind, .self = self};
    if (who) {
        s->to = who(chosen);
        s->instead = who(0);
    }
    if (now.plan->traced)
        s->frames = (uint8_t)msg_trace((void **)s->trace, SCHEDULE_FRAMES, NULL);
}

uint32_t schedule_choose(enum schedule_kind kind, uint32_t n, struct schedule_who (*who)(uint32_t i),
                         struct schedule_who self)
{
    struct schedule_log *log = now.plan->log;
    uint32_t chosen = now.plan->fixed ? planned(n) : drawn(kind, n, who);
    if (chosen)
        note(kind, chosen, n, who, self);
    log->hash = mix(log->hash ^ ((uint64_t)n << 32 | chosen));
    log->choices++;
    return chosen;
}
