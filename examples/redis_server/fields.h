/* SPDX-License-Identifier: MIT */
/* fields - what a table of a set or of a hash holds: names, and the values that those of a hash have. */
#ifndef FIELDS_H
#define FIELDS_H

#include "table.h"

struct field {
    struct node node;
    struct value *value; /* NULL: a set's member */
    char name[];
};

/* NULL: it isn't there. */
struct field *fields_find(const struct table *fields, struct bytes name);

/* Adds it, or gives it another value; takes the value over, which is NULL for a set. 1: it is new. 0: it isn't. -1: no memory; the
 * reference is dropped, nothing is changed. */
int fields_put(struct table *fields, struct bytes name, struct value *value);

bool fields_remove(struct table *fields, struct bytes name);

/* Takes any one out, by chance; there must be one. For field_free. */
struct field *fields_pop(struct table *fields);
void field_free(struct field *field);

void fields_clear(struct table *fields);

#endif
