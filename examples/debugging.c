/* SPDX-License-Identifier: MIT */
/* debugging - three programs with something wrong, and what the library says about each.
 *
 *     debugging [leak | deadlock | hog]
 *
 * Without a name all of them, one after the other. What they say is on stderr: read it beside this file. */
#include <mote.h>

#include "program.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static void answer(mote_chan(int) answers, int n) { mote_send(answers, n); }

/* Two answers, and one is received: the other task waits for ever. */
static int leak(int argc, char **argv)
{
    (void)argc, (void)argv;
    static mote_chan(int) answers;
    answers = mote_chan_make(int, 0);
    for (int n = 0; n < 2; n++)
        mote_go(answer, answers, n);
    mote_recv(answers, NULL);
    return mote_leaks() == 1 ? 0 : 1; /* MOTEDEBUG=leaks=1 says the same when the program ends */
}

static void lock_both(mote_mutex *first, mote_mutex *second, mote_barrier *both)
{
    mote_mutex_lock(first);
    mote_barrier_wait(both);
    mote_mutex_lock(second); /* each of the two has what the other one wants */
}

static int deadlock(int argc, char **argv)
{
    static mote_mutex a, b;
    static mote_barrier both = MOTE_BARRIER(2);
    (void)argc, (void)argv;
    mote_task *other = mote_spawn(lock_both, &a, &b, &both);
    lock_both(&b, &a, &both);
    return mote_join(other, NULL); /* never comes here: the program ends with a report, and status 2 */
}

static atomic_bool runs, enough;

static void count_for_ever(void)
{
    for (runs = true; !enough;) /* no call of the library: nothing can stop it, and it holds its proc */
        continue;
}

/* As SIGQUIT would from a terminal: the report shows a task that is running, and where. */
static void *look(void *arg)
{
    while (!runs)
        usleep(1000);
    mote_dump(STDERR_FILENO, 0);
    enough = true;
    return arg;
}

static int hog(int argc, char **argv)
{
    pthread_t thread;
    (void)argc, (void)argv;
    int error = pthread_create(&thread, NULL, look, NULL);
    return error || mote_join(mote_spawn(count_for_ever), NULL) || pthread_join(thread, NULL);
}

static const struct {
    const char *name;
    int (*program)(int argc, char **argv);
    int status; /* as it should end */
} cases[] = {{"leak", leak, 0}, {"deadlock", deadlock, 2}, {"hog", hog, 0}};

/* In a child, before there is a runtime: a runtime doesn't go along with fork. */
static bool ends_as_told(int i)
{
    int status = 0;
    printf("-- %s --\n", cases[i].name);
    fflush(stdout);
    pid_t child = fork();
    if (child == 0)
        exit(mote_run(cases[i].program, 0, NULL));
    waitpid(child, &status, 0);
    printf("it ended with status %d\n", WEXITSTATUS(status));
    return WIFEXITED(status) && WEXITSTATUS(status) == cases[i].status;
}

int main(int argc, char **argv)
{
    int found = 0, wrong = 0;
    for (int i = 0; i < 3 && argc <= 2; i++)
        if (argc < 2 || strcmp(argv[1], cases[i].name) == 0) {
            found++;
            wrong += !ends_as_told(i);
        }
    if (!found)
        program_refuse("usage: debugging [leak | deadlock | hog]");
    return program_status("debugging", wrong ? 1 : 0);
}
