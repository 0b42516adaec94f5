/* SPDX-License-Identifier: MIT */
/* sanitizer - the only file that names the checking tools: ASan, TSan, Valgrind.
 * Job:    tell the tool which stack runs, and say whether stacks may be copied at all under it.
 * Holds:  under any of the three every task is pinned (sanitizer_pins_all): the tools keep their own notes about stack
 *         addresses, which copying would falsify.
 * Callers: sched/switch.c around every switch; debug/backtrace.c; stack/home.c for new stacks; sched/runtime.c for the workers'
 *          own.
 */
#ifndef BASE_SANITIZER_H
#define BASE_SANITIZER_H

#include <stdbool.h>
#include <stddef.h>

#if defined(__SANITIZE_ADDRESS__)
#define UNDER_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define UNDER_ASAN 1
#endif
#endif
#ifndef UNDER_ASAN
#define UNDER_ASAN 0
#endif

#if defined(__SANITIZE_THREAD__)
#define UNDER_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define UNDER_TSAN 1
#endif
#endif
#ifndef UNDER_TSAN
#define UNDER_TSAN 0
#endif

#if UNDER_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#if UNDER_TSAN
#include <sanitizer/tsan_interface.h>
#endif
#ifdef MOTE_VALGRIND
#include <valgrind/memcheck.h>
#include <valgrind/valgrind.h>
#endif

/* Whether any tool is at work that needs every task to keep its stack in place. */
static inline bool sanitizer_pins_all(void)
{
#ifdef MOTE_VALGRIND
    if (RUNNING_ON_VALGRIND)
        return true;
#endif
    return UNDER_ASAN || UNDER_TSAN;
}

/* What a tool remembers about one stack that can be switched to. */
struct sanitizer_fiber {
    void *fake_stack;   /* ASan: the frames it keeps on the heap while this one is away */
    const void *bottom; /* ASan: lowest address and size of the stack */
    size_t size;
    void *tsan; /* TSan: its fiber */
};

/* Around what reads stacks as an unwinder does, by trial: Valgrind complains of bytes that nobody has written. */
static inline void sanitizer_unwind_begin(void)
{
#ifdef MOTE_VALGRIND
    VALGRIND_DISABLE_ERROR_REPORTING;
#endif
}

static inline void sanitizer_unwind_end(void)
{
#ifdef MOTE_VALGRIND
    VALGRIND_ENABLE_ERROR_REPORTING;
#endif
}

/* A copy of a stack: it may be read, also where nobody has written. */
static inline void sanitizer_copied(void *copy, size_t size)
{
    (void)copy, (void)size;
#ifdef MOTE_VALGRIND
    VALGRIND_MAKE_MEM_DEFINED(copy, size);
#endif
}

/* A range that will serve as a stack, for ever. */
static inline void sanitizer_stack_made(void *low, size_t size)
{
    (void)low, (void)size;
#ifdef MOTE_VALGRIND
    if (RUNNING_ON_VALGRIND)
        (void)VALGRIND_STACK_REGISTER(low, (char *)low + size);
#endif
}

/* The frames from sp up to top never return: something else may come to lie at these addresses. */
static inline void sanitizer_stack_discarded(void *sp, void *top)
{
    (void)sp, (void)top;
#if UNDER_ASAN
    ASAN_UNPOISON_MEMORY_REGION(sp, (size_t)((char *)top - (char *)sp));
#endif
}

/* The present stack is left with frames on it that never return. */
static inline void sanitizer_abandon_frames(void)
{
#if UNDER_ASAN
    __asan_handle_no_return();
#endif
}

/* A task's first run, on the stack [low, low + size); low NULL: the thread's own stack. */
static inline void sanitizer_fiber_init(struct sanitizer_fiber *f, void *low, size_t size)
{
    f->fake_stack = NULL;
    f->bottom = low;
    f->size = size;
#if UNDER_TSAN
    f->tsan = low ? __tsan_create_fiber(0) : __tsan_get_current_fiber();
#endif
}

static inline void sanitizer_fiber_end(struct sanitizer_fiber *f)
{
    (void)f;
#if UNDER_TSAN
    if (f->tsan)
        __tsan_destroy_fiber(f->tsan);
    f->tsan = NULL;
#endif
}

/* Right before leaving `from` for `to`; `from_ends`: it is never switched to again. */
static inline void sanitizer_leave(struct sanitizer_fiber *from, struct sanitizer_fiber *to, bool from_ends)
{
    (void)from, (void)to, (void)from_ends;
#if UNDER_ASAN
    __sanitizer_start_switch_fiber(from_ends ? NULL : &from->fake_stack, to->bottom, to->size);
#endif
#if UNDER_TSAN
    __tsan_switch_to_fiber(to->tsan, 0);
#endif
}

/* First thing on the new stack. */
static inline void sanitizer_arrive(struct sanitizer_fiber *here)
{
    (void)here;
#if UNDER_ASAN
    __sanitizer_finish_switch_fiber(here->fake_stack, NULL, NULL);
#endif
}

#endif
