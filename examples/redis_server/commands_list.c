/* SPDX-License-Identifier: MIT */
/* commands_list - LPUSH, LPOP, LRANGE and their like. Their keys are locked when they begin. */
#include "server.h"
#include "store.h"

/* False: it is no list, and that is answered. */
static bool find_list(struct client *c, struct entry **entry)
{
    *entry = store_find(arg(c, 1));
    if (!*entry || !(*entry)->string)
        return true;
    reply_error(&c->reply, WRONG_TYPE);
    return false;
}

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
    struct entry *e;
    if (!find_list(c, &e))
        return;
    if (!e)
        e = store_add_list(arg(c, 1));
    size_t pushed = 0;
    while (e && 2 + pushed < c->request.count && push_one(&e->list, left, arg(c, 2 + pushed)))
        pushed++;
    if (e && 2 + pushed == c->request.count) {
        reply_number(&c->reply, (int64_t)e->list.count);
        return;
    }
    while (pushed-- > 0)
        value_drop(list_pop(&e->list, left));
    if (e && e->list.count == 0)
        store_remove(arg(c, 1));
    reply_error(&c->reply, NO_MEMORY);
}

void command_lpush(struct client *c) { push(c, true); }

void command_rpush(struct client *c) { push(c, false); }

/* LPOP key: one or nil. LPOP key count: an array of at most so many. */
static void pop(struct client *c, bool left, const char *name)
{
    struct entry *e;
    int64_t count = 1;
    bool counts = c->request.count > 2;
    if (c->request.count > 3) {
        reply_error(&c->reply, "ERR wrong number of arguments for '%s' command", name);
        return;
    }
    if (counts && (!value_number(arg(c, 2), &count) || count < 0)) {
        reply_error(&c->reply, "ERR value is out of range, must be positive");
        return;
    }
    if (!find_list(c, &e))
        return;
    if (counts && !e)
        reply_nil_array(&c->reply);
    else if (!e)
        reply_value(&c->reply, NULL);
    if (!e)
        return;
    size_t n = (uint64_t)count < e->list.count ? (size_t)count : e->list.count;
    if (counts)
        reply_array(&c->reply, n);
    while (n-- > 0) {
        struct value *v = list_pop(&e->list, left);
        reply_value(&c->reply, v);
        value_drop(v);
    }
    if (e->list.count == 0)
        store_remove(arg(c, 1));
}

void command_lpop(struct client *c) { pop(c, true, "lpop"); }

void command_rpop(struct client *c) { pop(c, false, "rpop"); }

void command_llen(struct client *c)
{
    struct entry *e;
    if (find_list(c, &e))
        reply_number(&c->reply, e ? (int64_t)e->list.count : 0);
}

/* Counted from the end when it is below 0. */
static bool parse_index(struct client *c, size_t i, int64_t count, int64_t *index)
{
    if (!value_number(arg(c, i), index)) {
        reply_error(&c->reply, NOT_A_NUMBER);
        return false;
    }
    if (*index < 0)
        *index += count;
    return true;
}

void command_lrange(struct client *c)
{
    struct entry *e;
    if (!find_list(c, &e))
        return;
    int64_t count = e ? (int64_t)e->list.count : 0, first, last;
    if (!parse_index(c, 2, count, &first) || !parse_index(c, 3, count, &last))
        return;
    first = first < 0 ? 0 : first;
    last = last < count ? last : count - 1;
    reply_array(&c->reply, first <= last ? (size_t)(last - first + 1) : 0);
    for (; first <= last; first++)
        reply_value(&c->reply, list_at(&e->list, (size_t)first));
}

void command_lindex(struct client *c)
{
    struct entry *e;
    int64_t index;
    if (!find_list(c, &e) || !parse_index(c, 2, e ? (int64_t)e->list.count : 0, &index))
        return;
    bool is_there = e && index >= 0 && index < (int64_t)e->list.count;
    reply_value(&c->reply, is_there ? list_at(&e->list, (size_t)index) : NULL);
}
