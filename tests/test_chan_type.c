/* SPDX-License-Identifier: MIT */
/* test_chan_type - elements of the types that programs have, and the one kind that is refused: pointers to copied locals. */
#include "support.h"

#include "base/sanitizer.h"

#include <errno.h>

struct point {
    int x, y;
    char name[20];
};

static void test_struct_elements(void **state)
{
    (void)state;
    mote_chan(struct point) c = mote_chan_make(struct point, 2);
    assert_int_equal(mote_send(c, (struct point){1, 2, "one"}), 0);
    struct point p = {3, 4, "two"};
    assert_int_equal(mote_try_send(c, p), 0);
    assert_int_equal(mote_recv(c, &p), 0);
    assert_true(p.x == 1 && p.y == 2);
    assert_string_equal(p.name, "one");
    mote_chan_close(c);
    int n = 0;
    mote_chan_range (c, q) {
        assert_int_equal(q.x, 3);
        assert_string_equal(q.name, "two");
        n++;
    }
    assert_int_equal(n, 1);
    mote_chan_free(c);
}

static void test_pointer_and_const_elements(void **state)
{
    (void)state;
    static const int numbers[] = {1, 2, 3};
    mote_chan(const int *) c = mote_chan_make(const int *, 4);
    const mote_chan(const char *) text = mote_chan_make(const char *, 1);
    for (int i = 0; i < 3; i++)
        assert_int_equal(mote_send(c, &numbers[i]), 0);
    assert_int_equal(mote_send(c, NULL), 0);
    mote_chan_close(c);
    int i = 0;
    mote_chan_range (c, p) {
        assert_ptr_equal(p, i < 3 ? &numbers[i] : NULL);
        i++;
    }
    assert_int_equal(i, 4);
    mote_send(text, "words");
    const char *words;
    assert_int_equal(mote_recv(text, &words), 0);
    assert_string_equal(words, "words");
    mote_chan_free(c);
    mote_chan_free(text);
}

typedef mote_chan(int) int_chan;

static void answer(mote_chan(int_chan) requests)
{
    mote_chan_range (requests, reply)
        CHECK(mote_send(reply, 42) == 0);
}

static void ask(void *arg)
{
    (void)arg;
    mote_chan(int_chan) requests = mote_chan_make(int_chan, 0);
    mote_task *t = mote_spawn(answer, requests);
    for (int i = 0; i < 10; i++) {
        int_chan reply = mote_chan_make(int, 0);
        int v = 0;
        CHECK(mote_send(requests, reply) == 0);
        CHECK(mote_recv(reply, &v) == 0 && v == 42);
        mote_chan_free(reply);
    }
    mote_chan_close(requests);
    CHECK(mote_join(t, NULL) == 0);
    mote_chan_free(requests);
}

static void test_channel_of_channels(void **state)
{
    (void)state;
    run_with(&two_procs, ask, NULL);
}

static void test_range_may_be_left_early(void **state)
{
    (void)state;
    mote_chan(short) c = mote_chan_make(short, 8);
    for (short i = 0; i < 8; i++)
        mote_send(c, i);
    int sum = 0;
    mote_chan_range (c, v) {
        if (v == 1)
            continue;
        if (v == 5)
            break;
        sum += v;
    }
    assert_int_equal(sum, 0 + 2 + 3 + 4);
    assert_int_equal(mote_chan_len(c), 2);
    mote_chan_free(c);
}

/* Lent locals */

static void send_local(mote_chan(int *) c)
{
    int local = 17;
    CHECK(mote_send(c, &local) == 0);
    int *back;
    CHECK(mote_recv(c, &back) == 0);
    CHECK(back == &local && *back == 17);
}

static void try_send_local(mote_chan(int *) c)
{
    int local = 17;
    CHECK(mote_try_send(c, &local) == 0);
}

static void lend_by_send(void *arg)
{
    (void)arg;
    mote_chan(int *) c = mote_chan_make(int *, 1);
    mote_join(mote_spawn(send_local, c), NULL);
}

static void lend_by_try_send(void *arg)
{
    (void)arg;
    mote_chan(int *) c = mote_chan_make(int *, 1);
    mote_join(mote_spawn(try_send_local, c), NULL);
}

static void child_lend_by_send(void *arg) { run_with(&one_proc, lend_by_send, arg); }
static void child_lend_by_try_send(void *arg) { run_with(&one_proc, lend_by_try_send, arg); }

static void test_pointer_to_a_copied_tasks_local_is_refused(void **state)
{
    (void)state;
    if (sanitizer_pins_all())
        skip();
    assert_dies_saying(child_lend_by_send, "an address sent through a channel");
    assert_dies_saying(child_lend_by_send, "(send_local)");
    assert_dies_saying(child_lend_by_try_send, "(try_send_local)");
}

static void send_own_locals(void *arg)
{
    (void)arg;
    mote_chan(int *) c = mote_chan_make(int *, 1);
    send_local(c); /* this task is pinned */
    mote_attr attr = {.pinned = true};
    CHECK(mote_join(mote_spawn_with(&attr, send_local, c), NULL) == 0);
    mote_chan_free(c);
}

static void test_pinned_task_may_send_pointers_to_its_locals(void **state)
{
    (void)state;
    run_with(&one_proc, send_own_locals, NULL);
}

static int asked;

static mote_chan(int) give(mote_chan(int) c)
{
    asked++;
    return c;
}

static void test_a_reference_evaluates_its_channel_once(void **state)
{
    (void)state;
    mote_chan(int) c = mote_chan_make(int, 1);
    mote_chan(int) same = mote_chan_ref(give(c));
    mote_chan_ref(c);
    assert_true(same == c && asked == 1);
    mote_chan_free(c);
    mote_chan_free(c);
    assert_int_equal(mote_send(same, 1), 0);
    mote_chan_free(same);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_struct_elements),
        cmocka_unit_test(test_pointer_and_const_elements),
        cmocka_unit_test(test_channel_of_channels),
        cmocka_unit_test(test_range_may_be_left_early),
        cmocka_unit_test(test_pointer_to_a_copied_tasks_local_is_refused),
        cmocka_unit_test(test_pinned_task_may_send_pointers_to_its_locals),
        cmocka_unit_test(test_a_reference_evaluates_its_channel_once),
    };
    watchdog(60);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
