/* SPDX-License-Identifier: MIT */
/* rwmutex - many readers or one writer.
 * Job:    mote_rwmutex_rlock, _lock, their _until, try and unlock.
 * Holds:  RW1 everything under the lock, whose release is the last use of the object by who unlocks. RW2 whoever waits has it
 *         handed over: a woken waiter has it, and touches nothing. RW3 readers wait only while somebody writes or waits to write;
 *         writers only while somebody reads or writes. RW4 a writer's end lets all waiting readers in, the last reader's end the
 *         oldest writer: so each side waits for one turn of the other at most. RW5 a writer that gives up lets the readers in
 *         that waited only for it.
 *         Those whose deadline has come stand in a queue until they leave it or are dropped from it: then it is the other
 *         side's turn.
 * Why:    a lock and a counter, as in wg.c: one read-modify-write for each call, none while it is biased.
 */
#include "base/msg.h"
#include "sync/limit.h"

#include <mote/sync.h>

/* The public struct, as we see it. */
struct rwmutex {
    struct lock lock;
    uint32_t readers; /* that read now */
    bool writing;
    struct waitq waiting_readers, waiting_writers;
};
_Static_assert(sizeof(struct rwmutex) <= sizeof(mote_rwmutex), "mote_rwmutex holds struct rwmutex");

static NORETURN COLD void not_locked(const char *call, const char *what)
{
    msg_fatal("%s: nobody has locked this rwmutex for %s", call, what);
}

static NORETURN COLD void too_many(void) { msg_fatal("mote_rwmutex_rlock: more than 2^32 - 1 readers"); }

/* In what follows the lock is held on entry, and released on return unless said otherwise. */

static ALWAYS_INLINE bool may_read(const struct rwmutex *m) { return !m->writing && !m->waiting_writers.first; }

static ALWAYS_INLINE bool may_write(const struct rwmutex *m) { return !m->writing && m->readers == 0; }

static ALWAYS_INLINE void add_reader(struct rwmutex *m)
{
    if (UNLIKELY(m->readers == UINT32_MAX))
        too_many();
    m->readers++;
    lock_drop(&m->lock);
}

static ALWAYS_INLINE void set_writing(struct rwmutex *m)
{
    m->writing = true;
    lock_drop(&m->lock);
}

static NOINLINE void wait_in(struct rwmutex *m, struct waitq *q, struct task *self, enum wait_kind kind)
{
    waitq_push(q, self);
    sched_park(self, &m->lock, wait_for(kind, m));
}

static NOINLINE void rlock_carefully(struct rwmutex *m)
{
    lock_enter(&m->lock);
    if (may_read(m))
        add_reader(m);
    else
        wait_in(m, &m->waiting_readers, sched_self(), WAIT_READ);
}

PUBLIC void mote_rwmutex_rlock(mote_rwmutex *mutex)
{
    struct rwmutex *m = (struct rwmutex *)mutex;
    struct self *w = self_read();
    sched_check_lent(m, "an rwmutex");
    if (UNLIKELY(!w || !lock_take_quickly(&m->lock)))
        rlock_carefully(m);
    else if (LIKELY(may_read(m)))
        add_reader(m);
    else
        wait_in(m, &m->waiting_readers, w->current, WAIT_READ);
}

PUBLIC int mote_rwmutex_rlock_until(mote_rwmutex *mutex, int64_t deadline)
{
    struct rwmutex *m = (struct rwmutex *)mutex;
    struct waiting w = {.lock = &m->lock, .queue = &m->waiting_readers, .wait_on = wait_for(WAIT_READ, m)};
    sched_check_lent(m, "an rwmutex");
    lock_enter(&m->lock);
    if (!may_read(m))
        return limit_wait(limit_until(deadline), &w);
    add_reader(m);
    return 0;
}

PUBLIC int mote_rwmutex_try_rlock(mote_rwmutex *mutex)
{
    struct rwmutex *m = (struct rwmutex *)mutex;
    sched_check_lent(m, "an rwmutex");
    lock_enter(&m->lock);
    if (may_read(m)) {
        add_reader(m);
        return 0;
    }
    lock_drop(&m->lock);
    return -EAGAIN;
}

static NOINLINE void lock_carefully(struct rwmutex *m)
{
    lock_enter(&m->lock);
    if (may_write(m))
        set_writing(m);
    else
        wait_in(m, &m->waiting_writers, sched_self(), WAIT_WRITE);
}

PUBLIC void mote_rwmutex_lock(mote_rwmutex *mutex)
{
    struct rwmutex *m = (struct rwmutex *)mutex;
    struct self *w = self_read();
    sched_check_lent(m, "an rwmutex");
    if (UNLIKELY(!w || !lock_take_quickly(&m->lock)))
        lock_carefully(m);
    else if (LIKELY(may_write(m)))
        set_writing(m);
    else
        wait_in(m, &m->waiting_writers, w->current, WAIT_WRITE);
}

PUBLIC int mote_rwmutex_try_lock(mote_rwmutex *mutex)
{
    struct rwmutex *m = (struct rwmutex *)mutex;
    sched_check_lent(m, "an rwmutex");
    lock_enter(&m->lock);
    if (may_write(m)) {
        set_writing(m);
        return 0;
    }
    lock_drop(&m->lock);
    return -EAGAIN;
}

static void let_in(struct rwmutex *m, struct waitq readers)
{
    m->readers += readers.count;
    lock_drop(&m->lock);
    selection_ready_few(readers);
}

/* Nobody has it, but somebody waits to write, or has until a moment ago (RW5). */
static NOINLINE void admit_writer(struct rwmutex *m)
{
    struct task *t = selection_pop(&m->waiting_writers);
    m->writing = t != NULL;
    lock_drop(&m->lock);
    if (LIKELY(t != NULL))
        selection_ready(t);
}

static ALWAYS_INLINE void end_reading(struct rwmutex *m)
{
    if (UNLIKELY(m->readers == 0))
        not_locked("mote_rwmutex_runlock", "reading");
    m->readers--;
    if (UNLIKELY(m->readers == 0 && m->waiting_writers.first))
        admit_writer(m);
    else
        lock_drop(&m->lock);
}

static NOINLINE void end_reading_carefully(struct rwmutex *m)
{
    lock_enter(&m->lock);
    end_reading(m);
    lock_left();
}

PUBLIC void mote_rwmutex_runlock(mote_rwmutex *mutex)
{
    struct rwmutex *m = (struct rwmutex *)mutex;
    if (LIKELY(lock_take_quickly(&m->lock)))
        end_reading(m);
    else
        end_reading_carefully(m);
}

/* A writer has ended, and somebody waits to read, or has until a moment ago. */
static NOINLINE void admit_readers(struct rwmutex *m)
{
    struct waitq readers = selection_take_all(&m->waiting_readers);
    if (UNLIKELY(!readers.first && m->waiting_writers.first))
        admit_writer(m);
    else
        let_in(m, readers);
}

static ALWAYS_INLINE void end_writing(struct rwmutex *m)
{
    if (UNLIKELY(!m->writing))
        not_locked("mote_rwmutex_unlock", "writing");
    m->writing = false;
    if (UNLIKELY(m->waiting_readers.first))
        admit_readers(m);
    else if (UNLIKELY(m->waiting_writers.first))
        admit_writer(m);
    else
        lock_drop(&m->lock);
}

static NOINLINE void end_writing_carefully(struct rwmutex *m)
{
    lock_enter(&m->lock);
    end_writing(m);
    lock_left();
}

PUBLIC void mote_rwmutex_unlock(mote_rwmutex *mutex)
{
    struct rwmutex *m = (struct rwmutex *)mutex;
    if (LIKELY(lock_take_quickly(&m->lock)))
        end_writing(m);
    else
        end_writing_carefully(m);
}

/* RW5 */
static void stop_waiting_to_write(struct rwmutex *m)
{
    lock_take(&m->lock);
    if (m->waiting_readers.first && may_read(m))
        let_in(m, selection_take_all(&m->waiting_readers));
    else
        lock_drop(&m->lock);
}

PUBLIC int mote_rwmutex_lock_until(mote_rwmutex *mutex, int64_t deadline)
{
    struct rwmutex *m = (struct rwmutex *)mutex;
    struct waiting w = {.lock = &m->lock, .queue = &m->waiting_writers, .wait_on = wait_for(WAIT_WRITE, m)};
    sched_check_lent(m, "an rwmutex");
    lock_enter(&m->lock);
    if (may_write(m)) {
        set_writing(m);
        return 0;
    }
    int error = limit_wait(limit_until(deadline), &w);
    if (error < 0)
        stop_waiting_to_write(m);
    return error;
}
