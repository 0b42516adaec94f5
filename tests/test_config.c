/* SPDX-License-Identifier: MIT */
/* test_config - the defaults, what the environment overrides, and what is said about settings that make no sense. */
#include "support.h"

#include "base/os.h"
#include "sched/config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct attempt {
    const char *procs, *debug; /* NULL: not set */
    mote_config given;
    int want;
    const char *said; /* part of the message; "": nothing at all */
};

static void set(const char *name, const char *value)
{
    if (value)
        setenv(name, value, 1);
    else
        unsetenv(name);
}

static void assert_same(const mote_config *a, const mote_config *b)
{
    assert_int_equal(a->procs, b->procs);
    assert_int_equal(a->max_stack, b->max_stack);
    assert_int_equal(a->homes, b->homes);
    assert_int_equal(a->queue, b->queue);
    assert_int_equal(a->pinned, b->pinned);
    assert_int_equal(a->panic_ends_task, b->panic_ends_task);
}

static mote_config resolve(const char *procs, const char *debug, const mote_config *given)
{
    mote_config out;
    memset(&out, 0, sizeof out);
    set("MOTE_PROCS", procs);
    set("MOTEDEBUG", debug);
    assert_int_equal(config_resolve(given, &out), 0);
    set("MOTE_PROCS", NULL);
    set("MOTEDEBUG", NULL);
    return out;
}

static void test_defaults(void **state)
{
    mote_config zero = {0}, a = resolve(NULL, NULL, NULL), b = resolve("", "", &zero);
    (void)state;
    assert_int_equal(a.procs, os_processors());
    assert_int_equal(a.max_stack, 8 << 20);
    assert_int_equal(a.homes, 1024);
    assert_int_equal(a.queue, 256);
    assert_false(a.pinned);
    assert_false(a.panic_ends_task);
    assert_same(&a, &b);
}

static void test_caller_then_environment(void **state)
{
    mote_config given = {.procs = 3, .max_stack = 1 << 20, .homes = 7, .queue = 8, .pinned = true};
    mote_config c = resolve(NULL, NULL, &given);
    (void)state;
    assert_same(&c, &given);
    c = resolve("5", NULL, &given);
    assert_int_equal(c.procs, 5);
    assert_int_equal(c.homes, 7);
    c = resolve("5", "procs=6,homes=9,,max_stack=256k,queue=4,pinned=0", &given);
    assert_int_equal(c.procs, 6);
    assert_int_equal(c.homes, 9);
    assert_int_equal(c.max_stack, 256 << 10);
    assert_int_equal(c.queue, 4);
    assert_false(c.pinned);
    assert_int_equal(resolve(NULL, NULL, &given).seed, 0);
    assert_int_equal(resolve(NULL, "seed=123456789012345", &given).seed, INT64_C(123456789012345));
    assert_true(resolve(NULL, "panic=task", &given).panic_ends_task);
    given.panic_ends_task = true;
    assert_true(resolve(NULL, "procs=2", &given).panic_ends_task);
    assert_false(resolve(NULL, "panic=program", &given).panic_ends_task);
    assert_int_equal(given.procs, 3); /* not written to */
}

static void test_units(void **state)
{
    (void)state;
    assert_int_equal(resolve(NULL, "max_stack=65536", NULL).max_stack, 65536);
    assert_int_equal(resolve(NULL, "max_stack=2m", NULL).max_stack, 2 << 20);
    assert_int_equal(resolve(NULL, "max_stack=2M", NULL).max_stack, 2 << 20);
    assert_true(resolve(NULL, "max_stack=1g", NULL).max_stack == (size_t)1 << 30);
    assert_true(resolve(NULL, "pinned=1", NULL).pinned);
    assert_true(resolve(NULL, "leaks=1", NULL).leaks);
    assert_int_equal(resolve(NULL, "schedtrace=250", NULL).schedtrace, 250);
}

static void try_it(void *arg)
{
    const struct attempt *a = arg;
    mote_config out;
    set("MOTE_PROCS", a->procs);
    set("MOTEDEBUG", a->debug);
    CHECK(config_resolve(&a->given, &out) == a->want);
}

static struct attempt attempts[] = {
    {"abc", NULL, {0}, -EINVAL, "MOTE_PROCS is 'abc', not a number from 1 to 1024"},
    {"0", NULL, {0}, -EINVAL, "MOTE_PROCS is '0'"},
    {"-1", NULL, {0}, -EINVAL, "MOTE_PROCS is '-1'"},
    {"1025", NULL, {0}, -EINVAL, "MOTE_PROCS is '1025'"},
    {"4 ", NULL, {0}, -EINVAL, "MOTE_PROCS is '4 '"},
    {"99999999999999999999", NULL, {0}, -EINVAL, "MOTE_PROCS is"},
    {"1024", NULL, {0}, 0, ""},
    {NULL, "homes=1", {0}, -EINVAL, "homes is 1, not from 2 to"},
    {NULL, "homes=99999999999", {0}, -EINVAL, "homes is"},
    {NULL, "homes", {0}, -EINVAL, "'homes' wants a number: homes=N"},
    {NULL, "homes=", {0}, -EINVAL, "'homes' wants a number"},
    {NULL, "homes=4x", {0}, -EINVAL, "'homes' wants a number"},
    {NULL, "procs=2000", {0}, -EINVAL, "procs is 2000"},
    {NULL, "queue=3", {0}, -EINVAL, "queue is 3, not a power of two"},
    {NULL, "queue=1", {0}, -EINVAL, "queue is 1"},
    {NULL, "queue=512", {0}, -EINVAL, "queue is 512"},
    {NULL, "max_stack=1k", {0}, -EINVAL, "max_stack is 1024"},
    {NULL, "max_stack=65g", {0}, -EINVAL, "max_stack is"},
    {NULL, "max_stack=99999999999g", {0}, -EINVAL, "wants a number"},
    {NULL, "panic", {0}, -EINVAL, "'panic' wants what a panic ends"},
    {NULL, "panic=1", {0}, -EINVAL, "panic=task or panic=program"},
    {NULL, "panic=", {0}, -EINVAL, "panic=task or panic=program"},
    {NULL, "leaks", {0}, -EINVAL, "'leaks' wants a number: leaks=N"},
    {NULL, "leaks=1", {0}, 0, ""},
    {NULL, "schedtrace=99999999999", {0}, -EINVAL, "schedtrace is 2147483647, not from 0 to"},
    {NULL, "schedtrace=1000", {0}, 0, ""},
    {NULL, "colour=3", {0}, 0, "'colour' is not known"},
    {NULL, "colour", {0}, 0, "'colour' is not known"},
    {NULL, "colour=red", {0}, 0, "'colour' is not known"},
    {NULL, "=3", {0}, 0, "'' is not known"},
    {NULL, "colour=3,queue=3", {0}, -EINVAL, "queue is 3"},
    {NULL, "homes=4,", {0}, 0, ""},
    {NULL, NULL, {.procs = -1}, -EINVAL, "procs is -1"},
    {NULL, NULL, {.homes = 1}, -EINVAL, "homes is 1"},
    {NULL, NULL, {.queue = 6}, -EINVAL, "queue is 6"},
    {NULL, NULL, {.max_stack = 1}, -EINVAL, "max_stack is 1"},
    {"2", NULL, {.procs = -1}, 0, ""}, /* overridden */
};

static void test_messages(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof attempts / sizeof attempts[0]; i++) {
        struct child_result r = run_child(try_it, &attempts[i]);
        const char *said = attempts[i].said;
        if (r.status != 0 || !strstr(r.err, said) || (!*said && r.err[0]))
            fail_msg("MOTE_PROCS=%s MOTEDEBUG=%s: status %x, it said: %s", attempts[i].procs, attempts[i].debug,
                     (unsigned)r.status, r.err);
    }
}

static int main_task(int argc, char **argv)
{
    (void)argv;
    return argc;
}

static void run_with_wrong_number(void *arg)
{
    setenv("MOTE_PROCS", "abc", 1);
    CHECK(mote_run(main_task, 3, NULL) == -EINVAL);
    CHECK(mote_start(NULL) == -EINVAL);
    CHECK(mote_procs() == 0);
    unsetenv("MOTE_PROCS"); /* nothing of the failure stays */
    CHECK(mote_run(main_task, 3, NULL) == 3);
    setenv("MOTEDEBUG", "procs=3", 1);
    CHECK(mote_start(NULL) == 0);
    CHECK(mote_procs() == 3);
    CHECK(mote_stop(MOTE_FOREVER) == 0);
    (void)arg;
}

static void test_the_runtime_says_so_and_starts_later(void **state)
{
    struct child_result r = run_child(run_with_wrong_number, NULL);
    (void)state;
    assert_int_equal(r.status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_caller_then_environment),
        cmocka_unit_test(test_units),
        cmocka_unit_test(test_messages),
        cmocka_unit_test(test_the_runtime_says_so_and_starts_later),
    };
    unsetenv("MOTE_PROCS");
    unsetenv("MOTEDEBUG");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
