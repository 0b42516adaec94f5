/* SPDX-License-Identifier: MIT */
/* select - going ahead with one of several sends and receives.
 * Job:    mote_select and the sends and receives with a deadline, which are selects of one case.
 * Holds:  U1 the locks of all channels are held, in the order of their addresses and each once, from the look at the cases to going
 *            ahead or having a node in every queue: so nobody can miss the other.
 *         U2 which of the ready cases goes ahead is chosen by chance, each alike. U3 a case that looked ready may have nobody
 *            but the nodes of finished selections at its other end: then nothing was done but dropping them, and we begin again.
 *         U4 only the caller's own pointers are followed on the caller's own stack: elements go through the nodes' mailboxes.
 * Why:    what is large lies in functions that have returned when the task parks.
 * Not here: how a parked select is woken (selection.h).
 */
#include "sync/chan.h"
#include "sync/limit.h"
#include "sync/mailbox.h"

#include <mote/chan.h>

#define FEW 16 /* channels whose order fits on the stack */
#define AGAIN INT32_MAX
#define WAITS (INT32_MAX - 1)

struct choice {
    mote_case *cases;
    int n;
    int late;         /* what is returned when the deadline comes: a case's number, or -ETIMEDOUT */
    int64_t deadline; /* INT64_MIN: there is a default */
    struct mote__chan **order;
    int locks;
};

static bool has_channel(const mote_case *k) { return k->mote__chan && k->mote__kind <= MOTE__CASE_SEND_WORD; }

static bool sends(const mote_case *k) { return k->mote__kind != MOTE__CASE_RECV; } /* of those that have one */

static const void *element_of(const mote_case *k)
{
    return k->mote__kind == MOTE__CASE_SEND_WORD ? k->mote__word : k->mote__value;
}

static mote_ctx *context_of(const mote_case *k) { return k->mote__value; }

/* The earliest of the deadlines, and what doesn't depend on who waits. */
static int look_at_cases(struct choice *ch)
{
    for (int i = 0; i < ch->n; i++) {
        mote_case *k = &ch->cases[i];
        int64_t at = MOTE_FOREVER;
        if (has_channel(k) && sends(k) && k->mote__chan->pointers)
            sched_check_lent(*(void *const *)element_of(k), "an address sent through a channel");
        else if (k->mote__kind == MOTE__CASE_DEFAULT)
            at = INT64_MIN;
        else if (k->mote__kind == MOTE__CASE_AFTER && __builtin_add_overflow(mote_now(), k->mote__ns, &at))
            at = k->mote__ns > 0 ? MOTE_FOREVER : 0;
        else if (k->mote__kind < MOTE__CASE_NONE || k->mote__kind > MOTE__CASE_DONE)
            return -EINVAL;
        if (at < ch->deadline) {
            ch->deadline = at;
            ch->late = i;
        }
    }
    return 0;
}

static bool is_late(int64_t deadline) { return deadline != MOTE_FOREVER && (deadline <= 0 || deadline <= mote_now()); }

/* Locks */

static void sift(struct mote__chan **heap, int i, int n)
{
    struct mote__chan *c = heap[i];
    for (int child; (child = 2 * i + 1) < n; i = child) {
        if (child + 1 < n && heap[child + 1] > heap[child])
            child++;
        if (c >= heap[child])
            break;
        heap[i] = heap[child];
    }
    heap[i] = c;
}

static void sort_in(struct mote__chan **order, int n, struct mote__chan *c)
{
    for (; n > 0 && order[n - 1] > c; n--)
        order[n] = order[n - 1];
    order[n] = c;
}

/* By addresses. A heap sort: no recursion, no memory, and no bad case. */
static void sort_many(struct mote__chan **order, int n)
{
    for (int i = n / 2 - 1; i >= 0; i--)
        sift(order, i, n);
    for (int end = n - 1; end > 0; end--) {
        struct mote__chan *last = order[0];
        order[0] = order[end];
        order[end] = last;
        sift(order, 0, end);
    }
}

/* The usual select. */
static ALWAYS_INLINE void put_two_in_order(struct choice *ch)
{
    struct mote__chan *a = has_channel(&ch->cases[0]) ? ch->cases[0].mote__chan : NULL,
                      *b = has_channel(&ch->cases[1]) ? ch->cases[1].mote__chan : NULL;
    bool one = !a || !b || a == b;
    ch->order[0] = one ? (a ? a : b) : a < b ? a : b;
    ch->order[1] = a < b ? b : a;
    ch->locks = !one ? 2 : a || b;
}

/* The channels in the order in which they are locked, each once. */
static void put_in_order(struct choice *ch)
{
    int n = 0, kept = 0;
    for (int i = 0; i < ch->n; i++) {
        struct mote__chan *c = ch->cases[i].mote__chan;
        if (!has_channel(&ch->cases[i]))
            continue;
        if (ch->n <= FEW)
            sort_in(ch->order, n, c);
        else
            ch->order[n] = c;
        n++;
    }
    if (ch->n > FEW)
        sort_many(ch->order, n);
    for (int i = 0; i < n; i++)
        if (kept == 0 || ch->order[kept - 1] != ch->order[i])
            ch->order[kept++] = ch->order[i];
    ch->locks = kept;
}

static void lock_all(struct choice *ch)
{
    if (ch->locks > 0)
        lock_enter(&ch->order[0]->lock);
    for (int i = 1; i < ch->locks; i++)
        lock_take(&ch->order[i]->lock);
}

static void unlock_all_but(struct choice *ch, struct mote__chan *kept)
{
    for (int i = ch->locks - 1; i >= 0; i--)
        if (ch->order[i] != kept)
            lock_drop(&ch->order[i]->lock);
}

/* With all locks held */

static bool is_ready(const mote_case *k)
{
    if (k->mote__kind == MOTE__CASE_DONE)
        return context_err(context_of(k)) != 0;
    return has_channel(k) && (sends(k) ? chan_can_send(k->mote__chan) : chan_can_recv(k->mote__chan));
}

/* U2; the k-th ready one takes the place of the choice so far with a chance of one in k. -1: none is ready. */
static int choose(const struct choice *ch)
{
    int chosen = -1;
    uint32_t ready = 0;
    for (int i = 0; i < ch->n; i++)
        if (is_ready(&ch->cases[i]) && (++ready == 1 || sched_random(ready) == 0))
            chosen = i;
    return chosen;
}

/* Releases the locks. U3: AGAIN. */
static int go_ahead(struct choice *ch, int i)
{
    mote_case *k = &ch->cases[i];
    struct mote__chan *c = k->mote__chan;
    unlock_all_but(ch, c);
    if (k->mote__kind == MOTE__CASE_DONE) {
        k->status = context_err(context_of(k));
        return i;
    }
    int status = sends(k) ? chan_send_held(c, element_of(k)) : chan_recv_held(c, k->mote__value);
    if (status == -EAGAIN)
        return AGAIN;
    if (status == -ENOMEM)
        return status;
    k->status = status;
    return i;
}

/* Elements to send into the mailboxes; zeros into those to receive, for channels that are closed. */
static int fill_mailboxes(struct choice *ch, struct selection *s)
{
    for (int i = 0; i < ch->n; i++) {
        const mote_case *k = &ch->cases[i];
        struct task *box = &s->nodes[i].record;
        if (!has_channel(k))
            continue;
        if (!sends(k))
            mailbox_clear(box, k->mote__chan->size);
        else if (UNLIKELY(mailbox_put(box, element_of(k), k->mote__chan->size) < 0))
            return -ENOMEM;
    }
    return 0;
}

/* A node into each queue, or an error and nothing done. */
static int queue_up(struct choice *ch, struct selection **out)
{
    struct selection *s = *out = selection_new(sched_self(), (unsigned)ch->n);
    if (UNLIKELY(!s))
        return -ENOMEM;
    int error = fill_mailboxes(ch, s);
    if (LIKELY(error == 0))
        error = selection_arm(s, ch->deadline);
    if (UNLIKELY(error < 0)) {
        selection_free(s);
        return error;
    }
    for (int i = 0; i < ch->n; i++) {
        const mote_case *k = &ch->cases[i];
        struct mote__chan *c = k->mote__chan;
        if (k->mote__kind == MOTE__CASE_DONE)
            limit_watch(s, (unsigned)i, context_of(k));
        else if (has_channel(k))
            selection_enter(s, (unsigned)i, &c->lock, sends(k) ? &c->senders : &c->receivers);
    }
    return WAITS;
}

/* A case's number, an error, what being late gives; or WAITS, with *out to wait for. */
static int attempt(struct choice *ch, struct selection **out)
{
    int result;
    do {
        lock_all(ch);
        int chosen = choose(ch);
        if (chosen >= 0) {
            result = go_ahead(ch, chosen);
        } else {
            result = is_late(ch->deadline) ? ch->late : queue_up(ch, out);
            unlock_all_but(ch, NULL);
        }
    } while (result == AGAIN);
    return result;
}

static NOINLINE int begin(struct choice *ch, struct selection **out)
{
    struct mote__chan *few[FEW];
    ch->order = ch->n <= FEW ? few : malloc((size_t)ch->n * sizeof(struct mote__chan *));
    if (!ch->order)
        return -ENOMEM;
    if (LIKELY(ch->n == 2))
        put_two_in_order(ch);
    else
        put_in_order(ch);
    int result = attempt(ch, out);
    if (ch->order != few)
        free(ch->order);
    ch->order = NULL;
    return result;
}

/* What is returned by who was late. */
static int too_late(struct choice *ch)
{
    if (ch->late >= 0)
        ch->cases[ch->late].status = 0;
    return ch->late;
}

/* Awake again. */
static int finish(struct choice *ch, struct selection *s, int winner)
{
    if (winner >= 0) {
        mote_case *k = &ch->cases[winner];
        struct task *box = &s->nodes[winner].record;
        if (k->mote__kind == MOTE__CASE_RECV)
            mailbox_take(box, k->mote__value);
        if (k->mote__kind == MOTE__CASE_DONE)
            k->status = context_err(context_of(k));
        else
            k->status = box->status == 0 ? 0 : -EPIPE;
    }
    selection_free(s);
    return winner < 0 ? too_late(ch) : winner;
}

/* A single channel is worth its name. */
static uint64_t what_for(const struct choice *ch)
{
    const mote_case *k = ch->cases;
    if (ch->n > 0 && has_channel(k) && (ch->n == 1 || (ch->n == 2 && k[1].mote__kind == MOTE__CASE_DONE)))
        return wait_for(sends(k) ? WAIT_SEND : WAIT_RECV, k->mote__chan);
    return wait_for(WAIT_SELECT, NULL);
}

PUBLIC int mote_select_n(mote_case *cases, int n, int64_t deadline)
{
    struct choice ch = {.cases = cases, .n = n, .late = -ETIMEDOUT, .deadline = deadline};
    struct selection *s = NULL;
    if (n < 0 || n > MOTE_CASES_MAX)
        return -EINVAL;
    int result = look_at_cases(&ch);
    if (result < 0)
        return result;
    result = begin(&ch, &s);
    if (result == WAITS && s)
        return finish(&ch, s, selection_wait(s, ch.deadline, what_for(&ch)));
    if (result != ch.late)
        return result;
    limit_missed(limit_until(ch.deadline));
    return too_late(&ch);
}

PUBLIC int mote__select(mote_case *cases, int n, int *status)
{
    int chosen = mote_select_n(cases, n, MOTE_FOREVER);
    if (status)
        *status = chosen < 0 ? chosen : cases[chosen].status;
    return chosen;
}

/* The context's error comes first, and then what can be done at once. */
static int one_limited(int kind, struct mote__chan *c, void *value, struct limit limit)
{
    mote_case cases[] = {MOTE__CASE(kind, c, value), MOTE_DONE(limit.ctx)};
    int error = context_err(limit.ctx);
    if (error < 0)
        return error;
    int chosen = mote_select_n(cases, limit.ctx ? 2 : 1, limit.deadline);
    return chosen < 0 ? chosen : cases[chosen].status;
}

PUBLIC int mote__chan_send_until(struct mote__chan *c, const void *value, int64_t deadline)
{
    return one_limited(MOTE__CASE_SEND, c, (void *)value, limit_until(deadline));
}

PUBLIC int mote__chan_recv_until(struct mote__chan *c, void *value, int64_t deadline)
{
    return one_limited(MOTE__CASE_RECV, c, value, limit_until(deadline));
}

PUBLIC int mote__chan_send_ctx(mote_ctx *ctx, struct mote__chan *c, const void *value)
{
    return one_limited(MOTE__CASE_SEND, c, (void *)value, limit_ctx(ctx));
}

PUBLIC int mote__chan_recv_ctx(mote_ctx *ctx, struct mote__chan *c, void *value)
{
    return one_limited(MOTE__CASE_RECV, c, value, limit_ctx(ctx));
}
