/* SPDX-License-Identifier: MIT */
/* commands - which there are; and how one is done: looked up, its arguments counted, its keys locked. */
#include "pubsub.h"
#include "store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { ADDS = 1, LISTENING = 2 }; /* takes memory; is for those who listen, too */

struct command {
    const char *name;
    command_function *run;
    int arguments; /* with the name; below 0: at least as many */
    int flags;
    int first, last, step; /* which of them are keys; 0: none; last below 0: counted from the end */
};

/* In the order of their names. */
static const struct command commands[] = {
    {"append", command_append, 3, ADDS, 1, 1, 1},
    {"command", command_command, -1, 0, 0, 0, 0},
    {"config", command_config, -2, 0, 0, 0, 0},
    {"dbsize", command_dbsize, 1, 0, 0, 0, 0},
    {"decr", command_decr, 2, ADDS, 1, 1, 1},
    {"decrby", command_decrby, 3, ADDS, 1, 1, 1},
    {"del", command_del, -2, 0, 1, -1, 1},
    {"echo", command_echo, 2, 0, 0, 0, 0},
    {"exists", command_exists, -2, 0, 1, -1, 1},
    {"expire", command_expire, 3, 0, 1, 1, 1},
    {"flushall", command_flushall, -1, 0, 0, 0, 0},
    {"flushdb", command_flushall, -1, 0, 0, 0, 0},
    {"get", command_get, 2, 0, 1, 1, 1},
    {"getset", command_getset, 3, ADDS, 1, 1, 1},
    {"hdel", command_hdel, -3, 0, 1, 1, 1},
    {"hexists", command_hexists, 3, 0, 1, 1, 1},
    {"hget", command_hget, 3, 0, 1, 1, 1},
    {"hgetall", command_hgetall, 2, 0, 1, 1, 1},
    {"hlen", command_hlen, 2, 0, 1, 1, 1},
    {"hset", command_hset, -4, ADDS, 1, 1, 1},
    {"incr", command_incr, 2, ADDS, 1, 1, 1},
    {"incrby", command_incrby, 3, ADDS, 1, 1, 1},
    {"info", command_info, -1, 0, 0, 0, 0},
    {"lindex", command_lindex, 3, 0, 1, 1, 1},
    {"llen", command_llen, 2, 0, 1, 1, 1},
    {"lpop", command_lpop, -2, 0, 1, 1, 1},
    {"lpush", command_lpush, -3, ADDS, 1, 1, 1},
    {"lrange", command_lrange, 4, 0, 1, 1, 1},
    {"mget", command_mget, -2, 0, 1, -1, 1},
    {"mset", command_mset, -3, ADDS, 1, -1, 2},
    {"persist", command_persist, 2, 0, 1, 1, 1},
    {"pexpire", command_pexpire, 3, 0, 1, 1, 1},
    {"ping", command_ping, -1, LISTENING, 0, 0, 0},
    {"pttl", command_pttl, 2, 0, 1, 1, 1},
    {"publish", command_publish, 3, 0, 0, 0, 0},
    {"quit", command_quit, -1, LISTENING, 0, 0, 0},
    {"rpop", command_rpop, -2, 0, 1, 1, 1},
    {"rpush", command_rpush, -3, ADDS, 1, 1, 1},
    {"sadd", command_sadd, -3, ADDS, 1, 1, 1},
    {"scard", command_scard, 2, 0, 1, 1, 1},
    {"select", command_select, 2, 0, 0, 0, 0},
    {"set", command_set, -3, ADDS, 1, 1, 1},
    {"setnx", command_setnx, 3, ADDS, 1, 1, 1},
    {"sismember", command_sismember, 3, 0, 1, 1, 1},
    {"smembers", command_smembers, 2, 0, 1, 1, 1},
    {"spop", command_spop, -2, 0, 1, 1, 1},
    {"srem", command_srem, -3, 0, 1, 1, 1},
    {"strlen", command_strlen, 2, 0, 1, 1, 1},
    {"subscribe", command_subscribe, -2, LISTENING, 0, 0, 0},
    {"ttl", command_ttl, 2, 0, 1, 1, 1},
    {"type", command_type, 2, 0, 1, 1, 1},
    {"unlink", command_del, -2, 0, 1, -1, 1},
    {"unsubscribe", command_unsubscribe, -1, LISTENING, 0, 0, 0},
    {"zadd", command_zadd, -4, ADDS, 1, 1, 1},
    {"zcard", command_zcard, 2, 0, 1, 1, 1},
    {"zpopmin", command_zpopmin, -2, 0, 1, 1, 1},
    {"zrange", command_zrange, -4, 0, 1, 1, 1},
    {"zrem", command_zrem, -3, 0, 1, 1, 1},
    {"zscore", command_zscore, 3, 0, 1, 1, 1},
};
#define COUNT (sizeof commands / sizeof *commands)

/* As strcmp does, but for upper and lower case. */
static int compare(const void *key, const void *element)
{
    const struct bytes *text = key;
    const char *name = ((const struct command *)element)->name;
    size_t length = strlen(name);
    int order = strncasecmp(text->at, name, text->size < length ? text->size : length);
    return order ? order : (text->size > length) - (text->size < length);
}

bool command_says(struct bytes text, const char *word)
{
    return text.size == strlen(word) && strncasecmp(text.at, word, text.size) == 0;
}

bool command_find(struct client *c, enum kind kind, struct entry **entry)
{
    *entry = store_find(arg(c, 1));
    if (!*entry || (*entry)->kind == kind)
        return true;
    reply_error(&c->reply, WRONG_TYPE);
    return false;
}

struct entry *command_find_or_add(struct client *c, enum kind kind)
{
    struct entry *e;
    if (!command_find(c, kind, &e))
        return NULL;
    if (!e && !(e = store_add(arg(c, 1), kind)))
        reply_error(&c->reply, NO_MEMORY);
    return e;
}

void command_prune(struct client *c, const struct entry *entry)
{
    if (store_size(entry) == 0)
        store_remove(arg(c, 1));
}

void command_answer_size(struct client *c, enum kind kind)
{
    struct entry *e;
    if (command_find(c, kind, &e))
        reply_number(&c->reply, e ? (int64_t)store_size(e) : 0);
}

bool command_range(struct client *c, size_t size, int64_t *first, int64_t *last)
{
    int64_t end = (int64_t)size;
    if (!value_number(arg(c, 2), first) || !value_number(arg(c, 3), last)) {
        reply_error(&c->reply, NOT_A_NUMBER);
        return false;
    }
    *first += *first < 0 ? end : 0;
    *last += *last < 0 ? end : 0;
    *first = *first < 0 ? 0 : *first;
    *last = *last < end ? *last : end - 1;
    return true;
}

bool command_pop_count(struct client *c, size_t *count)
{
    int64_t n = 1;
    bool is_good = c->request.count < 3 || (value_number(arg(c, 2), &n) && n >= 0);
    if (!is_good)
        reply_error(&c->reply, "ERR value is out of range, must be positive");
    *count = (size_t)n;
    return is_good;
}

void command_command(struct client *c)
{
    if (c->request.count > 1 && command_says(arg(c, 1), "count"))
        reply_number(&c->reply, COUNT);
    else
        reply_array(&c->reply, 0); /* nothing is told about them */
}

/* Not more than fits into an error. */
static int shown(struct bytes text) { return text.size < 128 ? (int)text.size : 128; }

static void refuse_unknown(struct client *c, struct bytes name)
{
    char line[256] = "";
    size_t used = 0;
    for (size_t i = 1; i < c->request.count && used < 128; i++) {
        struct bytes a = arg(c, i);
        int most = shown(a) < 128 - (int)used ? shown(a) : 128 - (int)used;
        used += (size_t)snprintf(line + used, sizeof line - used, "'%.*s' ", most, a.at);
    }
    reply_error(&c->reply, "ERR unknown command '%.*s', with args beginning with: %s", shown(name), name.at, line);
}

/* The shards of its keys. */
static uint64_t shards_of(const struct client *c, const struct command *command)
{
    uint64_t shards = 0;
    if (command->first == 0)
        return 0;
    size_t last = command->last < 0 ? c->request.count - 1 : (size_t)command->last;
    for (size_t i = (size_t)command->first; i <= last && shards != STORE_ALL; i += (size_t)command->step)
        shards |= store_shard(arg(c, i));
    return shards;
}

/* Locks its keys, and does it. */
static void run(struct client *c, const struct command *command)
{
    uint64_t shards = shards_of(c, command);
    store_lock(shards);
    command->run(c);
    store_unlock(shards);
}

/* What it may take counts before it is done: so neither a large one nor many at once get past the limit. Nothing that an argument
 * becomes takes more beside its bytes than a key does. */
static void run_within(struct client *c, const struct command *command, size_t limit)
{
    size_t more = 0;
    for (size_t i = 1; i < c->request.count; i++)
        more += sizeof(struct entry) + arg(c, i).size;
    value_count(more, 0);
    if (value_bytes() > limit)
        reply_error(&c->reply, "OOM command not allowed when used memory > 'maxmemory'.");
    else
        run(c, command);
    value_count(0, more);
}

void command_run(struct client *c)
{
    struct bytes name = arg(c, 0);
    const struct command *command = bsearch(&name, commands, COUNT, sizeof *commands, compare);
    long count = (long)c->request.count;
    if (!command) {
        refuse_unknown(c, name);
    } else if (command->arguments > 0 ? count != command->arguments : count < -command->arguments) {
        reply_error(&c->reply, "ERR wrong number of arguments for '%s' command", command->name);
    } else if (!(command->flags & LISTENING) && pubsub_listens(c)) {
        reply_error(&c->reply,
                    "ERR Can't execute '%s': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are "
                    "allowed in this context",
                    command->name);
    } else if ((command->flags & ADDS) && server.max_memory > 0) {
        run_within(c, command, server.max_memory);
    } else {
        run(c, command);
    }
    server.commands++;
}
