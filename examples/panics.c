/* SPDX-License-Identifier: MIT */
/* panics - a server in which one bad request is one failed request, and nothing more.
 *
 * First the wrong way, in a child process: a panic that nothing catches ends the program, with a report on stderr. Then the right
 * way: mote_try around each request, mote_defer for what must be undone. */
#include <mote.h>

#include "program.h"

#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#define REQUESTS 100
#define SEATS 10

static _Atomic int served, failed, still_open;

/* Deep within a request, where nobody returns errors. */
static int seat_of(int request)
{
    if (request % 25 == 7)
        mote_panic("request %d asks for seat %d of %d", request, request * 3, SEATS);
    return request % SEATS;
}

static void close_request(void *arg)
{
    (void)arg;
    still_open--;
}

static void handle(void *arg)
{
    int request = *(int *)arg;
    still_open++;
    if (mote_defer(close_request, NULL) < 0) /* it is called whatever happens */
        return;
    mote_sleep(MOTE_MS); /* others have their turn */
    if (seat_of(request) < SEATS)
        served++;
}

/* Wrong: nothing stands between the handler and the end of the program. */
static void serve_badly(int request) { handle(&request); }

/* Right. */
static void serve(int request)
{
    mote_error error;
    if (mote_try(handle, &request, &error) == 0)
        return;
    failed++;
    printf("  task %llu: %s\n", (unsigned long long)error.task, error.message);
}

static int bad_server(int argc, char **argv)
{
    (void)argc, (void)argv;
    for (int i = 0; i < REQUESTS; i++)
        mote_go(serve_badly, i);
    mote_sleep(MOTE_FOREVER);
    return 0;
}

/* Also for tasks that nobody thought of: with panic_ends_task their panics end them alone, and who joins them is told. */
static int good_server(void)
{
    const mote_config config = {.panic_ends_task = true};
    if (mote_start(&config) < 0)
        return 1;
    for (int i = 0; i < REQUESTS; i++)
        mote_go(serve, i);
    int joined = mote_join(mote_spawn(serve_badly, 7), NULL);
    int left = mote_stop(mote_now() + 10 * MOTE_S);
    printf("%d served, %d failed, %d left open\n", served, failed, still_open);
    printf("the task without mote_try: %s\n", joined < 0 ? "a panic has ended it" : "no panic?");
    return left == 0 && served == 96 && failed == 4 && still_open == 0 && joined < 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
    if (argc > 1)
        program_refuse("usage: panics");
    pid_t child = fork(); /* before there is a runtime: a running one doesn't survive a fork */
    if (child == 0)
        return mote_run(bad_server, argc, argv);
    int status;
    if (child < 0 || waitpid(child, &status, 0) < 0 || !WIFSIGNALED(status))
        return 1;
    printf("without mote_try: a signal has ended the server\nwith it:\n");
    fflush(stdout);
    return program_status("panics", good_server());
}
