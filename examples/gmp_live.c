/* SPDX-License-Identifier: MIT */
/* gmp_live - a view of procs, queues and steals, redrawn twice a second.
 *
 *     gmp_live [SECONDS]
 *
 * The program makes work of its own: bursts of short tasks, pairs that talk, some that compute and some that sleep. On a terminal
 * the view is redrawn in place until Ctrl-C; else frames follow each other, for 10 s. Try it with MOTE_PROCS=1 and 4. */
#include <mote.h>

#include "program.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { MAX_PROCS = 1024, BAR = 12, PAIRS = 20, SLEEPERS = 50 };
#define FRAME (500 * MOTE_MS)

static _Atomic bool enough;
static atomic_long turns;
static bool terminal;
static int64_t lasts;
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

/* So many rows have room for procs: all but the two above them, and the one where the cursor is in the end. */
static int room_for_procs(void)
{
    struct winsize size;
    const char *lines = getenv("LINES");
    int rows = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_row : 0;
    if (rows == 0 && lines)
        rows = atoi(lines);
    return !terminal ? MAX_PROCS : rows == 0 ? 24 - 3 : rows > 4 ? rows - 3 : 1;
}

static void show_proc(const struct mote_proc_stats *now, const struct mote_proc_stats *before, double seconds)
{
    static const char bar[] = "############";
    uint64_t queued = now->queued_new + now->queued_ready;
    int bits = queued == 0 ? 0 : 64 - __builtin_clzll(queued);
    printf("%4d  %-14.14s %6llu [%-*.*s] %9.0f %8.0f %8.0f %8.0f", now->number, now->task ? now->name : "-",
           (unsigned long long)queued, BAR, bits < BAR ? bits : BAR, bar,
           (double)(now->switches - before->switches) / seconds, (double)(now->steals - before->steals) / seconds,
           (double)(now->stolen - before->stolen) / seconds,
           (double)(now->copies_out + now->copies_in - before->copies_out - before->copies_in) / seconds);
    end_row();
}

/* Those in use, as many as there is room for. The last row then says of how many more there was none. */
static void show_procs(const struct mote_proc_stats *now, int n, double seconds)
{
    static struct mote_proc_stats before[MAX_PROCS];
    int used = 0, shown = 0, room = room_for_procs();
    for (int i = 0; i < n; i++)
        used += now[i].state != MOTE_PROC_UNUSED;
    if (used > room)
        room--;
    for (int i = 0; i < n; i++) {
        if (now[i].state != MOTE_PROC_UNUSED && shown < room) {
            show_proc(&now[i], &before[i], seconds);
            shown++;
        }
        before[i] = now[i];
    }
    if (shown < used) {
        printf("      and %d more", used - shown);
        end_row();
    }
}

static void show(double seconds)
{
    static struct mote_proc_stats now[MAX_PROCS];
    struct mote_stats all;
    int n = mote_proc_stats(now, MAX_PROCS);
    if (n < 0 || mote_stats(&all) < 0)
        return;
    printf("%s%llu tasks: %llu new, %llu ready, %llu running, %llu waiting; %llu in common", terminal ? "\033[H" : "",
           (unsigned long long)all.tasks, (unsigned long long)all.tasks_new, (unsigned long long)all.tasks_ready,
           (unsigned long long)all.tasks_running, (unsigned long long)all.tasks_parked, (unsigned long long)all.queued);
    end_row();
    printf("%4s  %-14s %6s  %-*s %10s %8s %8s %8s", "proc", "runs", "queued", BAR, "", "switch/s", "steal/s",
           "stolen/s", "copy/s");
    end_row();
    show_procs(now, n < MAX_PROCS ? n : MAX_PROCS, seconds);
    printf("%s", terminal ? "\033[J" : "\n");
    fflush(stdout);
}

static int app(int argc, char **argv)
{
    (void)argc, (void)argv;
    int64_t last = mote_now(), end = lasts == MOTE_FOREVER ? lasts : last + lasts;
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
    char *end = "";
    terminal = isatty(STDOUT_FILENO);
    lasts = terminal ? MOTE_FOREVER : 10 * MOTE_S;
    double seconds = argc > 1 ? strtod(argv[1], &end) : 0;
    if (argc > 2 || (argc == 2 && (end == argv[1] || *end || !(seconds >= 0 && seconds < 1e9))))
        program_refuse("usage: gmp_live [SECONDS]");
    if (argc == 2)
        lasts = (int64_t)(seconds * MOTE_S);
    signal(SIGINT, on_interrupt);
    return program_status("gmp_live", mote_run(app, argc, argv));
}
