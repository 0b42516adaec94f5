/* SPDX-License-Identifier: MIT */
/* quit - SIGQUIT asks for a report.
 * Job:    dump all tasks, and then let the process die of the signal as it would have, or go on (mote_config.sigquit).
 * Holds:  QU1 the handler only leaves word and wakes the monitor, which does the rest in its own thread. QU2 a program that has a
 *         handler for the signal, or ignores it, is left alone.
 */
#include "base/msg.h"
#include "sched/proc.h"

#include <mote/debug.h>

#include <errno.h>
#include <signal.h>
#include <unistd.h>

enum { REPORT_AND_END, GO_ON, LEFT_ALONE }; /* mote_config.sigquit */

static void on_quit(int signal)
{
    int saved = errno;
    (void)signal;
    atom_store_seq(&rt.quit_asked, 1); /* [W monitor] as state: stored, then it is woken */
    monitor_wake();
    errno = saved;
}

static bool is_default(void)
{
    struct sigaction now;
    return sigaction(SIGQUIT, NULL, &now) == 0 && !(now.sa_flags & SA_SIGINFO) && now.sa_handler == SIG_DFL;
}

void debug_start(void)
{
    struct sigaction act = {.sa_handler = on_quit, .sa_flags = SA_RESTART | SA_ONSTACK};
    sigemptyset(&act.sa_mask);
    atom_store_seq(&rt.quit_asked, 0);                             /* seq: no worker runs yet */
    if (rt.sigquit != LEFT_ALONE && !rt.simulated && is_default()) /* a simulation has no monitor */
        sigaction(SIGQUIT, &act, NULL);
}

void debug_stop(void)
{
    struct sigaction now;
    if (sigaction(SIGQUIT, NULL, &now) == 0 && !(now.sa_flags & SA_SIGINFO) && now.sa_handler == on_quit)
        signal(SIGQUIT, SIG_DFL);
}

/* On the monitor thread. */
void debug_on_quit(void)
{
    atom_store_seq(&rt.quit_asked, 0); /* seq: another one is another report */
    msg_print("SIGQUIT: all tasks");
    mote_dump(STDERR_FILENO, 0);
    if (rt.sigquit == GO_ON)
        return;
    sigset_t quit;
    signal(SIGQUIT, SIG_DFL);
    sigemptyset(&quit);
    sigaddset(&quit, SIGQUIT);
    pthread_sigmask(SIG_UNBLOCK, &quit, NULL);
    /* To this very thread: one to the process may reach another thread, later, and the program would go on. */
    raise(SIGQUIT);
}
