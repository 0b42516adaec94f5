/* SPDX-License-Identifier: MIT */
/* test_home - homes are taken, shared, waited for and trimmed as home.h says (S1, H1-H4), and their failures are got over. */
#include "support.h"

#include "base/os.h"
#include "base/sanitizer.h"
#include "stack/home.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

#define PAGE ((size_t)4096)
#define STACK ((size_t)512 << 10)
#define CAP 4
#define THREADS 4

static struct home_cache cache;

static int open_table(void **state)
{
    (void)state;
    memset(&cache, 0, sizeof cache);
    return home_table_open(STACK, CAP);
}

static int close_table(void **state)
{
    (void)state;
    os_fail_after(0);
    home_table_close();
    return 0;
}

static bool held(struct home *h) { return h->word || h->running || h->inside; }

static bool resident(const char *at)
{
    unsigned char page = 0;
    assert_int_equal(mincore((void *)((uintptr_t)at & ~(uintptr_t)(PAGE - 1)), PAGE, &page), 0);
    return page & 1;
}

/* Takes all homes, which then have tasks for occupants, and turns the mode. All are held. */
static void take_all(struct home *h[CAP], struct task task[CAP])
{
    for (int i = 0; i < CAP; i++) {
        h[i] = home_take(&cache);
        assert_non_null(h[i]);
        h[i]->occupant = &task[i];
        task[i].home = h[i]->number;
        task[i].sp = h[i]->top - 256;
    }
    assert_null(home_take(&cache));
    assert_int_equal(homes.mode, HOME_SHARED);
}

static void test_private_take_vacate_reuse(void **state)
{
    (void)state;
    if (!os_barrier_ready())
        skip();
    struct home *a = home_take(&cache), *b = home_take(&cache);
    assert_int_equal(homes.mode, HOME_PRIVATE);
    assert_ptr_not_equal(a, b);
    assert_true(held(a) && held(b));
    assert_int_equal((uintptr_t)a->top % 16, 0);
    assert_true(a->top - a->low > (ptrdiff_t)(STACK - PAGE));
    assert_false(a->pinned);
    assert_null(home_release(a));
    assert_false(held(a));
    assert_true(home_acquire(&cache, a));
    assert_true(held(a));
    assert_null(home_vacate(&cache, a));
    assert_false(held(a));
    assert_null(a->occupant);
    assert_ptr_equal(home_take(&cache), a);
    assert_true(held(a));
}

static void test_shared_when_the_cap_is_reached(void **state)
{
    struct home *h[CAP];
    struct task task[CAP] = {0};
    (void)state;
    take_all(h, task);
    assert_null(home_release(h[2]));
    assert_ptr_equal(home_take(&cache), h[2]); /* the only free one, with its occupant */
    assert_ptr_equal(h[2]->occupant, &task[2]);
    assert_false(home_acquire(&cache, h[2]));
    assert_null(home_vacate(&cache, h[1]));
    assert_ptr_equal(home_take(&cache), h[1]); /* vacated: nothing to copy out */
    assert_null(h[1]->occupant);
    assert_null(home_take(&cache));
}

static void test_pending_are_returned_oldest_first(void **state)
{
    struct home *h[CAP];
    struct task task[CAP] = {0}, waiter[3] = {0};
    (void)state;
    take_all(h, task);
    for (int round = 0; round < 2; round++) { /* held from the private time, then by word */
        for (int i = 0; i < 3; i++) {
            assert_false(home_acquire(&cache, h[0]));
            assert_null(home_pend(h[0], &waiter[i]));
        }
        struct task *t = round ? home_vacate(&cache, h[0]) : home_release(h[0]);
        for (int i = 0; i < 3; i++, t = t->next)
            assert_ptr_equal(t, &waiter[i]);
        assert_null(t);
        assert_true(home_acquire(&cache, h[0]));
    }
    assert_null(home_release(h[0]));
}

static void test_pending_on_a_free_home_comes_back(void **state)
{
    struct home *h[CAP];
    struct task task[CAP] = {0}, waiter[2] = {0};
    (void)state;
    take_all(h, task);
    assert_null(home_pend(h[0], &waiter[0]));
    assert_ptr_equal(home_release(h[0]), &waiter[0]);
    assert_ptr_equal(home_pend(h[0], &waiter[1]), &waiter[1]);
    assert_null(waiter[1].next);
}

static void test_trim_keeps_the_live_bytes(void **state)
{
    struct home *h = home_take_pinned(&cache);
    size_t size = (size_t)(h->top - h->low), live = 100000;
    (void)state;
    memset(h->low, 7, size);
    h->deep = true;
    home_trim(h, live);
    assert_false(h->deep);
    for (size_t i = 1; i <= live; i++)
        assert_int_equal(h->top[-(ptrdiff_t)i], 7);
    for (char *at = h->low; at < h->top - live - 3 * PAGE; at += PAGE)
        assert_false(resident(at));
    home_trim(h, 0);
    assert_true(resident(h->top - 1));
    for (char *at = h->low; at < h->top - HOME_KEEP - 2 * PAGE; at += PAGE)
        assert_false(resident(at));
    home_trim(h, size); /* nothing to give back */
}

/* As if there were no memory for images. */
static void empty_home(struct home *h, void *arg)
{
    (void)arg;
    assert_true(held(h));
    if (h->occupant)
        home_trim(h, (size_t)(h->top - (char *)h->occupant->sp));
    else
        home_empty(h);
}

static void trim_idle_case(struct home *h[3], size_t live)
{
    for (int i = 0; i < 3; i++)
        memset(h[i]->low, i + 1, (size_t)(h[i]->top - h[i]->low));
    assert_null(home_trim_idle(&cache, true, empty_home, NULL));
    assert_true(resident(h[0]->low)); /* held */
    assert_int_equal(h[0]->low[0], 1);
    assert_false(resident(h[1]->low));
    for (size_t i = 1; i <= live; i++)
        assert_int_equal(h[1]->top[-(ptrdiff_t)i], 2);
    assert_false(resident(h[2]->low));
    assert_true(held(h[0]));
    assert_false(held(h[1]) || held(h[2]));
}

static void test_trim_idle_leaves_held_ones_alone(void **state)
{
    struct home *h[CAP];
    struct task task[CAP] = {0};
    size_t live = 50000;
    (void)state;
    for (int i = 0; i < 3; i++)
        h[i] = home_take(&cache);
    h[1]->occupant = &task[1];
    task[1].sp = h[1]->top - live;
    assert_null(home_release(h[1]));
    assert_null(home_vacate(&cache, h[2]));
    trim_idle_case(h, live);
    while (homes.mode != HOME_SHARED)
        home_take(&cache);
    assert_true(held(h[1]) || home_acquire(&cache, h[1])); /* the loop may have ended with any of them */
    assert_null(home_release(h[1]));
    assert_true(held(h[2]) || home_acquire(&cache, h[2]));
    assert_null(home_vacate(&cache, h[2]));
    trim_idle_case(h, live);
}

static void test_trim_idle_empties_pinned_ones_in_the_table(void **state)
{
    enum { N = 200 };
    struct home *h[N];
    (void)state;
    for (int round = 0; round < 2; round++) { /* the second time they come from the table */
        for (int i = 0; i < N; i++) {
            h[i] = home_take_pinned(&cache);
            assert_non_null(h[i]);
            h[i]->top[-1] = 1;
        }
        for (int i = 0; i < N; i++)
            assert_null(home_vacate(&cache, h[i]));
        assert_null(home_trim_idle(&cache, true, empty_home, NULL));
        unsigned kept = 0;
        for (int i = 0; i < N; i++)
            kept += resident(h[i]->top - 1);
        assert_true(kept <= cache.count[1]); /* those are hot, and keep their tops */
        assert_true(kept < N / 2);
    }
}

static void test_vacated_deep_home_gives_its_memory_back(void **state)
{
    struct home *h = home_take_pinned(&cache);
    (void)state;
    memset(h->low, 1, (size_t)(h->top - h->low));
    h->deep = true;
    assert_null(home_vacate(&cache, h));
    assert_false(resident(h->low));
}

static void test_pinned_homes_are_their_own_kind(void **state)
{
    struct home *many[200];
    (void)state;
    for (int i = 0; i < 200; i++) {
        many[i] = home_take_pinned(&cache);
        assert_non_null(many[i]);
        assert_true(many[i]->pinned);
        for (int j = 0; j < i; j++)
            assert_ptr_not_equal(many[i], many[j]);
    }
    for (int i = 0; i < 200; i++)
        assert_null(home_vacate(&cache, many[i]));
    assert_true(cache.count[1] <= 64); /* the rest went to the table */
    assert_non_null(homes.spare[1]);
    unsigned made = homes.pinned;
    for (int i = 0; i < 200; i++)
        assert_non_null(many[i] = home_take_pinned(&cache));
    assert_int_equal(homes.pinned, made);
    for (int i = 0; i < 200; i++)
        assert_null(home_vacate(&cache, many[i]));
    struct home_cache other = {0};
    home_cache_flush(&cache); /* its proc retires */
    for (int i = 0; i < 200; i++)
        assert_non_null(home_take_pinned(&other));
    assert_int_equal(homes.pinned, made);
    assert_int_equal(homes.copied, 0);
}

static void test_guard_lookup(void **state)
{
    struct home *h[] = {home_take(&cache), home_take(&cache), home_take_pinned(&cache), home_take_pinned(&cache)};
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        assert_ptr_equal(home_of_guard(h[i]->low - 1), h[i]);
        assert_ptr_equal(home_of_guard(h[i]->low - HOME_GUARD), h[i]);
        assert_null(home_of_guard(h[i]->low));
        assert_null(home_of_guard(h[i]->top - 1));
    }
    assert_null(home_of_guard(NULL));
    assert_null(home_of_guard(&cache));
    close_table(NULL);
    assert_null(home_of_guard(&cache));
    open_table(NULL);
}

static void test_no_memory_for_the_table(void **state)
{
    (void)state;
    close_table(NULL);
    for (int nth = 1; nth <= 2; nth++) {
        os_fail_after(nth);
        assert_int_equal(home_table_open(STACK, CAP), -ENOMEM);
        home_table_close();
    }
    os_fail_after(0);
    assert_int_equal(open_table(NULL), 0);
    assert_non_null(home_take(&cache));
}

/* The nth call of the system fails, and all after it: what was made before is used. */
static void test_no_memory_for_homes(void **state)
{
    (void)state;
    for (int nth = 1; nth <= 7; nth++) {
        close_table(NULL);
        open_table(NULL);
        os_fail_after(nth);
        struct home *h;
        int copied = 0;
        while (copied <= CAP && (h = home_take(&cache))) {
            h->occupant = NULL;
            copied++;
        }
        assert_true(copied <= CAP);
        assert_int_equal(copied, homes.copied);
        assert_null(home_take_pinned(&cache));
        assert_int_equal(homes.none_left, 1);
        os_fail_after(0);
        h = home_take_pinned(&cache);
        assert_non_null(h);
        assert_null(home_vacate(&cache, h));
        assert_int_equal(homes.none_left, 0);
        while (copied < CAP && home_take(&cache))
            copied++;
        assert_int_equal(copied, CAP);
    }
}

static void use_for_long(struct home_cache *user, struct home *h)
{
    for (int i = h->user == user->self; i <= HOME_STREAK; i++) {
        assert_int_equal(h->bias, 0);
        assert_true(home_acquire(user, h));
        assert_true(h->word);
        assert_null(home_release(h));
    }
    assert_int_equal(h->bias, homes.streak ? user->self : 0);
}

static void test_a_home_is_biased_to_who_alone_uses_it(void **state)
{
    struct task task[CAP], waiter = {0};
    struct home *h[CAP];
    struct home_cache one = {0}, other = {0};
    (void)state;
    home_cache_open(&one, 0);
    home_cache_open(&other, 1);
    take_all(h, task);
    assert_null(home_release(h[0]));
    use_for_long(&one, h[0]);
    if (!homes.streak)
        return;
    for (int i = 0; i < 2; i++) {
        assert_true(home_acquire(&one, h[0]));
        assert_false(h[0]->word);
        assert_false(home_acquire(&one, h[0])); /* it is held, by whomsoever */
        assert_int_equal(h[0]->bias, 1);
        assert_true(i == 1 || !home_release(h[0]));
    }
    assert_false(home_acquire(&other, h[0]));
    assert_int_equal(h[0]->bias, 0);
    assert_null(home_pend(h[0], &waiter));
    assert_ptr_equal(home_release(h[0]), &waiter);
    assert_true(home_acquire(&other, h[0]));
    assert_true(h[0]->word);
    assert_null(home_release(h[0]));
    use_for_long(&one, h[0]); /* who leaves a task there ends it as well, though he has looked before it began */
    assert_true(home_acquire(&one, h[0]));
    assert_null(home_pend(h[0], &waiter));
    assert_int_equal(h[0]->bias, 0);
    assert_ptr_equal(home_release(h[0]), &waiter);
    use_for_long(&other, h[0]);
    home_cache_flush(&one);
    assert_int_equal(h[0]->bias, 2);
    home_cache_flush(&other);
    assert_int_equal(h[0]->bias, 0);
}

struct racer {
    struct task task; /* first */
    struct home *own;
    struct home_cache cache;
    _Atomic uint32_t ready;
    pthread_t thread;
};
static struct racer racer[THREADS];
static _Atomic uint32_t inside[THREADS + 1];
static _Atomic uint32_t private_rounds, ended;
static long rounds;

static void make_ready(struct task *t)
{
    while (t) {
        struct task *next = t->next;
        CHECK(atom_swap_seq(&((struct racer *)t)->ready, 1) == 0); /* H2: once */
        t = next;
    }
}

static void race_once(struct racer *r)
{
    bool shared = atom_load_acq(&homes.mode) == HOME_SHARED;
    int which = shared ? 0 : (int)(r - racer);
    struct home *h = racer[which].own;
    if (!shared)
        atom_add_seq(&private_rounds, 1);
    if (home_acquire(&r->cache, h)) {
        CHECK(atom_add_seq(&inside[which], 1) == 0);
        CHECK(atom_sub_seq(&inside[which], 1) == 1);
        make_ready(home_release(h));
        return;
    }
    make_ready(home_pend(h, &r->task));
    while (!atom_load_acq(&r->ready))
        sched_yield();
    atom_store_rel(&r->ready, 0);
}

static void *race(void *arg)
{
    for (long i = 0; i < rounds || atom_load_seq(&homes.mode) != HOME_SHARED; i++)
        race_once(arg);
    atom_add_seq(&ended, 1);
    return NULL;
}

/* Each uses a home of his own; trims; then the mode turns and all use the same. */
static void test_holders_exclude_each_other(void **state)
{
    (void)state;
    rounds = scale(100000);
    atom_store_seq(&private_rounds, 0);
    homes.streak = homes.streak ? 4 : 0; /* biases begin and end all the time */
    for (int i = 0; i < THREADS; i++) {
        home_cache_open(&racer[i].cache, (unsigned)i);
        racer[i].own = home_take(&cache);
        assert_null(home_release(racer[i].own));
    }
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&racer[i].thread, NULL, race, &racer[i]), 0);
    while (homes.mode != HOME_SHARED && atom_load_seq(&private_rounds) < (uint32_t)rounds)
        make_ready(home_trim_idle(&cache, true, empty_home, NULL));
    struct home *h = home_take(&cache); /* turns the mode, and may find one of theirs */
    if (h)
        make_ready(home_release(h));
    while (atom_load_seq(&ended) < THREADS)
        make_ready(home_trim_idle(&cache, true, empty_home, NULL));
    for (int i = 0; i < THREADS; i++) {
        pthread_join(racer[i].thread, NULL);
        assert_false(held(racer[i].own));
        assert_null(racer[i].own->pending);
    }
}

/* Homes don't take all of an address space that is limited. */
static void open_in_little_space(void *arg)
{
    (void)arg;
    struct rlimit limit = {.rlim_cur = (rlim_t)4 << 30, .rlim_max = RLIM_INFINITY};
    CHECK(setrlimit(RLIMIT_AS, &limit) == 0);
    CHECK(home_table_open((size_t)8 << 20, 1024) == 0);
    CHECK(homes.cap >= 128 && homes.cap * (homes.size + HOME_GUARD) <= limit.rlim_cur / 2);
    home_table_close();
    CHECK(home_table_open((size_t)8 << 20, 16) == 0 && homes.cap == 16);
    home_table_close();
    limit.rlim_cur = (rlim_t)400 << 20;
    CHECK(setrlimit(RLIMIT_AS, &limit) == 0);
    CHECK(home_table_open((size_t)1 << 30, 1024) == 0 && homes.cap == 2);
    home_table_close();
}

static void test_little_address_space(void **state)
{
    (void)state;
    if (sanitizer_pins_all() || UNDER_EMULATOR) /* they need more of it */
        skip();
    struct child_result child = run_child(open_in_little_space, NULL);
    assert_string_equal(child.err, "");
    assert_int_equal(child.status, 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, open_table, close_table)
    const struct CMUnitTest tests[] = {
        TEST(test_private_take_vacate_reuse),
        TEST(test_shared_when_the_cap_is_reached),
        TEST(test_pending_are_returned_oldest_first),
        TEST(test_pending_on_a_free_home_comes_back),
        TEST(test_trim_keeps_the_live_bytes),
        TEST(test_trim_idle_leaves_held_ones_alone),
        TEST(test_trim_idle_empties_pinned_ones_in_the_table),
        TEST(test_vacated_deep_home_gives_its_memory_back),
        TEST(test_pinned_homes_are_their_own_kind),
        TEST(test_guard_lookup),
        TEST(test_no_memory_for_the_table),
        TEST(test_no_memory_for_homes),
        TEST(test_a_home_is_biased_to_who_alone_uses_it),
        TEST(test_holders_exclude_each_other),
        cmocka_unit_test(test_little_address_space),
    };
    watchdog(120);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
