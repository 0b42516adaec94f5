/* SPDX-License-Identifier: MIT */
/* mote/group.h - groups: tasks that work on one thing, waited for together, with the first error of any of them.
 *
 *     mote_group g = {0};                                    // here: on the stack of a pinned task
 *     mote_group_set_limit(&g, 8);                           // eight at a time
 *     for (int i = 0; i < n; i++)
 *         mote_group_go(&g, fetch, mote_group_ctx(&g), url[i]);   // int fetch(mote_ctx *ctx, const char *url)
 *     int error = mote_group_wait(&g);                       // the first that wasn't 0, or 0
 *
 * A task of a group returns nothing or an integer. The first one that is negative is the group's error: it cancels the
 * group's context, so that the others may stop early; they do so where they look at that context, nothing is done to them.
 * Every task's end counts, also by mote_exit, which is no error, and by a panic, if that ends just the task: then the error
 * is -EOWNERDEAD.
 *
 * A group is a plain struct, valid when zeroed, and needs no destroy call, but whoever asked for its context must wait for
 * it. Keep it where other sync objects may lie (mote/sync.h). Tasks and plain threads may use it alike, all at once. A round
 * of it begins with its first task, and ends with a wait for them all; then the next one may begin.
 */
#ifndef MOTE_GROUP_H
#define MOTE_GROUP_H

#include <stdint.h>

#include <mote/context.h>
#include <mote/detail.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Tasks that are waited for together. 104 bytes. */
typedef struct mote_group {
    void (*mote__ended)(void);
    uint64_t mote__lock;
    mote_ctx *mote__parent, *mote__ctx;
    uint32_t mote__running;
    int mote__limit, mote__error, mote__spare;
    void *mote__first, *mote__last; /* who waits for the end */
    uint32_t mote__waiters, mote__threads;
    void *mote__first_held, *mote__last_held; /* who waits to start a task */
    uint32_t mote__held, mote__holding_threads;
} mote_group;

/* A group without tasks or limit, whose contexts are children of parent: that must live as long as the group is used. NULL: the
 * background context, which is also that of a zeroed group. Never switches. */
void mote_group_init(mote_group *group, mote_ctx *parent);

/* mote_group_go(group, fn, args...): starts fn(args...) as a task of the group. Arguments as with mote_go, fn's result as
 * above: a pointer doesn't compile. Waits first, while as many tasks are under way as the limit says: first come, first
 * served. A group that has an error starts tasks all the same. 0; -ENOMEM or -ESHUTDOWN as mote_go: then the task doesn't
 * count. May switch; a plain thread that must wait blocks, until the runtime ends at most. */
#define mote_group_go(group, ...) MOTE__GROUP_GO(mote__group_go, mote_group *, group, 0, __VA_ARGS__)

/* The same with a home of its own, as mote_go_pinned. */
#define mote_group_go_pinned(group, ...) MOTE__GROUP_GO(mote__group_go, mote_group *, group, MOTE__PINNED, __VA_ARGS__)

/* The same as mote_group_go, but -EAGAIN where that would wait. */
#define mote_group_try_go(group, ...) MOTE__GROUP_GO(mote__group_try_go, mote_group *, group, 0, __VA_ARGS__)

/* mote_group_go_until(group, deadline, fn, args...): waits until a deadline on mote_now's clock at most: -ETIMEDOUT; -ENOMEM,
 * too, when there is no memory to wait with. */
#define mote_group_go_until(group, deadline, ...)                                                                      \
    MOTE__GROUP_GO(mote__group_go_until, struct mote__group_place, MOTE__GROUP_PLACE(group, deadline), 0, __VA_ARGS__)

/* At most n tasks of the group at a time; n below 1: any number. It may change at any time: more room lets those who wait for
 * it start at once; when there is less, tasks under way go on, and none is started until they are fewer. A task that starts
 * others of its own group may wait for ever when each of those under way does. Never switches. */
void mote_group_set_limit(mote_group *group, int n);

/* The context of this round, made when it is asked for first: cancelled by the group's first error, which is its cause, or
 * else when the round ends, or with its parent. It belongs to the group: valid until a wait has ended the round, or as long
 * as a reference that the caller takes. NULL with errno ENOMEM. Never switches. */
mote_ctx *mote_group_ctx(mote_group *group);

/* As if a task had ended with that error, or with -ECANCELED where cause is 0. 0; -EALREADY when the group has an error
 * already, with nothing changed; -EINVAL when cause is above 0. May switch, as mote_ctx_cancel. */
int mote_group_cancel(mote_group *group, int cause);

/* Waits until no task of the group is under way, and ends the round: the context is cancelled and let go, the error is the
 * result, and what comes later is as in a new group with the same parent and limit. 0; the first negative result of a task of
 * this round, INT_MIN for those below it; what mote_group_cancel said. When several wait at once all get that. The group may
 * be freed when the last of them has returned. A task of the group that waits for it stops the program. May switch; a plain
 * thread blocks: -ENOMEM where it can't; -ESHUTDOWN when the runtime ends and tasks of the group with it, or none runs: they
 * never end then, and all that the group is good for is mote_group_init. */
int mote_group_wait(mote_group *group);

/* The same until a deadline on mote_now's clock, then -ETIMEDOUT, or until ctx is cancelled, then its error; -ENOMEM at once.
 * The round goes on. That a task may have returned these, too, makes no difference to a caller who then cancels the group and
 * waits again. A wait that ends so uses the group until it has returned. */
int mote_group_wait_until(mote_group *group, int64_t deadline);
int mote_group_wait_ctx(mote_ctx *ctx, mote_group *group);

#ifdef __cplusplus
}
#endif
#endif
