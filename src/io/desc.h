/* SPDX-License-Identifier: MIT */
/* desc - what is known of each file descriptor, and who waits for it.
 * Job:    a table by number, and the wait after a system call has said EAGAIN.
 * Holds:  D5 who waits in a side's queue has made a system call that said EAGAIN after the side's last edge. The poller counts an
 *         edge under the lock; who wants to wait reads the count, makes its call, and compares under the same lock: when an edge
 *         came meanwhile, it makes the call again. So an edge is never lost, and nothing has to be reset.
 *         D6 an edge wakes the first in the queue, and it alone: the side is `busy`. It makes its call again; if that ends, the
 *         next one is woken by it, and so on until one's call says EAGAIN, after the last edge: that one goes back to the front. So
 *         as long as there is something to be had somebody is on his way to it, in the order of their coming.
 *         D7 `generation` says which file the number stands for: it changes when the file is closed by mote_close, and when a
 *         number is handed out by mote. A call that began in another generation doesn't wait; events of another one are ignored.
 *         D8 a number of DESC_FOREIGN may have been closed and opened again behind our back. So each wait adds it to the poller
 *         anew: that succeeds only if it is another file than before.
 *         D9 a side's deadline is kept by one timer for each number, which is armed only while somebody waits, and late rather than
 *         anew: it looks at the deadline when it fires. So to set a deadline for each request costs a store.
 *         D10 of a TCP connection of ours, a read that gets less than it wanted has come to the end of what there was, and so has
 *         one that said EAGAIN: it notes the count of edges from before its call. As long as that is the count, nothing has come
 *         since, and a read, or a wait for something to read, waits without asking first. Not once an edge has told of more than
 *         bytes (`odd`): at urgent data and before the end of the stream reads are cut short, with more behind.
 * Why:    the lock is taken for a dozen instructions, by who waits and by the poller. There is no state of readiness but D10: the system
 *         call itself says what is ready.
 */
#ifndef IO_DESC_H
#define IO_DESC_H

#include "base/os.h"
#include "sync/limit.h"

#include <mote/io.h>

#include <errno.h>

enum desc_side { SIDE_READ, SIDE_WRITE };

enum desc_kind {
    DESC_FOREIGN, /* somebody else opened it: it may block, and change its nature */
    DESC_SOCKET,  /* ours: a socket that doesn't block */
    DESC_TCP,     /* ours: the same, of TCP */
    DESC_PLAIN,   /* ours: something else that doesn't block */
    DESC_FILE,    /* ours: a file, see file.h */
    DESC_CLOSING, /* mote_close is at it */
};

struct side {
    struct waitq queue;       /* lock */
    _Atomic uint32_t edges;   /* lock; read by all (D5) */
    _Atomic uint32_t drained; /* of all that read: D10 */
    bool busy;                /* lock: somebody was woken, and has not ended yet (D6) */
    _Atomic bool odd;         /* lock; read by all: D10 */
    _Atomic int64_t deadline; /* lock; read by all: 0: none */
};

/* Neighbours belong to different tasks on different procs, and lines are fetched in pairs. */
struct desc {
    struct lock lock;
    _Atomic uint32_t generation; /* lock; read by all (D7) */
    _Atomic uint8_t kind;        /* lock; read by all: enum desc_kind */
    bool registered;             /* lock: the poller has it, in this generation */
    bool arming;                 /* lock: somebody sets the timer (D9) */
    struct plain *plain;         /* lock: plain threads that wait */
    int64_t armed;               /* lock: when the timer fires; 0: it isn't armed */
    struct side side[2];
} __attribute__((aligned(128)));

/* One call, from its first look. Lies on the caller's stack. */
struct attempt {
    struct desc *desc;
    const struct limit *limit; /* of the call; NULL: none. The caller's, on its stack */
    int fd;
    uint32_t generation, edges;
    uint8_t side, kind; /* enum desc_side, and enum desc_kind when the call began */
    bool woken;         /* it is whom the side is busy with (D6), unless the generation has changed */
};

/* 0; -EBADF, -ENOMEM; -ETIMEDOUT: the side's deadline has passed; the context's error. */
int attempt_begin(struct attempt *a, int fd, enum desc_side side, const struct limit *limit);

/* D10: nothing can have come since the last read; a read has got n of what it wanted. */
static inline bool attempt_is_dry(const struct attempt *a)
{
    const struct side *s = &a->desc->side[a->side];
    return a->kind == DESC_TCP &&
           atom_load_rlx(&s->drained) == a->edges && /* rlx: any value but the count does no harm */
           !atom_load_rlx(&s->odd);                  /* rlx: stored before the count */
}
static inline void attempt_note_read(const struct attempt *a, intptr_t n, size_t wanted)
{
    if (a->kind == DESC_TCP && (n == -EAGAIN || (n > 0 && (size_t)n < wanted)))
        atom_store_rlx(&a->desc->side[a->side].drained, a->edges); /* rlx: it means something beside the count alone */
}

/* After EAGAIN, or when it is dry. 0: try again; -ECANCELED: it was closed; -ETIMEDOUT, the context's error, -ENOMEM, -ENOSPC, -EBADF, -EPERM: it
 * can't be waited for. Switches; a plain thread blocks. */
int attempt_wait(struct attempt *a);

/* Waits for ns, whatever comes: 0, or an error as above. Switches. */
int attempt_pause(struct attempt *a, int64_t ns);

static inline struct limit attempt_limit(const struct attempt *a)
{
    return a->limit ? *a->limit : limit_until(MOTE_FOREVER);
}

/* In the end, if it has begun. */
void attempt_end_woken(struct attempt *a);
static inline void attempt_end(struct attempt *a)
{
    if (UNLIKELY(a->woken))
        attempt_end_woken(a);
}

/* For both sides at once; read and write have begun with the same limit. As attempt_wait. */
int attempt_wait_both(struct attempt *read, struct attempt *write);

/* desc_find: NULL: nothing has ever been noted of it. desc_get makes it: NULL: there is no such number, or no memory (desc_error).
 * */
#define DESC_CHUNK 512
#define DESC_CHUNKS 8192
extern _Atomic(struct desc *) desc_chunks[DESC_CHUNKS];
static inline struct desc *desc_find(int fd)
{
    if ((unsigned)fd >= DESC_CHUNK * DESC_CHUNKS)
        return NULL;
    struct desc *chunk = atom_load_acq(&desc_chunks[fd / DESC_CHUNK]); /* [D chunk] pairs with desc_get */
    return LIKELY(chunk != NULL) ? &chunk[fd % DESC_CHUNK] : NULL;
}
struct desc *desc_get(int fd);
int desc_error(int fd);

static inline enum desc_kind desc_kind_of(const struct desc *d)
{
    return (enum desc_kind)atom_load_rlx(&d->kind); /* rlx: a hint; a wrong one is as old as the number itself */
}

/* A number that mote has got from the system, or adopts. -EMFILE: the table ends before it; -ENOMEM. */
int desc_own(int fd, enum desc_kind kind);

/* deadline.c. Whether a side's has passed; and arms the timer for those who wait. No lock is held: 0, -ENOMEM. */
static inline bool desc_is_late(const struct side *s)
{
    int64_t deadline = atom_load_rlx(&s->deadline); /* rlx: who sets it wakes those that wait */
    return UNLIKELY(deadline != 0) && deadline <= os_now();
}
int desc_arm(struct desc *d, int fd);

/* Whoever was taken out of a side's queue, with what they are told. Lock held. */
struct waitq desc_take(struct side *s, int status);

bool desc_begin_telling(const struct desc *d);
void desc_tell(struct waitq taken[2], bool tells);

/* Counts an edge on some sides, bits of 1 << side, which tells of more than bytes if it is odd (D10), and takes out whom it wakes: parked tasks, at the end of the list. */
struct desc_list {
    struct task *first, *last;
};
void desc_edge(int fd, uint32_t generation, unsigned sides, bool odd, struct desc_list *woken);

/* For the poller: whether any task waits; and that none does, nor is any number registered. */
bool desc_any_waits(void);
void desc_forget(void);

/* poller.c; the desc's lock is held. Generations have DESC_GENERATIONS values there. */
#define DESC_GENERATIONS UINT32_C(0x7fffffff)
/* 0: it wasn't there before; -EEXIST; or an error. */
int poller_add(int fd, uint32_t generation, bool again);
void poller_remove(int fd);
int poller_open(void); /* no lock is held */
bool poller_opened(void);

/* plain.c: what plain threads do instead. One that waits, on its own stack, in the desc's list. */
struct plain {
    struct plain *next;
    int wakes; /* an eventfd; -1: none, it looks now and then */
};
int plain_wait(struct attempt *a, unsigned sides, int64_t pause_until);
void plain_tell(struct plain *first); /* something has changed: all in the list look again. Lock held */
/* desc.c, for it: enters and leaves the list. 0; 1: try again; or an error */
int desc_enter_plain(struct attempt *a, unsigned sides, struct plain *p, int64_t *deadline);
int desc_leave_plain(const struct attempt *a, struct plain *p); /* 0, or -ECANCELED: it was closed */

#endif
