/* SPDX-License-Identifier: MIT */
/* commands_key - what is done with keys, whatever is in them: DEL, EXISTS, EXPIRE, TTL. Their keys are locked when they begin. */
#include "server.h"
#include "store.h"

void command_del(struct client *c)
{
    int64_t count = 0;
    for (size_t i = 1; i < c->request.count; i++)
        count += store_remove(arg(c, i));
    reply_number(&c->reply, count);
}

void command_exists(struct client *c)
{
    int64_t count = 0;
    for (size_t i = 1; i < c->request.count; i++)
        count += store_find(arg(c, i)) != NULL;
    reply_number(&c->reply, count);
}

/* A time that is over already removes the key. */
static void expire(struct client *c, int64_t unit, const char *name)
{
    int64_t n, when;
    if (!value_number(arg(c, 2), &n)) {
        reply_error(&c->reply, NOT_A_NUMBER);
        return;
    }
    if (__builtin_mul_overflow(n, unit, &n) || __builtin_add_overflow(mote_now(), n, &when)) {
        reply_error(&c->reply, "ERR invalid expire time in '%s' command", name);
        return;
    }
    struct entry *e = store_find(arg(c, 1));
    if (e && n <= 0)
        store_remove(arg(c, 1));
    else if (e)
        store_expire(e, when);
    reply_number(&c->reply, e != NULL);
}

void command_expire(struct client *c) { expire(c, MOTE_S, "expire"); }

void command_pexpire(struct client *c) { expire(c, MOTE_MS, "pexpire"); }

/* -2: no such key; -1: it never expires. */
static void time_left(struct client *c, int64_t unit)
{
    const struct entry *e = store_find(arg(c, 1));
    int64_t left = e && e->expires != MOTE_FOREVER ? e->expires - mote_now() : 0;
    if (!e || e->expires == MOTE_FOREVER)
        reply_number(&c->reply, e ? -1 : -2);
    else
        reply_number(&c->reply, left > 0 ? (left + unit / 2) / unit : 0);
}

void command_ttl(struct client *c) { time_left(c, MOTE_S); }

void command_pttl(struct client *c) { time_left(c, MOTE_MS); }

void command_persist(struct client *c)
{
    struct entry *e = store_find(arg(c, 1));
    bool expires = e && e->expires != MOTE_FOREVER;
    if (expires)
        store_expire(e, MOTE_FOREVER);
    reply_number(&c->reply, expires);
}

void command_type(struct client *c)
{
    static const char *const names[] = {"string", "list", "set", "hash", "zset"};
    const struct entry *e = store_find(arg(c, 1));
    reply_simple(&c->reply, e ? names[e->kind] : "none");
}
