/* SPDX-License-Identifier: MIT */
/* desc - what is known of each file descriptor, and who waits for it.
 * Job:    see desc.h.
 * Holds:  D5-D9. Chunks of the table are never given back, so a desc may be looked at at any time.
 */
#include "io/desc.h"

#include <mote/task.h>

#include <errno.h>
#include <unistd.h>

_Static_assert(sizeof(struct desc) == 128, "two cache lines");

/* What a look at a desc says to who wants to wait; or a negative errno. */
enum look { LOOK_WAIT, LOOK_AGAIN, LOOK_CLOSING, LOOK_ARM };

_Atomic(struct desc *) desc_chunks[DESC_CHUNKS];
static _Atomic uint32_t chunks_used; /* the highest that there is, plus 1 */

static NOINLINE struct desc *make_chunk(unsigned i)
{
    struct desc *made = os_pages(DESC_CHUNK * sizeof(struct desc), 4096), *first = NULL;
    if (!made)
        return NULL;
    if (!atom_cas_acq_rel(&desc_chunks[i], &first, made)) { /* [D chunk] zeroed pages -> desc_find; another's -> us */
        os_release(made, DESC_CHUNK * sizeof(struct desc));
        return first;
    }
    uint32_t used = atom_load_rlx(&chunks_used); /* rlx: a bound; who waits there has stored it before */
    while (used <= i && !atom_cas_rlx(&chunks_used, &used, i + 1)) /* rlx: as above */
        ;
    return made;
}

struct desc *desc_get(int fd)
{
    struct desc *d = desc_find(fd);
    if (LIKELY(d != NULL) || (unsigned)fd >= DESC_CHUNK * DESC_CHUNKS)
        return d;
    struct desc *chunk = make_chunk((unsigned)fd / DESC_CHUNK);
    return chunk ? &chunk[fd % DESC_CHUNK] : NULL;
}

int desc_error(int fd) { return fd < 0 ? -EBADF : fd >= DESC_CHUNK * DESC_CHUNKS ? -EMFILE : -ENOMEM; }

/* One call's steps */

int attempt_begin(struct attempt *a, int fd, enum desc_side side, const struct limit *limit)
{
    struct desc *d = desc_get(fd);
    if (UNLIKELY(!d))
        return desc_error(fd);
    *a = (struct attempt){.desc = d, .fd = fd, .side = (uint8_t)side, .kind = (uint8_t)desc_kind_of(d), .limit = limit};
    a->generation =
        atom_load_acq(&d->generation); /* [D look] before the call; who changes it later is seen by look_at */
    a->edges = atom_load_acq(&d->side[side].edges); /* [D look] the same */
    if (UNLIKELY(desc_is_late(&d->side[side])))
        return -ETIMEDOUT;
    return limit ? context_err(limit->ctx) : 0;
}

/* D8. Lock held. */
static int register_it(struct desc *d, int fd)
{
    uint32_t generation = atom_load_rlx(&d->generation); /* rlx: under the lock */
    if (LIKELY(d->registered) && desc_kind_of(d) != DESC_FOREIGN)
        return 0;
    int error = poller_add(fd, generation, false);
    if (error == -EEXIST)
        error = d->registered ? 0 : poller_add(fd, generation, true);
    if (error == 0)
        d->registered = true;
    return error;
}

/* Lock held. What a change since the call began means. */
static int look_at(struct attempt *a)
{
    struct desc *d = a->desc;
    struct side *s = &d->side[a->side];
    if (UNLIKELY(atom_load_rlx(&d->generation) != a->generation)) /* rlx: under the lock, here and below */
        return -ECANCELED;
    if (UNLIKELY(desc_kind_of(d) == DESC_CLOSING))
        return LOOK_CLOSING;
    uint32_t edges = atom_load_rlx(&s->edges); /* rlx: as above */
    if (edges != a->edges) {
        a->edges = edges;
        return LOOK_AGAIN;
    }
    return desc_is_late(s) ? -ETIMEDOUT : LOOK_WAIT;
}

/* The same, and makes sure that edges and deadlines come. */
static int look_to_wait(struct attempt *a)
{
    struct desc *d = a->desc;
    int look = look_at(a);
    if (UNLIKELY(look != LOOK_WAIT))
        return look;
    int error = register_it(d, a->fd);
    if (UNLIKELY(error < 0))
        return error;
    int64_t deadline = atom_load_rlx(&d->side[a->side].deadline); /* rlx: under the lock */
    return UNLIKELY(deadline != 0) && (d->armed == 0 || d->armed > deadline) ? LOOK_ARM : LOOK_WAIT;
}

/* Lock released. What is left to do instead of waiting: 0: to try again. */
static COLD int after_look(struct attempt *a, int look)
{
    if (look == LOOK_CLOSING)
        os_back_off(2); /* for as long as close(2) takes: then the number is free, or somebody else's */
    return look == LOOK_ARM ? desc_arm(a->desc, a->fd) : look < 0 ? look : 0;
}

static uint64_t wait_on(const struct attempt *a)
{
    return wait_for(a->side == SIDE_READ ? WAIT_READ_FD : WAIT_WRITE_FD, (void *)((uintptr_t)a->fd + 1));
}

/* D6: it stands in the queue again. Lock held. */
static void leave_off(struct attempt *a)
{
    if (a->woken)
        a->desc->side[a->side].busy = false;
    a->woken = false;
}

/* Lock held, released. */
static NOINLINE int wait_limited(struct attempt *a)
{
    struct desc *d = a->desc;
    struct limit limit = *a->limit;
    struct waiting w = {.lock = &d->lock, .queue = &d->side[a->side].queue, .wait_on = wait_on(a), .first = a->woken};
    int error = limit_queue(limit, &w);
    if (error < 0) {
        lock_drop(&d->lock);
        return error;
    }
    leave_off(a);
    lock_drop(&d->lock);
    error = limit_finish(limit, &w);
    a->woken = error == 0 && w.status == 0;
    return error < 0 ? error : w.status;
}

/* Lock held, released. */
static int wait_unlimited(struct attempt *a, struct task *self)
{
    struct desc *d = a->desc;
    struct waitq *q = &d->side[a->side].queue;
    if (UNLIKELY(a->woken)) /* D6 */
        selection_push_first(q, self);
    else
        waitq_push(q, self);
    leave_off(a);
    self = sched_park(self, &d->lock, wait_on(a));
    a->woken = self->status == 0;
    return self->status;
}

int attempt_wait(struct attempt *a)
{
    struct desc *d = a->desc;
    struct task *self = sched_self();
    if (UNLIKELY(self->flags & TASK_THREAD))
        return plain_wait(a, 1u << a->side, 0);
    int error = poller_open();
    if (UNLIKELY(error < 0))
        return error;
    lock_take(&d->lock);
    int look = look_to_wait(a);
    if (UNLIKELY(look != LOOK_WAIT)) {
        lock_drop(&d->lock);
        return after_look(a, look);
    }
    int status = LIKELY(!a->limit || limit_is_none(*a->limit)) ? wait_unlimited(a, self) : wait_limited(a);
    a->edges = atom_load_acq(&d->side[a->side].edges); /* [D look] before the next try */
    return status;
}

/* D6: what came during the pause is this one's to take, or to pass on. */
static void resume(struct attempt *a)
{
    struct desc *d = a->desc;
    lock_take(&d->lock);
    if (!d->side[a->side].busy && atom_load_rlx(&d->generation) == a->generation) /* rlx: under the lock */
        d->side[a->side].busy = a->woken = true;
    lock_drop(&d->lock);
}

int attempt_pause(struct attempt *a, int64_t ns)
{
    const struct limit *given = a->limit;
    struct limit limit = attempt_limit(a);
    int64_t until = os_now() + ns, last = limit.deadline;
    if (sched_self()->flags & TASK_THREAD)
        return plain_wait(a, 0, until);
    if (until < last)
        limit.deadline = until;
    a->limit = &limit;
    int error = attempt_wait(a);
    a->limit = given;
    if (!a->woken)
        resume(a);
    if (error == -ETIMEDOUT && !desc_is_late(&a->desc->side[a->side]) && os_now() < last)
        return context_err(limit.ctx);
    return error;
}

/* D6. Lock held. */
static struct task *wake_next(struct side *s)
{
    struct task *t = selection_pop(&s->queue);
    if (t)
        t->status = 0;
    s->busy = t != NULL;
    return t;
}

void attempt_end_woken(struct attempt *a)
{
    struct desc *d = a->desc;
    struct task *t = NULL;
    lock_take(&d->lock);
    if (atom_load_rlx(&d->generation) == a->generation) /* rlx: under the lock */
        t = wake_next(&d->side[a->side]);
    lock_drop(&d->lock);
    if (t)
        selection_ready(t);
}

/* Lock held, released. */
static int wait_in_both(struct attempt *read, struct attempt *write)
{
    struct desc *d = read->desc;
    struct limit limit = attempt_limit(read);
    bool late = limit.deadline != MOTE_FOREVER && limit.deadline <= mote_now();
    struct selection *s = late ? NULL : selection_new(sched_self(), limit.ctx ? 3 : 2);
    int error = late ? -ETIMEDOUT : s ? selection_arm(s, limit.deadline) : -ENOMEM;
    if (error < 0) {
        lock_drop(&d->lock);
        if (s)
            selection_free(s);
        return error;
    }
    limit_watch(s, 2, limit.ctx);
    struct attempt *sides[2] = {read, write};
    for (unsigned i = 0; i < 2; i++) {
        (sides[i]->woken ? selection_enter_first : selection_enter)(s, i, &d->lock, &d->side[i].queue);
        leave_off(sides[i]);
    }
    lock_drop(&d->lock);
    int winner = selection_wait(s, limit.deadline, wait_for(WAIT_FD, (void *)((uintptr_t)read->fd + 1)));
    int status = winner == 0 || winner == 1 ? s->nodes[winner].record.status : 0;
    selection_free(s);
    read->woken = winner == SIDE_READ && status == 0;
    write->woken = winner == SIDE_WRITE && status == 0;
    return winner < 0 ? -ETIMEDOUT : winner == 2 ? context_err(limit.ctx) : status;
}

int attempt_wait_both(struct attempt *read, struct attempt *write)
{
    struct desc *d = read->desc;
    if (sched_self()->flags & TASK_THREAD)
        return plain_wait(read, 1u << SIDE_READ | 1u << SIDE_WRITE, 0);
    int error = poller_open();
    if (error < 0)
        return error;
    lock_take(&d->lock);
    int look = look_to_wait(read), other = look_to_wait(write);
    if (look != LOOK_WAIT || other != LOOK_WAIT) {
        lock_drop(&d->lock);
        return after_look(read, look != LOOK_WAIT ? look : other);
    }
    error = wait_in_both(read, write);
    read->edges = atom_load_acq(&d->side[SIDE_READ].edges);   /* [D look] as in attempt_wait */
    write->edges = atom_load_acq(&d->side[SIDE_WRITE].edges); /* [D look] the same */
    return error;
}

/* Whom others wake */

/* Lock held. A plain thread must keep the runtime from ending until it has told those whom it takes out: the end forgets who waits
 * under the lock, but it doesn't know of them any more then. False: it ends already, and discards them. */
bool desc_begin_telling(const struct desc *d)
{
    bool waits = d->side[SIDE_READ].queue.first || d->side[SIDE_WRITE].queue.first;
    return !(sched_self()->flags & TASK_THREAD) || (waits && sched_visit());
}

/* Lock released. */
void desc_tell(struct waitq taken[2], bool tells)
{
    for (int i = 0; i < 2 && tells; i++)
        selection_ready_all(taken[i]);
    if (tells && sched_self()->flags & TASK_THREAD)
        sched_visit_end();
}

struct waitq desc_take(struct side *s, int status)
{
    struct waitq taken = selection_take_all(&s->queue);
    for (struct task *t = taken.first; t; t = t->next)
        t->status = (int8_t)status;
    return taken;
}

void desc_edge(int fd, uint32_t generation, unsigned sides, bool odd, struct desc_list *woken)
{
    struct desc *d = desc_find(fd);
    struct task *t[2] = {0};
    lock_take(&d->lock);
    bool is_old = (atom_load_rlx(&d->generation) & DESC_GENERATIONS) != generation; /* rlx: under the lock */
    for (int i = 0; i < 2 && !is_old; i++) {
        struct side *s = &d->side[i];
        if (!(sides & 1u << i))
            continue;
        if (UNLIKELY(odd))
            atom_store_rlx(&s->odd, true); /* rlx: the count releases it */
        /* [D look] the edge -> who looks at the count before a call; rlx: under the lock */
        atom_store_rel(&s->edges, atom_load_rlx(&s->edges) + 1);
        if (!s->busy)
            t[i] = wake_next(s);
    }
    lock_drop(&d->lock);
    for (int i = 0; i < 2; i++) {
        struct task *who = t[i] ? selection_task(t[i]) : NULL;
        if (!who)
            continue;
        who->next = NULL;
        *(woken->first ? &woken->last->next : &woken->first) = who;
        woken->last = who;
    }
}

/* Owners */

/* Lock held. Begins another generation: nobody waits any more. */
static void change(struct desc *d, enum desc_kind kind, struct waitq taken[2])
{
    uint32_t generation = atom_load_rlx(&d->generation) + 1; /* rlx: under the lock */
    atom_store_rel(&d->generation, generation);              /* [D look] -> who begins a call */
    atom_store_rlx(&d->kind, (uint8_t)kind);                 /* rlx: a hint */
    for (int i = 0; i < 2; i++) {
        atom_store_rlx(&d->side[i].deadline, 0); /* rlx: under the lock */
        d->side[i].busy = false;
        atom_store_rlx(&d->side[i].odd, false);                                    /* rlx: as above */
        atom_store_rlx(&d->side[i].drained, atom_load_rlx(&d->side[i].edges) - 1); /* rlx: as above */
        taken[i] = desc_take(&d->side[i], -ECANCELED);
    }
    plain_tell(d->plain);
}

int desc_own(int fd, enum desc_kind kind)
{
    struct desc *d = desc_get(fd);
    struct waitq taken[2];
    if (!d)
        return desc_error(fd);
    lock_take(&d->lock);
    bool tells = desc_begin_telling(d);
    change(d, kind, taken);
    d->registered = false;
    lock_drop(&d->lock);
    desc_tell(taken, tells); /* who waits for a file that was closed by others */
    return 0;
}

static int close_number(int fd) { return close(fd) < 0 && errno != EINTR ? -errno : 0; } /* Linux: it is closed then */

/* Until the number is free nobody may begin to wait for it: the close would not wake him. Who has begun his call before finds then
 * that it isn't registered, and can't be (-EBADF). */
PUBLIC int mote_close(int fd)
{
    struct desc *d = desc_find(fd);
    struct waitq taken[2];
    if (!d)
        return close_number(fd);
    lock_take(&d->lock);
    if (desc_kind_of(d) == DESC_CLOSING) {
        lock_drop(&d->lock);
        return -EBADF;
    }
    bool writes_back = desc_kind_of(d) == DESC_FILE; /* as some file systems do then */
    bool tells = desc_begin_telling(d);
    change(d, DESC_CLOSING, taken);
    if (d->registered) /* a duplicate would keep the file, and its events, there */
        poller_remove(fd);
    d->registered = false;
    uint32_t generation = atom_load_rlx(&d->generation); /* rlx: under the lock, here and below */
    lock_drop(&d->lock);
    desc_tell(taken, tells);
    if (writes_back)
        mote_blocking_begin();
    int error = close_number(fd);
    if (writes_back)
        mote_blocking_end();
    lock_take(&d->lock);
    if (atom_load_rlx(&d->generation) == generation) /* rlx: else somebody has got the number and said so */
        atom_store_rlx(&d->kind, DESC_FOREIGN);      /* rlx: as above */
    lock_drop(&d->lock);
    return error;
}

/* Plain threads */

int desc_enter_plain(struct attempt *a, unsigned sides, struct plain *p, int64_t *deadline)
{
    struct desc *d = a->desc;
    *deadline = attempt_limit(a).deadline;
    lock_take(&d->lock);
    int look = look_at(a);
    for (unsigned i = 0; i < 2; i++) {
        int64_t when = atom_load_rlx(&d->side[i].deadline); /* rlx: under the lock */
        if (sides & 1u << i && when && when < *deadline)
            *deadline = when;
    }
    if (look == LOOK_WAIT && *deadline <= os_now())
        look = -ETIMEDOUT;
    if (look == LOOK_WAIT) {
        p->next = d->plain;
        d->plain = p;
    }
    lock_drop(&d->lock);
    if (look == LOOK_WAIT)
        return 0;
    look = after_look(a, look);
    return look < 0 ? look : 1;
}

int desc_leave_plain(const struct attempt *a, struct plain *p)
{
    struct desc *d = a->desc;
    lock_take(&d->lock);
    for (struct plain **link = &d->plain; *link; link = &(*link)->next)
        if (*link == p) {
            *link = p->next;
            break;
        }
    bool closed = atom_load_rlx(&d->generation) != a->generation; /* rlx: under the lock */
    lock_drop(&d->lock);
    return closed ? -ECANCELED : 0;
}

/* The poller */

static bool chunk_waits(struct desc *chunk)
{
    for (struct desc *d = chunk; d < chunk + DESC_CHUNK; d++) {
        lock_take(&d->lock);
        bool waits = d->side[SIDE_READ].queue.first || d->side[SIDE_WRITE].queue.first;
        lock_drop(&d->lock);
        if (waits)
            return true;
    }
    return false;
}

bool desc_any_waits(void)
{
    for (uint32_t i = 0; i < atom_load_rlx(&chunks_used); i++) { /* rlx: a bound, see make_chunk */
        struct desc *chunk = atom_load_acq(&desc_chunks[i]);     /* [D chunk] as in desc_find */
        if (chunk && chunk_waits(chunk))
            return true;
    }
    return false;
}

void desc_forget(void)
{
    for (uint32_t i = 0; i < atom_load_rlx(&chunks_used); i++) { /* rlx: as above */
        struct desc *chunk = atom_load_acq(&desc_chunks[i]);     /* [D chunk] as above */
        for (struct desc *d = chunk; chunk && d < chunk + DESC_CHUNK; d++) {
            lock_take(&d->lock);
            d->side[SIDE_READ].queue = d->side[SIDE_WRITE].queue = (struct waitq){0};
            d->side[SIDE_READ].busy = d->side[SIDE_WRITE].busy = false;
            d->registered = false;
            d->armed = 0;
            lock_drop(&d->lock);
        }
    }
}
