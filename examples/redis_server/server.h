/* SPDX-License-Identifier: MIT */
/* server - what all parts of the server share: settings, numbers, and the record of a client. */
#ifndef SERVER_H
#define SERVER_H

#include "reply.h"
#include "resp.h"
#include "store.h"

#include <mote.h>

#include <stdatomic.h>

struct server {
    const char *address;
    size_t max_value;  /* bytes of an argument */
    size_t max_memory; /* bytes of all keys, values and their tables, beyond which nothing may be added; 0: no limit */
    size_t max_queue;  /* bytes that a subscriber may lag behind; then he is disconnected */
    long max_clients;
    int64_t grace; /* ns from the first interrupt to the end, at most */
    int64_t started;
    atomic_bool stopping;
    atomic_long clients, commands, disconnected; /* connected now; done; for being slow */
};
extern struct server server;

struct subscriber;

/* A connection: only its own task uses this, but for what is between the lines. */
struct client {
    int fd;
    bool closing; /* when the answers are sent */
    char *in;     /* what has come and isn't done yet lies from `from` to `used` */
    size_t from, used, room;
    struct resp request;
    struct reply reply;
    struct subscriber *subscriber; /* since its first SUBSCRIBE */
    /* ------------------ under the lock of connection.c's list */
    struct client *next, **link;
};

/* An argument of the request that is being done; 0 is the command's name. */
static inline struct bytes arg(const struct client *c, size_t i)
{
    return (struct bytes){c->in + c->from + c->request.args[i].at, c->request.args[i].size};
}

/* connection.c */

/* Starts a task that serves it, and closes it in the end. */
void connection_start(int fd);

/* When the server is stopping: clients get no more answers than to what has come; waits until all clients have their answers, or until the
 * deadline, after which the connections are cut. How many were. */
long connections_end(int64_t deadline);

/* commands.c: does a request, and gathers its answer. */
void command_run(struct client *c);

/* Does the argument say this, in whatever case? */
bool command_says(struct bytes text, const char *word);

/* What is there under argument 1; NULL: nothing. False: it is of another kind, and that is answered. */
bool command_find(struct client *c, enum kind kind, struct entry **entry);

/* The same, but what isn't there is added, still empty. NULL: there is no memory, or it is of another kind; that is answered. */
struct entry *command_find_or_add(struct client *c, enum kind kind);

/* Removes it if nothing is left in it. */
void command_prune(struct client *c, const struct entry *entry);

/* How many elements are under argument 1. */
void command_answer_size(struct client *c, enum kind kind);

/* Of `size` elements those from argument 2 to 3, counted from the end when below 0; none: *last < *first. False: they are
 * no numbers, and that is answered. */
bool command_range(struct client *c, size_t size, int64_t *first, int64_t *last);

/* How many are to be popped: argument 2, or 1. False: it is no such number, and that is answered. */
bool command_pop_count(struct client *c, size_t *count);

/* commands_hash.c: of a set, too. Removes the fields that argument 2 and those behind it name; whether there is the one that argument
 * 2 names. */
void command_remove_fields(struct client *c, enum kind kind);
void command_has_field(struct client *c, enum kind kind);

/* commands_*.c */
typedef void command_function(struct client *c);
command_function command_get, command_set, command_mget, command_mset, command_incr, command_incrby, command_decr,
    command_decrby, command_strlen, command_append, command_getset, command_setnx;
command_function command_del, command_exists, command_expire, command_pexpire, command_ttl, command_pttl,
    command_persist, command_type;
command_function command_lpush, command_rpush, command_lpop, command_rpop, command_llen, command_lrange, command_lindex;
command_function command_sadd, command_srem, command_spop, command_scard, command_sismember, command_smembers;
command_function command_hset, command_hget, command_hgetall, command_hdel, command_hlen, command_hexists;
command_function command_zadd, command_zrem, command_zpopmin, command_zcard, command_zscore, command_zrange;
command_function command_ping, command_echo, command_quit, command_select, command_config, command_info,
    command_command, command_dbsize, command_flushall;

#define WRONG_TYPE "WRONGTYPE Operation against a key holding the wrong kind of value"
#define NOT_A_NUMBER "ERR value is not an integer or out of range"
#define SYNTAX "ERR syntax error"
#define NO_MEMORY "OOM out of memory"

#endif
