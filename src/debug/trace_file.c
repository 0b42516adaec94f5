/* SPDX-License-Identifier: MIT */
/* trace_file - a trace in the format that Perfetto and chrome://tracing open.
 * Job:    make JSON of events that come in the order of their times. One event of the file is one line.
 * Holds:  TF1 of each proc the runs follow each other and don't overlap; each ends in one of the ways that `endings` names. TF2 an
 *         arrow is written with the run that it leads to, both ends together: there are no loose ones.
 * Why:    a run is written when it ends, as one "X" event: half of the size of a begin and an end. What the program can't finish, a
 *         crash cuts off behind a whole line; both viewers read such a file.
 */
#include "debug/trace.h"
#include "debug/trace_line.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum ending { NOT_YET, ENDED, YIELDED, GAVE_WAY, PARKED, LOST, STILL_RUNS };

struct track {
    bool seen;       /* it has been named in the file */
    bool fresh;      /* nothing is known yet: who runs has since `since` */
    bool runs;       /* a task does, or has just left: ending */
    enum ending how; /* once it has left */
    uint64_t id;
    const struct mote__site *site;
    int64_t since, until, last; /* last: of its last event */
    uint64_t wait_on;
    bool woken; /* it was made ready: when, by whom, there */
    uint8_t source;
    uint16_t from;
    int64_t ready;
    uint64_t by;
    bool asleep; /* the worker */
    int64_t asleep_since;
};

static struct {
    uint64_t arrows;
    struct track track[MAX_WORKERS + 1];
} file;

static const char *const waits[] = {
    [WAIT_NOTHING] = "something",
    [WAIT_NO_CHANNEL] = "null channel",
    [WAIT_SEND] = "send",
    [WAIT_RECV] = "receive",
    [WAIT_SELECT] = "select",
    [WAIT_GROUP_END] = "end of group",
    [WAIT_GROUP_PLACE] = "place in group",
    [WAIT_WG] = "wait group",
    [WAIT_MUTEX] = "mutex",
    [WAIT_READ] = "read lock",
    [WAIT_WRITE] = "write lock",
    [WAIT_COND] = "condition",
    [WAIT_ONCE] = "once",
    [WAIT_SEM] = "semaphore",
    [WAIT_BARRIER] = "barrier",
    [WAIT_JOIN] = "join",
    [WAIT_SLEEP] = "sleep",
    [WAIT_READ_FD] = "read",
    [WAIT_WRITE_FD] = "write",
    [WAIT_FD] = "read or write",
};

static const char *wait_name(uint64_t wait_on)
{
    unsigned kind = wait_kind(wait_on);
    return waits[kind < ARRAY_LENGTH(waits) ? kind : WAIT_NOTHING];
}

static const char *ending_name(enum ending how)
{
    static const char *const names[] = {[ENDED] = "ended",   [YIELDED] = "yielded", [GAVE_WAY] = "gave way",
                                        [PARKED] = "parked", [LOST] = "unknown",    [STILL_RUNS] = "still running"};
    return names[how];
}

static const char *task_label(uint64_t id, const struct mote__site *site)
{
    const char *name = lives_name(lives_find(id));
    return name ? name : site ? site->name : "main";
}

static void name_track(unsigned k)
{
    char name[32];
    snprintf(name, sizeof name, k == OUTSIDE ? "other threads" : "proc %u", k);
    trace_line_name("thread_name", PROCS_ID, k, name);
    struct json *j = trace_line("M", PROCS_ID, k, trace_out.origin);
    json_text(j, "\"thread_sort_index\",\"args\":{\"sort_index\":");
    json_number(j, k);
    json_text(j, "}}");
}

static void name_worker(unsigned k, uint64_t thread)
{
    char name[64];
    snprintf(name, sizeof name, "worker %u (thread %llu)", k, (unsigned long long)thread);
    trace_line_name("thread_name", WORKERS_ID, k, name);
}

/* Runs. */
static void add_waker(struct json *j, const struct track *k)
{
    if (!k->woken)
        return;
    json_text(j, ",\"ready\":");
    json_micros(j, k->ready - trace_out.origin);
    if (k->source == BY_TASK)
        trace_number(j, ",\"by\":", k->by);
    else
        json_text(j, k->source == BY_TIMER ? ",\"by\":\"timer\""
                     : k->source == BY_IO  ? ",\"by\":\"io\""
                                           : ",\"by\":\"thread\"");
}

static void write_arrow(unsigned number, const struct track *k)
{
    file.arrows++;
    struct json *j = trace_line("s", PROCS_ID, k->from, k->ready);
    trace_number(j, "\"wakes\",\"cat\":\"wake\",\"id\":", file.arrows);
    json_text(j, "}");
    j = trace_line("f", PROCS_ID, number, k->since);
    trace_number(j, "\"wakes\",\"cat\":\"wake\",\"bp\":\"e\",\"id\":", file.arrows);
    json_text(j, "}");
}

static void write_run(unsigned number, const struct track *k)
{
    struct json *j = trace_line("X", PROCS_ID, number, k->since);
    json_string(j, task_label(k->id, k->site));
    json_text(j, ",\"cat\":\"run\",\"dur\":");
    json_micros(j, k->until - k->since);
    trace_number(j, ",\"args\":{\"task\":", k->id);
    json_text(j, ",\"then\":");
    json_string(j, ending_name(k->how));
    if (k->how == PARKED) {
        json_text(j, ",\"on\":");
        json_string(j, wait_name(k->wait_on));
        json_text(j, ",\"object\":");
        json_address(j, (uintptr_t)wait_object(k->wait_on));
    }
    add_waker(j, k);
    if (k->site) {
        char place[256];
        snprintf(place, sizeof place, "%s:%d", k->site->file, k->site->line);
        json_text(j, ",\"started\":");
        json_string(j, place);
    }
    json_text(j, "}}");
    if (k->woken && k->source == BY_TASK)
        write_arrow(number, k);
}

/* The task on that track has left it: in which way is known now. */
static void end_run(unsigned number, enum ending how)
{
    struct track *k = &file.track[number];
    if (!k->runs)
        return;
    k->how = how;
    k->runs = false;
    write_run(number, k);
}

/* It left without a wait, and hasn't ended. */
static void settle_run(struct track *k)
{
    if (k->runs && k->until)
        end_run((unsigned)(k - file.track), YIELDED);
}

/* What the next run needs isn't needed any longer. */
static void take_wake(struct track *k, struct life *life)
{
    k->woken = life && life->bits & LIFE_READY;
    if (!k->woken)
        return;
    k->source = life->source;
    k->from = life->track;
    k->ready = life->ready;
    k->by = life->by;
    life->bits &= (uint8_t)~LIFE_READY;
}

static void drop_idle(struct life *life)
{
    if (life && !life->bits && !life->name)
        lives_drop(life);
}

static void add_runs(struct track *k, const struct event *e)
{
    settle_run(k);
    uint64_t id = event_task(e);
    struct life *life = trace_rows_left() ? lives_get(id) : lives_find(id);
    *k = (struct track){.seen = true,
                        .runs = true,
                        .id = id,
                        .since = e->time,
                        .asleep = k->asleep,
                        .asleep_since = k->asleep_since,
                        .site = (const struct mote__site *)(uintptr_t)e->a};
    take_wake(k, life);
    if (life) {
        trace_row_begin(life, e->time, k->site);
        trace_row_gap(life, e->time);
        trace_row_state(life, e->time, "running");
        drop_idle(life);
    }
}

static void add_leaves(struct track *k, const struct event *e)
{
    unsigned number = (unsigned)(k - file.track), state = event_detail(e);
    uint64_t id = event_task(e);
    settle_run(k);
    struct life *life = lives_find(id);
    if (!k->runs && k->fresh) { /* it began before the trace, or in a gap */
        k->runs = true;
        k->woken = false;
        life = trace_rows_left() ? lives_get(id) : life;
        trace_row_begin(life, k->since, (const struct mote__site *)(uintptr_t)e->a);
        trace_row_state(life, k->since, "running");
    }
    k->fresh = false;
    k->id = id;
    k->site = (const struct mote__site *)(uintptr_t)e->a;
    k->wait_on = e->b;
    k->until = e->time;
    if (state == TASK_RUNNING) {
        trace_row_state(life, e->time, NULL);
        if (life && life->bits & LIFE_ROW) {
            life->gap = e->time;
            life->bits |= LIFE_GAP;
        }
        return;
    }
    trace_row_state(life, e->time, state == TASK_PARKED ? wait_name(e->b) : "ready");
    end_run(number, state == TASK_PARKED ? PARKED : GAVE_WAY);
}

static void add_ended(struct track *k, const struct event *e)
{
    struct life *life = lives_find(event_task(e));
    if (k->id == event_task(e))
        end_run((unsigned)(k - file.track), ENDED);
    if (!life)
        return;
    trace_row_end(life, life->bits & LIFE_GAP ? life->gap : e->time);
    lives_drop(life);
}

/* Whoever has just left, and wakes who joins it, does it as its last act. */
static int64_t within_run(const struct track *k, uint64_t by, int64_t time)
{
    bool left = k->runs && k->until && k->id == by && time >= k->until;
    return left && k->until > k->since ? k->until - 1 : time;
}

static void add_ready(struct track *k, const struct event *e)
{
    struct life *life = lives_get(event_task(e));
    bool is_new = event_kind(e) == EVENT_STARTED;
    enum source who = (enum source)event_detail(e);
    if (who == BY_THREAD) {
        struct json *j = trace_instant(OUTSIDE, e->time, is_new ? "starts a task" : "wakes a task");
        trace_number(j, "\"task\":", event_task(e));
        json_text(j, "}}");
    }
    if (!life)
        return;
    life->bits |= LIFE_READY;
    life->source = (uint8_t)who;
    life->by = e->a;
    life->track = (uint16_t)(k - file.track);
    life->ready = within_run(k, e->a, e->time);
    if (is_new)
        trace_row_begin(life, e->time, (const struct mote__site *)(uintptr_t)e->b);
    trace_row_state(life, e->time, "ready");
}

static void add_name(const struct event *e)
{
    char bytes[16];
    struct life *life = lives_get(event_task(e));
    memcpy(bytes, &e->a, 8);
    memcpy(bytes + 8, &e->b, 8);
    if (life)
        lives_rename(life, event_detail(e), bytes);
}

static void add_sleep(struct track *k, const struct event *e, bool begins)
{
    settle_run(k);
    unsigned number = (unsigned)(k - file.track);
    if (begins) {
        k->asleep = true;
        k->asleep_since = e->time;
    } else if (k->asleep || k->fresh) {
        struct json *j = trace_line("X", WORKERS_ID, number, k->asleep ? k->asleep_since : k->since);
        json_text(j, "\"asleep\",\"cat\":\"worker\",\"dur\":");
        json_micros(j, e->time - (k->asleep ? k->asleep_since : k->since));
        json_text(j, ",\"args\":{}}");
        k->asleep = false;
    }
    k->fresh = false;
}

/* What was going on isn't known any more, from the last event on: the task may have gone on elsewhere soon after that. */
static void add_lost(struct track *k, const struct event *e)
{
    unsigned number = (unsigned)(k - file.track);
    struct json *j = trace_instant(number, e->time, "events lost");
    trace_number(j, "\"count\":", e->a);
    json_text(j, "}}");
    int64_t known = k->last > k->since ? k->last : k->since;
    if (k->runs) {
        if (!k->until)
            k->until = known;
        end_run(number, LOST);
        trace_row_state(lives_find(k->id), known, NULL);
    }
    k->asleep = false;
    k->fresh = number != OUTSIDE;
    k->since = e->time;
}

static void add_instant(unsigned number, const struct event *e)
{
    static const struct {
        const char *name, *a, *b;
        bool task;
    } kinds[] = {
        [EVENT_CONFLICT] = {.name = "home is taken", .task = true},
        [EVENT_COPY_OUT] = {.name = "copy out", .a = "\"bytes\":", .task = true},
        [EVENT_COPY_IN] = {.name = "copy in", .a = "\"bytes\":", .task = true},
        [EVENT_STEAL] = {.name = "steal", .a = "\"tasks\":", .b = ",\"from\":"},
        [EVENT_TIMERS] = {.name = "timers fire", .a = "\"count\":"},
        [EVENT_PANIC] = {.name = "panic", .task = true},
        [EVENT_RAID] = {.name = "monitor takes a task", .a = "\"proc\":", .task = true},
        [EVENT_PROCS] = {.name = "number of procs", .a = "\"procs\":"},
    };
    unsigned kind = event_kind(e);
    struct json *j = trace_instant(number, e->time, kinds[kind].name);
    if (kinds[kind].a)
        trace_number(j, kinds[kind].a, e->a);
    if (kinds[kind].b)
        trace_number(j, kinds[kind].b, e->b);
    if (kinds[kind].task)
        trace_number(j, kinds[kind].a ? ",\"task\":" : "\"task\":", event_task(e));
    json_text(j, "}}");
}

void trace_file_add(unsigned number, const struct event *e)
{
    struct track *k = &file.track[number];
    if (!k->seen)
        name_track(number);
    k->seen = true;
    switch (event_kind(e)) {
    case EVENT_LOST:
        add_lost(k, e);
        break;
    case EVENT_WORKER:
        name_worker(number, e->a);
        break;
    case EVENT_RUNS:
        add_runs(k, e);
        break;
    case EVENT_LEAVES:
        add_leaves(k, e);
        break;
    case EVENT_ENDED:
        add_ended(k, e);
        break;
    case EVENT_STARTED:
    case EVENT_READY:
        add_ready(k, e);
        break;
    case EVENT_NAME:
        add_name(e);
        break;
    case EVENT_SLEEPS:
    case EVENT_WAKES:
        add_sleep(k, e, event_kind(e) == EVENT_SLEEPS);
        break;
    default:
        add_instant(number, e);
    }
    k->last = e->time;
}

bool trace_file_knows(unsigned number) { return !file.track[number].fresh; }

void trace_file_runs(unsigned number, const struct task *t)
{
    struct track *k = &file.track[number];
    if (t) {
        if (!k->seen)
            name_track(number);
        k->seen = k->runs = true;
        k->woken = false;
        k->id = record_id(t);
        k->site = t->site;
    } else if (k->seen) { /* what has never told anything has no name */
        k->asleep = true;
        k->asleep_since = k->since;
    }
    k->fresh = false;
}

void trace_file_open(int fd, int64_t origin)
{
    memset(file.track, 0, sizeof file.track);
    trace_out.json.fd = fd;
    trace_out.json.error = 0;
    trace_out.json.used = 0;
    trace_out.origin = origin;
    file.arrows = 0;
    trace_rows_reset();
    json_text(&trace_out.json, "[{\"ph\":\"M\",\"pid\":" PROCS_ID ",\"tid\":0,\"ts\":0.000,\"name\":\"process_name\","
                               "\"args\":{\"name\":\"procs\"}}");
    trace_line_name("process_name", WORKERS_ID, 0, "workers");
    trace_line_name("process_name", TASKS_ID, 0, "tasks");
}

void trace_file_watched_since(int64_t time)
{
    for (unsigned i = 0; i < OUTSIDE; i++) {
        file.track[i].fresh = true;
        file.track[i].since = time;
    }
}

static int64_t closing_time;

static void close_row(struct life *life) { trace_row_end(life, closing_time); }

static void close_track(unsigned number)
{
    struct track *k = &file.track[number];
    if (k->runs && k->until) {
        end_run(number, LOST); /* it has just left: whether it has ended would have been told next */
    } else if (k->runs) {
        k->until = closing_time;
        end_run(number, STILL_RUNS);
    }
    if (k->asleep)
        add_sleep(k, &(struct event){.time = closing_time}, false);
}

int trace_file_close(int64_t now, uint64_t lost)
{
    closing_time = now;
    for (unsigned i = 0; i < OUTSIDE; i++)
        close_track(i);
    lives_each(close_row);
    lives_free();
    struct json *j = trace_line("M", PROCS_ID, 0, now);
    trace_number(j, "\"mote\",\"args\":{\"lost\":", lost);
    json_text(j, "}}\n]\n");
    json_flush(j);
    if (close(j->fd) < 0 && !j->error)
        j->error = -EIO;
    return j->error;
}
