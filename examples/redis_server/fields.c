/* SPDX-License-Identifier: MIT */
/* fields - see fields.h. */
#include "fields.h"

#include <stdlib.h>
#include <string.h>

struct field *fields_find(const struct table *fields, struct bytes name)
{
    struct node **link = table_find(fields, name, table_hash(name));
    return link ? (struct field *)*link : NULL;
}

static bool add(struct table *fields, struct bytes name, uint64_t hash, struct value *value)
{
    struct field *f = malloc(sizeof *f + name.size);
    if (!f)
        return false;
    *f = (struct field){.node = {.hash = hash, .key = {f->name, name.size}}, .value = value};
    if (name.size > 0)
        memcpy(f->name, name.at, name.size);
    if (table_add(fields, &f->node)) {
        value_count(sizeof *f + name.size, 0);
        return true;
    }
    free(f);
    return false;
}

int fields_put(struct table *fields, struct bytes name, struct value *value)
{
    uint64_t hash = table_hash(name);
    struct node **link = table_find(fields, name, hash);
    if (link) {
        struct field *f = (struct field *)*link;
        value_drop(f->value);
        f->value = value;
        return 0;
    }
    if (add(fields, name, hash, value))
        return 1;
    value_drop(value);
    return -1;
}

void field_free(struct field *field)
{
    value_count(0, sizeof *field + field->node.key.size);
    value_drop(field->value);
    free(field);
}

static struct field *take(struct table *fields, struct node **link)
{
    struct field *f = (struct field *)table_remove(fields, link);
    table_shrink(fields);
    return f;
}

bool fields_remove(struct table *fields, struct bytes name)
{
    struct node **link = table_find(fields, name, table_hash(name));
    if (link)
        field_free(take(fields, link));
    return link;
}

struct field *fields_pop(struct table *fields) { return take(fields, table_pick(fields)); }

void fields_clear(struct table *fields)
{
    for (struct node *n = table_next(fields, NULL), *next; n; n = next) {
        next = table_next(fields, n);
        field_free((struct field *)n);
    }
    table_free(fields);
}
