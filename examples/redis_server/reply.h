/* SPDX-License-Identifier: MIT */
/* reply - answers, gathered in memory until they are sent together. A large value isn't copied, but sent from where it lies. */
#ifndef REPLY_H
#define REPLY_H

#include "value.h"

struct reply_part {
    size_t before; /* it comes when so many of the bytes are sent */
    struct value *value;
};

struct reply {
    char *bytes;
    size_t used, room;
    struct reply_part *parts;
    size_t part_count, part_room;
    size_t size; /* in all */
    bool broken; /* there was no memory: what is here makes no sense */
};

void reply_simple(struct reply *r, const char *text);
void reply_error(struct reply *r, const char *format, ...) __attribute__((format(printf, 2, 3)));
void reply_number(struct reply *r, int64_t number);
void reply_bulk(struct reply *r, struct bytes bytes);
void reply_text(struct reply *r, const char *text);     /* the same */
void reply_value(struct reply *r, struct value *value); /* takes a reference of its own; NULL: nil */
void reply_array(struct reply *r, size_t count);        /* so many answers follow */
void reply_nil_array(struct reply *r);

/* Sends all of it. False: it can't be sent any more. May switch. */
bool reply_send(struct reply *r, int fd);

/* All of it as a value, and the reply is empty. NULL: no memory. */
struct value *reply_take(struct reply *r);

/* Sends values in a row. False: not all of them. May switch. */
bool reply_send_list(struct list *list, int fd);

void reply_clear(struct reply *r);

#endif
