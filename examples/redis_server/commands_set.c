/* SPDX-License-Identifier: MIT */
/* commands_set - SADD, SPOP, SMEMBERS and their like. Their keys are locked when they begin. */
#include "fields.h"
#include "server.h"

void command_sadd(struct client *c)
{
    struct entry *e = command_find_or_add(c, KIND_SET);
    if (!e)
        return;
    int64_t added = 0;
    int put = 0;
    for (size_t i = 2; i < c->request.count && put >= 0; i++) {
        put = fields_put(&e->fields, arg(c, i), NULL);
        added += put > 0;
    }
    command_prune(c, e);
    if (put < 0)
        reply_error(&c->reply, NO_MEMORY);
    else
        reply_number(&c->reply, added);
}

void command_srem(struct client *c) { command_remove_fields(c, KIND_SET); }

/* SPOP key: one or nil. SPOP key count: an array of at most so many. */
void command_spop(struct client *c)
{
    struct entry *e;
    size_t n;
    bool counts = c->request.count > 2;
    if (c->request.count > 3) {
        reply_error(&c->reply, SYNTAX);
        return;
    }
    if (!command_pop_count(c, &n) || !command_find(c, KIND_SET, &e))
        return;
    size_t count = e ? e->fields.count : 0;
    n = n < count ? n : count;
    if (counts)
        reply_array(&c->reply, n);
    else if (!e)
        reply_value(&c->reply, NULL);
    while (n-- > 0) {
        struct field *f = fields_pop(&e->fields);
        reply_bulk(&c->reply, f->node.key);
        field_free(f);
    }
    if (e)
        command_prune(c, e);
}

void command_scard(struct client *c) { command_answer_size(c, KIND_SET); }

void command_sismember(struct client *c) { command_has_field(c, KIND_SET); }

void command_smembers(struct client *c)
{
    struct entry *e;
    if (!command_find(c, KIND_SET, &e))
        return;
    reply_array(&c->reply, e ? e->fields.count : 0);
    for (struct node *n = NULL; e && (n = table_next(&e->fields, n));)
        reply_bulk(&c->reply, n->key);
}
