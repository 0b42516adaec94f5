/* SPDX-License-Identifier: MIT */
/* sorted - a sorted set: members with scores, found by name in a table, and by rank in a tree. */
#ifndef SORTED_H
#define SORTED_H

#include "table.h"

/* The tree has the order of scores from left to right, of equal ones by member; and no node has a larger hash than the one above
 * it. As hashes are as good as chance, it is as deep as if members had come in any order: some 2 log2(n), whatever strangers do. */
struct scored {
    struct node node;
    double score; /* never NaN */
    struct scored *left, *right;
    size_t count; /* of the nodes below this one, and itself */
    char member[];
};

struct sorted {
    struct table table;
    struct scored *root;
};

/* NULL: it isn't there. */
struct scored *sorted_find(const struct sorted *sorted, struct bytes member);

/* Adds it, or gives it another score. 1: it is new. 0: it isn't. -1: no memory, nothing is changed. */
int sorted_put(struct sorted *sorted, struct bytes member, double score);

bool sorted_remove(struct sorted *sorted, struct bytes member);

/* The one with the lowest score; NULL: it is empty. */
struct scored *sorted_first(const struct sorted *sorted);

/* Calls visit for those of the ranks from first to last, which counts from 0. */
typedef void sorted_visit(void *arg, const struct scored *scored);
void sorted_walk(const struct sorted *sorted, size_t first, size_t last, sorted_visit *visit, void *arg);

void sorted_clear(struct sorted *sorted);

/* A score as one writes it: infinite ones and hexadecimal digits, too, but no spaces and no NaN, and no number that is too large, or so
 * small that it would become 0; nor more than SCORE_TEXT bytes. */
enum { SCORE_TEXT = 400, SCORE_DIGITS = 32 };
bool score_parse(struct bytes text, double *score);

/* The same the other way, with as few digits as tell it from others; how many bytes. */
size_t score_text(double score, char text[static SCORE_DIGITS]);

#endif
