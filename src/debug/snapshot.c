/* SPDX-License-Identifier: MIT */
/* snapshot - another task's stack, read while the program runs.
 * Job:    see snapshot.h.
 */
#include "debug/snapshot.h"

#include "sched/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

/* Where a sandbox or an emulator has no process_vm_readv: what can't be read can't be written from, either. */
static COLD bool read_by_pipe(char *to, const char *from, size_t n)
{
    int ends[2];
    size_t done = 0;
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
        return false;
    while (done < n) {
        size_t part = n - done < PIPE_BUF ? n - done : PIPE_BUF;
        if (write(ends[1], from + done, part) != (ssize_t)part || read(ends[0], to + done, part) != (ssize_t)part)
            break;
        done += part;
    }
    close(ends[0]);
    close(ends[1]);
    return done == n;
}

/* In check mode a parked task's stack can't be accessed, and this is what debuggers go by. */
static COLD bool read_by_file(char *to, const char *from, size_t n)
{
    int file = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return false;
    ssize_t got = pread(file, to, n, (off_t)(uintptr_t)from);
    close(file);
    return got == (ssize_t)n;
}

bool snapshot_read(void *to, const void *from, size_t n)
{
    struct iovec local = {to, n}, remote = {(void *)(uintptr_t)from, n};
    ssize_t got = process_vm_readv(getpid(), &local, 1, &remote, 1, 0);
    if (UNLIKELY(got < 0 && (errno == ENOSYS || errno == EPERM)))
        return read_by_pipe(to, from, n);
    if (UNLIKELY(got < 0 && homes.watch))
        return read_by_file(to, from, n);
    return got == (ssize_t)n;
}

/* What must not change while the bytes are read. */
struct view {
    void *sp;
    const char *from; /* where the bytes lie */
    size_t live;
    uint8_t state, image_class;
};

static RACY_READER bool look(struct task *t, struct view *v)
{
    v->state = atom_load_rlx(&t->state); /* rlx: a snapshot */
    v->sp = t->sp;
    v->image_class = t->image_class;
    uint16_t home = t->home;
    if ((v->state != TASK_PARKED && v->state != TASK_READY) || home == 0)
        return false;
    const struct home *h = &homes.at[home];
    v->live = (size_t)(h->top - (char *)v->sp);
    if ((char *)v->sp < h->low || (char *)v->sp > h->top)
        return false;
    v->from = v->sp;
    if (!(t->flags & TASK_PINNED) && h->occupant != t)
        v->from = v->image_class ? *(char *const *)record_inline(t) : record_inline(t);
    return true;
}

void snapshot_lead(char *copy, size_t n, const char *sp, size_t live)
{
    uintptr_t low = (uintptr_t)sp;
    for (size_t i = 0; i + sizeof(uintptr_t) <= n; i += sizeof(uintptr_t)) {
        uintptr_t word;
        memcpy(&word, copy + i, sizeof word);
        if (word - low <= live) {
            word += (uintptr_t)copy - low;
            memcpy(copy + i, &word, sizeof word);
        }
    }
}

size_t snapshot_stack(struct task *t, char *to, size_t size)
{
    struct view before, after;
    if (!look(t, &before))
        return 0;
    size_t n = before.live < size ? before.live : size;
    if (!snapshot_read(to, before.from, n))
        return 0;
    if (!look(t, &after) || memcmp(&before.sp, &after.sp, sizeof before.sp) != 0 || before.from != after.from ||
        before.state != after.state)
        return 0;
    snapshot_lead(to, n, before.sp, before.live);
    return n;
}
