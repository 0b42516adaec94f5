/* SPDX-License-Identifier: MIT */
/* test_switch - what a task keeps of its own through yields, parks and migration: callee-saved registers, floating-point
 * control, errno (X1); and that a new task starts with the default floating-point state. */
#include "support.h"

#include "base/attr.h"
#include "base/lock.h"
#include "base/sanitizer.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#define TASKS 12

/* Fills every callee-saved register with a number derived from seed, calls fn, and returns the bits that differ after. */
uint64_t keep_registers(uint64_t seed, void (*fn)(void));

#if defined(__x86_64__)
__asm__("        .text\n"
        "keep_registers:\n"
        "        endbr64\n"
        "        pushq %rbp\n        pushq %rbx\n        pushq %r12\n"
        "        pushq %r13\n        pushq %r14\n        pushq %r15\n"
        "        subq $8, %rsp\n"
        "        movq %rdi, (%rsp)\n"
        "        leaq 1(%rdi), %rbp\n        leaq 2(%rdi), %rbx\n        leaq 3(%rdi), %r12\n"
        "        leaq 4(%rdi), %r13\n        leaq 5(%rdi), %r14\n        leaq 6(%rdi), %r15\n"
        "        call *%rsi\n"
        "        movq (%rsp), %rdi\n"
        "        leaq 1(%rdi), %rax\n        xorq %rbp, %rax\n"
        "        leaq 2(%rdi), %rcx\n        xorq %rbx, %rcx\n        orq %rcx, %rax\n"
        "        leaq 3(%rdi), %rcx\n        xorq %r12, %rcx\n        orq %rcx, %rax\n"
        "        leaq 4(%rdi), %rcx\n        xorq %r13, %rcx\n        orq %rcx, %rax\n"
        "        leaq 5(%rdi), %rcx\n        xorq %r14, %rcx\n        orq %rcx, %rax\n"
        "        leaq 6(%rdi), %rcx\n        xorq %r15, %rcx\n        orq %rcx, %rax\n"
        "        addq $8, %rsp\n"
        "        popq %r15\n        popq %r14\n        popq %r13\n"
        "        popq %r12\n        popq %rbx\n        popq %rbp\n"
        "        ret\n");
#define FP_DEFAULT (UINT64_C(0x37f) << 32 | 0x1f80)

/* The control bits only: the sticky flags of MXCSR are not callee-saved. */
static uint64_t fp_control(void)
{
    uint32_t mxcsr;
    uint16_t x87;
    __asm__ volatile("stmxcsr %0\n\tfnstcw %1" : "=m"(mxcsr), "=m"(x87));
    return (mxcsr & 0xffc0u) | (uint64_t)x87 << 32;
}

static void set_fp_control(uint64_t control)
{
    uint32_t mxcsr = (uint32_t)control;
    uint16_t x87 = (uint16_t)(control >> 32);
    __asm__ volatile("ldmxcsr %0\n\tfldcw %1" ::"m"(mxcsr), "m"(x87));
}

/* Rounding, flush to zero and, for the x87, the precision: one of 24. */
static uint64_t fp_variant(unsigned n)
{
    static const uint64_t precision[] = {0x000, 0x200, 0x300};
    uint64_t rounding = n % 4, mxcsr = 0x1f80 | rounding << 13 | (n / 4 % 2) << 15;
    return mxcsr | (UINT64_C(0x7f) | precision[n / 8 % 3] | rounding << 10) << 32;
}
#elif defined(__aarch64__)
#define SAVE(a, b, at) "        stp " #a ", " #b ", [sp, #" #at "]\n"
#define LOAD(a, b, at) "        ldp " #a ", " #b ", [sp, #" #at "]\n"
#define SET(n, i) "        add x" #n ", x0, #" #i "\n"
#define SET_D(n, i) "        add x9, x0, #" #i "\n        fmov d" #n ", x9\n"
#define SAME(n, i) "        add x9, x10, #" #i "\n        eor x9, x9, x" #n "\n        orr x0, x0, x9\n"
#define SAME_D(n, i)                                                                                                   \
    "        add x9, x10, #" #i "\n        fmov x11, d" #n "\n        eor x9, x9, x11\n        orr x0, x0, x9\n"
__asm__("        .text\n"
        "keep_registers:\n"
        "        hint #34\n"
        "        stp x29, x30, [sp, #-176]!\n" SAVE(x19, x20, 16) SAVE(x21, x22, 32) SAVE(x23, x24, 48)
            SAVE(x25, x26, 64) SAVE(x27, x28, 80) SAVE(d8, d9, 96) SAVE(d10, d11, 112) SAVE(d12, d13, 128)
                SAVE(d14, d15, 144) "        str x0, [sp, #160]\n" SET(19, 1) SET(20, 2) SET(21, 3) SET(22, 4)
                    SET(23, 5) SET(24, 6) SET(25, 7) SET(26, 8) SET(27, 9) SET(28, 10) SET(29, 11) SET_D(8, 12)
                        SET_D(9, 13) SET_D(10, 14) SET_D(11, 15) SET_D(12, 16) SET_D(13, 17) SET_D(14, 18)
                            SET_D(15, 19) "        blr x1\n"
                                          "        ldr x10, [sp, #160]\n"
                                          "        mov x0, xzr\n" SAME(19, 1) SAME(20, 2) SAME(21, 3) SAME(22, 4)
                                              SAME(23, 5) SAME(24, 6) SAME(25, 7) SAME(26, 8) SAME(27, 9) SAME(28, 10)
                                                  SAME(29, 11) SAME_D(8, 12) SAME_D(9, 13) SAME_D(10, 14) SAME_D(11, 15)
                                                      SAME_D(12, 16) SAME_D(13, 17) SAME_D(14, 18) SAME_D(15, 19)
                                                          LOAD(x19, x20, 16) LOAD(x21, x22, 32) LOAD(x23, x24, 48)
                                                              LOAD(x25, x26, 64) LOAD(x27, x28, 80) LOAD(d8, d9, 96)
                                                                  LOAD(d10, d11, 112) LOAD(d12, d13, 128)
                                                                      LOAD(d14, d15,
                                                                           144) "        ldp x29, x30, [sp], #176\n"
                                                                                "        ret\n");
#define FP_DEFAULT 0

static uint64_t fp_control(void)
{
    uint64_t fpcr;
    __asm__ volatile("mrs %0, fpcr" : "=r"(fpcr));
    return fpcr;
}

static void set_fp_control(uint64_t fpcr) { __asm__ volatile("msr fpcr, %0" ::"r"(fpcr)); }

/* Rounding, flush to zero and default NaN: one of 16. */
static uint64_t fp_variant(unsigned n) { return (uint64_t)(n % 16) << 22; }
#endif

#define VARIANTS 24
static uint64_t kept[VARIANTS]; /* what this machine makes of each variant: emulators ignore some bits */

static void find_what_is_kept(void)
{
    for (unsigned n = 0; n < VARIANTS; n++) {
        set_fp_control(fp_variant(n));
        kept[n] = fp_control();
    }
    set_fp_control(FP_DEFAULT);
}

/* Not inlined: compilers keep errno's address, which is the thread's (see mote/task.h). */
static NOINLINE void set_errno(int n) { errno = n; }
static NOINLINE int get_errno(void) { return errno; }
static NOINLINE uintptr_t this_thread(void) { return (uintptr_t)self_read(); }

typedef mote_chan(int) channel;

static channel ring[TASKS];
static long rounds;
static _Atomic uint64_t migrations;
static _Atomic uint32_t stop;

/* For the calling task by its number; the frame differs, so that images of several sizes are copied. */
static NOINLINE uint64_t yield_deep(uint64_t seed, unsigned depth)
{
    volatile char frame[200];
    frame[0] = (char)depth;
    uint64_t differs = depth ? yield_deep(seed, depth - 1) : keep_registers(seed, mote_yield);
    return differs | (frame[0] != (char)depth);
}

static NOINLINE void check_switch(unsigned n, uint64_t seed)
{
    uintptr_t before = this_thread();
    set_errno((int)seed);
    CHECK(yield_deep(seed * UINT64_C(0x9e3779b97f4a7c15), (unsigned)(seed % 16)) == 0);
    CHECK(get_errno() == (int)seed);
    CHECK(fp_control() == kept[n]);
    if (this_thread() != before)
        atom_add_rlx(&migrations, 1);
}

static void keep_through_yields(unsigned n)
{
    CHECK(fp_control() == FP_DEFAULT);
    set_fp_control(fp_variant(n));
    for (long i = 1; i <= rounds || stop == 0; i++)
        check_switch(n, (uint64_t)i * TASKS + n);
}

static _Atomic uint32_t next_number;

/* What keep_registers calls: a park in a receive, between two sends. */
static void pass_on(void)
{
    unsigned n = (unsigned)get_errno();
    int token = -1;
    CHECK(mote_recv(ring[n], &token) == 0);
    CHECK(token >= 0);
    CHECK(mote_send(ring[(n + 1) % TASKS], token) == 0);
}

static void keep_through_parks(void)
{
    unsigned n = atom_add_seq(&next_number, 1);
    CHECK(fp_control() == FP_DEFAULT);
    set_fp_control(fp_variant(n));
    for (long i = 1; i <= rounds; i++) {
        uintptr_t before = this_thread();
        set_errno((int)n);
        CHECK(keep_registers((uint64_t)i << 32 ^ n, pass_on) == 0);
        CHECK(get_errno() == (int)n);
        CHECK(fp_control() == kept[n]);
        if (this_thread() != before)
            atom_add_rlx(&migrations, 1);
    }
}

static void end_runtime(void) { assert_int_equal(mote_stop(mote_now() + 40 * MOTE_S), 0); }

/* homes 2: nearly every switch copies. */
static const mote_config configs[] = {
    {.procs = 1},
    {.procs = 1, .homes = 2},
    {.procs = 3},
    {.procs = 3, .homes = 2, .queue = 2},
    {.procs = 3, .homes = 7},
};
#define CONFIGS ARRAY_LENGTH(configs)

static void test_own_state_through_yields(void **state)
{
    (void)state;
    rounds = scale(4000);
    atom_store_seq(&stop, 1);
    for (size_t k = 0; k < CONFIGS; k++) {
        assert_int_equal(mote_start(&configs[k]), 0);
        for (unsigned n = 0; n < TASKS; n++)
            assert_int_equal(n % 4 ? mote_go(keep_through_yields, n) : mote_go_pinned(keep_through_yields, n), 0);
        end_runtime();
    }
}

static void test_own_state_through_parks(void **state)
{
    (void)state;
    rounds = scale(2000);
    for (size_t k = 0; k < CONFIGS; k++) {
        assert_int_equal(mote_start(&configs[k]), 0);
        atom_store_seq(&next_number, 0);
        for (unsigned n = 0; n < TASKS; n++)
            ring[n] = mote_chan_make(int, 8);
        for (int token = 0; token < 5; token++)
            assert_int_equal(mote_send(ring[token * 2], token), 0);
        for (unsigned n = 0; n < TASKS; n++)
            assert_int_equal(n % 4 ? mote_go(keep_through_parks) : mote_go_pinned(keep_through_parks), 0);
        end_runtime();
        for (unsigned n = 0; n < TASKS; n++)
            mote_chan_free(ring[n]);
    }
}

/* Procs come and go: those that go leave their tasks to the others. */
static void test_own_state_through_migration(void **state)
{
    mote_config config = {.procs = 3, .homes = 2};
    (void)state;
    rounds = scale(2000);
    atom_store_seq(&stop, 0);
    atom_store_seq(&migrations, 0);
    assert_int_equal(mote_start(&config), 0);
    for (unsigned n = 0; n < TASKS; n++)
        assert_int_equal(mote_go(keep_through_yields, n), 0);
    for (int i = 0; i < 20 || atom_load_rlx(&migrations) == 0; i++) {
        assert_int_equal(mote_set_procs(1 + i % 3), 0);
        mote_sleep(MOTE_MS);
    }
    atom_store_seq(&stop, 1);
    end_runtime();
}

static void expect_default(void)
{
    CHECK(fp_control() == FP_DEFAULT);
    CHECK(get_errno() == 0);
    set_fp_control(fp_variant(7)); /* for the next one, which may take over the stack */
    set_errno(EDOM);
}

static void start_others(void *arg)
{
    (void)arg;
    for (long i = 0; i < scale(2000); i++) {
        set_fp_control(fp_variant((unsigned)i % VARIANTS));
        set_errno(ERANGE);
        CHECK((i % 5 ? mote_go(expect_default) : mote_go_pinned(expect_default)) == 0);
        if (i % 7 == 0)
            mote_yield();
        CHECK(fp_control() == kept[(unsigned)i % VARIANTS]);
    }
    set_fp_control(FP_DEFAULT);
}

static void test_new_task_starts_with_defaults(void **state)
{
    (void)state;
    for (size_t k = 0; k < CONFIGS; k++)
        run_with(&configs[k], start_others, NULL);
    assert_true(fp_control() == FP_DEFAULT);
}

/* What becomes of homes */

static void yield_a_while(long n)
{
    for (long i = 0; i < n; i++)
        mote_yield();
}

static uint64_t copies_of_tasks_that_yield(int tasks)
{
    struct mote_stats s;
    mote_task *t[5];
    for (int i = 0; i < tasks; i++)
        CHECK((t[i] = mote_spawn(yield_a_while, scale(2000))));
    for (int i = 0; i < tasks; i++)
        CHECK(mote_join(t[i], NULL) == 0);
    CHECK(mote_stats(&s) == 0);
    return s.copies_out;
}

static void yield_at_home(void *arg)
{
    (void)arg;
    CHECK(copies_of_tasks_that_yield(1) == 0);
    CHECK(copies_of_tasks_that_yield(2) == 0);
    CHECK(copies_of_tasks_that_yield(5) > 0 || !stacks_are_copied());
}

static void test_tasks_that_yield_stay_at_home_while_there_is_one_for_each(void **state)
{
    (void)state;
    run_with(&one_proc_two_homes, yield_at_home, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_own_state_through_yields),
        cmocka_unit_test(test_own_state_through_parks),
        cmocka_unit_test(test_own_state_through_migration),
        cmocka_unit_test(test_new_task_starts_with_defaults),
        cmocka_unit_test(test_tasks_that_yield_stay_at_home_while_there_is_one_for_each),
    };
    find_what_is_kept();
    watchdog(58);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
