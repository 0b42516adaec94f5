/* SPDX-License-Identifier: MIT */
/* serving - the second signal is waited for by a task of its own, so that it works whatever the program is at. */
#include "serving.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

static sigset_t ending; /* the signals that end us */

void serving_prepare(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    sigemptyset(&ending);
    sigaddset(&ending, SIGINT);
    sigaddset(&ending, SIGTERM);
    signal(SIGINT, SIG_DFL); /* a shell ignores it for what runs in the background */
    pthread_sigmask(SIG_BLOCK, &ending, NULL);
}

long serving_number(const char *text, long least, long most, void (*usage)(void))
{
    char *end;
    long n = strtol(text, &end, 10);
    if (end == text || *end || n < least || n > most)
        usage();
    return n;
}

/* Until the listener is closed. When descriptors run out, mote_accept waits for some. */
static void accept_all(int listener, void (*start)(int fd))
{
    for (int fd; (fd = mote_accept(listener)) >= 0;)
        start(fd);
}

/* 0, or an error. */
static int wait_for_signal(int signals)
{
    struct signalfd_siginfo info;
    intptr_t n = mote_read(signals, &info, sizeof info);
    return n < 0 ? (int)n : 0;
}

static void end_at_once(int signals)
{
    if (wait_for_signal(signals) == 0)
        _exit(1);
}

/* A descriptor that can be read when a signal has come: opened while there are descriptors, which may run out. */
static int watch_signals(void)
{
    int signals = signalfd(-1, &ending, SFD_CLOEXEC), error = mote_adopt_fd(signals);
    return error < 0 ? error : signals;
}

int serving_accept(const char *address, const char *greeting, void (*start)(int fd))
{
    char name[128];
    int signals = watch_signals(), listener = mote_listen("tcp", address);
    if (signals < 0 || listener < 0)
        return signals < 0 ? signals : listener;
    mote_local_address(listener, name, sizeof name);
    printf("%s%s\n", greeting, name);
    fflush(stdout);
    mote_task *accepting = mote_spawn(accept_all, listener, start);
    if (!accepting)
        return -errno;

    int error = wait_for_signal(signals);
    if (error == 0)
        error = mote_go(end_at_once, signals);
    mote_close(listener);
    mote_join(accepting, NULL); /* or it might yet start a connection, which nobody would wait for */
    return error;
}
