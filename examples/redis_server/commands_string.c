/* SPDX-License-Identifier: MIT */
/* commands_string - GET, SET and their like. Their keys are locked when they begin. */
#include "server.h"
#include "store.h"

#include <string.h>

/* NULL: no memory, and that is answered. */
static struct entry *put(struct client *c, struct bytes key, struct bytes text)
{
    struct value *v = value_make(text.at, text.size);
    struct entry *e = v ? store_set(key, v) : NULL;
    if (!e)
        reply_error(&c->reply, NO_MEMORY);
    return e;
}

void command_get(struct client *c)
{
    struct entry *e;
    if (command_find(c, KIND_STRING, &e))
        reply_value(&c->reply, e ? e->string : NULL);
}

void command_strlen(struct client *c)
{
    struct entry *e;
    if (command_find(c, KIND_STRING, &e))
        reply_number(&c->reply, e ? (int64_t)e->string->size : 0);
}

struct set_options {
    bool if_new, if_old, keeps, gets;
    int64_t expires;
};

/* EX 5, PX 5000: false with *error. */
static bool parse_time(struct bytes text, int64_t unit, int64_t *expires, const char **error)
{
    int64_t n;
    if (!value_number(text, &n)) {
        *error = NOT_A_NUMBER;
        return false;
    }
    if (n > 0 && !__builtin_mul_overflow(n, unit, &n) && !__builtin_add_overflow(mote_now(), n, expires))
        return true;
    *error = "ERR invalid expire time in 'set' command";
    return false;
}

static bool parse_options(const struct client *c, struct set_options *o, const char **error)
{
    *error = SYNTAX;
    for (size_t i = 3; i < c->request.count; i++) {
        struct bytes word = arg(c, i);
        bool timed = command_says(word, "ex") || command_says(word, "px");
        if (command_says(word, "nx"))
            o->if_new = true;
        else if (command_says(word, "xx"))
            o->if_old = true;
        else if (command_says(word, "keepttl"))
            o->keeps = true;
        else if (command_says(word, "get"))
            o->gets = true;
        else if (!timed || i + 1 == c->request.count || o->expires != MOTE_FOREVER ||
                 !parse_time(arg(c, ++i), command_says(word, "ex") ? MOTE_S : MOTE_MS, &o->expires, error))
            return false;
    }
    return !(o->if_new && o->if_old) && !(o->keeps && o->expires != MOTE_FOREVER);
}

void command_set(struct client *c)
{
    struct set_options o = {.expires = MOTE_FOREVER};
    const char *error;
    if (!parse_options(c, &o, &error)) {
        reply_error(&c->reply, "%s", error);
        return;
    }
    struct entry *e = store_find(arg(c, 1));
    if (o.gets && e && e->kind != KIND_STRING) {
        reply_error(&c->reply, WRONG_TYPE);
        return;
    }
    struct value *old = o.gets && e ? value_ref(e->string) : NULL;
    bool sets = e ? !o.if_new : !o.if_old;
    if (o.keeps && e)
        o.expires = e->expires;
    if (sets && !(e = put(c, arg(c, 1), arg(c, 2)))) {
        value_drop(old);
        return;
    }
    if (sets)
        store_expire(e, o.expires);
    if (o.gets || !sets)
        reply_value(&c->reply, old);
    else
        reply_simple(&c->reply, "OK");
    value_drop(old);
}

void command_setnx(struct client *c)
{
    bool is_new = !store_find(arg(c, 1));
    if (!is_new || put(c, arg(c, 1), arg(c, 2)))
        reply_number(&c->reply, is_new);
}

void command_getset(struct client *c)
{
    struct entry *e;
    if (!command_find(c, KIND_STRING, &e))
        return;
    struct value *old = e ? value_ref(e->string) : NULL;
    if (put(c, arg(c, 1), arg(c, 2)))
        reply_value(&c->reply, old);
    value_drop(old);
}

void command_mget(struct client *c)
{
    reply_array(&c->reply, c->request.count - 1);
    for (size_t i = 1; i < c->request.count; i++) {
        const struct entry *e = store_find(arg(c, i));
        reply_value(&c->reply, e && e->kind == KIND_STRING ? e->string : NULL);
    }
}

void command_mset(struct client *c)
{
    if (c->request.count % 2 == 0) {
        reply_error(&c->reply, "ERR wrong number of arguments for 'mset' command");
        return;
    }
    for (size_t i = 1; i < c->request.count; i += 2)
        if (!put(c, arg(c, i), arg(c, i + 1)))
            return;
    reply_simple(&c->reply, "OK");
}

void command_append(struct client *c)
{
    struct entry *e;
    if (!command_find(c, KIND_STRING, &e))
        return;
    struct bytes more = arg(c, 2);
    size_t old = e ? e->string->size : 0;
    if (old + more.size > server.max_value) {
        reply_error(&c->reply, "ERR string exceeds maximum allowed size (proto-max-bulk-len)");
        return;
    }
    struct value *v = value_make(NULL, old + more.size);
    if (v && old > 0)
        memcpy(v->bytes, e->string->bytes, old);
    if (v && more.size > 0)
        memcpy(v->bytes + old, more.at, more.size);
    int64_t expires = e ? e->expires : MOTE_FOREVER;
    if (!v || !(e = store_set(arg(c, 1), v))) {
        reply_error(&c->reply, NO_MEMORY);
        return;
    }
    store_expire(e, expires);
    reply_number(&c->reply, (int64_t)(old + more.size));
}

static void add_number(struct client *c, int64_t by)
{
    struct entry *e;
    if (!command_find(c, KIND_STRING, &e))
        return;
    int64_t n = 0, expires = e ? e->expires : MOTE_FOREVER;
    if (e && !value_number((struct bytes){e->string->bytes, e->string->size}, &n)) {
        reply_error(&c->reply, NOT_A_NUMBER);
        return;
    }
    if (__builtin_add_overflow(n, by, &n)) {
        reply_error(&c->reply, "ERR increment or decrement would overflow");
        return;
    }
    char text[VALUE_DIGITS];
    size_t size = value_text(n, text);
    e = put(c, arg(c, 1), (struct bytes){text, size});
    if (!e)
        return;
    store_expire(e, expires);
    reply_number(&c->reply, n);
}

void command_incr(struct client *c) { add_number(c, 1); }

void command_decr(struct client *c) { add_number(c, -1); }

void command_incrby(struct client *c)
{
    int64_t by;
    if (value_number(arg(c, 2), &by))
        add_number(c, by);
    else
        reply_error(&c->reply, NOT_A_NUMBER);
}

void command_decrby(struct client *c)
{
    int64_t by;
    if (!value_number(arg(c, 2), &by))
        reply_error(&c->reply, NOT_A_NUMBER);
    else if (by == INT64_MIN)
        reply_error(&c->reply, "ERR decrement would overflow");
    else
        add_number(c, -by);
}
