/* SPDX-License-Identifier: MIT */
/* value - see value.h. */
#include "value.h"

#include <stdlib.h>
#include <string.h>

static atomic_size_t alive;

struct value *value_make(const char *at, size_t size)
{
    struct value *v = malloc(sizeof *v + size);
    if (!v)
        return NULL;
    v->refs = 1;
    v->size = size;
    if (at && size > 0)
        memcpy(v->bytes, at, size);
    value_count(sizeof *v + size, 0);
    return v;
}

struct value *value_ref(struct value *value)
{
    atomic_fetch_add_explicit(&value->refs, 1, memory_order_relaxed);
    return value;
}

void value_drop(struct value *value)
{
    if (!value || atomic_fetch_sub_explicit(&value->refs, 1, memory_order_acq_rel) > 1)
        return;
    value_count(0, sizeof *value + value->size);
    free(value);
}

void value_count(size_t more, size_t less) { atomic_fetch_add_explicit(&alive, more - less, memory_order_relaxed); }

size_t value_bytes(void) { return atomic_load_explicit(&alive, memory_order_relaxed); }

bool value_number(struct bytes text, int64_t *number)
{
    bool negative = text.size > 0 && text.at[0] == '-';
    size_t at = negative;
    int64_t n = 0;
    if (at == text.size || (text.at[at] == '0' && text.size > 1))
        return false;
    for (; at < text.size; at++) {
        int digit = text.at[at] - '0';
        if (digit < 0 || digit > 9 || __builtin_mul_overflow(n, 10, &n) ||
            __builtin_sub_overflow(n, digit, &n)) /* below 0, where there is room for one more */
            return false;
    }
    if (!negative && n == INT64_MIN)
        return false;
    *number = negative ? n : -n;
    return true;
}

size_t value_text(int64_t number, char text[static VALUE_DIGITS])
{
    uint64_t rest = number < 0 ? -(uint64_t)number : (uint64_t)number;
    char reversed[VALUE_DIGITS];
    size_t n = 0, at = 0;
    do
        reversed[n++] = (char)('0' + rest % 10);
    while ((rest /= 10) > 0);
    if (number < 0)
        text[at++] = '-';
    while (n > 0)
        text[at++] = reversed[--n];
    return at;
}

static size_t slot(const struct list *list, size_t index) { return (list->first + index) & (list->room - 1); }

/* Moves what there is to the beginning of other slots. */
static bool resize(struct list *list, size_t room)
{
    struct value **slots = malloc(room * sizeof *slots); // NOLINT(bugprone-sizeof-expression)
    if (!slots)
        return false;
    for (size_t i = 0; i < list->count; i++)
        slots[i] = list->slots[slot(list, i)];
    value_count(room * sizeof *slots, list->room * sizeof *slots); // NOLINT(bugprone-sizeof-expression)
    free(list->slots);
    *list = (struct list){slots, room, 0, list->count};
    return true;
}

bool list_push(struct list *list, bool left, struct value *value)
{
    if (list->count == list->room && !resize(list, list->room ? 2 * list->room : 4))
        return false;
    if (left)
        list->first = slot(list, list->room - 1);
    list->slots[slot(list, left ? 0 : list->count)] = value;
    list->count++;
    return true;
}

struct value *list_pop(struct list *list, bool left)
{
    if (list->count == 0)
        return NULL;
    struct value *value = list->slots[slot(list, left ? 0 : list->count - 1)];
    if (left)
        list->first = slot(list, 1);
    list->count--;
    if (list->room > 64 && list->count < list->room / 8)
        resize(list, list->room / 2); /* or it stays as large as it is */
    return value;
}

struct value *list_at(const struct list *list, size_t index) { return list->slots[slot(list, index)]; }

void list_clear(struct list *list)
{
    for (size_t i = 0; i < list->count; i++)
        value_drop(list_at(list, i));
    value_count(0, list->room * sizeof *list->slots); // NOLINT(bugprone-sizeof-expression)
    free(list->slots);
    *list = (struct list){0};
}
