/* SPDX-License-Identifier: MIT */
/* test_signal - signals arrive in channels as long as they are asked for (SG1-SG3), and have their own effect before and after. */
#include "support.h"

#include "base/sanitizer.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

typedef mote_chan(int) channel;

static bool is_default(int number)
{
    struct sigaction now;
    return sigaction(number, NULL, &now) == 0 && now.sa_handler == SIG_DFL;
}

static int next_of(channel c)
{
    int number = 0;
    CHECK(mote_recv(c, &number) == 0);
    return number;
}

static void walk_through(void *arg)
{
    (void)arg;
    channel c = mote_chan_make(int, 4), other = mote_chan_make(int, 1);
    CHECK(mote_signal_notify(c, SIGUSR1, SIGUSR2) == 0 && !is_default(SIGUSR1) && is_default(SIGHUP));
    CHECK(mote_signal_notify(c, SIGUSR1) == 0); /* once is enough */
    kill(getpid(), SIGUSR1);
    CHECK(next_of(c) == SIGUSR1);
    kill(getpid(), SIGUSR2);
    CHECK(next_of(c) == SIGUSR2 && mote_chan_len(c) == 0);
    CHECK(mote_signal_notify(other, SIGUSR2) == 0);
    kill(getpid(), SIGUSR2);
    CHECK(next_of(c) == SIGUSR2 && next_of(other) == SIGUSR2);
    CHECK(mote_signal_stop(c) == 0 && is_default(SIGUSR1) && !is_default(SIGUSR2));
    kill(getpid(), SIGUSR2);
    CHECK(next_of(other) == SIGUSR2 && mote_chan_len(c) == 0);
    CHECK(mote_signal_stop(other) == 0 && is_default(SIGUSR2));
    CHECK(mote_signal_stop(other) == 0);
    mote_chan_free(c);
    mote_chan_free(other);
}

static void refuse(void *arg)
{
    (void)arg;
    channel c = mote_chan_make(int, 1);
    CHECK(mote_signal_notify(c, SIGKILL) == -EINVAL && mote_signal_notify(c, SIGSTOP) == -EINVAL);
    CHECK(mote_signal_notify(c, 0) == -EINVAL && mote_signal_notify(c, 65) == -EINVAL);
    CHECK(mote_signal_notify(c, SIGUSR1, -1) == -EINVAL && is_default(SIGUSR1));
    CHECK(mote_signal_notify((channel)NULL, SIGUSR1) == -EINVAL && mote_signal_stop((channel)NULL) == -EINVAL);
    mote_chan_free(c);
}

static void test_they_arrive_while_asked_for(void **state)
{
    (void)state;
    if (UNDER_TSAN || UNDER_EMULATOR) /* both have signals of their own, and keep others back */
        skip();
    channel c = mote_chan_make(int, 1);
    assert_int_equal(mote_signal_notify(c, SIGUSR1), -ESHUTDOWN);
    assert_int_equal(mote_signal_stop(c), -ESHUTDOWN);
    assert_true(is_default(SIGUSR1));
    mote_chan_free(c);
    run_everywhere(walk_through);
    run_everywhere(refuse);
}

/* A full channel misses it; nobody is held up. */
static void send_many(void *arg)
{
    (void)arg;
    channel full = mote_chan_make(int, 1), last = mote_chan_make(int, 1);
    CHECK(mote_signal_notify(full, SIGUSR1) == 0);
    for (int i = 0; i < 5; i++)
        kill(getpid(), SIGUSR1);
    CHECK(mote_signal_notify(last, SIGUSR2) == 0);
    kill(getpid(), SIGUSR2);
    CHECK(next_of(last) == SIGUSR2 && next_of(full) == SIGUSR1);
    CHECK(mote_signal_stop(full) == 0 && mote_signal_stop(last) == 0);
    mote_chan_free(full);
    mote_chan_free(last);
}

static void test_a_full_channel_misses_them(void **state)
{
    (void)state;
    if (UNDER_TSAN || UNDER_EMULATOR) /* both have signals of their own, and keep others back */
        skip();
    run_with_each(send_many, NULL);
}

/* Nothing else goes on: no deadlock. */
static channel waited_for;

static int main_waits(int argc, char **argv)
{
    (void)argc, (void)argv;
    waited_for = mote_chan_make(int, 1);
    CHECK(mote_signal_notify(waited_for, SIGTERM) == 0);
    CHECK(write(STDERR_FILENO, "waits\n", 6) == 6);
    return next_of(waited_for) == SIGTERM ? 7 : 1; /* registered still */
}

static void body_waits(void *arg)
{
    (void)arg;
    int result = mote_run(main_waits, 0, NULL);
    CHECK(is_default(SIGTERM)); /* the end of the runtime has seen to it */
    mote_chan_free(waited_for);
    _exit(result);
}

static void test_a_program_may_wait_for_signals_alone(void **state)
{
    (void)state;
    if (UNDER_TSAN || UNDER_EMULATOR) /* both have signals of their own, and keep others back */
        skip();
    int ends[2];
    char said[64];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], STDERR_FILENO);
        body_waits(NULL);
    }
    close(ends[1]);
    assert_true(read(ends[0], said, sizeof said) >= 6);
    usleep(200000); /* time in which a deadlock might be seen */
    kill(child, SIGTERM);
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 7);
    close(ends[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_they_arrive_while_asked_for),
        cmocka_unit_test(test_a_full_channel_misses_them),
        cmocka_unit_test(test_a_program_may_wait_for_signals_alone),
    };
    watchdog(60);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
