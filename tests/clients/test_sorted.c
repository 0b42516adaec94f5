/* SPDX-License-Identifier: MIT */
/* test_sorted - redis_server's sorted sets, against an array that is searched from end to end; and scores as text. */
#include "sorted.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MEMBERS 200
#define ABSENT 1e9

static struct bytes name_of(int member, char text[static 8])
{
    return (struct bytes){text, (size_t)snprintf(text, 8, "%d", member)};
}

/* The order, the hashes and the counts of a tree; how deep it is. */
static int check_tree(const struct scored *tree, const struct scored **last)
{
    if (!tree)
        return 0;
    int left = check_tree(tree->left, last);
    if (*last) {
        const struct scored *before = *last;
        size_t shorter = before->node.key.size < tree->node.key.size ? before->node.key.size : tree->node.key.size;
        int order = memcmp(before->member, tree->member, shorter);
        assert_true(before->score < tree->score ||
                    (before->score == tree->score &&
                     (order < 0 || (order == 0 && before->node.key.size < tree->node.key.size))));
    }
    *last = tree;
    int right = check_tree(tree->right, last);
    assert_true(!tree->left || tree->left->node.hash <= tree->node.hash);
    assert_true(!tree->right || tree->right->node.hash <= tree->node.hash);
    assert_int_equal(tree->count, 1 + (tree->left ? tree->left->count : 0) + (tree->right ? tree->right->count : 0));
    return 1 + (left > right ? left : right);
}

struct seen {
    size_t count;
    struct bytes members[MEMBERS];
};

static void see(void *arg, const struct scored *s)
{
    struct seen *seen = arg;
    seen->members[seen->count++] = s->node.key;
}

/* Each rank by itself, and some of them together. */
static void check_ranks(const struct sorted *sorted, size_t count, size_t first)
{
    static struct seen all, some;
    all.count = some.count = 0;
    sorted_walk(sorted, 0, SIZE_MAX, see, &all);
    assert_int_equal(all.count, count);
    sorted_walk(sorted, first, first + 10, see, &some);
    assert_int_equal(some.count, first >= count ? 0 : count - first < 11 ? count - first : 11);
    for (size_t i = 0; i < some.count; i++)
        assert_ptr_equal(some.members[i].at, all.members[first + i].at);
    const struct scored *lowest = sorted_first(sorted);
    assert_true(count > 0 ? lowest->member == all.members[0].at : !lowest);
}

static unsigned next(unsigned *seed) { return (*seed = *seed * 1103515245 + 12345) >> 8; }

static void test_model(void **state)
{
    (void)state;
    struct sorted sorted = {0};
    double model[MEMBERS];
    size_t count = 0;
    unsigned seed = 5;
    for (int i = 0; i < MEMBERS; i++)
        model[i] = ABSENT;
    for (int step = 0; step < 20000; step++) {
        char text[8];
        int member = (int)(next(&seed) % MEMBERS);
        bool was = model[member] != ABSENT;
        if (next(&seed) % 100 < (step / 2000 % 2 ? 30U : 70U)) {
            model[member] = (int)(next(&seed) % 21) - 10;
            assert_int_equal(sorted_put(&sorted, name_of(member, text), model[member]), was ? 0 : 1);
            count += !was;
        } else {
            model[member] = ABSENT;
            assert_int_equal(sorted_remove(&sorted, name_of(member, text)), was);
            count -= was;
        }
        const struct scored *s = sorted_find(&sorted, name_of(member, text));
        assert_true(s ? s->score == model[member] : model[member] == ABSENT);
        assert_int_equal(sorted.table.count, count);
        const struct scored *last = NULL;
        check_tree(sorted.root, &last);
        check_ranks(&sorted, count, next(&seed) % MEMBERS);
    }
    sorted_clear(&sorted);
    assert_int_equal(value_bytes(), 0);
}

/* However they come. */
static void test_depth(void **state)
{
    (void)state;
    enum { N = 20000 };
    static char names[N][8];
    for (int way = 0; way < 3; way++) {
        struct sorted sorted = {0};
        for (int i = 0; i < N; i++)
            assert_int_equal(sorted_put(&sorted, name_of(i, names[i]), way == 0 ? i : way == 1 ? -i : 0), 1);
        const struct scored *last = NULL;
        int depth = check_tree(sorted.root, &last);
        assert_true(depth >= 15 && depth < 80);
        while (sorted.root)
            sorted_remove(&sorted, sorted_first(&sorted)->node.key);
        assert_true(sorted.table.room <= 8);
        sorted_clear(&sorted);
    }
    assert_int_equal(value_bytes(), 0);
}

/* As many digits as are needed, and no more: what is written is what was read. */
static void test_scores(void **state)
{
    (void)state;
    unsigned seed = 3;
    for (int i = 0; i < 100000; i++) {
        uint64_t bits = (uint64_t)next(&seed) << 40 ^ (uint64_t)next(&seed) << 20 ^ next(&seed);
        double score, again;
        char text[SCORE_DIGITS];
        memcpy(&score, &bits, sizeof score);
        score = i % 2 ? (double)(int64_t)bits / 1000 : score;
        if (isnan(score))
            continue;
        size_t size = score_text(score, text);
        assert_true(size > 0 && size < sizeof text);
        assert_true(score_parse((struct bytes){text, size}, &again));
        assert_true(again == score);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_model),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_scores),
    };
    table_seed();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
