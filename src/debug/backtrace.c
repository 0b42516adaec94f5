/* SPDX-License-Identifier: MIT */
/* backtrace - program counters and names of functions, by libunwind.
 * Job:    be the tracer of base/msg.h.
 * Holds:  BT1 libunwind's functions are weak: a program that is linked without it has no backtraces, and says so. Many
 *         linkers drop a library that is referred to weakly alone, unless they are told --no-as-needed. BT2 a task's
 *         trace ends where its function returns to (arch/switch.h); below that there is nothing.
 * Why:    its own tables of the program's frames (-fasynchronous-unwind-tables is the default) are all that it needs: no frame
 *         pointers, and no options of users'.
 */
#ifdef MOTE_BACKTRACES
#define UNW_LOCAL_ONLY
#include "arch/switch.h"
#include "base/msg.h"
#include "base/sanitizer.h"
#include "debug/lines.h"
#include "sched/sched.h"

#include <dlfcn.h>
#include <libunwind.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define WEAK __attribute__((weak))
extern WEAK __typeof__(unw_backtrace) unw_backtrace;
extern WEAK __typeof__(unw_init_local) unw_init_local;
extern WEAK __typeof__(unw_init_local2) unw_init_local2;
extern WEAK __typeof__(unw_set_reg) unw_set_reg;
extern WEAK __typeof__(unw_get_reg) unw_get_reg;
extern WEAK __typeof__(unw_step) unw_step;
extern WEAK __typeof__(unw_get_proc_name) unw_get_proc_name;
extern WEAK __typeof__(unw_get_proc_info) unw_get_proc_info;

/* What unw_backtrace knows of each thread it frees as the thread ends, with a mutex, and ThreadSanitizer has taken leave of the
 * thread by then. */
#if UNDER_TSAN && defined(__x86_64__)
extern WEAK __typeof__(unw_tdep_getcontext) unw_tdep_getcontext;
extern WEAK __typeof__(unw_step) unw_step;
extern WEAK __typeof__(unw_get_reg) unw_get_reg;

static int walk(void **trace, int max)
{
    unw_context_t here;
    unw_cursor_t cursor;
    unw_word_t at;
    int n = 0;
    if (unw_getcontext(&here) < 0 || unw_init_local(&cursor, &here) < 0)
        return 0;
    while (n < max && unw_get_reg(&cursor, UNW_REG_IP, &at) == 0) {
        trace[n++] = (void *)(uintptr_t)at;
        if (unw_step(&cursor) <= 0)
            break;
    }
    return n;
}
#else
static int walk(void **trace, int max) { return unw_backtrace(trace, max); }
#endif

/* libunwind 1.6 gives return addresses, but on aarch64 addresses within the calls before them. */
static void *return_address(void *at)
{
#if defined(__aarch64__)
    return (void *)(((uintptr_t)at + 3) & ~(uintptr_t)3);
#else
    return at;
#endif
}

static int take(void **trace, int max)
{
    sanitizer_unwind_begin();
    int n = walk(trace, max);
    sanitizer_unwind_end();
    for (int i = 0; i < n; i++)
        trace[i] = return_address(trace[i]);
    while (n > 0 && (!trace[n - 1] || trace[n - 1] == (const void *)switch_first_return ||
                     trace[n - 1] == (const void *)switch_owned_return))
        n--;
    return n;
}

/* The registers that a cursor begins with: only these two count, for the rules at switch_continued find the others on the stack. */
static void set_registers(unw_context_t *registers, const void *pc, const void *sp)
{
    memset(registers, 0, sizeof *registers);
#if defined(__x86_64__)
    registers->uc_mcontext.gregs[REG_RIP] = (greg_t)(uintptr_t)pc;
    registers->uc_mcontext.gregs[REG_RSP] = (greg_t)(uintptr_t)sp;
#elif defined(__aarch64__)
    registers->uc_mcontext.pc = (uintptr_t)pc;
    registers->uc_mcontext.sp = (uintptr_t)sp;
#endif
}

/* libunwind 1.6 takes what has no unwind table, on aarch64, for a frame with a frame pointer, and reads where that leads, unchecked. */
static bool step(unw_cursor_t *cursor)
{
#if defined(__aarch64__)
    unw_proc_info_t table;
    if (unw_get_proc_info(cursor, &table) < 0)
        return false;
#endif
    return unw_step(cursor) > 0;
}

/* Whether what it stands in left the task for another one: what is above that is no concern of the task's, and differs from time to
 * time. */
static bool is_leaving(unw_cursor_t *cursor)
{
    unw_proc_info_t f;
    return unw_get_proc_info(cursor, &f) == 0 &&
           (f.start_ip == (uintptr_t)sched_park || f.start_ip == (uintptr_t)sched_yield_now);
}

/* Stops where the frames leave the copy: it may have been cut. */
static int walk_copy(const void *sp, const void *end, void **trace, int max)
{
    unw_context_t registers;
    unw_cursor_t cursor;
    int n = 0;
    set_registers(&registers, switch_continued, sp);
    if (unw_init_local(&cursor, &registers) < 0)
        return 0;
    while (n < max && step(&cursor)) {
        unw_word_t at = 0, top = 0;
        if (unw_get_reg(&cursor, UNW_REG_IP, &at) < 0 || unw_get_reg(&cursor, UNW_REG_SP, &top) < 0 || !at ||
            at == (uintptr_t)switch_first_return || top <= (uintptr_t)sp || top > (uintptr_t)end)
            break;
        trace[n++] = return_address((void *)(uintptr_t)at);
        if (is_leaving(&cursor))
            n = 0;
    }
    return n;
}

#if defined(__x86_64__)
#define FRAME_POINTER UNW_X86_64_RBP
#elif defined(__aarch64__)
#define FRAME_POINTER UNW_AARCH64_X29
#endif

static bool find_frame(const void *sp, const void *end, const void *address, struct msg_frame *frame)
{
    unw_context_t registers;
    unw_cursor_t cursor;
    *frame = (struct msg_frame){.at = (void *)(uintptr_t)switch_continued, .low = (uintptr_t)sp};
    set_registers(&registers, switch_continued, sp);
    if (unw_init_local(&cursor, &registers) < 0)
        return false;
    while (step(&cursor)) {
        unw_word_t at = 0, top = 0, base = 0;
        if (unw_get_reg(&cursor, UNW_REG_IP, &at) < 0 || unw_get_reg(&cursor, UNW_REG_SP, &top) < 0 ||
            unw_get_reg(&cursor, FRAME_POINTER, &base) < 0 || top <= frame->low || top > (uintptr_t)end)
            break;
        frame->high = top;
        if ((uintptr_t)address < top)
            return true;
        if (!at || at == (uintptr_t)switch_first_return)
            break;
        *frame = (struct msg_frame){.at = return_address((void *)(uintptr_t)at), .low = top, .base = base};
    }
    return false;
}

/* A return address is named by what lies before it: describe and libunwind each take a byte off. So does the place of a fault,
 * which is to be named itself. */
#define FAULT_BEHIND 2

/* Of registers that were led to the copy, too. The first address is that of an instruction. */
static int walk_running(const void *context, const void *sp, const void *end, void **trace, int max)
{
    unw_context_t registers;
    unw_cursor_t cursor;
    int n = 0;
    memcpy(&registers, context, sizeof registers);
    if (unw_init_local2(&cursor, &registers, UNW_INIT_SIGNAL_FRAME) < 0)
        return 0;
    do {
        unw_word_t at = 0, top = 0;
        if (unw_get_reg(&cursor, UNW_REG_IP, &at) < 0 || unw_get_reg(&cursor, UNW_REG_SP, &top) < 0 || !at ||
            at == (uintptr_t)switch_first_return || top < (uintptr_t)sp || top > (uintptr_t)end)
            break;
        trace[n] = (char *)return_address((void *)(uintptr_t)at) + (n == 0 ? FAULT_BEHIND : 0);
        n++;
    } while (n < max && step(&cursor));
    return n;
}

/* Frames are counted to the end: in a stack that has run over it is of interest how many there are. */
static int walk_fault(const void *context, void **trace, int max, long *depth)
{
    unw_cursor_t cursor;
    unw_context_t registers;
    unw_word_t at;
    int n = 0;
    memcpy(&registers, context, sizeof registers);
    if (unw_init_local2(&cursor, &registers, UNW_INIT_SIGNAL_FRAME) < 0)
        return 0;
    for (*depth = 0; *depth < MSG_DEEPEST && unw_get_reg(&cursor, UNW_REG_IP, &at) == 0; ++*depth) {
        if (!at || at == (uintptr_t)switch_first_return)
            break;
        if (n < max) {
            trace[n] = (char *)return_address((void *)(uintptr_t)at) + (n == 0 ? FAULT_BEHIND : 0);
            n++;
        }
        if (unw_step(&cursor) <= 0)
            break;
    }
    return n;
}

/* libunwind takes the nearest symbol below an address, however long it is: in a library without its table of symbols that is some
 * other function's. dladdr knows the lengths, but only of those that are exported; the unwind table where each begins. */
static bool covers(unw_cursor_t *cursor, uintptr_t start, uintptr_t at)
{
    Dl_info first, exported;
    unw_proc_info_t function;
    if (dladdr((void *)start, &first) && first.dli_saddr == (void *)start)
        return dladdr((void *)at, &exported) && exported.dli_saddr == (void *)start;
    return unw_get_proc_info(cursor, &function) < 0 || function.start_ip <= start;
}

/* False: no symbol covers it. A cursor that stands nowhere is led there, for libunwind wants one. */
static bool find_name(unw_word_t at, char *name, size_t size, unw_word_t *offset)
{
    unw_context_t nowhere;
    unw_cursor_t cursor;
    memset(&nowhere, 0, sizeof nowhere);
    if (unw_init_local(&cursor, &nowhere) < 0 || unw_set_reg(&cursor, UNW_REG_IP, at) < 0)
        return false;
    int error = unw_get_proc_name(&cursor, name, size, offset);
    return (error == 0 || error == -UNW_ENOMEM) && /* the latter: it was cut */
           covers(&cursor, at - *offset, at);
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static void describe(void *at, char *text, size_t size)
{
    unw_word_t before =
        (unw_word_t)(uintptr_t)at - 1; /* inside the call: it may be the last instruction of its function */
    unw_word_t offset = 0;
    char name[160];
    Dl_info file;
    const char *object = dladdr((void *)(uintptr_t)before, &file) && file.dli_fname ? base_name(file.dli_fname) : "?";
    char line[200] = "";
    bool known = lines_find((void *)(uintptr_t)before, line, sizeof line);
    if (find_name(before, name, sizeof name, &offset))
        snprintf(text, size, "%s+0x%lx (%s)", name, (unsigned long)offset + 1, known ? line : object);
    else if (object[0] != '?')
        snprintf(text, size, "%s+0x%lx%s%s%s", object, (unsigned long)((uintptr_t)at - (uintptr_t)file.dli_fbase),
                 known ? " (" : "", line, known ? ")" : "");
    else
        snprintf(text, size, "%p (%s)", at, known ? line : "?");
}

static const char *missing(void)
{
    return unw_backtrace ? NULL : "link with -Wl,--no-as-needed -lunwind for a backtrace";
}

/* Before main: also what a plain thread does without a runtime may end in msg_fatal. */
__attribute__((constructor)) static void provide(void)
{
    static const struct msg_tracer tracer = {.take = take,
                                             .walk = walk_copy,
                                             .walk_running = walk_running,
                                             .walk_fault = walk_fault,
                                             .find_frame = find_frame,
                                             .describe = describe,
                                             .missing = missing};
    msg_tracer = &tracer;
#if UNDER_TSAN
    void *trace[1]; /* libunwind sets itself up at its first use, and looks without a lock whether it has */
    if (!missing())
        walk(trace, 1);
#endif
}
#else
typedef int backtrace_is_off; /* C wants a declaration */
#endif
