/* SPDX-License-Identifier: MIT */
/* commands_hash - HSET, HGET, HDEL and their like, and what sets have in common with hashes. Their keys are locked when they begin. */
#include "fields.h"
#include "server.h"

void command_remove_fields(struct client *c, enum kind kind)
{
    struct entry *e;
    int64_t removed = 0;
    if (!command_find(c, kind, &e))
        return;
    for (size_t i = 2; e && i < c->request.count; i++)
        removed += fields_remove(&e->fields, arg(c, i));
    if (e)
        command_prune(c, e);
    reply_number(&c->reply, removed);
}

void command_has_field(struct client *c, enum kind kind)
{
    struct entry *e;
    if (command_find(c, kind, &e))
        reply_number(&c->reply, e && fields_find(&e->fields, arg(c, 2)));
}

/* As fields_put. */
static int put(struct table *fields, struct bytes name, struct bytes text)
{
    struct value *v = value_make(text.at, text.size);
    return v ? fields_put(fields, name, v) : -1;
}

void command_hset(struct client *c)
{
    if (c->request.count % 2 != 0) {
        reply_error(&c->reply, "ERR wrong number of arguments for 'hset' command");
        return;
    }
    struct entry *e = command_find_or_add(c, KIND_HASH);
    if (!e)
        return;
    int64_t added = 0;
    int result = 0;
    for (size_t i = 2; i < c->request.count && result >= 0; i += 2) {
        result = put(&e->fields, arg(c, i), arg(c, i + 1));
        added += result > 0;
    }
    command_prune(c, e);
    if (result < 0)
        reply_error(&c->reply, NO_MEMORY);
    else
        reply_number(&c->reply, added);
}

void command_hget(struct client *c)
{
    struct entry *e;
    if (!command_find(c, KIND_HASH, &e))
        return;
    const struct field *f = e ? fields_find(&e->fields, arg(c, 2)) : NULL;
    reply_value(&c->reply, f ? f->value : NULL);
}

void command_hgetall(struct client *c)
{
    struct entry *e;
    if (!command_find(c, KIND_HASH, &e))
        return;
    reply_array(&c->reply, e ? 2 * e->fields.count : 0);
    for (struct node *n = NULL; e && (n = table_next(&e->fields, n));) {
        reply_bulk(&c->reply, n->key);
        reply_value(&c->reply, ((const struct field *)n)->value);
    }
}

void command_hdel(struct client *c) { command_remove_fields(c, KIND_HASH); }

void command_hlen(struct client *c) { command_answer_size(c, KIND_HASH); }

void command_hexists(struct client *c) { command_has_field(c, KIND_HASH); }
