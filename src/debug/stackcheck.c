/* SPDX-License-Identifier: MIT */
/* stackcheck - check mode: nobody can use the stack of a task that doesn't run.
 * Job:    S1, enforced by the memory management unit: a copied home can be accessed while it is held, and not else.
 * Holds:  SC1 every copied task has a home for life (mode WATCHED of the table of homes), so images are never made. It isn't
 *         pinned: what must not be lent is refused as always. SC2 a home is opened by its holder before the switch to it, on
 *         another stack, and closed by the next context (switch_arrived), before the task is visible to wakers (S4).
 *         SC3 two mappings for each home are the worst case, so fewer homes are made than half of vm.max_map_count allows, and the
 *         kernel can always open one.
 * Not here: the report (trespass.c), system calls (syscalls.c).
 * Rejected: memory protection keys, which need no system call (there are 15 of them); closing only what is handed to others (a
 *         pointer that was never checked is what this mode is for).
 */
#include "base/msg.h"
#include "base/os.h"
#include "debug/syscalls.h"
#include "debug/trespass.h"
#include "sched/proc.h"

#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#define DEFAULT_MAPS 65530
#define OTHER_MAPS 4096 /* the program's own */
#define TRIES 2000      /* with a pause of 50 us each */

static _Atomic uint32_t told;
static size_t ended_size; /* of trespass_ended */

static int protect(const struct home *h, int how)
{
    return (int)syscalls_direct(SYS_mprotect, (long)(uintptr_t)h->low, (long)homes.size, how, 0, 0, 0);
}

/* SC3 leaves room, but a program may have many mappings of its own: some of those may go. */
static void open_home(const struct home *h)
{
    trespass_note(h);
    for (unsigned i = 0; protect(h, PROT_READ | PROT_WRITE) < 0; i++) {
        if (i == TRIES)
            msg_fatal(
                "stackcheck: the stack of a task can't be made accessible: no memory, or vm.max_map_count is reached");
        os_back_off(i);
    }
    syscalls_watch();
}

/* When there is no memory even for this, it stays open. */
static void close_home(const struct home *h) { protect(h, PROT_NONE); }

static void note_ended(const struct home *h)
{
    struct trespass_ended *e = &trespass_ended[h->number];
    const struct task *t = h->occupant;
    e->id = record_id(t);
    e->site = t->site;
    snprintf(e->name, sizeof e->name, "%s", task_name(t));
}

static void tell_of_want(void)
{
    uint32_t untold = 0;
    if (atom_cas_seq(&told, &untold, 1)) /* seq: a message, once */
        msg_print(
            "stackcheck: %u tasks have stacks, and no more can be had: others start when some of these have ended",
            homes.cap);
}

static unsigned most_homes(void)
{
    long maps = DEFAULT_MAPS;
    FILE *f = fopen("/proc/sys/vm/max_map_count", "re");
    if (f && fscanf(f, "%ld", &maps) != 1)
        maps = DEFAULT_MAPS;
    if (f)
        fclose(f);
    long most = (maps - OTHER_MAPS) / 2;
    return most > HOME_MAX / 2 ? HOME_MAX / 2 : most < 2 ? 2 : (unsigned)most;
}

int debug_check_stacks(int how)
{
    static const struct home_watch watch = {open_home, close_home, note_ended, tell_of_want};
    if (rt.pin_all) {
        msg_print("stackcheck: every task is pinned, so there are no stacks to check");
        return 0;
    }
    unsigned cap = most_homes();
    ended_size = sizeof *trespass_ended * (cap + 1);
    trespass_ended = os_pages(ended_size, 0);
    if (!trespass_ended)
        return -ENOMEM;
    atom_store_seq(&told, 0); /* seq: no worker runs yet */
    home_table_watch(&watch, cap);
    syscalls_start(how == 1);
    return 0;
}

void debug_check_ended(void)
{
    syscalls_stop();
    os_release(trespass_ended, ended_size);
    trespass_ended = NULL;
}

void debug_worker_start(void) { syscalls_enter(); }

void debug_worker_busy(bool busy)
{
    if (busy)
        syscalls_watch();
    else
        syscalls_ignore();
}

void debug_worker_stop(void) { syscalls_leave(); }
