/* SPDX-License-Identifier: MIT */
/* sorted - see sorted.h. */
#include "sorted.h"

#include <stdlib.h>
#include <string.h>

static bool is_before(const struct scored *a, const struct scored *b)
{
    if (a->score != b->score)
        return a->score < b->score;
    size_t size = a->node.key.size, other = b->node.key.size;
    int order = memcmp(a->member, b->member, size < other ? size : other);
    return order != 0 ? order < 0 : size < other;
}

static size_t count(const struct scored *tree) { return tree ? tree->count : 0; }

static void recount(struct scored *s) { s->count = count(s->left) + 1 + count(s->right); }

/* A tree into two: what is before s, and what is behind it. */
static void split(struct scored *tree, const struct scored *s, struct scored **before, struct scored **behind)
{
    if (!tree) {
        *before = *behind = NULL;
        return;
    }
    if (is_before(tree, s)) {
        split(tree->right, s, &tree->right, behind);
        *before = tree;
    } else {
        split(tree->left, s, before, &tree->left);
        *behind = tree;
    }
    recount(tree);
}

/* Two trees into one; all of the first is before all of the second. */
static struct scored *join(struct scored *first, struct scored *second)
{
    if (!first || !second)
        return first ? first : second;
    struct scored *top = first->node.hash > second->node.hash ? first : second;
    if (top == first)
        top->right = join(first->right, second);
    else
        top->left = join(first, second->left);
    recount(top);
    return top;
}

/* It goes down until those below have smaller hashes: these it takes to both sides of itself. */
static void put_in(struct sorted *sorted, struct scored *s)
{
    struct scored **link = &sorted->root;
    while (*link && (*link)->node.hash > s->node.hash) {
        (*link)->count++;
        link = is_before(*link, s) ? &(*link)->right : &(*link)->left;
    }
    split(*link, s, &s->left, &s->right);
    recount(s);
    *link = s;
}

static void take_out(struct sorted *sorted, struct scored *s)
{
    struct scored **link = &sorted->root;
    while (*link != s) {
        (*link)->count--;
        link = is_before(*link, s) ? &(*link)->right : &(*link)->left;
    }
    *link = join(s->left, s->right);
}

struct scored *sorted_find(const struct sorted *sorted, struct bytes member)
{
    struct node **link = table_find(&sorted->table, member, table_hash(member));
    return link ? (struct scored *)*link : NULL;
}

static bool add(struct sorted *sorted, struct bytes member, uint64_t hash, double score)
{
    struct scored *s = malloc(sizeof *s + member.size);
    if (!s)
        return false;
    *s = (struct scored){.node = {.hash = hash, .key = {s->member, member.size}}, .score = score};
    if (member.size > 0)
        memcpy(s->member, member.at, member.size);
    if (!table_add(&sorted->table, &s->node)) {
        free(s);
        return false;
    }
    value_count(sizeof *s + member.size, 0);
    put_in(sorted, s);
    return true;
}

int sorted_put(struct sorted *sorted, struct bytes member, double score)
{
    uint64_t hash = table_hash(member);
    struct node **link = table_find(&sorted->table, member, hash);
    if (!link)
        return add(sorted, member, hash, score) ? 1 : -1;
    struct scored *s = (struct scored *)*link;
    if (s->score != score) {
        take_out(sorted, s);
        s->score = score;
        put_in(sorted, s);
    }
    return 0;
}

static void discard(struct scored *s)
{
    value_count(0, sizeof *s + s->node.key.size);
    free(s);
}

bool sorted_remove(struct sorted *sorted, struct bytes member)
{
    struct node **link = table_find(&sorted->table, member, table_hash(member));
    if (!link)
        return false;
    struct scored *s = (struct scored *)table_remove(&sorted->table, link);
    table_shrink(&sorted->table);
    take_out(sorted, s);
    discard(s);
    return true;
}

struct scored *sorted_first(const struct sorted *sorted)
{
    struct scored *s = sorted->root;
    while (s && s->left)
        s = s->left;
    return s;
}

struct walk {
    size_t first, last;
    sorted_visit *visit;
    void *arg;
};

/* In a tree that so many are before. */
static void walk(const struct scored *tree, size_t before, const struct walk *w)
{
    if (!tree)
        return;
    size_t rank = before + count(tree->left);
    if (w->first < rank)
        walk(tree->left, before, w);
    if (w->first <= rank && rank <= w->last)
        w->visit(w->arg, tree);
    if (rank < w->last)
        walk(tree->right, rank + 1, w);
}

void sorted_walk(const struct sorted *sorted, size_t first, size_t last, sorted_visit *visit, void *arg)
{
    walk(sorted->root, 0, &(struct walk){first, last, visit, arg});
}

void sorted_clear(struct sorted *sorted)
{
    for (struct node *n = table_next(&sorted->table, NULL), *next; n; n = next) {
        next = table_next(&sorted->table, n);
        discard((struct scored *)n);
    }
    table_free(&sorted->table);
    sorted->root = NULL;
}
