/* SPDX-License-Identifier: MIT */
/* process - child processes.
 * Job:    mote_process_spawn, _wait, _kill, _pid, _pipe, _free.
 * Holds:  PR1 the struct has two owners, the caller and, from uv_spawn until libuv has closed the handle, the loop; who comes last
 *         frees it. PR2 `ended` is a channel in which nothing is ever sent: it is closed when the child has ended and `end` is
 *         set, so any number may wait, with deadlines and contexts, also in a select. PR3 libuv reaps the child, also when
 *         nobody waits any more.
 */
#include "base/atomic.h"
#include "base/attr.h"
#include "io/loop.h"

#include <mote/chan.h>
#include <mote/context.h>
#include <mote/io.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#ifdef MOTE_UV
#define WEAK __attribute__((weak))
extern WEAK __typeof__(uv_spawn) uv_spawn;
extern WEAK __typeof__(uv_process_kill) uv_process_kill;
extern WEAK __typeof__(uv_close) uv_close;

struct mote_process {
    uv_process_t handle; /* first */
    _Atomic int owners;  /* PR1 */
    int pid;             /* immutable */
    int ours[3];         /* the caller's: ends of pipes; -1: none, or fetched */
    mote_chan(char) ended;
    struct mote_process_end end; /* before `ended` is closed */
    bool over;                   /* loop's lock: the handle is of no use any more */
};

static void unref(struct mote_process *p)
{
    if (atom_sub_acq_rel(&p->owners, 1) > 1) /* [PR owners] every owner's uses -> the last one's free, at both ends */
        return;
    mote_chan_free(p->ended);
    free(p);
}

static void on_closed(uv_handle_t *handle) { unref((struct mote_process *)handle); }

/* With the loop's lock. */
static void on_child_end(uv_process_t *handle, int64_t code, int signal)
{
    struct mote_process *p = (struct mote_process *)handle;
    p->end = (struct mote_process_end){signal ? -1 : (int)code, signal};
    p->over = true;
    mote_chan_close(p->ended); /* PR2 */
    loop_pending(-1);
    uv_close((uv_handle_t *)handle, on_closed);
}

/* The child's ends of pipes are closed when it has them. */
struct ends {
    int child[3];
    bool made[3];
};

static void close_child_ends(struct ends *e)
{
    for (int i = 0; i < 3; i++)
        if (e->made[i])
            close(e->child[i]);
}

static int make_pipe(struct mote_process *p, struct ends *e, int i)
{
    int both[2];
    if (pipe2(both, O_CLOEXEC) < 0)
        return -errno;
    e->child[i] = both[i == 0 ? 0 : 1];
    e->made[i] = true;
    p->ours[i] = both[i == 0 ? 1 : 0];
    return mote_adopt_fd(p->ours[i]);
}

static int open_ends(struct mote_process *p, struct ends *e, const int wanted[3])
{
    int error = 0;
    for (int i = 0; i < 3 && error == 0; i++) {
        e->child[i] = wanted[i] > 0 ? wanted[i] : i;
        if (wanted[i] == MOTE_PROCESS_PIPE) {
            error = make_pipe(p, e, i);
        } else if (wanted[i] == MOTE_PROCESS_NULL) {
            e->child[i] = open("/dev/null", O_RDWR | O_CLOEXEC);
            e->made[i] = e->child[i] >= 0;
            error = e->made[i] ? 0 : -errno;
        } else if (wanted[i] < 0) {
            error = -EINVAL;
        }
    }
    return error;
}

static void close_ours(struct mote_process *p)
{
    for (int i = 0; i < 3; i++)
        if (p->ours[i] >= 0)
            mote_close(p->ours[i]);
}

/* Also when there is no child the handle must be closed by libuv: the loop is an owner then as well. */
static int begin(struct mote_process *p, const mote_process_options *o, const struct ends *e)
{
    uv_loop_t *loop;
    uv_stdio_container_t stdio[3];
    char *file_only[] = {(char *)(uintptr_t)o->file, NULL};
    uv_process_options_t options = {.exit_cb = on_child_end,
                                    .file = o->file,
                                    .args = o->args ? (char **)(uintptr_t)o->args : file_only,
                                    .env = (char **)(uintptr_t)o->env,
                                    .cwd = o->directory,
                                    .stdio_count = 3,
                                    .stdio = stdio};
    for (int i = 0; i < 3; i++)
        stdio[i] = (uv_stdio_container_t){.flags = UV_INHERIT_FD, .data.fd = e->child[i]};
    int error = loop_enter(&loop);
    if (error < 0)
        return error;
    atom_add_rlx(&p->owners, 1); /* rlx: under the loop's lock; see unref */
    error = uv_spawn(loop, &p->handle, &options);
    if (error == 0) {
        p->pid = p->handle.pid;
        loop_pending(1);
    } else {
        p->over = true;
        uv_close((uv_handle_t *)&p->handle, on_closed);
    }
    loop_leave();
    return error;
}

static struct mote_process *make(void)
{
    struct mote_process *p = calloc(1, sizeof *p);
    if (!p)
        return NULL;
    atom_store_rlx(&p->owners, 1); /* rlx: nobody else knows it */
    p->ended = mote_chan_make(char, 0);
    if (!p->ended) {
        free(p);
        return NULL;
    }
    for (int i = 0; i < 3; i++)
        p->ours[i] = -1;
    return p;
}

PUBLIC int mote_process_spawn(const mote_process_options *options, mote_process **out)
{
    *out = NULL;
    if (!options || !options->file)
        return -EINVAL;
    const int wanted[3] = {options->in, options->out, options->err};
    struct ends ends = {0};
    struct mote_process *p = make();
    if (!p)
        return -ENOMEM;
    int error = open_ends(p, &ends, wanted);
    if (error == 0)
        error = begin(p, options, &ends);
    close_child_ends(&ends);
    if (error < 0) {
        close_ours(p);
        unref(p);
        return error;
    }
    *out = p;
    return 0;
}

static int ended(struct mote_process *p, int received, mote_process_end *end)
{
    if (received != -EPIPE)
        return received;
    if (end)
        *end = p->end;
    return 0;
}

PUBLIC int mote_process_wait(mote_process *p, mote_process_end *end)
{
    return ended(p, mote_recv(p->ended, NULL), end);
}

PUBLIC int mote_process_wait_until(mote_process *p, mote_process_end *end, int64_t deadline)
{
    return ended(p, mote_recv_until(p->ended, NULL, deadline), end);
}

PUBLIC int mote_process_wait_ctx(mote_ctx *ctx, mote_process *p, mote_process_end *end)
{
    return ended(p, mote_recv_ctx(ctx, p->ended, NULL), end);
}

PUBLIC int mote_process_kill(mote_process *p, int signal)
{
    uv_loop_t *loop;
    int error = loop_enter(&loop);
    if (error < 0)
        return error;
    error = p->over ? -ESRCH : uv_process_kill(&p->handle, signal);
    loop_leave();
    return error;
}

PUBLIC int mote_process_pid(const mote_process *p) { return p->pid; }

PUBLIC int mote_process_pipe(mote_process *p, int which)
{
    if (which < 0 || which > 2 || p->ours[which] < 0)
        return -EBADF;
    int fd = p->ours[which];
    p->ours[which] = -1;
    return fd;
}

PUBLIC void mote_process_free(mote_process *p)
{
    if (!p)
        return;
    close_ours(p);
    unref(p);
}
#else
PUBLIC int mote_process_spawn(const mote_process_options *options, mote_process **out)
{
    *out = NULL;
    return !options || !options->file ? -EINVAL : -ENOSYS;
}
PUBLIC int mote_process_wait(mote_process *p, mote_process_end *end) { return (void)p, (void)end, -ENOSYS; }
PUBLIC int mote_process_wait_until(mote_process *p, mote_process_end *end, int64_t deadline)
{
    return (void)p, (void)end, (void)deadline, -ENOSYS;
}
PUBLIC int mote_process_wait_ctx(mote_ctx *ctx, mote_process *p, mote_process_end *end)
{
    return (void)ctx, (void)p, (void)end, -ENOSYS;
}
PUBLIC int mote_process_kill(mote_process *p, int signal) { return (void)p, (void)signal, -ENOSYS; }
PUBLIC int mote_process_pid(const mote_process *p) { return (void)p, -ENOSYS; }
PUBLIC int mote_process_pipe(mote_process *p, int which) { return (void)p, (void)which, -ENOSYS; }
PUBLIC void mote_process_free(mote_process *p) { (void)p; }
#endif
