/* SPDX-License-Identifier: MIT */
/* million - start a million tasks, all parked and alive at once; weigh them, pass messages beside them, end them, and
 * do it again.
 *
 *     million [--tasks N] [--messages M] [--procs P] [--pinned] [--json]
 *
 * Memory is VmRSS + VmPTE: what the process holds, with its page tables. --pinned gives each task 8 KB or more of its
 * own. */
#include <mote.h>

#include "program.h"

#include <errno.h>
#include <getopt.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MOST_PROCS 1024
#define SENDERS 4

static struct {
    long tasks, messages;
    bool pinned, json;
} options = {.tasks = 1000000, .messages = 100000};

/* Who counts the tasks that have started? A wait group or a shared atomic counter costs 8 ns per task, a tenth of the
 * whole launch, and more where procs fight for it; to look through all records by mote_stats takes 9 ms a time. So
 * every worker thread counts those that it starts in a place of its own, for 1 ns, and main adds the places up. */
static struct place {
    _Alignas(128) atomic_long started;
} places[MOST_PROCS];
static atomic_int threads;
static _Thread_local struct place *own;

static void count_start(void)
{
    if (!own)
        own = &places[atomic_fetch_add(&threads, 1)];
    long n = atomic_load_explicit(&own->started, memory_order_relaxed);
    atomic_store_explicit(&own->started, n + 1, memory_order_relaxed);
}

static long count_started(void)
{
    long sum = 0;
    for (int i = 0; i < threads; i++)
        sum += places[i].started;
    return sum;
}

/* One of the million. Once counted, all it does is park in the receive, until the gate is closed. */
static void task(mote_chan(int) gate, mote_wg *ended)
{
    count_start();
    mote_recv(gate, NULL);
    mote_wg_done(ended);
}

/* 1234567.8 with one decimal as 1,234,567.8. The text is good for one more call. */
static const char *grouped(double number, int decimals)
{
    static char texts[2][48];
    static int turn;
    char digits[32], *text = texts[turn ^= 1], *to = text;
    snprintf(digits, sizeof digits, "%.*f", decimals, number);
    size_t whole = strcspn(digits, ".");
    for (size_t i = 0; i < whole; i++) {
        if (i > 0 && (whole - i) % 3 == 0)
            *to++ = ',';
        *to++ = digits[i];
    }
    memcpy(to, digits + whole, strlen(digits + whole) + 1);
    return text;
}

/* One figure: a line at once, or put by for the JSON object. A time is also given per one of count, if that isn't 0. */
static char json[1024];
static void show(const char *key, const char *label, double value, const char *unit, long count)
{
    bool ms = strcmp(unit, "ms") == 0;
    size_t used = strlen(json);
    snprintf(json + used, sizeof json - used, "%s\"%s\":%.*f", used ? "," : "", key, ms ? 3 : *unit == 'b', value);
    if (options.json)
        return;
    printf("%-22s %14s%s%s", label, grouped(value, ms), *unit ? " " : "", unit);
    if (count)
        printf(" %12s ns each", grouped(value * 1e6 / (double)count, 0));
    printf("\n");
    fflush(stdout);
}

static double ms_since(int64_t start) { return (double)(mote_now() - start) / 1e6; }

static long weigh(void)
{
    FILE *file = fopen("/proc/self/status", "r");
    char line[256];
    long sum = 0, kb;
    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "VmRSS: %ld", &kb) == 1 || sscanf(line, "VmPTE: %ld", &kb) == 1)
            sum += kb;
    if (file)
        fclose(file);
    return sum;
}

struct crowd {
    mote_chan(int) gate;
    mote_wg ended;
    double launch_ms, parked_ms;
};

/* Lets all tasks go, and returns once the last has ended. */
static double shut_down(struct crowd *c)
{
    int64_t start = mote_now();
    mote_chan_close(c->gate);
    mote_wg_wait(&c->ended);
    double ms = ms_since(start);
    mote_chan_free(c->gate);
    return ms;
}

static int start_all(struct crowd *c, int64_t start)
{
    bool terminal = isatty(STDERR_FILENO);
    for (long n = 0; n < options.tasks; n++) {
        int error = options.pinned ? mote_go_pinned(task, c->gate, &c->ended) : mote_go(task, c->gate, &c->ended);
        if (error < 0) {
            mote_wg_add(&c->ended, (int)(n - options.tasks)); /* those that were never started */
            shut_down(c);
            fprintf(stderr, "million: got to %s tasks, and ended them\n", grouped((double)n, 0));
            return error;
        }
        if (terminal && n % 65536 == 0 && mote_now() - start > 500 * MOTE_MS)
            fprintf(stderr, "\r  %s tasks\r", grouped((double)n, 0));
    }
    return 0;
}

/* Returns once all tasks have started and are parked. */
static int launch(struct crowd *c)
{
    *c = (struct crowd){.gate = mote_chan_make(int, 0)};
    if (!c->gate)
        return -ENOMEM;
    long goal = count_started() + options.tasks;
    mote_wg_add(&c->ended, (int)options.tasks);
    int64_t start = mote_now();
    int error = start_all(c, start);
    if (error < 0)
        return error;
    c->launch_ms = ms_since(start);
    while (count_started() < goal)
        mote_yield();
    c->parked_ms = ms_since(start);
    return 0;
}

/* Off the clock: are they all parked? The last to be counted may still have been on its way. */
static bool all_parked(struct mote_stats *s)
{
    int64_t deadline = mote_now() + 10 * MOTE_S;
    while (mote_stats(s) == 0 && s->tasks_parked != (uint64_t)options.tasks && mote_now() < deadline)
        mote_sleep(MOTE_MS);
    return s->tasks_parked == (uint64_t)options.tasks && mote_task_count() >= (size_t)options.tasks;
}

static void sender(mote_chan(long) c, long from, long to)
{
    for (long i = from; i < to; i++)
        mote_send(c, i);
}

/* Four tasks send 0 to messages - 1 through one channel. False: not all of that arrived. */
static bool pass_messages(double *ms)
{
    mote_chan(long) c = mote_chan_make(long, 128);
    long n = options.messages, sum = 0, v = 0;
    int64_t start = mote_now();
    for (long i = 0; i < SENDERS; i++)
        if (!c || mote_go(sender, c, n * i / SENDERS, n * (i + 1) / SENDERS) < 0)
            return false;
    for (long i = 0; i < n; i++, sum += v)
        mote_recv(c, &v);
    *ms = ms_since(start);
    mote_chan_free(c);
    return sum == n * (n - 1) / 2;
}

static int demonstrate(int argc, char **argv)
{
    (void)argc, (void)argv;
    long n = options.tasks, before = weigh();
    struct crowd crowd;
    struct mote_stats s;
    show("tasks", "tasks", (double)n, "", 0);
    show("procs", "procs", mote_procs(), "", 0);
    show("kb_before", "memory before", (double)before, "kB", 0);
    int error = launch(&crowd);
    if (error < 0)
        return error;
    long parked = weigh();
    show("launch_ms", "launched", crowd.launch_ms, "ms", n);
    show("parked_ms", "all started and parked", crowd.parked_ms, "ms", n);
    show("kb_parked", "memory now", (double)parked, "kB", 0);
    show("bytes_per_task", "  that is, per task", (double)(parked - before) * 1024 / (double)n, "bytes", 0);
    if (!all_parked(&s))
        return -EIO;
    show("alive", "alive, with main", (double)mote_task_count(), "", 0);
    double live = (double)s.live_bytes / (double)n, ms;
    show("messages", "messages", (double)options.messages, "", 0);
    if (!pass_messages(&ms))
        return -EIO;
    show("messages_ms", "  sent and received", ms, "ms", options.messages);
    show("shutdown_ms", "all ended", shut_down(&crowd), "ms", n);
    mote_sleep(150 * MOTE_MS); /* idle procs give back what they keep at hand */
    show("kb_after", "memory after", (double)weigh(), "kB", 0);
    if ((error = launch(&crowd)) < 0)
        return error;
    if (!all_parked(&s))
        return -EIO;
    show("warm_parked_ms", "all parked once more", crowd.parked_ms, "ms", n);
    shut_down(&crowd);
    mote_stats(&s);
    show("live_bytes_avg", "live stack per task", live, "bytes", 0);
    show("copies_out", "stacks copied out", (double)s.copies_out, "", 0);
    show("copies_in", "  and in again", (double)s.copies_in, "", 0);
    show("homes", "homes", (double)(s.homes + s.homes_pinned), "", 0);
    show("steals", "steals", (double)s.steals, "", 0);
    return 0;
}

static const char usage[] = "usage: million [--tasks N] [--messages M] [--procs P] [--pinned] [--json]";

static void parse(int argc, char **argv)
{
    static const struct option known[] = {{"tasks", 1, NULL, 't'},  {"messages", 1, NULL, 'm'}, {"procs", 1, NULL, 'p'},
                                          {"pinned", 0, NULL, 'o'}, {"json", 0, NULL, 'j'},     {0}};
    for (int c; (c = getopt_long(argc, argv, "", known, NULL)) != -1;) {
        if (c == 't')
            options.tasks = program_number(optarg, 1, 2000000000, usage);
        else if (c == 'm')
            options.messages = program_number(optarg, 0, 1000000000, usage);
        else if (c == 'p' && program_number(optarg, 1, MOST_PROCS, usage))
            setenv("MOTE_PROCS", optarg, 1);
        else if (c == 'o')
            options.pinned = true;
        else if (c == 'j')
            options.json = true;
        else
            program_refuse(usage);
    }
    if (optind < argc)
        program_refuse(usage);
}

int main(int argc, char **argv)
{
    parse(argc, argv);
    int error = mote_run(demonstrate, argc, argv);
    if (error == 0 && options.json)
        printf("{%s}\n", json);
    return program_status("million", error);
}
