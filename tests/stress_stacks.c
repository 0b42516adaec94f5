/* SPDX-License-Identifier: MIT */
/* stress_stacks - locals keep their contents and addresses, at depths from 100 bytes to 100 KB, while their tasks park in all
 * kinds of ways, lose their homes to others and move between procs. Also while there is no memory for images at times.
 */
#include "support.h"

#include "base/block.h"

#include <stdlib.h>

#define WORDS 48
#define LEAST 100
#define MOST 100000
#define TOKENS 7

/* Each frame of a task has one; the list leads outwards. */
struct frame {
    struct frame *self, *outer;
    uint32_t pattern;
    uint32_t words[WORDS];
};

static mote_chan(long) tokens;
static _Atomic long ran;

static void check_frames(const struct frame *inner)
{
    for (const struct frame *f = inner; f; f = f->outer) {
        CHECK(f->self == f);
        for (uint32_t i = 0; i < WORDS; i++)
            CHECK(f->words[i] == f->pattern + i * i);
    }
}

static void finish(mote_wg *wg) { mote_wg_done(wg); }

static void wait_for_group(void)
{
    mote_wg *wg = calloc(1, sizeof *wg);
    CHECK(wg);
    mote_wg_add(wg, 2);
    CHECK(mote_go(finish, wg) == 0 && mote_go(finish, wg) == 0);
    mote_wg_wait(wg);
    free(wg);
}

static void pass_token(uint32_t random)
{
    long token = -1;
    CHECK(mote_recv(tokens, &token) == 0 && token >= 0 && token < TOKENS);
    if (random & 1)
        mote_yield();
    CHECK(mote_send(tokens, token) == 0);
}

static void park_somehow(uint32_t random)
{
    switch (random % 8) {
    case 0:
    case 1:
        pass_token(random >> 8);
        break;
    case 2:
        wait_for_group();
        break;
    case 3:
        CHECK(mote_sleep((random >> 8) % 200 * MOTE_US) == 0);
        break;
    default:
        mote_yield();
    }
}

/* Goes on until `left` bytes of stack are used, parks there, and now and then on the way back. */
static void descend(long left, uint32_t *state, struct frame *outer)
{
    struct frame here = {.self = &here, .outer = outer, .pattern = test_random(state)};
    for (uint32_t i = 0; i < WORDS; i++)
        here.words[i] = here.pattern + i * i;
    if (left > (long)sizeof here) {
        descend(left - (long)sizeof here, state, &here);
        if (test_random(state) % 256 == 0)
            park_somehow(test_random(state));
    } else {
        for (uint32_t parks = 1 + test_random(state) % 4; parks > 0; parks--) {
            park_somehow(test_random(state));
            check_frames(&here);
        }
    }
    CHECK(here.self == &here && here.outer == outer);
    for (uint32_t i = 0; i < WORDS; i++)
        CHECK(here.words[i] == here.pattern + i * i);
}

/* As many shallow ones as deep ones, by orders of magnitude. */
static long random_depth(uint32_t *state)
{
    long depth = LEAST << test_random(state) % 10;
    depth += (long)(test_random(state) % (uint32_t)depth);
    return depth < MOST ? depth : MOST;
}

static void keep_locals(uint32_t seed)
{
    uint32_t state = seed * 2654435761u | 1;
    for (int i = 0; i < 3; i++) {
        descend(random_depth(&state), &state, NULL);
        park_somehow(test_random(&state));
    }
    ran++;
}

struct plan {
    long tasks;
    bool fail; /* take the memory for images away at times */
};

static void take_memory_away(void)
{
    block_fail_after(1);
    mote_sleep(2 * MOTE_MS);
    block_fail_after(0);
}

static void run_all(void *arg)
{
    struct plan *plan = arg;
    ran = 0;
    tokens = mote_chan_make(long, TOKENS);
    for (long i = 0; i < TOKENS; i++)
        CHECK(mote_send(tokens, i) == 0);
    for (long i = 0; i < plan->tasks; i++) {
        CHECK((i % 50 ? mote_go(keep_locals, (uint32_t)i + 1) : mote_go_pinned(keep_locals, (uint32_t)i + 1)) == 0);
        if (plan->fail && i % 200 == 100)
            take_memory_away();
    }
    while (ran < plan->tasks) {
        mote_sleep(2 * MOTE_MS);
        if (plan->fail)
            take_memory_away();
    }
    yield_until_alone();
    CHECK(mote_chan_len(tokens) == TOKENS);
    mote_chan_free(tokens);
}

static void keep(int procs, int homes, int queue, long tasks, bool fail)
{
    struct plan plan = {scale(tasks), fail};
    run_with(&(mote_config){.procs = procs, .homes = homes, .queue = queue}, run_all, &plan);
}

static void test_locals_of_ten_thousand_tasks_keep_on_two_homes(void **state)
{
    (void)state;
    keep(2, 2, 0, 10000, false);
}

static void test_locals_keep_on_two_homes(void **state)
{
    (void)state;
    keep(1, 2, 0, 3000, false);
    keep(8, 2, 0, 3000, false);
}

static void test_locals_keep_on_many_homes(void **state)
{
    (void)state;
    keep(1, 1024, 0, 3000, false);
    keep(2, 1024, 0, 3000, false);
    keep(8, 1024, 0, 3000, false);
}

static void test_locals_keep_with_tiny_queues(void **state)
{
    (void)state;
    keep(1, 2, 2, 1000, false);
    keep(2, 2, 2, 1000, false);
    keep(8, 2, 2, 1000, false);
    keep(8, 1024, 2, 2000, false);
}

static void test_locals_keep_when_memory_for_images_fails_at_times(void **state)
{
    (void)state;
    keep(1, 2, 0, 500, true);
    keep(2, 2, 0, 500, true);
    keep(8, 16, 2, 500, true);
    keep(2, 1024, 0, 2000, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_locals_of_ten_thousand_tasks_keep_on_two_homes),
        cmocka_unit_test(test_locals_keep_on_two_homes),
        cmocka_unit_test(test_locals_keep_on_many_homes),
        cmocka_unit_test(test_locals_keep_with_tiny_queues),
        cmocka_unit_test(test_locals_keep_when_memory_for_images_fails_at_times),
    };
    watchdog(240);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
