/* SPDX-License-Identifier: MIT */
/* table - names to things: a hash table whose entries begin with a struct node. Its owner locks it. */
#ifndef TABLE_H
#define TABLE_H

#include "value.h"

struct node {
    struct node *next;
    uint64_t hash;
    struct bytes key; /* kept by the entry */
};

struct table {
    struct node **buckets;
    size_t room, count; /* room: a power of two, or 0 */
};

/* Keys come from strangers: the hash is SipHash-1-3 under a secret of this process, so that nobody can make them all collide. */
void table_seed(void);
uint64_t table_hash(struct bytes key);

/* Where the pointer to it is; NULL: it isn't there. Valid until the next table_add. */
struct node **table_find(const struct table *table, struct bytes key, uint64_t hash);

/* Adds a node that isn't there. False: no memory. */
bool table_add(struct table *table, struct node *node);

/* Takes it out. */
struct node *table_remove(struct table *table, struct node **link);

/* Gives back what it doesn't need any more, if that is much. */
void table_shrink(struct table *table);

/* One node after the other; NULL: the first, or that there are no more. */
struct node *table_next(const struct table *table, const struct node *node);

/* Any node, by chance, as table_find has it, though those that share a bucket come less often; there must be one. Quick while
 * table_shrink is called after each table_remove. */
struct node **table_pick(const struct table *table);

/* What the table itself takes, which counts in value_bytes; the nodes are their owners'. */
void table_free(struct table *table);

#endif
