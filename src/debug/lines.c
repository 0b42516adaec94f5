/* SPDX-License-Identifier: MIT */
/* lines - from an address in the program to a line of its source.
 * Job:    see lines.h.
 * Why:    only what the program itself has is looked at: separate files of debug information may lie on a server.
 */
#include "debug/lines.h"

#ifdef MOTE_LINES
#include "base/atomic.h"

#include <elfutils/libdwfl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define WEAK __attribute__((weak))
extern WEAK __typeof__(dwfl_begin) dwfl_begin;
extern WEAK __typeof__(dwfl_end) dwfl_end;
extern WEAK __typeof__(dwfl_linux_proc_report) dwfl_linux_proc_report;
extern WEAK __typeof__(dwfl_linux_proc_find_elf) dwfl_linux_proc_find_elf;
extern WEAK __typeof__(dwfl_report_end) dwfl_report_end;
extern WEAK __typeof__(dwfl_addrmodule) dwfl_addrmodule;
extern WEAK __typeof__(dwfl_module_getsrc) dwfl_module_getsrc;
extern WEAK __typeof__(dwfl_lineinfo) dwfl_lineinfo;

static _Atomic uint32_t busy; /* LN3 */

static int find_nothing(Dwfl_Module *module, void **user, const char *name, Dwarf_Addr base, const char *file,
                        const char *link, GElf_Word crc, char **found)
{
    (void)module, (void)user, (void)name, (void)base, (void)file, (void)link, (void)crc, (void)found;
    return -1;
}

static Dwfl *open_program(void)
{
    static Dwfl_Callbacks callbacks;
    callbacks.find_elf = dwfl_linux_proc_find_elf; /* no constant, where it is weak */
    callbacks.find_debuginfo = find_nothing;
    Dwfl *dwfl = dwfl_begin(&callbacks);
    if (dwfl && (dwfl_linux_proc_report(dwfl, getpid()) != 0 || dwfl_report_end(dwfl, NULL, NULL) != 0)) {
        dwfl_end(dwfl);
        return NULL;
    }
    return dwfl;
}

static Dwfl *program; /* once opened, for good: libraries that come later have no lines */

struct question {
    Dwarf_Addr at;
    char *text;
    size_t size;
    bool found;
};

static void find(Dwfl *dwfl, void *arg)
{
    struct question *q = arg;
    Dwfl_Module *module = dwfl_addrmodule(dwfl, q->at);
    Dwfl_Line *line = module ? dwfl_module_getsrc(module, q->at) : NULL;
    int number = 0;
    const char *file = line ? dwfl_lineinfo(line, &q->at, &number, NULL, NULL, NULL) : NULL;
    if (file)
        snprintf(q->text, q->size, "%s:%d", file, number);
    q->found = file != NULL;
}

struct asked {
    void (*ask)(Dwfl *program, void *arg);
    void *arg;
};

static void *answer(void *arg)
{
    struct asked *a = arg;
    if (program || (program = open_program()))
        a->ask(program, a->arg);
    return NULL;
}

bool lines_ask(void (*ask)(Dwfl *program, void *arg), void *arg)
{
    struct asked a = {ask, arg};
    uint32_t free = 0;
    pthread_t thread;
    if (!dwfl_begin || !atom_cas_seq(&busy, &free, 1)) /* [Y busy] the last user's work on `program` */
        return false;
    bool able = pthread_create(&thread, NULL, answer, &a) == 0;
    if (able)
        pthread_join(thread, NULL);
    atom_store_rel(&busy, 0); /* [Y busy] */
    return able;
}

bool lines_find(const void *at, char *text, size_t size)
{
    struct question q = {(Dwarf_Addr)(uintptr_t)at, text, size, false};
    return lines_ask(find, &q) && q.found;
}
#else
bool lines_find(const void *at, char *text, size_t size) { return (void)at, (void)text, (void)size, false; }
#endif
