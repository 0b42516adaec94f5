/* SPDX-License-Identifier: MIT */
/* commands_list - LPUSH, LPOP, LRANGE and their like. Their keys are locked when they begin. */
#include "server.h"
#include "store.h"

static bool push_one(struct list *list, bool left, struct bytes text)
{
    struct value *v = value_make(text.at, text.size);
    if (v && list_push(list, left, v))
        return true;
    value_drop(v);
    return false;
}

/* All or none. */
static void push(struct client *c, bool left)
{
    struct entry *e = command_find_or_add(c, KIND_LIST);
    if (!e)
        return;
    size_t pushed = 0;
    while (2 + pushed < c->request.count && push_one(&e->list, left, arg(c, 2 + pushed)))
        pushed++;
    if (2 + pushed == c->request.count) {
        reply_number(&c->reply, (int64_t)e->list.count);
        return;
    }
    while (pushed-- > 0)
        value_drop(list_pop(&e->list, left));
    command_prune(c, e);
    reply_error(&c->reply, NO_MEMORY);
}

void command_lpush(struct client *c) { push(c, true); }

void command_rpush(struct client *c) { push(c, false); }

/* LPOP key: one or nil. LPOP key count: an array of at most so many. */
static void pop(struct client *c, bool left, const char *name)
{
    struct entry *e;
    size_t n;
    bool counts = c->request.count > 2;
    if (c->request.count > 3) {
        reply_error(&c->reply, "ERR wrong number of arguments for '%s' command", name);
        return;
    }
    if (!command_pop_count(c, &n) || !command_find(c, KIND_LIST, &e))
        return;
    if (counts && !e)
        reply_nil_array(&c->reply);
    else if (!e)
        reply_value(&c->reply, NULL);
    if (!e)
        return;
    n = n < e->list.count ? n : e->list.count;
    if (counts)
        reply_array(&c->reply, n);
    while (n-- > 0) {
        struct value *v = list_pop(&e->list, left);
        reply_value(&c->reply, v);
        value_drop(v);
    }
    command_prune(c, e);
}

void command_lpop(struct client *c) { pop(c, true, "lpop"); }

void command_rpop(struct client *c) { pop(c, false, "rpop"); }

void command_llen(struct client *c) { command_answer_size(c, KIND_LIST); }

void command_lrange(struct client *c)
{
    struct entry *e;
    int64_t first, last;
    if (!command_find(c, KIND_LIST, &e) || !command_range(c, e ? e->list.count : 0, &first, &last))
        return;
    reply_array(&c->reply, first <= last ? (size_t)(last - first + 1) : 0);
    for (; first <= last; first++)
        reply_value(&c->reply, list_at(&e->list, (size_t)first));
}

/* Counted from the end when it is below 0. */
void command_lindex(struct client *c)
{
    struct entry *e;
    int64_t index;
    if (!command_find(c, KIND_LIST, &e))
        return;
    if (!value_number(arg(c, 2), &index)) {
        reply_error(&c->reply, NOT_A_NUMBER);
        return;
    }
    int64_t count = e ? (int64_t)e->list.count : 0;
    index += index < 0 ? count : 0;
    reply_value(&c->reply, index >= 0 && index < count ? list_at(&e->list, (size_t)index) : NULL);
}
