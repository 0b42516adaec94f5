/* SPDX-License-Identifier: MIT */
/* gmp_live - a view of procs, queues and steals, redrawn twice a second.
 *
 *     gmp_live [SECONDS]
 *
 * The program makes work of its own: bursts of short tasks, pairs that talk, some that compute and some that sleep. On a terminal
 * the view is redrawn in place until Ctrl-C; else frames follow each other, for 10 s. Try it with MOTE_PROCS=1 and 4. */
#include <mote.h>

#include <getopt.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { MAX_PROCS = 64, BAR = 20, PAIRS = 20, SLEEPERS = 50 };
#define FRAME (500 * MOTE_MS)

static _Atomic bool enough;
static atomic_long turns;
static bool terminal;
static mote_group work;

static void on_interrupt(int signal)
{
    (void)signal;
    enough = true;
}

static void compute(int n)
{
    for (volatile int i = 0; i < n; i++)
        turns += i % 1000 == 0;
}

static void burst(void)
{
    while (!enough) {
        for (int i = 0; i < 300; i++)
            mote_group_go(&work, compute, 1000 + i % 7 * 1000);
        mote_sleep(5 * MOTE_MS);
    }
}

static void ping(mote_chan(int) to, mote_chan(int) back)
{
    for (int v = 0; !enough && mote_send(to, v) == 0 && mote_recv(back, &v) == 0;)
        mote_sleep(100 * MOTE_US);
    mote_chan_close(to);
}

static void pong(mote_chan(int) from, mote_chan(int) back)
{
    mote_chan_range (from, v)
        mote_send(back, v + 1);
    mote_chan_free(from);
    mote_chan_free(back);
}

static void dreamer(int ms)
{
    while (!enough)
        mote_sleep(ms * MOTE_MS);
}

static void start_work(void)
{
    mote_group_set_limit(&work, 800); /* bursts wait while there are so many */
    for (int i = 0; i < 2; i++)
        mote_group_go(&work, burst);
    for (int i = 0; i < PAIRS; i++) {
        mote_chan(int) to = mote_chan_make(int, 0), back = mote_chan_make(int, 0);
        mote_group_go(&work, ping, to, back);
        mote_group_go(&work, pong, to, back);
    }
    for (int i = 0; i < SLEEPERS; i++)
        mote_group_go(&work, dreamer, i % 9 + 1);
}

/* Rows that are shorter than what stood there before are cleared to their end. */
static void end_row(void) { printf("%s\n", terminal ? "\033[K" : ""); }

static void show_proc(const struct mote_proc_stats *now, const struct mote_proc_stats *before, double seconds)
{
    static const char bar[] = "####################";
    uint64_t queued = now->queued_new + now->queued_ready;
    int length = queued == 0 ? 0 : 64 - __builtin_clzll(queued) < BAR / 2 ? 2 * (64 - __builtin_clzll(queued)) : BAR;
    printf("%4d  %-14.14s %6llu [%-*.*s] %9.0f %8.0f %8.0f %8.0f", now->number, now->task ? now->name : "-",
           (unsigned long long)queued, BAR, length, bar, (double)(now->switches - before->switches) / seconds,
           (double)(now->steals - before->steals) / seconds, (double)(now->stolen - before->stolen) / seconds,
           (double)(now->copies_out + now->copies_in - before->copies_out - before->copies_in) / seconds);
    end_row();
}

static void show(double seconds)
{
    static struct mote_proc_stats before[MAX_PROCS];
    struct mote_proc_stats now[MAX_PROCS];
    struct mote_stats all;
    int n = mote_proc_stats(now, MAX_PROCS);
    if (n < 0 || mote_stats(&all) < 0)
        return;
    n = n < MAX_PROCS ? n : MAX_PROCS;
    printf("%s%llu tasks: %llu new, %llu ready, %llu running, %llu waiting; %llu in the common queue",
           terminal ? "\033[H" : "", (unsigned long long)all.tasks, (unsigned long long)all.tasks_new,
           (unsigned long long)all.tasks_ready, (unsigned long long)all.tasks_running,
           (unsigned long long)all.tasks_parked, (unsigned long long)all.queued);
    end_row();
    printf("%4s  %-14s %6s  %-*s %10s %8s %8s %8s", "proc", "runs", "queued", BAR, "", "switch/s", "steal/s",
           "stolen/s", "copy/s");
    end_row();
    for (int i = 0; i < n; i++) {
        show_proc(&now[i], &before[i], seconds);
        before[i] = now[i];
    }
    printf("%s\n", terminal ? "\033[J" : "");
    fflush(stdout);
}

static int app(int argc, char **argv)
{
    int64_t limit = terminal ? MOTE_FOREVER : 10 * MOTE_S, last = mote_now();
    if (argc > optind)
        limit = (int64_t)(strtod(argv[optind], NULL) * MOTE_S);
    int64_t end = limit == MOTE_FOREVER ? limit : last + limit;
    start_work();
    printf("%s", terminal ? "\033[2J\033[?25l" : "");
    while (!enough && mote_now() < end) {
        mote_sleep(end - mote_now() < FRAME ? end - mote_now() : FRAME);
        int64_t now = mote_now();
        show((double)(now - last) / MOTE_S);
        last = now;
    }
    enough = true;
    mote_group_wait(&work);
    printf("%s", terminal ? "\033[?25h" : "");
    return 0;
}

int main(int argc, char **argv)
{
    if (getopt(argc, argv, "") != -1 || argc > optind + 1) {
        fprintf(stderr, "usage: gmp_live [SECONDS]\n");
        return 2;
    }
    terminal = isatty(STDOUT_FILENO);
    signal(SIGINT, on_interrupt);
    return mote_run(app, argc, argv);
}
