/* SPDX-License-Identifier: MIT */
/* test_slab - objects come and go without overlap, empty chunks go back to the system, each visits all, and a failure of the
 * system is returned and got over. */
#include "support.h"

#include "base/os.h"
#include "base/slab.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define SIZE 256u
#define OBJECT_SIZE_ODD 208u

static struct slab_class slab = {.size = SIZE, .enumerate = true};
static struct slab_class other = {.size = OBJECT_SIZE_ODD};

static int release(void **state)
{
    struct slab_class *all[] = {&slab, &other};
    (void)state;
    os_fail_after(0);
    slab_release_all(all, 2);
    return 0;
}

static int by_address(const void *a, const void *b)
{
    const char *x = *(char *const *)a, *y = *(char *const *)b;
    return x < y ? -1 : x > y;
}

static char **get_many(struct slab_class *class, struct slab_cache *cache, size_t n)
{
    char **objects = malloc(n * sizeof *objects);
    assert_non_null(objects);
    for (size_t i = 0; i < n; i++) {
        objects[i] = slab_get(class, cache);
        assert_non_null(objects[i]);
        memset(objects[i], (int)(i & 255), class->size);
    }
    return objects;
}

static void put_many(struct slab_class *class, struct slab_cache *cache, char **objects, size_t n)
{
    for (size_t i = 0; i < n; i++)
        slab_put(class, cache, objects[i]);
    free(objects);
}

static void test_objects_do_not_overlap(void **state)
{
    struct slab_cache cache = {0};
    size_t n = 20000; /* more than a chunk of 10082 */
    char **objects = get_many(&other, &cache, n);
    (void)state;
    for (size_t i = 0; i < n; i++)
        assert_int_equal((unsigned char)objects[i][other.size - 1], (int)(i & 255));
    qsort(objects, n, sizeof *objects, by_address);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal((uintptr_t)objects[i] % 16, 0);
        if (i)
            assert_true(objects[i] - objects[i - 1] >= (ptrdiff_t)other.size);
    }
    assert_int_equal(other.chunks, 2);
    put_many(&other, &cache, objects, n);
}

static void test_refill_takes_half_a_cacheful_in_address_order(void **state)
{
    struct slab_cache cache = {0};
    char *first = slab_get(&slab, &cache);
    (void)state;
    assert_int_equal(cache.count, SLAB_CACHE_MAX / 2 - 1);
    for (unsigned i = 1; i < SLAB_CACHE_MAX / 2; i++)
        assert_ptr_equal(slab_get(&slab, &cache), first + (size_t)i * SIZE);
    assert_int_equal(cache.count, 0);
    assert_null(cache.first);
}

static void test_newest_is_reused_first(void **state)
{
    struct slab_cache cache = {0};
    void *a = slab_get(&slab, &cache), *b = slab_get(&slab, &cache);
    (void)state;
    slab_put(&slab, &cache, a);
    slab_put(&slab, &cache, b);
    assert_ptr_equal(slab_get(&slab, &cache), b);
    assert_ptr_equal(slab_get(&slab, &cache), a);
    slab_put(&slab, NULL, a);
    assert_ptr_equal(slab_get(&slab, NULL), a);
}

static void test_full_cache_gives_half_back(void **state)
{
    struct slab_cache cache = {0};
    size_t n = 1000, listed = 0;
    char **objects = get_many(&slab, &cache, n);
    (void)state;
    slab_flush(&slab, &cache, 0);
    assert_int_equal(cache.count, 0);
    for (size_t i = 0; i < n; i++) {
        slab_put(&slab, &cache, objects[i]);
        assert_true(cache.count <= SLAB_CACHE_MAX);
    }
    for (void *at = cache.first; at; at = *(void **)at)
        listed++;
    assert_int_equal(listed, cache.count);
    slab_flush(&slab, &cache, 5);
    assert_int_equal(cache.count, 5);
    for (int i = 0; i < 5; i++) /* kept: those that were freed last */
        assert_ptr_equal(slab_get(&slab, &cache), objects[n - 1 - (size_t)i]);
    free(objects);
}

static bool resident(void *at)
{
    unsigned char page = 0;
    assert_int_equal(mincore((void *)((uintptr_t)at & ~(uintptr_t)4095), 4096, &page), 0);
    return page & 1;
}

static void test_empty_chunks_go_back_to_the_system(void **state)
{
    struct slab_cache cache = {0};
    size_t n = 5 * (SLAB_CHUNK / SIZE), gone = 0;
    char **objects = get_many(&slab, &cache, n), **seen = malloc(n * sizeof *seen);
    (void)state;
    assert_non_null(seen);
    memcpy(seen, objects, n * sizeof *seen);
    assert_int_equal(slab.chunks, 6); /* the headers take an object from each */
    put_many(&slab, &cache, objects, n);
    slab_flush(&slab, &cache, 0);
    assert_int_equal(slab.spare, 6);
    slab_trim(&slab, true);
    assert_int_equal(slab.chunks, SLAB_SPARE_MAX);
    assert_int_equal(slab.spare, SLAB_SPARE_MAX);
    for (size_t i = 0; i < n; i++)
        gone += !resident(seen[i]);
    assert_true(gone >= 3 * (SLAB_CHUNK / SIZE - 1));
    objects = get_many(&slab, &cache, n); /* and they come again, at places known */
    assert_int_equal(slab.chunks, 6);
    put_many(&slab, &cache, objects, n);
    free(seen);
}

static void take_and_put(struct slab_cache *cache, size_t n)
{
    put_many(&slab, cache, get_many(&slab, cache, n), n);
    slab_flush(&slab, cache, 0);
}

/* What a crowd needs again and again stays; what nobody has needed from one look to the next doesn't. */
static void test_chunks_that_are_needed_stay(void **state)
{
    struct slab_cache cache = {0};
    const size_t each = SLAB_CHUNK / SIZE;
    (void)state;
    take_and_put(&cache, 9 * each);
    assert_int_equal(slab.chunks, 10);
    slab_trim(&slab, false);
    assert_int_equal(slab.chunks, 10);
    for (int i = 0; i < 5; i++) {
        take_and_put(&cache, 5 * each);
        slab_trim(&slab, false);
        assert_int_equal(slab.chunks, 6 + SLAB_SPARE_MAX); /* beside the 6 that are used */
        assert_int_equal(slab.spare, slab.chunks);
    }
    slab_trim(&slab, false);
    assert_int_equal(slab.chunks, SLAB_SPARE_MAX);
}

static void test_an_empty_chunk_begins_anew(void **state)
{
    struct slab_cache cache = {0};
    const size_t n = 1000;
    (void)state;
    char **objects = get_many(&slab, &cache, n);
    for (size_t i = 0; i < n; i++)
        slab_put(&slab, NULL, objects[(i * 7) % n]);
    slab_flush(&slab, &cache, 0);
    assert_int_equal(slab.spare, 1);
    for (size_t i = 0; i < n; i++)
        assert_ptr_equal(slab_get(&slab, &cache), objects[i]); /* in address order */
    free(objects);
}

static void test_chunk_changes_class(void **state)
{
    struct slab_cache cache = {0}, others = {0};
    size_t n = 4 * (SLAB_CHUNK / SIZE);
    (void)state;
    put_many(&slab, &cache, get_many(&slab, &cache, n), n);
    slab_flush(&slab, &cache, 0);
    slab_trim(&slab, true);
    put_many(&other, &others, get_many(&other, &others, n), n);
    put_many(&slab, &cache, get_many(&slab, &cache, n), n);
}

struct tally {
    size_t visited, mine;
};

static void count_mine(void *object, void *arg)
{
    struct tally *tally = arg;
    tally->visited++;
    tally->mine += *(uint64_t *)((char *)object + 8) == UINT64_C(0x6d6f746574657374);
}

static void test_each_visits_all(void **state)
{
    struct slab_cache cache = {0}, others = {0};
    size_t n = 20000;
    char **objects = get_many(&slab, &cache, n);
    struct tally tally = {0};
    (void)state;
    slab_get(&other, &others);
    for (size_t i = 0; i < n; i++)
        *(uint64_t *)(objects[i] + 8) = UINT64_C(0x6d6f746574657374);
    slab_each(&slab, count_mine, &tally);
    assert_int_equal(tally.mine, n);
    assert_int_equal(tally.visited, slab.chunks * ((SLAB_CHUNK - SLAB_HEADER) / SIZE));
    put_many(&slab, &cache, objects, n);
}

/* Whichever call of the system fails: NULL, nothing lost, and it goes on when there is memory again. */
static void test_failure_is_returned_and_got_over(void **state)
{
    (void)state;
    for (int nth = 1; nth <= 4; nth++) {
        struct slab_cache cache = {0};
        os_fail_after(nth);
        size_t got = 0;
        while (got <= SLAB_CHUNK / SIZE && slab_get(&slab, &cache))
            got++;
        assert_int_equal(got, 0);
        assert_int_equal(slab.chunks, 0);
        assert_null(slab_get(&slab, NULL));
        os_fail_after(0);
        assert_non_null(slab_get(&slab, &cache));
        assert_int_equal(slab.chunks, 1);
        release(NULL);
    }
}

static void test_what_is_there_serves_while_the_system_fails(void **state)
{
    struct slab_cache cache = {0};
    size_t got = 1;
    (void)state;
    assert_non_null(slab_get(&slab, &cache));
    os_fail_after(1);
    while (slab_get(&slab, &cache))
        got++;
    assert_int_equal(got, (SLAB_CHUNK - SLAB_HEADER) / SIZE);
    assert_int_equal(slab.chunks, 1);
    os_fail_after(0);
    assert_non_null(slab_get(&slab, &cache));
    assert_int_equal(slab.chunks, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_objects_do_not_overlap, release),
        cmocka_unit_test_teardown(test_refill_takes_half_a_cacheful_in_address_order, release),
        cmocka_unit_test_teardown(test_newest_is_reused_first, release),
        cmocka_unit_test_teardown(test_full_cache_gives_half_back, release),
        cmocka_unit_test_teardown(test_empty_chunks_go_back_to_the_system, release),
        cmocka_unit_test_teardown(test_chunks_that_are_needed_stay, release),
        cmocka_unit_test_teardown(test_an_empty_chunk_begins_anew, release),
        cmocka_unit_test_teardown(test_chunk_changes_class, release),
        cmocka_unit_test_teardown(test_each_visits_all, release),
        cmocka_unit_test_teardown(test_failure_is_returned_and_got_over, release),
        cmocka_unit_test_teardown(test_what_is_there_serves_while_the_system_fails, release),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
