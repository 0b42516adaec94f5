/* SPDX-License-Identifier: MIT */
/* test_block - the classes' sizes, the bytes that are accounted for (K1, K2), and injected failures. */
#include "support.h"

#include "base/block.h"
#include "base/os.h"

#include <string.h>

static int release(void **state)
{
    struct slab_class *all[BLOCK_SLAB_CLASSES];
    (void)state;
    os_fail_after(0);
    block_fail_after(0);
    for (int i = 0; i < BLOCK_SLAB_CLASSES; i++)
        all[i] = &block_slabs[i];
    slab_release_all(all, BLOCK_SLAB_CLASSES);
    block_reset();
    return 0;
}

static void test_class_is_the_smallest_that_holds(void **state)
{
    (void)state;
    assert_int_equal(block_class(0), 1);
    assert_int_equal(block_class(1), 1);
    assert_int_equal(block_size(1), BLOCK_MIN);
    for (unsigned which = 1; which < 30; which++) {
        size_t size = block_size(which);
        assert_int_equal(block_class(size), which);
        assert_int_equal(block_class(size + 1), which + 1);
        assert_int_equal(block_class(size - 1), which);
    }
    for (int i = 0; i < BLOCK_SLAB_CLASSES; i++)
        assert_int_equal(block_slabs[i].size, block_size((unsigned)i + 1));
}

static void test_blocks_hold_their_size(void **state)
{
    struct block_caches caches = {0};
    (void)state;
    for (unsigned which = 1; which <= BLOCK_SLAB_CLASSES + 4; which++) {
        char *with = block_get(&caches, which), *without = block_get(NULL, which);
        assert_non_null(with);
        assert_non_null(without);
        memset(with, 1, block_size(which));
        memset(without, 2, block_size(which));
        assert_int_equal(with[0], 1);
        assert_int_equal(with[block_size(which) - 1], 1);
        block_put(&caches, which, with);
        block_put(NULL, which, without);
    }
    block_flush(&caches);
}

static void test_bytes_add_up(void **state)
{
    struct block_caches a = {0}, b = {0};
    int64_t out = 0;
    void *block[14];
    (void)state;
    for (unsigned which = 1; which < 14; which++) {
        block[which] = block_get(which % 3 == 0 ? NULL : which % 3 == 1 ? &a : &b, which);
        out += (int64_t)block_size(which);
        assert_int_equal(a.bytes + b.bytes + block_bytes_shared(), out);
    }
    for (unsigned which = 1; which < 14; which++) { /* freed elsewhere */
        block_put(which % 3 == 0 ? &a : which % 3 == 1 ? &b : NULL, which, block[which]);
        out -= (int64_t)block_size(which);
        assert_int_equal(a.bytes + b.bytes + block_bytes_shared(), out);
    }
    assert_int_equal(out, 0);
    block_flush(&a);
    block_flush(&b);
}

static void test_injected_failure(void **state)
{
    struct block_caches caches = {0};
    (void)state;
    block_fail_after(3);
    void *one = block_get(&caches, 1), *two = block_get(NULL, 12);
    int64_t before = caches.bytes + block_bytes_shared();
    assert_non_null(one);
    assert_non_null(two);
    assert_null(block_get(&caches, 1));
    assert_null(block_get(NULL, 12));
    assert_int_equal(caches.bytes + block_bytes_shared(), before);
    block_fail_after(0);
    void *three = block_get(&caches, 1);
    assert_non_null(three);
    block_put(&caches, 1, one);
    block_put(&caches, 1, three);
    block_put(NULL, 12, two);
    assert_int_equal(caches.bytes + block_bytes_shared(), 0);
}

static void test_the_system_fails(void **state)
{
    struct block_caches caches = {0};
    (void)state;
    os_fail_after(1);
    assert_null(block_get(&caches, 1));
    assert_null(block_get(&caches, 12));
    assert_null(block_get(NULL, 12));
    assert_int_equal(caches.bytes + block_bytes_shared(), 0);
    os_fail_after(0);
    void *block = block_get(&caches, 12);
    assert_non_null(block);
    block_put(&caches, 12, block);
}

static void test_no_class_beyond_the_last(void **state)
{
    (void)state;
    assert_null(block_get(NULL, BLOCK_CLASSES));
    assert_null(block_get(NULL, BLOCK_CLASSES + 20));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_class_is_the_smallest_that_holds),
        cmocka_unit_test_teardown(test_blocks_hold_their_size, release),
        cmocka_unit_test_teardown(test_bytes_add_up, release),
        cmocka_unit_test_teardown(test_injected_failure, release),
        cmocka_unit_test_teardown(test_the_system_fails, release),
        cmocka_unit_test_teardown(test_no_class_beyond_the_last, release),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
