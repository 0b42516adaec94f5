/* SPDX-License-Identifier: MIT */
/* test_syscalls - check mode: system calls that are given addresses on other tasks' stacks are reported; all others work as ever. */
#include "borrower.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static bool seen; /* calls are, as found out before there are workers */

/* By a thread whose calls aren't seen; they wouldn't be afterwards. */
static bool sees_calls(void)
{
#if defined(__x86_64__)
    return prctl(59 /* PR_SET_SYSCALL_USER_DISPATCH */, 0, 0, 0, 0) == 0;
#else
    return false;
#endif
}

static NOINLINE void call_read(void)
{
    int ends[2];
    CHECK(pipe(ends) == 0 && write(ends[1], "abc", 3) == 3);
    after += (int)read(ends[0], shared, 3);
}

static void call_write(void)
{
    int ends[2];
    CHECK(pipe(ends) == 0);
    after += (int)write(ends[1], shared, 3);
}

static void call_readv(void)
{
    int ends[2];
    char own[1];
    struct iovec v[] = {{own, 1}, {shared, 2}};
    CHECK(pipe(ends) == 0 && write(ends[1], "abc", 3) == 3);
    after += (int)readv(ends[0], v, 2);
}

static void call_recvmsg(void)
{
    int ends[2];
    struct iovec v = {shared, 3};
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1};
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0 && write(ends[1], "abc", 3) == 3);
    after += (int)recvmsg(ends[0], &m, 0);
}

static void await_zero(pid_t child)
{
    int status = -1;
    CHECK(child > 0 && waitpid(child, &status, 0) == child && status == 0);
}

static void start_processes(void)
{
    pid_t child;
    char *const args[] = {"true", NULL};
    CHECK(system("exit 0") == 0);
    CHECK(posix_spawnp(&child, "true", NULL, NULL, args, environ) == 0);
    await_zero(child);
    child = fork();
    if (child == 0)
        _exit(getppid() > 0 ? 0 : 1);
    await_zero(child);
    child = vfork();
    if (child == 0)
        _exit(0);
    await_zero(child);
}

static void call_after_vfork(void)
{
    start_processes();
    call_read();
}

static void test_system_calls_are_reported(void **state)
{
    (void)state;
    needs_check_mode();
    if (!sees_calls())
        skip();
    expect(call_read, " called read with argument 2 on the stack of ", " call_read+0x");
    expect(call_write, " called write with argument 2 on the stack of ", " call_write+0x");
    expect(call_readv, " called readv with argument 2 on the stack of ", " call_readv+0x");
    expect(call_recvmsg, " called recvmsg with argument 2 on the stack of ", " call_recvmsg+0x");
    expect(call_after_vfork, " called read with argument 2 on the stack of ", " call_read+0x");
}

static void fail_to_read(void)
{
    int ends[2];
    CHECK(pipe(ends) == 0 && write(ends[1], "abc", 3) == 3);
    CHECK(read(ends[0], shared, 3) == -1 && errno == EFAULT);
}

static void test_system_calls_can_be_left_alone(void **state)
{
    (void)state;
    needs_check_mode();
    config = &without_calls;
    struct child_result child = run_child(touch, (void *)fail_to_read);
    assert_quiet(&child);
    child = run_child(touch, (void *)write_to_it);
    must_report(&child, " (borrower) ", WROTE, " write_to_it+0x");
}

/* System calls do what they always do. */

static _Atomic int signals;

static void on_signal(int signal)
{
    (void)signal;
    int saved = errno;
    CHECK(getppid() > 0 && write(-1, "", 1) == -1);
    signals++;
    errno = saved;
}

static void handle(int signal)
{
    struct sigaction act = {.sa_handler = on_signal};
    sigfillset(&act.sa_mask);
    CHECK(sigaction(signal, &act, NULL) == 0);
}

static void block_all_and_call(void)
{
    sigset_t all, old, now;
    sigfillset(&all);
    CHECK(pthread_sigmask(SIG_SETMASK, &all, &old) == 0);
    CHECK(getppid() > 0 && raise(SIGUSR2) == 0 && signals == 1);
    CHECK(pthread_sigmask(SIG_BLOCK, NULL, &now) == 0 && sigismember(&now, SIGUSR2) == 1 &&
          sigismember(&now, SIGTERM) == 1);
    CHECK(pthread_sigmask(SIG_SETMASK, &old, NULL) == 0 && signals == 2);
}

static void suspend(void)
{
    sigset_t user, old;
    sigemptyset(&user);
    sigaddset(&user, SIGUSR2);
    CHECK(pthread_sigmask(SIG_BLOCK, &user, &old) == 0 && raise(SIGUSR2) == 0 && signals == 2);
    sigfillset(&user);
    sigdelset(&user, SIGUSR2);
    CHECK(sigsuspend(&user) == -1 && errno == EINTR && signals == 3);
    CHECK(pthread_sigmask(SIG_SETMASK, &old, NULL) == 0);
}

/* Masks for the time of one call. */
static void wait_with_masks(void)
{
    sigset_t user, old, others;
    const struct timespec never = {60, 0};
    sigemptyset(&user);
    sigaddset(&user, SIGUSR2);
    sigfillset(&others);
    sigdelset(&others, SIGUSR2);
    CHECK(pthread_sigmask(SIG_BLOCK, &user, &old) == 0);
    int set = epoll_create1(0), before = signals;
    struct epoll_event event;
    CHECK(raise(SIGUSR2) == 0 && ppoll(NULL, 0, &never, &others) == -1 && errno == EINTR && signals == before + 1);
    CHECK(raise(SIGUSR2) == 0 && pselect(0, NULL, NULL, NULL, &never, &others) == -1 && errno == EINTR);
    CHECK(signals == before + 2 && raise(SIGUSR2) == 0 && epoll_pwait(set, &event, 1, 60000, &others) == -1);
    CHECK(errno == EINTR && signals == before + 3 && close(set) == 0);
    CHECK(pthread_sigmask(SIG_SETMASK, &old, NULL) == 0);
}

static void *add_one(void *arg)
{
    ++*(int *)arg;
    return NULL;
}

static void make_thread(void)
{
    pthread_t thread;
    int n = 1; /* the task doesn't leave meanwhile */
    CHECK(pthread_create(&thread, NULL, add_one, &n) == 0 && pthread_join(thread, NULL) == 0 && n == 2);
}

/* A stack of its own for a child, with and without the parent's memory. */
static int exit_with(void *arg) { _exit(*(int *)arg); }

static void begin_on_stack(int flags)
{
    static char stack[64 << 10] __attribute__((aligned(16)));
    int code = 7, status = -1;
    pid_t child = clone(exit_with, stack + sizeof stack, flags | SIGCHLD, &code);
    CHECK(child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 7);
}

/* A handler may run on any thread as soon as it is installed: it never blocks SIGSYS, also after a fork, vfork or a thread. */
static void start_and_handle(void)
{
    sigset_t all;
    struct sigaction act;
    sigfillset(&all);
    signals = 0;
    handle(SIGUSR2);
    CHECK(sigaction(SIGUSR2, NULL, &act) == 0 && sigismember(&act.sa_mask, SIGTERM) == 1);
    CHECK(!seen || sigismember(&act.sa_mask, SIGSYS) == 0);
    CHECK(pthread_sigmask(SIG_BLOCK, &all, NULL) == 0);
    mote_yield();
    CHECK(pthread_sigmask(SIG_UNBLOCK, &all, NULL) == 0 && raise(SIGUSR2) == 0 && signals == 1);
}

#if defined(__x86_64__)
/* The kernel keeps the registers of arguments, and compilers rely on it. */
static void keep_registers(void)
{
    sigset_t none;
    const struct timespec now = {0, 0};
    const void *mask = &none, *time = &now, *fds = NULL;
    unsigned long n = 0, size = 8, result = SYS_ppoll;
    sigfillset(&none);
    register const void *r10 __asm__("r10") = mask;
    register unsigned long r8 __asm__("r8") = size, r9 __asm__("r9") = 9;
    __asm__ volatile("syscall"
                     : "+a"(result), "+D"(fds), "+S"(n), "+d"(time), "+r"(r10), "+r"(r8), "+r"(r9)
                     :
                     : "rcx", "r11", "memory");
    CHECK(result == 0 && fds == NULL && n == 0 && time == &now && r10 == mask && r8 == size && r9 == 9);
}

/* Kernels may lack it: then it is a fault. */
static long getpid_as_32_bit(void)
{
    long result = 20;
    __asm__ volatile("int $0x80" : "+a"(result) : : "memory", "r8", "r9", "r10", "r11");
    return result;
}

static void call_as_32_bit(void)
{
    int status;
    pid_t child = fork();
    if (child == 0) {
        signal(SIGSEGV, SIG_DFL);
        _exit(getpid_as_32_bit() == getpid() ? 0 : 1);
    }
    CHECK(waitpid(child, &status, 0) == child);
    if (WIFEXITED(status))
        CHECK(WEXITSTATUS(status) == 0 && getpid_as_32_bit() == getpid());
}
#else
static void keep_registers(void) {}
static void call_as_32_bit(void) {}
#endif

static void call_the_kernel(void *arg)
{
    (void)arg;
    char buffer[8] = "";
    int ends[2];
    CHECK(pipe(ends) == 0 && write(ends[1], "abcdef", 6) == 6);
    CHECK(pread(ends[0], buffer, 1, 0) == -1 && errno == ESPIPE);
    struct iovec v[] = {{buffer, 2}, {buffer + 4, 3}};
    CHECK(readv(ends[0], v, 2) == 5 && memcmp(buffer, "ab\0\0cde", 7) == 0);
    handle(SIGUSR2);
    CHECK(raise(SIGUSR2) == 0 && signals == 1);
    block_all_and_call();
    suspend();
    wait_with_masks();
    start_processes();
    make_thread();
    begin_on_stack(0);
    begin_on_stack(CLONE_VM | CLONE_VFORK);
    start_and_handle();
    keep_registers();
    call_as_32_bit();
}

/* libuv's handlers block every signal, whoever has the library install them. */
static mote_chan(int) noted;

static void *notify(void *arg)
{
    sigset_t sigsys, now;
    sigemptyset(&sigsys);
    sigaddset(&sigsys, SIGSYS);
    CHECK(pthread_sigmask(SIG_BLOCK, &sigsys, NULL) == 0);
    CHECK(mote_signal_notify(noted, SIGHUP) == 0);
    CHECK(pthread_sigmask(SIG_BLOCK, NULL, &now) == 0 && sigismember(&now, SIGSYS) == 1);
    return arg;
}

static void raise_and_hear(int signal)
{
    int got = 0;
    for (int i = 0; i < 10; i++)
        CHECK(raise(signal) == 0 && mote_recv(noted, &got) == 0 && got == signal);
}

static void fork_and_notify(void)
{
    start_processes();
    CHECK(mote_signal_notify(noted, SIGURG) == 0);
    raise_and_hear(SIGURG);
}

static void be_notified(void)
{
    pthread_t thread;
    noted = mote_chan_make(int, 10);
    CHECK(pthread_create(&thread, NULL, notify, NULL) == 0 && pthread_join(thread, NULL) == 0);
    CHECK(mote_join(mote_spawn(raise_and_hear, SIGHUP), NULL) == 0);
    CHECK(mote_join(mote_spawn(fork_and_notify), NULL) == 0);
    CHECK(mote_signal_stop(noted) == 0);
    mote_chan_free(noted);
}

/* A test library puts back what it found, by signal(). */
static _Atomic int calls;

static void call_on(void)
{
    while (calls >= 0 && getppid() > 0)
        calls++;
    calls = 0;
}

static void await_calls(int more)
{
    for (int n = calls; calls < n + more;)
        sched_yield();
}

static void keep_the_handler_alone(void)
{
    struct sigaction act;
    CHECK(mote_go(call_on) == 0);
    await_calls(10);
    CHECK(sigaction(SIGSYS, NULL, &act) == 0 && signal(SIGSYS, act.sa_handler) == act.sa_handler);
    await_calls(10);
    calls = -1000;
    while (calls)
        sched_yield();
}

static void call_in_child(void *arg)
{
    seen = sees_calls();
    handle(SIGUSR1); /* before the runtime: on its workers, too, it must not block what they need */
    CHECK(mote_start(arg) == 0);
    const mote_attr pinned = {.pinned = true};
    CHECK(mote_join(mote_spawn_with(&pinned, call_the_kernel, NULL), NULL) == 0);
    signals = 0;
    CHECK(mote_join(mote_spawn(call_the_kernel, NULL), NULL) == 0);
    signals = 0;
    CHECK(mote_join(mote_spawn(raise, SIGUSR1), NULL) == 0 && signals == 1);
    be_notified();
    if (seen)
        keep_the_handler_alone();
    CHECK(mote_stop(mote_now() + 10 * MOTE_S) == 0);
}

static void test_system_calls_work(void **state)
{
    (void)state;
    needs_check_mode();
    if (UNDER_EMULATOR)
        skip();
    struct child_result child = run_child(call_in_child, (void *)&two);
    assert_quiet(&child);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_system_calls_are_reported),
        cmocka_unit_test(test_system_calls_can_be_left_alone),
        cmocka_unit_test(test_system_calls_work),
    };
    if (in_check_mode())
        unsetenv("MOTEDEBUG"); /* how it is done differs from test to test */
    watchdog(120);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
