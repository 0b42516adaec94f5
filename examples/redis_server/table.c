/* SPDX-License-Identifier: MIT */
/* table - see table.h. */
#include "table.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define LEAST ((size_t)4) /* buckets */

static uint64_t secret[2] = {0x243f6a8885a308d3, 0x13198a2e03707344};

void table_seed(void)
{
    uint64_t random[2];
    if (getrandom(random, sizeof random, GRND_NONBLOCK) == sizeof random)
        memcpy(secret, random, sizeof secret);
}

static uint64_t rotate(uint64_t x, int by) { return x << by | x >> (64 - by); }

static void round_of(uint64_t v[4])
{
    v[0] += v[1];
    v[2] += v[3];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] = rotate(v[0], 32) + v[3];
    v[2] += v[1];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] = rotate(v[2], 32);
}

static void mix(uint64_t v[4], uint64_t word)
{
    v[3] ^= word;
    round_of(v);
    v[0] ^= word;
}

uint64_t table_hash(struct bytes key)
{
    uint64_t v[4] = {secret[0] ^ 0x736f6d6570736575, secret[1] ^ 0x646f72616e646f6d, secret[0] ^ 0x6c7967656e657261,
                     secret[1] ^ 0x7465646279746573};
    uint64_t word;
    size_t at = 0;
    for (; key.size - at >= sizeof word; at += sizeof word) {
        memcpy(&word, key.at + at, sizeof word);
        mix(v, word);
    }
    word = 0;
    if (key.size > at)
        memcpy(&word, key.at + at, key.size - at);
    mix(v, word | (uint64_t)key.size << 56);
    v[2] ^= 0xff;
    for (int i = 0; i < 3; i++)
        round_of(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

struct node **table_find(const struct table *table, struct bytes key, uint64_t hash)
{
    if (table->room == 0)
        return NULL;
    struct node **link = &table->buckets[hash & (table->room - 1)];
    for (; *link; link = &(*link)->next) {
        const struct node *n = *link;
        if (n->hash == hash && n->key.size == key.size && (key.size == 0 || memcmp(n->key.at, key.at, key.size) == 0))
            return link;
    }
    return NULL;
}

/* True also when it stays as it is, but works. */
static bool resize(struct table *table, size_t room)
{
    struct node **buckets = calloc(room, sizeof *buckets); // NOLINT(bugprone-sizeof-expression)
    if (!buckets)
        return table->room > 0;
    for (size_t i = 0; i < table->room; i++)
        for (struct node *n = table->buckets[i], *next; n; n = next) {
            struct node **bucket = &buckets[n->hash & (room - 1)];
            next = n->next;
            n->next = *bucket;
            *bucket = n;
        }
    value_count(room * sizeof *buckets, table->room * sizeof *buckets); // NOLINT(bugprone-sizeof-expression)
    free(table->buckets);
    table->buckets = buckets;
    table->room = room;
    return true;
}

bool table_add(struct table *table, struct node *node)
{
    if (table->count >= table->room && !resize(table, table->room ? 2 * table->room : LEAST))
        return false;
    struct node **bucket = &table->buckets[node->hash & (table->room - 1)];
    node->next = *bucket;
    *bucket = node;
    table->count++;
    return true;
}

void table_free(struct table *table)
{
    value_count(0, table->room * sizeof *table->buckets); // NOLINT(bugprone-sizeof-expression)
    free(table->buckets);
    *table = (struct table){0};
}

struct node *table_remove(struct table *table, struct node **link)
{
    struct node *node = *link;
    *link = node->next;
    table->count--;
    return node;
}

void table_shrink(struct table *table)
{
    if (table->room > LEAST && table->count < table->room / 4)
        resize(table, table->room / 2);
}

struct node *table_next(const struct table *table, const struct node *node)
{
    if (node && node->next)
        return node->next;
    for (size_t i = node ? (node->hash & (table->room - 1)) + 1 : 0; i < table->room; i++)
        if (table->buckets[i])
            return table->buckets[i];
    return NULL;
}

/* What strangers can't guess. */
static uint64_t draw(void)
{
    static atomic_uint_fast64_t drawn;
    uint64_t number = atomic_fetch_add_explicit(&drawn, 1, memory_order_relaxed);
    return table_hash((struct bytes){(const char *)&number, sizeof number});
}

struct node **table_pick(const struct table *table)
{
    struct node **link;
    size_t length = 1;
    do
        link = &table->buckets[draw() & (table->room - 1)];
    while (!*link);
    for (const struct node *n = (*link)->next; n; n = n->next)
        length++;
    for (size_t i = draw() % length; i > 0; i--)
        link = &(*link)->next;
    return link;
}
