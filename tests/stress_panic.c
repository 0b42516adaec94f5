/* SPDX-License-Identifier: MIT */
/* stress_panic - trees of tries, deferred functions, panics and exits by chance, with switches in between: each try ends as it
 * must, and every deferred function is called once. */
#include "support.h"

#include <errno.h>
#include <stdlib.h>

/* On the heap: the tasks are copied. */
struct walk {
    uint32_t random;
    long deferred, called;
    int depth;
};

static _Atomic long walks_ended;

static bool chance(struct walk *w, uint32_t one_in) { return test_random(&w->random) % one_in == 0; }

static void step(void *arg);

static void wander(struct walk *w)
{
    if (chance(w, 3))
        mote_yield();
    if (chance(w, 40))
        mote_exit();
    if (chance(w, 6))
        mote_panic("by chance %u", w->random);
}

static void count_and_wander(void *arg)
{
    struct walk *w = arg;
    w->called++;
    if (w->depth < 6 && chance(w, 3))
        step(w);
    wander(w);
}

static void step(void *arg)
{
    struct walk *w = arg;
    int depth = w->depth++;
    uint32_t n = test_random(&w->random) % 4;
    for (uint32_t i = 0; i < n; i++)
        if (mote_defer(count_and_wander, w) == 0)
            w->deferred++;
    if (w->depth < 8 && chance(w, 2)) {
        mote_error error = {.task = 0};
        bool wanted = chance(w, 2);
        int result = mote_try(step, w, wanted ? &error : NULL);
        CHECK(result == 0 || result == -ECANCELED);
        CHECK(!wanted || error.task == (result ? mote_self() : 0));
        w->depth = depth + 1;
    }
    wander(w);
    w->depth = depth;
}

/* Deferred first, so it is called last. */
static void check_walk(void *arg)
{
    struct walk *w = arg;
    CHECK(w->called == w->deferred);
    free(w);
    walks_ended++;
}

static void walk(uint32_t seed)
{
    struct walk *w = calloc(1, sizeof *w);
    CHECK(w);
    w->random = seed | 1;
    CHECK(mote_defer(check_walk, w) == 0);
    for (int i = 0; i < 20; i++) {
        w->depth = 0;
        mote_try(step, w, NULL);
    }
}

static void start_walks(void *arg)
{
    (void)arg;
    long n = scale(3000);
    walks_ended = 0;
    for (long i = 0; i < n; i++) {
        CHECK(mote_go(walk, (uint32_t)(i * 2654435761u)) == 0);
        if (i % 100 == 0)
            mote_yield();
    }
    yield_until_alone();
    CHECK(walks_ended == n);
}

static void test_walks(void **state)
{
    (void)state;
    run_with_each(start_walks, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_walks)};
    watchdog(80);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
