/* SPDX-License-Identifier: MIT */
/* loop_variable - starting tasks in a loop: what goes wrong when they get the address of its variable, and how it is done.
 *
 *     loop_variable [--wrong]
 *
 * The address says "look it up when you run", and by then the loop has gone on. With --wrong the program makes the mistake
 * where it is worst, and is stopped; without it, it has that done by a child, and shows what the child said. */
#include <mote.h>

#include "program.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define TASKS 5

static void look_there(mote_chan(int) out, const int *number, mote_chan(int) gate)
{
    mote_recv(gate, NULL); /* any task may come that late */
    mote_send(out, *number);
}

static void take_value(mote_chan(int) out, int number, mote_chan(int) gate)
{
    mote_recv(gate, NULL);
    mote_send(out, number);
}

/* What the tasks saw; true when it was 0 to TASKS - 1, each once. */
static bool collect(const char *how, mote_chan(int) out)
{
    unsigned seen = 0;
    printf("%s: the tasks saw", how);
    for (int i = 0, v; i < TASKS && mote_recv(out, &v) == 0; i++) {
        printf(" %d", v);
        seen |= 1u << v;
    }
    printf("\n");
    return seen == (1u << TASKS) - 1;
}

/* Starts the tasks, then opens the gate: the loop is over when they look. */
static bool start(bool by_address)
{
    mote_chan(int) out = mote_chan_make(int, TASKS);
    mote_chan(int) gate = mote_chan_make(int, 0);
    int i;
    for (i = 0; i < TASKS; i++) {
        if (by_address)
            mote_go(look_there, out, &i, gate);
        else
            mote_go(take_value, out, i, gate);
    }
    mote_chan_close(gate);
    bool good = collect(by_address ? "by address" : "by value", out);
    mote_sleep(MOTE_MS); /* who has sent may not have returned */
    while (mote_task_count() > 1)
        mote_yield();
    mote_chan_free(out);
    mote_chan_free(gate);
    return good;
}

/* The main task is pinned: its locals have a place of their own, so tasks may be lent them, and mote doesn't complain. It
 * is wrong all the same: they see what i is now. By value each has its own: the arguments of mote_go are copied. */
static int lend_and_copy(int argc, char **argv)
{
    (void)argc, (void)argv;
    bool by_address = start(true), by_value = start(false);
    return !by_address && by_value ? 0 : 1;
}

/* An ordinary task's stack is put elsewhere when it waits and another one needs the place. So an address in it would soon
 * lead into some other task's frames: mote looks at every argument, and stops the program right where the mistake is. */
static void lend_from_copied_stack(void)
{
    struct mote_stack_info info;
    mote_stack_info(&info);
    if (info.pinned)
        fprintf(stderr, "not refused: every task is pinned, as under tools that check memory\n");
    else
        start(true);
}

static int run_wrong(int argc, char **argv)
{
    (void)argc, (void)argv;
    return mote_join(mote_spawn(lend_from_copied_stack), NULL);
}

/* To be called while no runtime runs: a fork takes only the calling thread along, so a runtime's workers would be gone. */
static bool show_wrong(char **argv)
{
    char text[1024] = "";
    int pipes[2], status = 0;
    size_t have = 0;
    if (pipe(pipes) < 0)
        return false;
    pid_t child = fork();
    if (child == 0) {
        dup2(pipes[1], STDERR_FILENO);
        close(pipes[0]);
        close(pipes[1]);
        _exit(mote_run(run_wrong, 0, argv) == 0 ? 0 : 1);
    }
    close(pipes[1]);
    for (ssize_t n; have < sizeof text - 1 && (n = read(pipes[0], text + have, sizeof text - 1 - have)) > 0;)
        have += (size_t)n;
    close(pipes[0]);
    waitpid(child, &status, 0);
    printf("from a copied stack: %s", text);
    fflush(stdout);
    return WIFSIGNALED(status) ? strstr(text, "points into the stack of task") != NULL
                               : strstr(text, "not refused") != NULL;
}

int main(int argc, char **argv)
{
    bool wrong = argc == 2 && strcmp(argv[1], "--wrong") == 0;
    if (argc > 1 && !wrong)
        program_refuse("usage: loop_variable [--wrong]");
    if (wrong)
        return program_status("loop_variable", mote_run(run_wrong, argc, argv));
    bool good = show_wrong(argv);
    int result = mote_run(lend_and_copy, argc, argv);
    return program_status("loop_variable", good ? result : 1);
}
