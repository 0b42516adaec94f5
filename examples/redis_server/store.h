/* SPDX-License-Identifier: MIT */
/* store - the keys, in 64 shards with a lock each, so that commands on different keys don't wait for each other.
 *
 * A command locks the shards of all its keys before it begins: so it is done at once, as others see it, however many keys it
 * has. Nobody waits for the network meanwhile. Who reads takes references to the values that he found. */
#ifndef STORE_H
#define STORE_H

#include "sorted.h"
#include "table.h"

#define STORE_ALL UINT64_MAX

enum kind { KIND_STRING, KIND_LIST, KIND_SET, KIND_HASH, KIND_SORTED };

/* All but strings are removed when nothing is in them any more. */
struct entry {
    struct node node;
    int64_t expires; /* on mote_now's clock; MOTE_FOREVER: never. Changed by store_expire alone */
    enum kind kind;
    union {
        struct value *string;
        struct list list;
        struct table fields; /* of a set, or of a hash: see fields.h */
        struct sorted sorted;
    };
    char key[];
};

/* The shard of a key, as a bit in a set of shards. */
uint64_t store_shard(struct bytes key);

/* Each bit is a shard. May switch. */
void store_lock(uint64_t shards);
void store_unlock(uint64_t shards);

/* These want the key's shard locked. */

/* NULL: there is none, or its time is over. */
struct entry *store_find(struct bytes key);

/* Makes it a string, and takes the reference over; it never expires. NULL: no memory; the reference is dropped, nothing is
 * changed. */
struct entry *store_set(struct bytes key, struct value *value);

/* A new entry, still empty, for a key that isn't there: the caller fills it at once. NULL: no memory. */
struct entry *store_add(struct bytes key, enum kind kind);

/* How many elements are in it. */
size_t store_size(const struct entry *entry);

bool store_remove(struct bytes key);
void store_expire(struct entry *entry, int64_t when);

/* These lock for themselves. Expired keys count until somebody comes by. */
void store_count(size_t *keys, size_t *expiring);
bool store_clear(void); /* false: no memory */

/* Removes some of those that have expired, and goes on there next time. */
void store_sweep(void);

#endif
