/* SPDX-License-Identifier: MIT */
/* support - what the tests share.
 * Job: see support.h.
 */
#include "support.h"

#include "base/os.h"
#include "base/sanitizer.h"
#include "sched/proc.h"

#include <mote/debug.h>
#include <mote/time.h>

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHILD_SECONDS 60

long scale(long n)
{
    const char *percent = getenv("MOTE_TEST_SCALE");
    long part = percent ? atol(percent) : sanitizer_pins_all() ? 5 : 100;
    long scaled = n / 100 * part + n % 100 * part / 100;
    return scaled > 0 ? scaled : 1;
}

bool in_check_mode(void)
{
    const char *debug = getenv("MOTEDEBUG");
    return debug && strstr(debug, "stackcheck=");
}

bool stacks_are_copied(void) { return !sanitizer_pins_all() && !in_check_mode(); }

/* All of it, so that the writer never blocks; what doesn't fit is dropped. */
static void read_all(int fd, char *text, size_t size)
{
    char rest[512];
    size_t have = 0;
    for (;;) {
        bool fits = have < size - 1;
        ssize_t n = fits ? read(fd, text + have, size - 1 - have) : read(fd, rest, sizeof rest);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        if (fits)
            have += (size_t)n;
    }
    text[have] = 0;
}

/* The emulator's lines about the signals that the process, and perhaps a copy of it, is killed by. */
static void drop_emulators_lines(char *text)
{
    for (char *line; (line = strstr(text, "qemu: uncaught target signal"));) {
        const char *end = strchr(line, '\n');
        end = end ? end + 1 : line + strlen(line);
        memmove(line, end, strlen(end) + 1);
    }
}

/* cmocka's handlers would go on with the next test, in the child. */
static void default_signals(void)
{
    static const int fatal[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGSYS, SIGABRT};
    for (size_t i = 0; i < sizeof fatal / sizeof fatal[0]; i++)
        signal(fatal[i], SIG_DFL);
}

struct child_result run_child(void (*body)(void *arg), void *arg)
{
    struct child_result result;
    int pipes[2];
    memset(&result, 0, sizeof result);
    assert_int_equal(pipe(pipes), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        alarm(CHILD_SECONDS);
        default_signals();
        dup2(pipes[1], STDERR_FILENO);
        close(pipes[0]);
        close(pipes[1]);
        body(arg);
        _exit(0);
    }
    close(pipes[1]);
    read_all(pipes[0], result.err, sizeof result.err);
    if (UNDER_EMULATOR)
        drop_emulators_lines(result.err);
    close(pipes[0]);
    while (waitpid(child, &result.status, 0) < 0)
        assert_int_equal(errno, EINTR);
    return result;
}

void assert_killed(const struct child_result *child, int signal)
{
    if (!WIFSIGNALED(child->status) || WTERMSIG(child->status) != signal)
        fail_msg("status %x, not signal %d; it said: %s", (unsigned)child->status, signal, child->err);
}

void assert_dies_saying(void (*body)(void *arg), const char *text)
{
    struct child_result child = run_child(body, NULL);
    assert_killed(&child, SIGABRT);
    if (!strstr(child.err, text))
        fail_msg("'%s' is not in: %s", text, child.err);
}

uint32_t test_random(uint32_t *state)
{
    uint32_t x = *state;
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    return *state = x;
}

const mote_config two_procs = {.procs = 2}, one_proc = {.procs = 1, .max_blocked = -1},
                  one_proc_two_homes = {.procs = 1, .homes = 2, .max_blocked = -1},
                  only_two_procs = {.procs = 2, .max_blocked = -1};

char *temporary_name(char *name, size_t size)
{
    const char *folder = getenv("TMPDIR");
    CHECK((size_t)snprintf(name, size, "%s/mote_test_XXXXXX", folder && *folder ? folder : "/tmp") < size);
    return name;
}

long status_kb(const char *what)
{
    FILE *f = fopen("/proc/self/status", "re");
    char line[256];
    long kb = -1;
    CHECK(f);
    while (fgets(line, sizeof line, f))
        if (strncmp(line, what, strlen(what)) == 0 && sscanf(line + strlen(what), ": %ld kB", &kb) == 1)
            break;
    fclose(f);
    return kb;
}

static void call_body(void (*body)(void *arg), void *arg) { body(arg); }

void run_with(const mote_config *config, void (*body)(void *arg), void *arg)
{
    const mote_attr pinned = {.name = "body", .pinned = true};
    assert_int_equal(mote_start(config), 0);
    mote_task *task = mote_spawn_with(&pinned, call_body, body, arg);
    assert_non_null(task);
    assert_int_equal(mote_join(task, NULL), 0);
    assert_int_equal(mote_stop(mote_now() + 30 * MOTE_S), 0);
}

void run_with_each(void (*body)(void *arg), void *arg)
{
    static const mote_config each[] = {{.procs = 1}, {.procs = 2}, {.procs = 8}, {.procs = 2, .homes = 2}};
    for (size_t i = 0; i < sizeof each / sizeof each[0]; i++)
        run_with(&each[i], body, arg);
}

void run_in_threads(int n, void *(*body)(void *arg), void *arg)
{
    pthread_t threads[16];
    CHECK(n <= 16);
    for (int i = 0; i < n; i++)
        CHECK(pthread_create(&threads[i], NULL, body, arg) == 0);
    for (int i = 0; i < n; i++)
        pthread_join(threads[i], NULL);
}

static void *call_everywhere(void *arg)
{
    void (*body)(void *) = *(void (**)(void *))arg;
    body(NULL);
    return NULL;
}

void run_everywhere(void (*body)(void *arg))
{
    run_with_each(body, NULL);
    CHECK(mote_start(&two_procs) == 0);
    run_in_threads(1, call_everywhere, &body);
    CHECK(mote_stop(mote_now() + 30 * MOTE_S) == 0);
}

void yield_until_alone(void)
{
    while (mote_task_count() > 1)
        mote_yield();
}

void await_parked(uint64_t n)
{
    struct mote_stats s;
    while (mote_stats(&s) == 0 && s.tasks_parked < n)
        mote_yield();
}

void await_all_parked(void)
{
    struct mote_stats s;
    uint64_t self = mote_self() != 0;
    while (mote_stats(&s) == 0 && s.tasks_parked + self < s.tasks)
        mote_yield();
}

void await_threads(int n)
{
    while (atom_load_seq(&rt.threads_waiting) != n)
        mote_yield();
}

void check_failed(const char *condition, const char *file, int line)
{
    fprintf(stderr, "%s:%d: check failed: %s\n", file, line, condition);
    abort();
}

/* Without locks: whoever hangs may hold them. */
static void tell_of_proc(uint32_t i)
{
    struct proc *p = rt.proc[i];
    struct worker *w = rt.worker[i];
    fprintf(
        stderr,
        "proc %u: tick %llu, summons %#x, queued %u ready and %lld new, next %p, timer in %lld ms;%s%s%s%s%s token %u, "
        "away %u\n",
        i, (unsigned long long)atom_load_seq(&p->tick), atom_load_seq(&p->summons), runq_length(&p->ring),
        (long long)fresh_length(&p->fresh), (void *)atom_load_seq(&p->next),
        (long long)(timers_earliest(&p->timers) == INT64_MAX ? -1 : (timers_earliest(&p->timers) - os_now()) / MOTE_MS),
        proc_in_use(p) ? " in use," : "", atom_load_seq(&w->threadless) ? " no thread," : "",
        w->asleep ? " asleep," : "", w->retired ? " retired," : "", w->searching ? " searching," : "",
        atom_load_seq(&w->token), rt.spares.away[i]);
}

/* As much as can be told of a test that hangs; then the signal ends it, be it in the middle of that. */
static void tell_of_hang(int signal_number)
{
    signal(signal_number, SIG_DFL);
    alarm(10);
    fprintf(stderr,
            "no end in sight: state %u, procs %u of %u, reach %u, global %llu, asleep %u, retired %u, searching %u, "
            "workers %u; "
            "away %u, quiet %u, missing %u, urgent %u; monitor asleep %u; control %u\n",
            atom_load_seq(&rt.state), atom_load_seq(&rt.procs), atom_load_seq(&rt.made), atom_load_seq(&rt.reach),
            (unsigned long long)globq_count(&rt.global), atom_load_seq(&rt.idle.asleep),
            atom_load_seq(&rt.idle.retired), atom_load_seq(&rt.idle.searching), atom_load_seq(&rt.live_workers),
            atom_load_seq(&rt.spares.count), atom_load_seq(&rt.spares.quiet), rt.spares.missing,
            atom_load_seq(&rt.spares.urgent), atom_load_seq(&rt.monitor_asleep), atom_load_seq(&rt.control));
    for (uint32_t i = 0; i < atom_load_seq(&rt.made); i++)
        tell_of_proc(i);
    mote_dump(STDERR_FILENO, 0);
    raise(signal_number);
}

void watchdog(unsigned seconds)
{
    const char *limit = getenv("MOTE_TEST_LIMIT"); /* then ctest ends it, and nothing is told */
    unsigned most = limit ? (unsigned)atoi(limit) * 9 / 10 : UINT32_MAX;
    if (sanitizer_pins_all() || UNDER_EMULATOR)
        seconds *= 3;
    signal(SIGALRM, tell_of_hang);
    alarm(seconds < most ? seconds : most);
}
