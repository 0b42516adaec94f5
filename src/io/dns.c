/* SPDX-License-Identifier: MIT */
/* dns - names of hosts and services.
 * Job:    mote_getaddrinfo, by libuv's threads.
 * Holds:  DN1 the request owns itself: it ends when libuv is done with it, whether or not somebody still waits. DN2 who asks and
 *         the request share a channel with room for the one answer; who gives up closes it, and frees an answer that is in it. So
 *         every answer has one owner.
 */
#include "base/attr.h"
#include "io/loop.h"
#include "sched/sched.h"

#include <mote/chan.h>
#include <mote/context.h>
#include <mote/io.h>

#include <errno.h>
#include <netdb.h>
#include <stdlib.h>

/* getaddrinfo's own errors are no errnos. */
static int errno_of(int eai)
{
    switch (eai) {
    case 0:
        return 0;
    case EAI_NONAME:
    case EAI_NODATA:
    case EAI_ADDRFAMILY:
        return -ENOENT;
    case EAI_AGAIN:
        return -EAGAIN;
    case EAI_MEMORY:
        return -ENOMEM;
    case EAI_SYSTEM:
        return errno ? -errno : -EIO;
    case EAI_FAIL:
        return -EIO;
    default:
        return -EINVAL; /* the family, the flags, the service */
    }
}

static int look_up_in_place(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **list)
{
    return errno_of(getaddrinfo(node, service, hints, list));
}

#ifdef MOTE_UV
#define WEAK __attribute__((weak))
extern WEAK __typeof__(uv_getaddrinfo) uv_getaddrinfo;

struct answer {
    int error;
    struct addrinfo *list;
};

struct lookup {
    uv_getaddrinfo_t request; /* first */
    mote_chan(struct answer) to;
};

static int errno_of_uv(int error)
{
    static const struct {
        int uv, eai;
    } pairs[] = {{UV_EAI_NONAME, EAI_NONAME},    {UV_EAI_NODATA, EAI_NODATA},   {UV_EAI_ADDRFAMILY, EAI_ADDRFAMILY},
                 {UV_EAI_AGAIN, EAI_AGAIN},      {UV_EAI_MEMORY, EAI_MEMORY},   {UV_EAI_FAIL, EAI_FAIL},
                 {UV_EAI_FAMILY, EAI_FAMILY},    {UV_EAI_SERVICE, EAI_SERVICE}, {UV_EAI_BADFLAGS, EAI_BADFLAGS},
                 {UV_EAI_SOCKTYPE, EAI_SOCKTYPE}};
    for (unsigned i = 0; i < ARRAY_LENGTH(pairs); i++)
        if (pairs[i].uv == error)
            return errno_of(pairs[i].eai);
    return error; /* 0, an errno, UV_EAI_CANCELED */
}

/* With the loop's lock. DN1, DN2 */
static void on_answer(uv_getaddrinfo_t *request, int error, struct addrinfo *list)
{
    struct lookup *l = (struct lookup *)request;
    struct answer answer = {errno_of_uv(error), list};
    if (mote_try_send(l->to, answer) < 0 && list)
        freeaddrinfo(list);
    mote_chan_free(l->to);
    free(l);
    loop_pending(-1);
}

/* 0: the lookup is libuv's now. */
static int begin(struct lookup *l, const char *node, const char *service, const struct addrinfo *hints)
{
    uv_loop_t *loop;
    int error = loop_enter(&loop);
    if (error < 0)
        return error;
    error = uv_getaddrinfo(loop, &l->request, on_answer, node, service, hints);
    if (error == 0)
        loop_pending(1);
    loop_leave();
    return errno_of_uv(error);
}

static int await(mote_ctx *ctx, mote_chan(struct answer) to, struct addrinfo **list)
{
    struct answer answer = {0, NULL};
    int error = ctx ? mote_recv_ctx(ctx, to, &answer) : mote_recv(to, &answer);
    if (error == 0) {
        *list = answer.list;
        return answer.error;
    }
    mote_chan_close(to); /* DN2 */
    if (mote_try_recv(to, &answer) == 0 && answer.list)
        freeaddrinfo(answer.list);
    return error;
}

static int look_up(mote_ctx *ctx, const char *node, const char *service, const struct addrinfo *hints,
                   struct addrinfo **list)
{
    mote_chan(struct answer) to = mote_chan_make(struct answer, 1);
    struct lookup *l = to ? malloc(sizeof *l) : NULL;
    int error = -ENOMEM;
    if (l) {
        l->to = mote_chan_ref(to);
        error = begin(l, node, service, hints);
        if (error < 0) {
            mote_chan_free(l->to);
            free(l);
        }
    }
    if (error == 0)
        error = await(ctx, to, list);
    mote_chan_free(to);
    return error;
}
#else
static int look_up(mote_ctx *ctx, const char *node, const char *service, const struct addrinfo *hints,
                   struct addrinfo **list)
{
    (void)ctx, (void)node, (void)service, (void)hints, (void)list;
    return -ENOSYS;
}
#endif

PUBLIC int mote_getaddrinfo_ctx(mote_ctx *ctx, const char *node, const char *service, const struct addrinfo *hints,
                                struct addrinfo **list)
{
    int error = ctx ? mote_ctx_err(ctx) : 0;
    *list = NULL;
    if (error < 0)
        return error;
    if (sched_self()->flags & TASK_THREAD)
        return look_up_in_place(node, service, hints, list);
    error = look_up(ctx, node, service, hints, list);
    return error == -ENOSYS ? look_up_in_place(node, service, hints, list)
                            : error; /* it blocks its thread, but answers */
}

PUBLIC int mote_getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **list)
{
    return mote_getaddrinfo_ctx(NULL, node, service, hints, list);
}
