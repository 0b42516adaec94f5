/* SPDX-License-Identifier: MIT */
/* test_image - live bytes survive a copy out and in at every size; images grow, are cut back (I1, I2), and a failure leaves
 * everything as it was (S5). */
#include "support.h"

#include "base/os.h"
#include "base/sanitizer.h"
#include "stack/image.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define STACK ((size_t)2 << 20)
#define LARGEST ((size_t)1 << 20)

static struct home_cache cache;
static struct block_caches blocks;
static struct image_counters n;
static struct home *home;
static struct task *task;

static int set_up(void **state)
{
    (void)state;
    memset(&cache, 0, sizeof cache);
    memset(&blocks, 0, sizeof blocks);
    memset(&n, 0, sizeof n);
    if (home_table_open(STACK, 2) < 0 || !(home = home_take(&cache)))
        return -1;
    task = aligned_alloc(64, RECORD_SIZE);
    memset(task, 0, RECORD_SIZE);
    return 0;
}

static int tear_down(void **state)
{
    struct slab_class *all[BLOCK_SLAB_CLASSES];
    (void)state;
    block_fail_after(0);
    for (int i = 0; i < BLOCK_SLAB_CLASSES; i++)
        all[i] = &block_slabs[i];
    slab_release_all(all, BLOCK_SLAB_CLASSES);
    home_table_close();
    free(task);
    return 0;
}

static char pattern(size_t i, size_t size) { return (char)(i * 31 + (i >> 8) + size); }

/* The task's stack gets so deep, with bytes that depend on it. */
static void fill(size_t size)
{
    task->sp = home->top - size;
    for (size_t i = 0; i < size; i++)
        ((char *)task->sp)[i] = pattern(i, size);
    home->occupant = task;
}

static void assert_intact(size_t size)
{
    assert_ptr_equal(home->occupant, task);
    for (size_t i = 0; i < size; i++)
        if (((char *)task->sp)[i] != pattern(i, size))
            fail_msg("byte %zu of %zu differs", i, size);
}

static void round_trip(size_t size)
{
    fill(size);
    assert_int_equal(image_out(home, &blocks, &n), 0);
    assert_null(home->occupant);
    assert_true(image_capacity(task) >= size);
    if (task->image_class)
        assert_true(size > image_capacity(task) / 4); /* I2 */
    else
        assert_true(size <= RECORD_INLINE);
    memset(home->top - size, 0x55, size); /* another task's */
    image_in(home, task, &n);
    assert_intact(size);
}

static void test_round_trip_at_every_border(void **state)
{
    uint64_t trips = 0;
    (void)state;
    for (size_t size = 1; size <= 2 * RECORD_INLINE; size++, trips++)
        round_trip(size);
    for (size_t border = BLOCK_MIN; border <= LARGEST; border *= 2)
        for (int off = -16; off <= 16; off += off == -16 || off == 1 ? 15 : 1, trips++)
            round_trip(border + (size_t)off);
    assert_int_equal(n.out, trips);
    assert_int_equal(n.in, trips);
    assert_int_equal(n.failed, 0);
    image_drop(task, &blocks);
    assert_int_equal(blocks.bytes, 0);
}

static void test_random_sizes(void **state)
{
    uint32_t random = 99;
    (void)state;
    for (long i = scale(2000); i > 0; i--)
        round_trip(1 + test_random(&random) % (64u << (test_random(&random) % 12)));
    image_drop(task, &blocks);
    assert_int_equal(blocks.bytes, 0);
}

static void test_grows_and_is_cut_back(void **state)
{
    (void)state;
    round_trip(RECORD_INLINE);
    assert_int_equal(task->image_class, 0);
    assert_int_equal(n.grown + n.cut, 0);
    round_trip(LARGEST);
    assert_int_equal(n.grown, 1);
    assert_int_equal(blocks.bytes, LARGEST);
    round_trip(LARGEST / 2); /* not empty enough */
    assert_int_equal(n.cut, 0);
    round_trip(LARGEST / 4);
    assert_int_equal(n.cut, 1);
    assert_int_equal(blocks.bytes, LARGEST / 4);
    round_trip(1);
    assert_int_equal(n.cut, 2);
    assert_int_equal(task->image_class, 0);
    assert_int_equal(blocks.bytes, 0);
    assert_int_equal(n.grown, 1);
}

static void test_failure_leaves_all_as_it_was(void **state)
{
    size_t sizes[] = {RECORD_INLINE + 1, 1000, 40000, LARGEST};
    (void)state;
    round_trip(1);
    for (size_t i = 0; i < 4; i++) {
        unsigned before = task->image_class;
        int64_t bytes = blocks.bytes;
        fill(sizes[i]);
        block_fail_after(1);
        for (int tries = 0; tries < 3; tries++)
            assert_int_equal(image_out(home, &blocks, &n), -ENOMEM);
        assert_intact(sizes[i]);
        assert_int_equal(task->image_class, before);
        assert_int_equal(blocks.bytes, bytes);
        assert_int_equal(n.failed, 3 * (i + 1));
        block_fail_after(0);
        round_trip(sizes[i]);
    }
}

static void test_cutting_back_may_fail(void **state)
{
    (void)state;
    round_trip(100000);
    unsigned before = task->image_class;
    fill(1000);
    block_fail_after(1);
    assert_int_equal(image_out(home, &blocks, &n), 0);
    assert_int_equal(task->image_class, before);
    memset(home->top - 1000, 0, 1000);
    image_in(home, task, &n);
    assert_intact(1000);
    assert_int_equal(n.failed, 0);
    block_fail_after(0);
    round_trip(1000);
    assert_int_equal(task->image_class, block_class(1000));
}

static bool resident(const char *at)
{
    unsigned char in;
    return mincore((void *)((uintptr_t)at & -(uintptr_t)4096), 1, &in) == 0 && in & 1;
}

static void test_an_idle_home_is_emptied(void **state)
{
    (void)state;
    fill(300);
    assert_true(image_empty(home, &blocks, &n));
    assert_null(home->occupant);
    assert_true(home->empty);
    assert_false(resident(home->top - 1));
    image_in(home, task, &n);
    assert_intact(300);
    fill(5000); /* its image would take more than its pages */
    home->low[0] = 1;
    assert_false(image_empty(home, &blocks, &n));
    assert_ptr_equal(home->occupant, task);
    assert_intact(5000);
    assert_false(resident(home->low));
    fill(300);
    assert_int_equal(image_out(home, &blocks, &n), 0);
    assert_false(home->empty);
    home->top[-1] = 1;
    assert_false(image_empty(home, &blocks, &n)); /* nobody was there */
    assert_true(home->empty);
    assert_false(resident(home->top - 1));
}

static void test_without_memory_it_keeps_its_task(void **state)
{
    (void)state;
    fill(300);
    block_fail_after(1);
    home->low[0] = 1;
    assert_false(image_empty(home, &blocks, &n));
    block_fail_after(0);
    assert_ptr_equal(home->occupant, task);
    assert_false(home->empty);
    assert_false(resident(home->low));
    assert_intact(300);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_round_trip_at_every_border),
        TEST(test_random_sizes),
        TEST(test_grows_and_is_cut_back),
        TEST(test_failure_leaves_all_as_it_was),
        TEST(test_cutting_back_may_fail),
        TEST(test_an_idle_home_is_emptied),
        TEST(test_without_memory_it_keeps_its_task),
    };
    if (sanitizer_pins_all())
        return 0; /* nothing is copied under these tools */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
