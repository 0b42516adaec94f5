/* SPDX-License-Identifier: MIT */
/* test_context - what each call gives for each kind of context in each state; cancelling reaches all descendants and nobody else;
 * a freed context leaves nothing behind. */
#include "support.h"

#include "base/sanitizer.h"
#include "sched/timer.h"

#include <errno.h>
#include <stdlib.h>

#define LONG (1000 * MOTE_S)

static _Atomic long called, begun;

static bool is_done(mote_ctx *ctx)
{
    mote_done_chan done = mote_ctx_done(ctx);
    CHECK(done);
    return mote_try_recv(done, NULL) == -EPIPE;
}

static void check_state(mote_ctx *ctx, int err, int cause)
{
    CHECK(mote_ctx_err(ctx) == err);
    CHECK(mote_ctx_cause(ctx) == cause);
    CHECK(is_done(ctx) == (err != 0));
    CHECK(mote_ctx_done(ctx) == mote_ctx_done(ctx));
    mote_ctx *child = mote_ctx_with_cancel(ctx); /* as it was born */
    CHECK(child && mote_ctx_err(child) == err && mote_ctx_cause(child) == cause && is_done(child) == (err != 0));
    mote_ctx_free(child);
}

/* Every kind of context, by every way to its end */

enum kind { CANCEL, VALUE, TIMEOUT, DEADLINE, INHERITED, KINDS };

static int key, other_key, value;

static mote_ctx *make(enum kind kind, mote_ctx *parent)
{
    mote_ctx *made = NULL;
    if (kind == CANCEL)
        made = mote_ctx_with_cancel(parent);
    else if (kind == VALUE)
        made = mote_ctx_with_value(parent, &key, &value);
    else if (kind == TIMEOUT)
        made = mote_ctx_with_timeout(parent, LONG);
    else if (kind == DEADLINE)
        made = mote_ctx_with_deadline(parent, mote_now() + LONG);
    else
        made = mote_ctx_with_deadline(parent, MOTE_FOREVER); /* later than the parent's, or none */
    CHECK(made);
    return made;
}

static void check_kind(enum kind kind, enum kind child_kind, bool asked_before)
{
    mote_ctx *top = make(kind, mote_ctx_background()), *child = make(child_kind, top), *sibling = make(kind, top);
    if (asked_before)
        CHECK(!is_done(top) && !is_done(child) && !is_done(sibling));
    CHECK(mote_ctx_err(top) == 0 && mote_ctx_cause(child) == 0);
    CHECK(mote_ctx_cancel(child, EIO) == -EINVAL && mote_ctx_err(child) == 0);
    CHECK(mote_ctx_cancel(child, -EIO) == 0);
    check_state(child, -ECANCELED, -EIO);
    check_state(top, 0, 0);
    check_state(sibling, 0, 0);
    CHECK(mote_ctx_cancel(child, -EPERM) == -EALREADY);
    mote_ctx *second = make(child_kind, top);
    CHECK(mote_ctx_cancel(top, 0) == 0);
    check_state(top, -ECANCELED, -ECANCELED);
    check_state(second, -ECANCELED, -ECANCELED);
    check_state(sibling, -ECANCELED, -ECANCELED);
    check_state(child, -ECANCELED, -EIO); /* its own */
    CHECK(mote_ctx_cancel(second, 0) == -EALREADY);
    mote_ctx_free(top); /* before its children */
    check_state(second, -ECANCELED, -ECANCELED);
    mote_ctx_free(second);
    mote_ctx_free(child);
    mote_ctx_free(sibling);
}

static void all_kinds(void *arg)
{
    (void)arg;
    for (int i = 0; i < KINDS * KINDS * 2; i++)
        check_kind((enum kind)(i / 2 / KINDS), (enum kind)(i / 2 % KINDS), i % 2);
}

static void test_every_kind_can_be_cancelled(void **state)
{
    (void)state;
    run_everywhere(all_kinds);
}

static void test_the_background(void **state)
{
    (void)state;
    mote_ctx *b = mote_ctx_background();
    assert_null(mote_ctx_done(b));
    assert_int_equal(mote_ctx_err(b), 0);
    assert_int_equal(mote_ctx_cause(b), 0);
    assert_int_equal(mote_ctx_cancel(b, 0), -EINVAL);
    assert_int_equal(mote_ctx_cancel(NULL, 0), -EINVAL);
    assert_true(mote_ctx_deadline(b) == MOTE_FOREVER);
    assert_null(mote_ctx_value(b, &key));
    assert_ptr_equal(mote_ctx_ref(b), b);
    mote_ctx_free(b);
    mote_ctx_free(b);
    mote_ctx_free(NULL);
    mote_ctx *(*const making[])(mote_ctx *, int64_t) = {mote_ctx_with_timeout, mote_ctx_with_deadline};
    for (int i = 0; i < 2; i++) {
        errno = 0;
        assert_null(making[i](NULL, 1));
        assert_int_equal(errno, EINVAL);
        errno = 0;
        assert_null(making[i](b, mote_now() + LONG)); /* no runtime */
        assert_int_equal(errno, ESHUTDOWN);
    }
    errno = 0;
    assert_null(mote_ctx_with_cancel(NULL));
    assert_null(mote_ctx_with_value(NULL, &key, &value));
    assert_int_equal(errno, EINVAL);
}

static void test_threads_need_no_runtime(void **state)
{
    (void)state;
    mote_ctx *c = mote_ctx_with_cancel(mote_ctx_background()), *past = mote_ctx_with_deadline(c, mote_now());
    check_state(past, -ETIMEDOUT, -ETIMEDOUT);
    check_state(c, 0, 0);
    mote_ctx_free(past);
    assert_int_equal(mote_ctx_cancel(c, 0), 0);
    check_state(c, -ECANCELED, -ECANCELED);
    mote_ctx_free(c);
}

/* Deadlines */

static void deadlines(void *arg)
{
    (void)arg;
    int64_t start = mote_now();
    mote_ctx *soon = mote_ctx_with_timeout(mote_ctx_background(), 2 * MOTE_MS), *child = make(VALUE, soon);
    mote_ctx *later = make(TIMEOUT, child), *sooner = mote_ctx_with_deadline(later, start + MOTE_MS);
    CHECK(mote_ctx_deadline(soon) >= start + 2 * MOTE_MS && mote_ctx_deadline(soon) <= mote_now() + 2 * MOTE_MS);
    CHECK(mote_ctx_deadline(child) == mote_ctx_deadline(soon));
    CHECK(mote_ctx_deadline(later) == mote_ctx_deadline(soon));
    CHECK(mote_ctx_deadline(sooner) == start + MOTE_MS);
    CHECK(mote_recv(mote_ctx_done(sooner), NULL) == -EPIPE && mote_now() >= start + MOTE_MS);
    CHECK(mote_recv(mote_ctx_done(later), NULL) == -EPIPE && mote_now() >= start + 2 * MOTE_MS);
    check_state(soon, -ETIMEDOUT, -ETIMEDOUT);
    check_state(child, -ETIMEDOUT, -ETIMEDOUT);
    check_state(later, -ETIMEDOUT, -ETIMEDOUT);
    CHECK(mote_ctx_cancel(later, -EIO) == -EALREADY);
    mote_ctx *never = mote_ctx_with_timeout(soon, LONG);
    check_state(never, -ETIMEDOUT, -ETIMEDOUT);
    mote_ctx *all[] = {soon, child, later, sooner, never};
    for (int i = 0; i < 5; i++)
        mote_ctx_free(all[i]);
}

static void test_deadlines(void **state)
{
    (void)state;
    run_everywhere(deadlines);
}

static void test_a_deadline_ends_with_the_runtime(void **state)
{
    (void)state;
    assert_int_equal(mote_start(&two_procs), 0);
    mote_ctx *c = make(TIMEOUT, mote_ctx_background()), *freed = make(TIMEOUT, c);
    mote_ctx_free(freed);
    assert_int_equal(mote_stop(MOTE_FOREVER), 0);
    check_state(c, 0, 0);
    assert_int_equal(mote_ctx_cancel(c, 0), 0);
    mote_ctx_free(c);
}

static void no_memory(void *arg)
{
    mote_ctx *c[64];
    int n = 0;
    (void)arg;
    timers_fail(true);
    while (n < 64 && (c[n] = mote_ctx_with_timeout(mote_ctx_background(), LONG)))
        n++;
    CHECK(n == 64 || errno == ENOMEM);
    timers_fail(false);
    while (n--)
        mote_ctx_free(c[n]);
}

static void test_no_memory(void **state)
{
    (void)state;
    run_with(&one_proc, no_memory, NULL);
}

static void test_values(void **state)
{
    (void)state;
    int second;
    mote_ctx *a = make(VALUE, mote_ctx_background()), *b = make(CANCEL, a);
    mote_ctx *c = mote_ctx_with_value(b, &key, &second), *d = mote_ctx_with_value(c, &other_key, NULL);
    assert_ptr_equal(mote_ctx_value(a, &key), &value);
    assert_ptr_equal(mote_ctx_value(b, &key), &value);
    assert_ptr_equal(mote_ctx_value(d, &key), &second);
    assert_null(mote_ctx_value(d, &other_key));
    assert_null(mote_ctx_value(d, &second));
    assert_null(mote_ctx_value(d, NULL));
    mote_ctx_free(a);
    mote_ctx_free(b);
    mote_ctx_free(c);
    assert_ptr_equal(mote_ctx_value(d, &key), &second);
    mote_ctx_free(d);
}

/* Functions */

static void count(void *arg)
{
    begun++;
    mote_sleep(arg ? *(int64_t *)arg : 0);
    called++;
}

static void functions(void *arg)
{
    static int64_t nap = 3 * MOTE_MS;
    mote_ctx_hook *hooks[6] = {NULL};
    (void)arg;
    called = begun = 0;
    mote_ctx *top = make(CANCEL, mote_ctx_background()), *c = make(CANCEL, top);
    CHECK(mote_ctx_after_func(NULL, count, NULL, NULL) == -EINVAL);
    CHECK(mote_ctx_after_func(c, NULL, NULL, NULL) == -EINVAL);
    for (int i = 0; i < 5; i++)
        CHECK(mote_ctx_after_func(c, count, NULL, &hooks[i]) == 0);
    CHECK(mote_ctx_after_func(c, count, &nap, NULL) == 0);
    CHECK(mote_ctx_hook_stop(hooks[0]) == 1); /* the first, the last and one between */
    CHECK(mote_ctx_hook_stop(hooks[4]) == 1);
    CHECK(mote_ctx_hook_stop(hooks[2]) == 1);
    CHECK(mote_ctx_cancel(top, 0) == 0);
    while (called < 3)
        mote_sleep(MOTE_US);
    CHECK(mote_ctx_hook_stop(hooks[1]) == 0);
    CHECK(mote_ctx_after_func(c, count, NULL, &hooks[5]) == 0); /* cancelled already */
    while (called < 4)
        mote_sleep(MOTE_US);
    mote_ctx_free(c);
    mote_ctx_free(top);
    CHECK(mote_ctx_hook_stop(hooks[5]) == 0);
    CHECK(mote_ctx_hook_stop(hooks[3]) == 0); /* the last reference */
    CHECK(mote_ctx_hook_stop(NULL) == 0);
    c = mote_ctx_with_timeout(mote_ctx_background(), MOTE_MS);
    CHECK(mote_ctx_after_func(c, count, NULL, NULL) == 0);
    while (called < 5)
        mote_sleep(MOTE_US);
    mote_ctx_free(c);
    c = make(TIMEOUT, mote_ctx_background());
    CHECK(mote_ctx_after_func(c, count, NULL, NULL) == 0);
    CHECK(mote_ctx_after_func(c, count, NULL, NULL) == 0);
    mote_ctx_free(c); /* with them */
    CHECK(mote_ctx_after_func(mote_ctx_background(), count, NULL, NULL) == 0);
    CHECK(mote_ctx_after_func(mote_ctx_background(), count, NULL, &hooks[0]) == 0);
    CHECK(mote_ctx_hook_stop(hooks[0]) == 1);
    CHECK(called == 5 && begun == 5);
}

static void test_functions_are_called_once(void **state)
{
    (void)state;
    run_everywhere(functions);
}

static void test_functions_are_called_in_place_without_a_runtime(void **state)
{
    (void)state;
    called = 0;
    mote_ctx *c = make(CANCEL, mote_ctx_background());
    assert_int_equal(mote_ctx_after_func(c, count, NULL, NULL), 0);
    assert_int_equal(mote_ctx_cancel(c, 0), 0);
    assert_int_equal(called, 1);
    mote_ctx_free(c);
}

/* Large trees */

static void wide(void *arg)
{
    (void)arg;
    long n = scale(1000000);
    mote_ctx *top = make(CANCEL, mote_ctx_background()), **c = malloc((size_t)n * sizeof *c);
    CHECK(c);
    for (long i = 0; i < n; i++)
        c[i] = make(i % 16 ? CANCEL : VALUE, i % 3 ? top : i ? c[i / 3] : top);
    for (long i = 0; i < n; i += 7)
        CHECK(mote_ctx_done(c[i]));
    for (long i = 1; i < n; i += 2) { /* any of them may go before */
        mote_ctx_free(c[i]);
        c[i] = NULL;
    }
    CHECK(mote_ctx_cancel(top, 0) == 0);
    for (long i = 0; i < n; i += 2)
        CHECK(mote_ctx_err(c[i]) == -ECANCELED && (i % 7 || is_done(c[i])));
    for (long i = 0; i < n; i += 2)
        mote_ctx_free(c[i]);
    mote_ctx_free(top);
    free(c);
}

static void deep(void *arg)
{
    (void)arg;
    mote_ctx *top = make(CANCEL, mote_ctx_background()), *c = mote_ctx_ref(top);
    for (int i = 0; i < 100000; i++) {
        mote_ctx *child = make(CANCEL, c);
        mote_ctx_free(c);
        c = child;
    }
    CHECK(!is_done(c));
    CHECK(mote_ctx_cancel(top, -EIO) == 0);
    check_state(c, -ECANCELED, -EIO);
    mote_ctx_free(top);
    mote_ctx_free(c); /* the last of them all */
}

static void deep_in_copied_task(void *arg) { CHECK(mote_join(mote_spawn(deep, arg), NULL) == 0); }

static void test_large_trees(void **state)
{
    (void)state;
    run_with(&one_proc, wide, NULL);
    run_with(&one_proc, deep, NULL);
    run_with(&(mote_config){.procs = 1, .max_stack = 65536}, deep_in_copied_task, NULL);
}

static void test_a_freed_child_leaves_nothing_behind(void **state)
{
    (void)state;
    mote_ctx *top = make(CANCEL, mote_ctx_background());
    long before = 0;
    for (int i = 0; i < 200000; i++) {
        if (i == 100000)
            before = status_kb("VmRSS");
        mote_ctx *c = make(i % 2 ? CANCEL : VALUE, top);
        mote_ctx_after_func(c, count, NULL, NULL);
        mote_ctx_free(c);
    }
    assert_true(sanitizer_pins_all() || status_kb("VmRSS") - before < 1000);
    mote_ctx_free(top);
}

/* Misuse */

static void lend_value(void)
{
    int local = 0;
    mote_ctx_with_value(mote_ctx_background(), &key, &local);
}

static void lend_argument(void)
{
    int local = 0;
    mote_ctx_after_func(mote_ctx_background(), count, &local, NULL);
}

static void run_lender(void *arg) { mote_join(arg ? mote_spawn(lend_value) : mote_spawn(lend_argument), NULL); }

static void child_lends_value(void *arg)
{
    (void)arg;
    run_with(&one_proc, run_lender, &key);
}

static void child_lends_argument(void *arg) { run_with(&one_proc, run_lender, arg); }

static void test_locals_are_refused(void **state)
{
    (void)state;
    if (sanitizer_pins_all())
        skip();
    assert_dies_saying(child_lends_value, "a context's value at ");
    assert_dies_saying(child_lends_argument, "the argument of a context's function at ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_kind_can_be_cancelled),
        cmocka_unit_test(test_the_background),
        cmocka_unit_test(test_threads_need_no_runtime),
        cmocka_unit_test(test_deadlines),
        cmocka_unit_test(test_a_deadline_ends_with_the_runtime),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_functions_are_called_once),
        cmocka_unit_test(test_functions_are_called_in_place_without_a_runtime),
        cmocka_unit_test(test_large_trees),
        cmocka_unit_test(test_a_freed_child_leaves_nothing_behind),
        cmocka_unit_test(test_locals_are_refused),
    };
    watchdog(60);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
