/* SPDX-License-Identifier: MIT */
/* dump - every task, where it is and what it waits for.
 * Job:    mote_dump: equal tasks are counted together, the most frequent come first.
 * Holds:  DU1 nothing of ours is locked, and nothing comes from the heap but what naming functions takes, which can be left out:
 *         so it works in any state of the program, a crash handler included. DU2 it reads records while they change: each line
 *         was true of its tasks at some moment of the dump.
 * Why:    to unwind a stack takes microseconds, and a million of them seconds. So stacks are told apart by a hash of those of
 *         their words that are addresses of code: only the first of its kind is unwound.
 */
#include "debug/dump.h"
#include "base/msg.h"
#include "base/os.h"
#include "debug/running.h"
#include "debug/snapshot.h"
#include "debug/waits.h"
#include "sched/proc.h"

#include <mote/debug.h>

#include <errno.h>
#include <link.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define GROUPS 2048 /* what is beyond is only counted */
#define KINDS 16384 /* a power of two: stacks told apart */
#define PROBES 16   /* places that a kind may be in */
#define FRAMES 32
#define NAMES 3
#define STACK ((size_t)16 << 10) /* bytes of each that are looked at */
#define CODE_RANGES 128
#define RUNNING 64 /* workers that are looked at */

/* Tasks with one site, state and backtrace. */
struct group {
    const struct mote__site *site;
    struct waits waits;
    uint32_t least, most; /* ticks that they have waited */
    uint64_t count, first_id;
    void *trace[FRAMES];
    int frames;
    uint8_t state;
    bool pinned;
    unsigned names;       /* different ones; NAMES + 1: more */
    char name[NAMES][32]; /* the first of them */
};

struct dump {
    int fd;
    int error; /* a negative errno: the first of writing */
    unsigned flags;
    struct dump_choice choice;
    uint32_t now; /* ticks */
    uint64_t tasks, beyond;
    const struct task *self; /* the caller, if it is a task */
    int own_frames;
    void *own_trace[FRAMES];
    struct {
        const struct task *task;
        int frames;
        void *trace[FRAMES];
    } ran[RUNNING]; /* on other workers, when the dump began */
    unsigned running;
    struct running look;
    unsigned groups;
    struct group group[GROUPS];
    uint16_t order[GROUPS];
    struct kind {
        uint64_t hash;
        uint16_t group; /* plus 1; 0: none */
    } kind[KINDS];
    struct {
        uintptr_t low, high;
    } code[CODE_RANGES];
    unsigned code_ranges;
    size_t used;
    char text[4096];
    _Alignas(64) char stack[STACK];
};

/* The output. */
static void flush(struct dump *d)
{
    for (size_t done = 0; !d->error && done < d->used;) {
        ssize_t n = write(d->fd, d->text + done, d->used - done);
        if (n < 0 && errno != EINTR) {
            d->error = -errno;
            break;
        }
        done += n > 0 ? (size_t)n : 0;
    }
    d->used = 0;
}

static void PRINTF_LIKE(2, 3) say(struct dump *d, const char *format, ...)
{
    if (d->used > sizeof d->text - 512)
        flush(d);
    va_list args;
    va_start(args, format);
    int n = vsnprintf(d->text + d->used, sizeof d->text - d->used, format, args);
    va_end(args);
    size_t room = sizeof d->text - d->used - 1;
    d->used += n < 0 ? 0 : (size_t)n < room ? (size_t)n : room;
}

/* 1234567 as 1,234,567 */
static const char *grouped(uint64_t number, char text[32])
{
    char digits[24], *to = text;
    int n = snprintf(digits, sizeof digits, "%llu", (unsigned long long)number);
    for (int i = 0; i < n; i++) {
        if (i > 0 && (n - i) % 3 == 0)
            *to++ = ',';
        *to++ = digits[i];
    }
    *to = 0;
    return text;
}

/* Where code lies: only such words of a stack count for its kind. */
static int add_code(struct dl_phdr_info *info, size_t size, void *arg)
{
    struct dump *d = arg;
    (void)size;
    for (int i = 0; i < info->dlpi_phnum && d->code_ranges < CODE_RANGES; i++) {
        const ElfW(Phdr) *part = &info->dlpi_phdr[i];
        if (part->p_type != PT_LOAD || !(part->p_flags & PF_X))
            continue;
        d->code[d->code_ranges].low = info->dlpi_addr + part->p_vaddr;
        d->code[d->code_ranges++].high = info->dlpi_addr + part->p_vaddr + part->p_memsz;
    }
    return 0;
}

static bool is_code(const struct dump *d, uintptr_t word)
{
    for (unsigned i = 0; i < d->code_ranges; i++)
        if (word >= d->code[i].low && word < d->code[i].high)
            return true;
    return false;
}

static uint64_t mix(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
    return hash ^ hash >> 29;
}

static uint64_t hash_of(const struct dump *d, const struct group *g, size_t n)
{
    uint64_t hash = mix(mix(mix((uintptr_t)g->site, g->state), wait_kind(g->waits.on)), n);
    for (size_t i = 0; i + sizeof(uintptr_t) <= n; i += sizeof(uintptr_t)) {
        uintptr_t word;
        memcpy(&word, d->stack + i, sizeof word);
        if (is_code(d, word))
            hash = mix(hash, word);
    }
    return hash;
}

/* The place of that kind, or a free one; NULL: it is crowded there, and such a stack is unwound each time. */
static struct kind *find_kind(struct dump *d, uint64_t hash)
{
    for (unsigned i = 0; i < PROBES; i++) {
        struct kind *k = &d->kind[(hash + i) % KINDS];
        if (!k->group || k->hash == hash)
            return k;
    }
    return NULL;
}

static bool same(const struct group *a, const struct group *b)
{
    return a->site == b->site && a->state == b->state && wait_kind(a->waits.on) == wait_kind(b->waits.on) &&
           a->pinned == b->pinned && a->frames == b->frames &&
           memcmp(a->trace, b->trace, sizeof a->trace[0] * (size_t)a->frames) == 0;
}

/* Stacks of several kinds may turn out to have the same frames. NULL: no room. */
static struct group *find_group(struct dump *d, const struct group *like)
{
    for (unsigned i = 0; i < d->groups; i++)
        if (same(&d->group[i], like))
            return &d->group[i];
    if (d->groups == GROUPS)
        return NULL;
    struct group *g = &d->group[d->groups++];
    *g = *like;
    return g;
}

static struct group *group_of(struct dump *d, struct group *like, size_t n)
{
    uint64_t hash = hash_of(d, like, n);
    struct kind *k = find_kind(d, hash);
    if (k && k->group)
        return &d->group[k->group - 1];
    if (n && msg_tracer && !msg_tracer->missing())
        like->frames = msg_tracer->walk(d->stack, d->stack + n, like->trace, FRAMES);
    struct group *g = find_group(d, like);
    if (g && k)
        *k = (struct kind){hash, (uint16_t)(g - d->group + 1)};
    return g;
}

/* What runs now may be in a queue when its record is visited: it is then shown as that. */
static void look_at_running(struct dump *d)
{
    if (!msg_tracer || msg_tracer->missing() || !running_begin())
        return;
    uint32_t made = atom_load_acq(&rt.made); /* [R made] pairs with make_procs */
    for (uint32_t i = 0; i < made && d->running < RUNNING; i++) {
        if (!running_look(i, &d->look))
            continue;
        const char *end = d->look.stack + d->look.n;
        d->ran[d->running].task = d->look.task;
        d->ran[d->running].frames =
            msg_tracer->walk_running(&d->look.registers, d->look.stack, end, d->ran[d->running].trace, FRAMES);
        d->running++;
    }
    running_end();
}

static struct group *running_group(struct dump *d, struct group *like, const struct task *t)
{
    for (unsigned i = 0; i < d->running; i++)
        if (d->ran[i].task == t) {
            like->frames = d->ran[i].frames;
            memcpy(like->trace, d->ran[i].trace, sizeof like->trace);
        }
    return find_group(d, like);
}

/* The calling task. */
static struct group *own_group(struct dump *d, struct group *like)
{
    like->frames = d->own_frames;
    memcpy(like->trace, d->own_trace, sizeof like->trace);
    return find_group(d, like);
}

/* How long it has waited whose stack was read. */
static uint32_t ticks_of(const struct dump *d, uint64_t wait_on)
{
    uint16_t low;
    memcpy(&low, d->stack + SWITCH_TICKS_AT, sizeof low);
    uint32_t ticks = (d->now - wait_ticks(wait_on, low)) & WAIT_TICKS_MASK;
    return ticks > WAIT_TICKS_MASK / 2 ? 0 : ticks; /* it parked while we are at it */
}

static void note_name(struct group *g, const struct task_extra *extra)
{
    char name[sizeof g->name[0]];
    if (!extra || g->names > NAMES || !snapshot_read(name, extra->name, sizeof name) || !name[0])
        return;
    name[sizeof name - 1] = 0;
    for (unsigned i = 0; i < g->names; i++)
        if (strcmp(g->name[i], name) == 0)
            return;
    if (g->names < NAMES)
        memcpy(g->name[g->names], name, sizeof name);
    g->names++;
}

static RACY_READER void add_task(void *object, void *arg)
{
    struct task *t = object;
    struct dump *d = arg;
    struct group like = {.state = atom_load_rlx(&t->state)}; /* rlx: a snapshot */
    if (like.state == TASK_FREE || (d->choice.wanted && !d->choice.wanted(t)))
        return;
    like.site = t->site;
    like.pinned = t->flags & TASK_PINNED;
    if (like.state == TASK_PARKED)
        like.waits.on = t->wait_on & ~WAIT_TIME_MASK;
    like.first_id = record_id(t);
    d->tasks++;
    size_t n = t == d->self ? 0 : snapshot_stack(t, d->stack, STACK);
    like.least = like.most = like.state == TASK_PARKED && n > SWITCH_TICKS_AT + 2 ? ticks_of(d, t->wait_on) : 0;
    struct group *g = t == d->self                 ? own_group(d, &like)
                      : like.state == TASK_RUNNING ? running_group(d, &like, t)
                                                   : group_of(d, &like, n);
    if (!g) {
        d->beyond++;
        return;
    }
    if (g->count++ == 0)
        waits_look(&g->waits, t, d->stack, n);
    else
        waits_add(&g->waits, like.waits.on, t, d->stack, n);
    note_name(g, t->extra);
    if (like.least < g->least)
        g->least = like.least;
    if (like.most > g->most)
        g->most = like.most;
}

static const char *state_name(unsigned state)
{
    static const char *const names[] = {[TASK_NEW] = "not started yet",
                                        [TASK_READY] = "ready to run",
                                        [TASK_RUNNING] = "running",
                                        [TASK_PARKED] = "waiting",
                                        [TASK_DONE] = "ended, not joined yet"};
    return state < ARRAY_LENGTH(names) && names[state] ? names[state] : "?";
}

/* For what, for how long. */
static void say_wait(struct dump *d, const struct group *g)
{
    char text[256];
    double least = (double)g->least * 1e-9 * (double)WAIT_TICK, most = (double)g->most * 1e-9 * (double)WAIT_TICK;
    waits_describe(&g->waits, text, sizeof text);
    if (g->least == g->most)
        say(d, "%s, for %.1f s", text, most);
    else
        say(d, "%s, for %.1f to %.1f s", text, least, most);
}

/* What is the same for all comes first. */
static void say_who(struct dump *d, const struct group *g)
{
    char number[32];
    const char *function = g->site ? g->site->name : "main";
    if (g->count == 1) {
        say(d, "task %llu (%s)", (unsigned long long)g->first_id, g->names ? g->name[0] : function);
        return;
    }
    say(d, "%s tasks (%s)", grouped(g->count, number), function);
    for (unsigned i = 0; i < g->names && i < NAMES; i++)
        say(d, "%s %s", i ? "," : ", named", g->name[i]);
    say(d, "%s, the first of them %llu", g->names > NAMES ? ", ..." : "", (unsigned long long)g->first_id);
}

static void show_group(struct dump *d, const struct group *g)
{
    say_who(d, g);
    say(d, ": %s", state_name(g->state));
    if (g->state == TASK_PARKED)
        say_wait(d, g);
    if (g->site)
        say(d, ", started at %s:%d", g->site->file, g->site->line);
    say(d, "\n");
    for (int i = 0; i < g->frames; i++) {
        char text[256];
        if (d->flags & MOTE_DUMP_PLAIN)
            snprintf(text, sizeof text, "%p", g->trace[i]);
        else
            msg_tracer->describe(g->trace[i], text, sizeof text);
        say(d, "  #%d %s\n", i, text);
    }
}

/* By count, the largest first: a simple sort without memory. */
static void sort_groups(struct dump *d)
{
    for (unsigned i = 0; i < d->groups; i++) {
        unsigned at = i;
        for (; at > 0 && d->group[d->order[at - 1]].count < d->group[i].count; at--)
            d->order[at] = d->order[at - 1];
        d->order[at] = (uint16_t)i;
    }
}

static void show(struct dump *d)
{
    char number[32];
    say(d, "mote: %s task%s", grouped(d->tasks, number), d->tasks == 1 ? "" : "s");
    if (d->choice.title)
        say(d, "%s\n", d->tasks == 1 ? d->choice.title_one : d->choice.title);
    else
        say(d, ", %d procs\n", mote_procs());
    sort_groups(d);
    for (unsigned i = 0; i < d->groups; i++)
        show_group(d, &d->group[d->order[i]]);
    if (d->beyond)
        say(d, "and %s tasks more, of too many kinds to tell apart\n", grouped(d->beyond, number));
    flush(d);
}

static struct dump *begin(int fd, unsigned flags, struct dump_choice choice, const void *caller)
{
    bool plain = !worker_self();
    struct dump *d = os_pages(sizeof *d, 4096);
    if (!d)
        return NULL;
    d->fd = fd;
    d->flags = flags;
    d->choice = choice;
    d->self = plain ? NULL : worker_self()->self.current;
    d->own_frames = plain ? 0 : msg_trace(d->own_trace, FRAMES, caller);
    monitor_tick();
    d->now = atom_load_rlx(&switch_ticks); /* rlx: a time */
    dl_iterate_phdr(add_code, d);
    look_at_running(d);
    return d;
}

/* NULL: there was no memory. How many tasks there are, or a negative errno. */
static int64_t finish(struct dump *d)
{
    if (!d)
        return -ENOMEM;
    slab_each(&record_slab, add_task, d);
    int64_t tasks = (int64_t)d->tasks;
    if (tasks > 0 || !d->choice.wanted)
        show(d);
    int error = d->error;
    os_release(d, sizeof *d);
    return error < 0 ? error : tasks;
}

/* Unwinders try addresses by system calls, stale ones, too, in stacks of tasks that have ended meanwhile: check mode must not take
 * these for the calling task's own. */
static struct dump *begin_unseen(int fd, unsigned flags, struct dump_choice choice, const void *caller)
{
    bool seen = homes.watch && worker_self();
    if (seen)
        debug_worker_busy(false);
    struct dump *d = begin(fd, flags, choice, caller);
    if (seen)
        debug_worker_busy(true);
    return d;
}

int64_t dump_some(int fd, unsigned flags, struct dump_choice choice)
{
    return finish(begin_unseen(fd, flags, choice, __builtin_return_address(0)));
}

PUBLIC int mote_dump(int fd, unsigned flags)
{
    bool plain = !worker_self();
    if (flags & ~MOTE_DUMP_PLAIN)
        return -EINVAL;
    if (plain && !runtime_enter())
        return -ESHUTDOWN;
    int64_t tasks = finish(begin_unseen(fd, flags, (struct dump_choice){0}, __builtin_return_address(0)));
    if (plain)
        runtime_leave();
    return tasks < 0 ? (int)tasks : 0;
}
