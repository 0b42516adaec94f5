/* SPDX-License-Identifier: MIT */
/* support - what the tests share.
 * Job: sizes that fit the checking tool, children that may die, a runtime around a test body, and cmocka's includes.
 */
#ifndef TESTS_SUPPORT_H
#define TESTS_SUPPORT_H

#include <mote.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* n, or a twentieth of it under ASan, TSan and Valgrind, or MOTE_TEST_SCALE percent of it; at least 1. */
long scale(long n);

/* Whether MOTEDEBUG asks for check mode. */
bool in_check_mode(void);

/* Whether tasks share homes: not in check mode, nor under ASan, TSan and Valgrind. */
bool stacks_are_copied(void);

/* Whether an emulator runs this program: what the system says of the process is then about both. */
#ifdef TEST_EMULATED
#define UNDER_EMULATOR 1
#else
#define UNDER_EMULATOR 0
#endif

struct child_result {
    int status;     /* as waitpid gives it */
    char err[8192]; /* what it said on stderr, ended by 0; less what an emulator adds about a deadly signal */
};

/* Runs body(arg) in a forked process, which _exits with 0 when it returns and is killed after a minute; deadly signals
 * have their default effect in it. body uses CHECK, not cmocka's assertions. */
struct child_result run_child(void (*body)(void *arg), void *arg);

/* Fails unless the child died by that signal. */
void assert_killed(const struct child_result *child, int signal);

/* The same for a child that runs body(NULL): it must abort, and have said text before. */
void assert_dies_saying(void (*body)(void *arg), const char *text);

/* What mkstemp and mkdtemp want, in the folder for temporary files (TMPDIR): `name`, which it fills in. */
char *temporary_name(char *name, size_t size);

/* A line of /proc/self/status: VmRSS, VmSize; -1: there is none. */
long status_kb(const char *what);

/* xorshift: any state, which must not be 0. */
uint32_t test_random(uint32_t *state);

/* Starts a runtime, runs body as a pinned task, joins it and stops the runtime; fails when tasks are left after 30 s. */
void run_with(const mote_config *config, void (*body)(void *arg), void *arg);
extern const mote_config two_procs;
/* No more tasks than procs run at once, however long they compute, and however slow the machine is. */
extern const mote_config one_proc, one_proc_two_homes, only_two_procs;

/* The same with 1, 2 and 8 procs, and with homes that all share. */
void run_with_each(void (*body)(void *arg), void *arg);

/* body(NULL) as run_with_each does it, and in a plain thread beside a runtime. */
void run_everywhere(void (*body)(void *arg));

/* body(arg) in each of n plain threads, until all have ended; at most 16. */
void run_in_threads(int n, void *(*body)(void *arg), void *arg);

/* Until all tasks but the caller have ended. */
void yield_until_alone(void);

/* Until at least n tasks are parked. A task counts from when it stands in the queue of what it waits for: who takes that object's
 * lock afterwards finds it there. By any thread. */
void await_parked(uint64_t n);

/* Until all tasks but the caller are parked or have ended. Those that a crowd's wake-up has still under way count as parked: to
 * see that no more go on than should, await those that should first. */
void await_all_parked(void);

/* Until n plain threads wait without a deadline. */
void await_threads(int n);

/* For tasks, threads other than the test's, and children, where cmocka's assertions can't jump out. */
#define CHECK(condition) ((condition) ? (void)0 : check_failed(#condition, __FILE__, __LINE__))
void check_failed(const char *condition, const char *file, int line) __attribute__((noreturn));

/* In so many seconds, or three times that under a tool or an emulator, the process tells where its procs and tasks are, and dies by
 * SIGALRM; 0 calls it off. */
void watchdog(unsigned seconds);

#endif
