/* SPDX-License-Identifier: MIT */
/* waits - what a parked task waits for, in words.
 * Job:    see waits.h.
 * Holds:  WA2 the record has no room for a select's channels, but the task needs its selection when it wakes, so the address is on its
 *         stack, or in a register that was saved there. A word is taken for it if what it points to leads back to the task.
 * Why:    of a crowd only a few stacks are searched; the others have the address at the same place, or less is told: a million tasks
 *         must not take seconds.
 */
#include "debug/waits.h"

#include "base/msg.h"
#include "debug/snapshot.h"
#include "sync/chan.h"
#include "sync/mutex.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define SEARCHES 16
#define SEARCHED ((size_t)2048) /* bytes of a stack: the frames of the library are the lowest */

/* A selection's address, if the word is that. */
static bool leads_back(uintptr_t word, const struct task *t, struct selection *s)
{
    return word > UINT16_MAX && word % _Alignof(struct selection) == 0 && word <= WAIT_OBJECT_MASK &&
           snapshot_read(s, (const void *)word, sizeof *s) && s->task == t && s->count > 0 &&
           atom_load_rlx(&s->state) == SELECTION_WAITING; /* rlx: a copy */
}

/* A channel's two queues lie at known distances from its lock. A context's lies elsewhere than the lock, that of its tree's root. */
static uint64_t case_of(const struct node *n)
{
    size_t at = (size_t)((uintptr_t)n->queue - (uintptr_t)n->lock);
    if (at == offsetof(struct mote__chan, senders))
        return wait_for(WAIT_SEND, n->lock);
    if (at == offsetof(struct mote__chan, receivers))
        return wait_for(WAIT_RECV, n->lock);
    return wait_for(WAIT_NOTHING, NULL);
}

static bool read_cases(struct waits *w, uintptr_t selection, const struct selection *s)
{
    struct node node[WAITS_CASES];
    unsigned n = s->count < WAITS_CASES ? s->count : WAITS_CASES;
    w->shown = 0;
    if (!snapshot_read(node, ((const struct selection *)selection)->nodes, n * sizeof node[0]) ||
        (const void *)node[0].of != (const void *)selection)
        return false;
    for (unsigned i = 0; i < n; i++)
        if (node[i].lock) /* else there is nothing to wait for */
            w->first[w->shown++] = case_of(&node[i]);
    w->more = s->count - n;
    w->timed = s->timed;
    return true;
}

static bool look_at(struct waits *w, const struct task *t, const char *stack, size_t n, size_t at)
{
    struct selection s;
    uintptr_t word;
    memcpy(&word, stack + at, sizeof word);
    w->below = n - at;
    return leads_back(word, t, &s) && read_cases(w, word, &s);
}

void waits_look(struct waits *w, const struct task *t, const char *stack, size_t n)
{
    if (wait_kind(w->on) != WAIT_SELECT)
        return;
    for (size_t at = 0; !w->told && at + sizeof(uintptr_t) <= n && at < SEARCHED; at += sizeof(uintptr_t))
        w->told = look_at(w, t, stack, n, at);
}

static bool same_cases(const struct waits *a, const struct waits *b)
{
    return a->shown == b->shown && a->more == b->more && a->timed == b->timed &&
           memcmp(a->first, b->first, a->shown * sizeof a->first[0]) == 0;
}

/* Where it was found first may have been a leftover, which others don't have. */
static bool find_again(struct waits *w, struct waits *other, const struct task *t, const char *stack, size_t n)
{
    if (w->below <= n && look_at(other, t, stack, n, n - w->below))
        return true;
    if (w->searches == SEARCHES)
        return false;
    w->searches++;
    waits_look(other, t, stack, n);
    w->below = other->below;
    return other->told;
}

void waits_add(struct waits *w, uint64_t on, const struct task *t, const char *stack, size_t n)
{
    struct waits other = {.on = on};
    if (w->on != on)
        w->on &= ~WAIT_OBJECT_MASK;
    if (w->told)
        w->told = find_again(w, &other, t, stack, n) && same_cases(w, &other);
}

/* The text. It is cut where there is no room. */
struct text {
    char *to;
    size_t size, used;
};

static void PRINTF_LIKE(2, 3) add(struct text *text, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text->to + text->used, text->size - text->used, format, args);
    va_end(args);
    size_t room = text->size - text->used - 1;
    text->used += n < 0 ? 0 : (size_t)n < room ? (size_t)n : room;
}

static void add_cases(struct text *text, const struct waits *w)
{
    const char *comma = ":";
    for (unsigned i = 0; i < w->shown; i++, comma = ",") {
        unsigned kind = wait_kind(w->first[i]);
        if (kind == WAIT_NOTHING)
            add(text, "%s the end of a context", comma);
        else
            add(text, "%s %s channel %p", comma, kind == WAIT_SEND ? "send to" : "receive from",
                wait_object(w->first[i]));
    }
    if (w->more)
        add(text, "%s and %u cases more", comma, w->more);
    if (w->timed)
        add(text, "%s until a deadline", comma);
}

/* A record that may be another task's by now, or nobody's: false. */
static bool read_record(struct task *copy, const struct task *t)
{
    return t && snapshot_read(copy, t, sizeof *copy) && !(copy->flags & TASK_NODE) &&
           atom_load_rlx(&copy->state) != TASK_FREE; /* rlx: a copy */
}

static void add_joined(struct text *text, const struct task *t)
{
    struct task copy;
    if (read_record(&copy, t))
        add(text, " to join task %llu", (unsigned long long)record_id(&copy));
    else
        add(text, " to join a task");
}

static void add_owner(struct text *text, const struct mutex *at)
{
    struct mutex m;
    struct task copy;
    if (!at || !snapshot_read(&m, at, sizeof m) || !m.owner || !snapshot_read(&copy, m.owner, sizeof copy))
        return;
    if (copy.flags & TASK_THREAD)
        add(text, ", held by a plain thread");
    else if (read_record(&copy, m.owner))
        add(text, ", held by task %llu", (unsigned long long)record_id(&copy));
}

void waits_describe(const struct waits *w, char *to, size_t size)
{
    static const char *const names[] = {
        [WAIT_NOTHING] = "for something",
        [WAIT_NO_CHANNEL] = "on a null channel",
        [WAIT_SEND] = "to send to channel",
        [WAIT_RECV] = "to receive from channel",
        [WAIT_SELECT] = "in a select",
        [WAIT_GROUP_END] = "for the end of group",
        [WAIT_GROUP_PLACE] = "for a place in group",
        [WAIT_WG] = "for wait group",
        [WAIT_MUTEX] = "to lock mutex",
        [WAIT_READ] = "to read with rwmutex",
        [WAIT_WRITE] = "to write with rwmutex",
        [WAIT_COND] = "for condition",
        [WAIT_ONCE] = "for once",
        [WAIT_SEM] = "for semaphore",
        [WAIT_BARRIER] = "at barrier",
        [WAIT_JOIN] = "to join a task",
        [WAIT_SLEEP] = "for a time",
        [WAIT_READ_FD] = "to read fd",
        [WAIT_WRITE_FD] = "to write fd",
        [WAIT_FD] = "to read or write fd",
    };
    struct text text = {.to = to, .size = size};
    unsigned kind = wait_kind(w->on);
    void *object = wait_object(w->on);
    if (kind == WAIT_JOIN) {
        add_joined(&text, object);
        return;
    }
    add(&text, " %s", kind < ARRAY_LENGTH(names) ? names[kind] : names[WAIT_NOTHING]);
    if (object && kind >= WAIT_READ_FD)
        add(&text, " %d", (int)(uintptr_t)object - 1);
    else if (object)
        add(&text, " %p", object);
    if (kind == WAIT_MUTEX)
        add_owner(&text, object);
    if (kind == WAIT_SELECT && w->told)
        add_cases(&text, w);
}
