/* SPDX-License-Identifier: MIT */
/* commands_sorted - ZADD, ZPOPMIN, ZRANGE and their like. Their keys are locked when they begin. */
#include "server.h"

/* Of ZADD key score member...: all of them, before anything is changed. */
static const char *check_scores(const struct client *c)
{
    double score;
    if (c->request.count % 2 != 0)
        return SYNTAX;
    for (size_t i = 2; i < c->request.count; i += 2)
        if (!score_parse(arg(c, i), &score))
            return "ERR value is not a valid float";
    return NULL;
}

void command_zadd(struct client *c)
{
    const char *error = check_scores(c);
    if (error) {
        reply_error(&c->reply, "%s", error);
        return;
    }
    struct entry *e = command_find_or_add(c, KIND_SORTED);
    if (!e)
        return;
    int64_t added = 0;
    int put = 0;
    for (size_t i = 2; i < c->request.count && put >= 0; i += 2) {
        double score;
        score_parse(arg(c, i), &score);
        put = sorted_put(&e->sorted, arg(c, i + 1), score);
        added += put > 0;
    }
    command_prune(c, e);
    if (put < 0)
        reply_error(&c->reply, NO_MEMORY);
    else
        reply_number(&c->reply, added);
}

void command_zrem(struct client *c)
{
    struct entry *e;
    int64_t removed = 0;
    if (!command_find(c, KIND_SORTED, &e))
        return;
    for (size_t i = 2; e && i < c->request.count; i++)
        removed += sorted_remove(&e->sorted, arg(c, i));
    if (e)
        command_prune(c, e);
    reply_number(&c->reply, removed);
}

static void reply_score(struct client *c, double score)
{
    char text[SCORE_DIGITS];
    size_t size = score_text(score, text);
    reply_bulk(&c->reply, (struct bytes){text, size});
}

static void reply_member(void *client, const struct scored *s)
{
    struct client *c = client;
    reply_bulk(&c->reply, s->node.key);
}

static void reply_scored(void *client, const struct scored *s)
{
    struct client *c = client;
    reply_bulk(&c->reply, s->node.key);
    reply_score(c, s->score);
}

/* ZPOPMIN key [count]: members and their scores in turn. */
void command_zpopmin(struct client *c)
{
    struct entry *e;
    size_t n;
    if (c->request.count > 3) {
        reply_error(&c->reply, SYNTAX);
        return;
    }
    if (!command_pop_count(c, &n) || !command_find(c, KIND_SORTED, &e))
        return;
    size_t count = e ? store_size(e) : 0;
    n = n < count ? n : count;
    reply_array(&c->reply, 2 * n);
    while (n-- > 0) {
        const struct scored *first = sorted_first(&e->sorted);
        reply_scored(c, first);
        sorted_remove(&e->sorted, first->node.key);
    }
    if (e)
        command_prune(c, e);
}

void command_zcard(struct client *c) { command_answer_size(c, KIND_SORTED); }

void command_zscore(struct client *c)
{
    struct entry *e;
    if (!command_find(c, KIND_SORTED, &e))
        return;
    const struct scored *s = e ? sorted_find(&e->sorted, arg(c, 2)) : NULL;
    if (s)
        reply_score(c, s->score);
    else
        reply_value(&c->reply, NULL);
}

/* ZRANGE key first last [WITHSCORES]: by rank. */
void command_zrange(struct client *c)
{
    struct entry *e;
    int64_t first, last;
    bool scores = c->request.count == 5 && command_says(arg(c, 4), "withscores");
    if (c->request.count > 4 && !scores) {
        reply_error(&c->reply, SYNTAX);
        return;
    }
    if (!command_find(c, KIND_SORTED, &e) || !command_range(c, e ? store_size(e) : 0, &first, &last))
        return;
    size_t n = first <= last ? (size_t)(last - first + 1) : 0;
    reply_array(&c->reply, scores ? 2 * n : n);
    if (n > 0)
        sorted_walk(&e->sorted, (size_t)first, (size_t)last, scores ? reply_scored : reply_member, c);
}
