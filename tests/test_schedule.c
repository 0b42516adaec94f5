/* SPDX-License-Identifier: MIT */
/* test_schedule - choices follow from the plan alone (SC1), are written down and can be repeated (SC2), and every alternative has its
 * chance in every run (SC3). */
#include "support.h"

#include "sched/schedule.h"

#include <string.h>

#define CHOICES 2000
#define ALTERNATIVES 5

static struct schedule_step room[CHOICES];
static struct schedule_log note;
static uint32_t made[CHOICES];

static struct schedule_who who(uint32_t i) { return (struct schedule_who){.task = i + 1}; }

static const struct schedule_who nobody;

static void run(struct schedule_plan plan, uint32_t steps)
{
    note = (struct schedule_log){.room = steps, .step = room};
    plan.log = &note;
    schedule_begin(&plan);
    for (int i = 0; i < CHOICES; i++) {
        made[i] = schedule_choose(i % 3 ? SCHEDULE_POINT : SCHEDULE_NEXT, ALTERNATIVES, i % 7 ? who : NULL, nobody);
        assert_true(made[i] < ALTERNATIVES);
    }
    assert_int_equal(note.choices, CHOICES);
}

static void test_a_seed_chooses_the_same_again(void **state)
{
    (void)state;
    uint32_t before[CHOICES];
    uint64_t hash = 0;
    for (uint64_t seed = 0; seed < 50; seed++) {
        run((struct schedule_plan){.seed = seed}, CHOICES);
        assert_int_not_equal(hash, note.hash);
        hash = note.hash;
        memcpy(before, made, sizeof made);
        run((struct schedule_plan){.seed = seed}, 0);
        assert_memory_equal(before, made, sizeof made);
        assert_int_equal(hash, note.hash);
        assert_int_equal(note.count, 0);
    }
}

static void test_every_alternative_has_its_chance_with_every_seed(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 50; seed++) {
        uint32_t chosen[ALTERNATIVES] = {0};
        run((struct schedule_plan){.seed = seed}, CHOICES);
        for (int i = 0; i < CHOICES; i++)
            chosen[made[i]]++;
        for (int i = 0; i < ALTERNATIVES; i++)
            assert_true(chosen[i] > 0);
    }
}

static void test_what_was_written_down_can_be_repeated(void **state)
{
    (void)state;
    static struct schedule_step steps[CHOICES];
    for (uint64_t seed = 0; seed < 20; seed++) {
        uint32_t before[CHOICES], others = 0;
        run((struct schedule_plan){.seed = seed}, CHOICES);
        memcpy(before, made, sizeof made);
        memcpy(steps, room, sizeof steps);
        for (int i = 0; i < CHOICES; i++)
            others += made[i] != 0;
        assert_int_equal(note.count, others);
        assert_int_equal(note.lost, 0);
        run((struct schedule_plan){.seed = 99, .fixed = true, .steps = others, .step = steps}, CHOICES);
        assert_memory_equal(before, made, sizeof made);
    }
}

static void test_a_plan_without_steps_takes_the_default(void **state)
{
    (void)state;
    run((struct schedule_plan){.seed = 5, .fixed = true}, CHOICES);
    assert_int_equal(note.count, 0);
    for (int i = 0; i < CHOICES; i++)
        assert_int_equal(made[i], 0);
}

static void test_a_step_that_fits_nothing_is_the_default(void **state)
{
    (void)state;
    const struct schedule_step steps[] = {{.at = 3, .chosen = ALTERNATIVES}, {.at = 4, .chosen = 2}};
    run((struct schedule_plan){.fixed = true, .steps = 2, .step = steps}, CHOICES);
    assert_int_equal(made[3], 0);
    assert_int_equal(made[4], 2);
    assert_int_equal(note.count, 1);
    assert_int_equal(room[0].at, 4);
    assert_int_equal(room[0].chosen, 2);
    assert_int_equal(room[0].of, ALTERNATIVES);
    assert_int_equal(room[0].to.task, 3);
    assert_int_equal(room[0].instead.task, 1);
}

static void test_steps_without_room_are_counted(void **state)
{
    (void)state;
    run((struct schedule_plan){.seed = 8}, CHOICES);
    uint32_t all = note.count;
    run((struct schedule_plan){.seed = 8}, 10);
    assert_int_equal(note.count, 10);
    assert_int_equal(note.lost, all - 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_seed_chooses_the_same_again),
        cmocka_unit_test(test_every_alternative_has_its_chance_with_every_seed),
        cmocka_unit_test(test_what_was_written_down_can_be_repeated),
        cmocka_unit_test(test_a_plan_without_steps_takes_the_default),
        cmocka_unit_test(test_a_step_that_fits_nothing_is_the_default),
        cmocka_unit_test(test_steps_without_room_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
