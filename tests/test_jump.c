/* SPDX-License-Identifier: MIT */
/* test_jump - mote_try comes back as an ordinary call does: registers, floating-point control, from any depth, on any worker,
 * whatever has been done to the stack meanwhile. */
#include "support.h"

#include "base/attr.h"
#include "base/sanitizer.h"

#include <errno.h>
#include <string.h>

/* Not known to the compiler as one that doesn't return: it would call our recursions endless. */
static void call_panic(const char *text) { mote_panic("%s", text); }
static void (*volatile panic_now)(const char *text) = call_panic;

static void panic(void *arg)
{
    (void)arg;
    mote_panic("back");
}

/* The control bits of the floating-point state. */
#if defined(__x86_64__)
static uint32_t fp_control(void)
{
    uint32_t mxcsr;
    uint16_t cw;
    __asm__ volatile("stmxcsr %0\n\tfnstcw %1" : "=m"(mxcsr), "=m"(cw));
    return (mxcsr & 0xffc0) << 16 | cw;
}

static void set_rounding(void *arg)
{
    uint32_t mxcsr;
    uint16_t cw;
    __asm__ volatile("stmxcsr %0\n\tfnstcw %1" : "=m"(mxcsr), "=m"(cw));
    mxcsr ^= 0x6000;
    cw ^= 0x0c00;
    __asm__ volatile("ldmxcsr %0\n\tfldcw %1" : : "m"(mxcsr), "m"(cw));
    if (arg)
        panic(NULL);
}
#elif defined(__aarch64__)
static uint64_t fp_control(void)
{
    uint64_t fpcr;
    __asm__ volatile("mrs %0, fpcr" : "=r"(fpcr));
    return fpcr;
}

static void set_rounding(void *arg)
{
    __asm__ volatile("msr fpcr, %0" : : "r"(fp_control() ^ 3 << 22));
    if (arg)
        panic(NULL);
}
#endif

static void look_at_control(void *arg)
{
    (void)arg;
    uint64_t before = fp_control();
    CHECK(mote_try(set_rounding, (void *)1, NULL) == -ECANCELED);
    CHECK(fp_control() == before);
    set_rounding(NULL);
    uint64_t other = fp_control();
    CHECK(other != before);
    CHECK(mote_try(set_rounding, (void *)1, NULL) == -ECANCELED);
    CHECK(fp_control() == other);
    set_rounding(NULL);
    CHECK(fp_control() == before);
}

static void test_floating_point_control_is_as_before(void **state)
{
    (void)state;
    run_everywhere(look_at_control);
}

/* Uses up the registers, and comes back through none of its own frames. */
static NOINLINE long scramble(long a, long b, long c, long d, long e, long f, int depth)
{
    if (depth == 0) {
        panic_now("scrambled");
        return 0;
    }
    return scramble(b + 1, c * 3, d - a, e ^ b, f + c, a, depth - 1) + a * b + c * d + e * f;
}

static void scramble_all(void *arg) { scramble(1, 2, 3, 4, 5, 6, (int)(intptr_t)arg); }

static NOINLINE long keep_many(long seed)
{
    long a = seed * 3, b = seed ^ 77, c = seed - 5, d = seed * seed, e = ~seed, f = seed + 9;
    double x = (double)seed / 3, y = (double)seed * 1.5;
    CHECK(mote_try(scramble_all, (void *)20, NULL) == -ECANCELED);
    CHECK(a == seed * 3 && b == (seed ^ 77) && c == seed - 5 && d == seed * seed && e == ~seed && f == seed + 9);
    CHECK(x == (double)seed / 3 && y == (double)seed * 1.5);
    return a + b + c + d + e + f;
}

static void keep_registers(void *arg)
{
    (void)arg;
    for (long i = 0; i < 1000; i++)
        keep_many(i * 7919);
}

static void test_registers_are_as_before(void **state)
{
    (void)state;
    run_everywhere(keep_registers);
}

/* Deep recursion: the image has grown, and what lies above the try is untouched. */
static NOINLINE int deepen(int depth, unsigned char *above)
{
    unsigned char here[300];
    memset(here, depth, sizeof here);
    if (depth % 64 == 0)
        mote_yield();
    if (depth == 0) {
        panic_now("deep");
        return 0;
    }
    int below = deepen(depth - 1, here);
    return below + here[7] + above[9];
}

static void dive(void *arg)
{
    unsigned char top[10] = {0};
    deepen((int)(intptr_t)arg, top);
}

static void dive_and_come_back(void)
{
    unsigned char mine[200];
    memset(mine, 0x5a, sizeof mine);
    for (int i = 0; i < 5; i++) {
        mote_error error;
        CHECK(mote_try(dive, (void *)(intptr_t)(i % 2 ? 10 : 1000), &error) == -ECANCELED);
        CHECK(strcmp(error.message, "deep") == 0 && error.task == mote_self());
        mote_yield();
        for (size_t k = 0; k < sizeof mine; k++)
            CHECK(mine[k] == 0x5a);
    }
}

static void dive_in_many(void *arg)
{
    (void)arg;
    for (long i = 0; i < scale(100); i++)
        CHECK(mote_go(dive_and_come_back) == 0);
    yield_until_alone();
}

static void test_from_great_depth_with_others_on_the_same_stack(void **state)
{
    (void)state;
    run_with_each(dive_in_many, NULL);
}

/* Between the try and the panic the task parks and moves; errno and self are its own. */
static void move_and_panic(void *arg)
{
    mote_chan(int) c = arg;
    for (int i = 0, v; i < 5; i++) {
        mote_recv(c, &v);
        mote_yield();
    }
    errno = EDOM;
    panic(NULL);
}

static void try_and_move(mote_chan(int) c, int rounds)
{
    uint64_t self = mote_self();
    for (int i = 0; i < rounds; i++) {
        mote_error error;
        CHECK(mote_try(move_and_panic, c, &error) == -ECANCELED);
        CHECK(mote_self() == self && error.task == self);
        mote_yield();
        CHECK(mote_try(panic, NULL, &error) == -ECANCELED);
        CHECK(mote_self() == self);
    }
}

static void feed(mote_chan(int) c, long n)
{
    for (long i = 0; i < n; i++)
        mote_send(c, (int)i);
}

static void move_in_many(void *arg)
{
    (void)arg;
    long tasks = 40, rounds = scale(100);
    mote_chan(int) c = mote_chan_make(int, 4);
    for (long i = 0; i < tasks; i++)
        CHECK(mote_go(try_and_move, c, (int)rounds) == 0);
    for (int i = 0; i < 4; i++)
        CHECK(mote_go(feed, c, tasks * rounds * 5 / 4) == 0);
    yield_until_alone();
    mote_chan_free(c);
}

static void test_after_moving_to_another_worker(void **state)
{
    (void)state;
    run_with_each(move_in_many, NULL);
}

static void yield(void *arg)
{
    (void)arg;
    mote_yield();
}

/* Again and again: nothing is left over, on the stack or elsewhere. */
static void defer_and_panic(void *arg)
{
    CHECK(mote_defer(yield, arg) == 0);
    mote_panic("%d", 1);
}

static void loop(void *arg)
{
    (void)arg;
    for (long i = 0; i < scale(1000000); i++)
        CHECK(mote_try(panic, NULL, NULL) == -ECANCELED);
    for (long i = 0; i < scale(20000); i++)
        CHECK(mote_try(defer_and_panic, NULL, NULL) == -ECANCELED);
}

static void test_a_million_times(void **state)
{
    (void)state;
    run_with(&one_proc, loop, NULL);
    long before = status_kb("VmRSS");
    run_with(&one_proc, loop, NULL);
    long after = status_kb("VmRSS");
    loop(NULL);
    if (!sanitizer_pins_all() && !UNDER_EMULATOR)
        assert_true(after < before + 4096);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_floating_point_control_is_as_before),
        cmocka_unit_test(test_registers_are_as_before),
        cmocka_unit_test(test_from_great_depth_with_others_on_the_same_stack),
        cmocka_unit_test(test_after_moving_to_another_worker),
        cmocka_unit_test(test_a_million_times),
    };
    watchdog(60);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
