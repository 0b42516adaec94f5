/* SPDX-License-Identifier: MIT */
/* store - see store.h. */
#include "store.h"
#include "fields.h"

#include <mote.h>

#include <stdlib.h>
#include <string.h>

#define SHARDS 64
#define SWEEP 1024 /* buckets of a shard that are looked at while it is locked */

static struct shard {
    mote_mutex mutex;
    struct table table;
    size_t expiring; /* entries that have a time */
    size_t swept;    /* buckets below this one, in this round */
} shards[SHARDS];

/* The table takes the lowest bits of the hash, the shard the highest. */
static struct shard *shard_of(uint64_t hash) { return &shards[hash >> 58]; }

uint64_t store_shard(struct bytes key) { return UINT64_C(1) << (table_hash(key) >> 58); }

/* Always in the same order: nobody waits for one that waits for him. */
void store_lock(uint64_t set)
{
    for (; set; set &= set - 1)
        mote_mutex_lock(&shards[__builtin_ctzll(set)].mutex);
}

void store_unlock(uint64_t set)
{
    for (; set; set &= set - 1)
        mote_mutex_unlock(&shards[__builtin_ctzll(set)].mutex);
}

static void clear(struct entry *e)
{
    if (e->kind == KIND_STRING)
        value_drop(e->string);
    else if (e->kind == KIND_LIST)
        list_clear(&e->list);
    else if (e->kind == KIND_SORTED)
        sorted_clear(&e->sorted);
    else
        fields_clear(&e->fields);
}

static void discard(struct entry *e)
{
    clear(e);
    value_count(0, sizeof *e + e->node.key.size);
    free(e);
}

static void remove_at(struct shard *s, struct node **link)
{
    struct entry *e = (struct entry *)table_remove(&s->table, link);
    store_expire(e, MOTE_FOREVER);
    discard(e);
}

/* Where it is; what has expired is removed. */
static struct node **look_up(struct shard *s, struct bytes key, uint64_t hash)
{
    struct node **link = table_find(&s->table, key, hash);
    if (!link)
        return NULL;
    const struct entry *e = (const struct entry *)*link;
    if (e->expires == MOTE_FOREVER || mote_now() < e->expires)
        return link;
    remove_at(s, link);
    return NULL;
}

struct entry *store_find(struct bytes key)
{
    uint64_t hash = table_hash(key);
    struct node **link = look_up(shard_of(hash), key, hash);
    return link ? (struct entry *)*link : NULL;
}

static struct entry *add(struct shard *s, struct bytes key, uint64_t hash, enum kind kind)
{
    struct entry *e = malloc(sizeof *e + key.size);
    if (!e)
        return NULL;
    *e = (struct entry){
        .node = {.hash = hash, .key = {e->key, key.size}},
        .expires = MOTE_FOREVER,
        .kind = kind,
        .list = {0},
    };
    if (key.size > 0)
        memcpy(e->key, key.at, key.size);
    if (table_add(&s->table, &e->node)) {
        value_count(sizeof *e + key.size, 0);
        return e;
    }
    free(e);
    return NULL;
}

struct entry *store_set(struct bytes key, struct value *value)
{
    uint64_t hash = table_hash(key);
    struct shard *s = shard_of(hash);
    struct node **link = look_up(s, key, hash);
    struct entry *e = link ? (struct entry *)*link : add(s, key, hash, KIND_STRING);
    if (!e) {
        value_drop(value);
        return NULL;
    }
    store_expire(e, MOTE_FOREVER);
    clear(e);
    e->kind = KIND_STRING;
    e->string = value;
    return e;
}

struct entry *store_add(struct bytes key, enum kind kind)
{
    uint64_t hash = table_hash(key);
    return add(shard_of(hash), key, hash, kind);
}

size_t store_size(const struct entry *e)
{
    if (e->kind == KIND_STRING)
        return 1;
    if (e->kind == KIND_LIST)
        return e->list.count;
    return e->kind == KIND_SORTED ? e->sorted.table.count : e->fields.count;
}

bool store_remove(struct bytes key)
{
    uint64_t hash = table_hash(key);
    struct shard *s = shard_of(hash);
    struct node **link = look_up(s, key, hash);
    if (link)
        remove_at(s, link);
    return link;
}

void store_expire(struct entry *entry, int64_t when)
{
    struct shard *s = shard_of(entry->node.hash);
    s->expiring -= entry->expires != MOTE_FOREVER;
    s->expiring += when != MOTE_FOREVER;
    entry->expires = when;
}

void store_count(size_t *keys, size_t *expiring)
{
    *keys = *expiring = 0;
    store_lock(STORE_ALL);
    for (struct shard *s = shards; s < shards + SHARDS; s++) {
        *keys += s->table.count;
        *expiring += s->expiring;
    }
    store_unlock(STORE_ALL);
}

static void discard_all(struct table *table)
{
    for (struct node *n = table_next(table, NULL), *next; n; n = next) {
        next = table_next(table, n);
        discard((struct entry *)n);
    }
    table_free(table);
}

/* All are gone at once; they are freed when others may go on already. */
bool store_clear(void)
{
    struct table *old = calloc(SHARDS, sizeof *old);
    if (!old)
        return false;
    store_lock(STORE_ALL);
    for (int i = 0; i < SHARDS; i++) {
        old[i] = shards[i].table;
        shards[i].table = (struct table){0};
        shards[i].expiring = shards[i].swept = 0;
    }
    store_unlock(STORE_ALL);
    for (int i = 0; i < SHARDS; i++)
        discard_all(&old[i]);
    free(old);
    return true;
}

static void sweep_bucket(struct shard *s, struct node **link, int64_t now)
{
    while (*link) {
        if (((const struct entry *)*link)->expires <= now)
            remove_at(s, link);
        else
            link = &(*link)->next;
    }
}

void store_sweep(void)
{
    for (struct shard *s = shards; s < shards + SHARDS; s++) {
        mote_mutex_lock(&s->mutex);
        int64_t now = mote_now();
        for (int i = 0; i < SWEEP && s->expiring > 0; i++) {
            s->swept = s->swept < s->table.room ? s->swept : 0;
            sweep_bucket(s, &s->table.buckets[s->swept++], now);
        }
        mote_mutex_unlock(&s->mutex);
    }
}
