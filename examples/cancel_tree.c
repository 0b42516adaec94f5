/* SPDX-License-Identifier: MIT */
/* cancel_tree - a tree of contexts: to cancel a branch stops the tasks below it, and no others.
 *
 *     cancel_tree [--cancel NAME]        NAME: server (all of it), search, mail, or a leaf like search/2; search is usual
 *
 *     server ─┬─ search ─┬─ search/1       each is a task, with a context that is a child of its parent's
 *             │          └─ search/2
 *             └─ mail ───┬─ mail/1
 *                        └─ mail/2
 *
 * The branch is cancelled with a cause of its own, and everyone below it stops for that cause; then the time for the whole
 * tree is up, and the others stop for that. */
#include <mote.h>

#include "program.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define NODES 7

static struct node {
    const char *name;
    int parent; /* number in this table */
    mote_ctx *ctx;
    int why; /* what stopped it; 0: it still works */
} tree[NODES] = {
    {.name = "server", .parent = -1},  {.name = "search", .parent = 0}, {.name = "search/1", .parent = 1},
    {.name = "search/2", .parent = 1}, {.name = "mail", .parent = 0},   {.name = "mail/1", .parent = 4},
    {.name = "mail/2", .parent = 4},
};

/* The table is main's; tasks tell of their ends by this channel. */
struct report {
    int number, why;
};
static mote_chan(struct report) reports;

/* Works in small steps until its context says stop. A step may take as long as it likes in a call that takes the context,
 * which ends early; what computes looks at mote_ctx_err(ctx) now and then. */
static void serve(int number, mote_ctx *ctx)
{
    while (mote_sleep_ctx(ctx, MOTE_MS) == 0)
        ;
    struct report report = {number, mote_ctx_cause(ctx)};
    mote_ctx_free(ctx); /* the reference that this task was given */
    mote_send(reports, report);
}

/* A context for each node, below its parent's, and a task with it. */
static int grow(mote_ctx *root)
{
    for (int i = 0; i < NODES; i++) {
        struct node *n = &tree[i];
        n->ctx = mote_ctx_with_cancel(i == 0 ? root : tree[n->parent].ctx);
        if (!n->ctx || mote_go(serve, i, mote_ctx_ref(n->ctx)) < 0)
            return -ENOMEM;
    }
    return 0;
}

static bool is_below(int i, int top)
{
    while (i >= 0 && i != top)
        i = tree[i].parent;
    return i == top;
}

/* Waits for so many tasks to stop. */
static void collect(int n)
{
    for (struct report r; n > 0 && mote_recv(reports, &r) == 0; n--)
        tree[r.number].why = r.why;
}

static void show(const char *when)
{
    printf("%s\n", when);
    for (int i = 0; i < NODES; i++) {
        const char *why = tree[i].why ? strerror(-tree[i].why) : "works";
        printf("  %*s%-*s %s\n", i == 0 ? 0 : tree[i].parent == 0 ? 2 : 4, "", 12, tree[i].name, why);
    }
}

static int chosen = 1;

static int run_tree(int argc, char **argv)
{
    (void)argc, (void)argv;
    mote_ctx *root = mote_ctx_with_cancel(mote_ctx_background());
    reports = mote_chan_make(struct report, NODES);
    if (!root || !reports || grow(root) < 0)
        return -ENOMEM;
    int below = 0;
    for (int i = 0; i < NODES; i++)
        below += is_below(i, chosen);

    mote_ctx_cancel(tree[chosen].ctx, -EHOSTDOWN);
    collect(below);
    show("the branch was cancelled:");
    bool right = true;
    for (int i = 0; i < NODES; i++)
        right &= tree[i].why == (is_below(i, chosen) ? -EHOSTDOWN : 0) && !mote_ctx_err(tree[i].ctx) == !tree[i].why;

    mote_ctx_cancel(root, -ETIME);
    collect(NODES - below);
    show("the time was up:");
    for (int i = 0; i < NODES; i++)
        right &= tree[i].why == (is_below(i, chosen) ? -EHOSTDOWN : -ETIME);

    for (int i = 0; i < NODES; i++)
        mote_ctx_free(tree[i].ctx);
    mote_ctx_free(root);
    mote_chan_free(reports);
    return right ? 0 : -EIO;
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "--cancel") == 0)
        for (chosen = 0; chosen < NODES && strcmp(argv[2], tree[chosen].name) != 0;)
            chosen++;
    else if (argc > 1)
        chosen = NODES;
    if (chosen == NODES)
        program_refuse("usage: cancel_tree [--cancel server | search | search/1 | search/2 | mail | mail/1 | mail/2]");
    return program_status("cancel_tree", mote_run(run_tree, argc, argv));
}
