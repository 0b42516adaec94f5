/* SPDX-License-Identifier: MIT */
/* value - bytes that several may hold: a key's value, an element of a list, a message on its way to many; and lists of them. */
#ifndef VALUE_H
#define VALUE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes that somebody else owns. They may hold anything, 0 too. */
struct bytes {
    const char *at;
    size_t size;
};

/* Never changed while more than one holds it; freed by the last. */
struct value {
    atomic_uint refs;
    size_t size;
    char bytes[];
};

/* A copy with one reference; NULL: no memory. With a NULL `at` the bytes are the caller's to fill in. */
struct value *value_make(const char *at, size_t size);
struct value *value_ref(struct value *value);
void value_drop(struct value *value); /* NULL is ignored */

/* Bytes of all values alive, their lists, and what else is counted: more, then less. */
size_t value_bytes(void);
void value_count(size_t more, size_t less);

/* A number as Redis writes and reads it: no spaces, no plus, no leading zeros. */
bool value_number(struct bytes text, int64_t *number);

/* The same the other way; how many bytes. printf would take most of the time that a long list does. */
enum { VALUE_DIGITS = 20 };
size_t value_text(int64_t number, char text[static VALUE_DIGITS]);

/* Values in a row; both ends are cheap. All zero is an empty one. */
struct list {
    struct value **slots;
    size_t room, first, count; /* room: a power of two, or 0 */
};

/* Takes the reference over. False: no memory, and the reference is still the caller's. */
bool list_push(struct list *list, bool left, struct value *value);

/* Hands its reference over; NULL: the list is empty. */
struct value *list_pop(struct list *list, bool left);

struct value *list_at(const struct list *list, size_t index);
void list_clear(struct list *list);

#endif
