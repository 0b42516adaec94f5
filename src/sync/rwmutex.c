/* SPDX-License-Identifier: MIT */
/* rwmutex - many readers or one writer.
 * Job:    mote_rwmutex_rlock, _lock, their try and unlock.
 * Holds:  RW1 everything under the lock, whose release is the last use of the object by who unlocks. RW2 whoever waits has it
 *         handed over: a woken waiter has it, and touches nothing. RW3 readers wait only while somebody writes or waits to write;
 *         writers only while somebody reads or writes. RW4 a writer's end lets all waiting readers in, the last reader's end the
 *         oldest writer: so each side waits for one turn of the other at most.
 * Why:    a lock and a counter, as in wg.c: one read-modify-write for each call, none while it is biased.
 */
#include "base/msg.h"
#include "sync/waitq.h"

#include <mote/sync.h>

#include <errno.h>

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

static NOINLINE void wait_in(struct rwmutex *m, struct waitq *q, struct task *self)
{
    waitq_push(q, self);
    sched_park(self, &m->lock, m);
}

static NOINLINE void rlock_carefully(struct rwmutex *m)
{
    lock_take(&m->lock);
    if (may_read(m))
        add_reader(m);
    else
        wait_in(m, &m->waiting_readers, sched_self());
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
        wait_in(m, &m->waiting_readers, w->current);
}

PUBLIC int mote_rwmutex_try_rlock(mote_rwmutex *mutex)
{
    struct rwmutex *m = (struct rwmutex *)mutex;
    sched_check_lent(m, "an rwmutex");
    lock_take(&m->lock);
    if (may_read(m)) {
        add_reader(m);
        return 0;
    }
    lock_drop(&m->lock);
    return -EAGAIN;
}

static NOINLINE void lock_carefully(struct rwmutex *m)
{
    lock_take(&m->lock);
    if (may_write(m))
        set_writing(m);
    else
        wait_in(m, &m->waiting_writers, sched_self());
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
        wait_in(m, &m->waiting_writers, w->current);
}

PUBLIC int mote_rwmutex_try_lock(mote_rwmutex *mutex)
{
    struct rwmutex *m = (struct rwmutex *)mutex;
    sched_check_lent(m, "an rwmutex");
    lock_take(&m->lock);
    if (may_write(m)) {
        set_writing(m);
        return 0;
    }
    lock_drop(&m->lock);
    return -EAGAIN;
}

/* Nobody has it, but somebody waits to write. */
static NOINLINE void admit_writer(struct rwmutex *m)
{
    struct task *t = waitq_pop(&m->waiting_writers);
    m->writing = true;
    lock_drop(&m->lock);
    sched_ready(t);
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
    lock_take(&m->lock);
    end_reading(m);
}

PUBLIC void mote_rwmutex_runlock(mote_rwmutex *mutex)
{
    struct rwmutex *m = (struct rwmutex *)mutex;
    if (LIKELY(lock_take_quickly(&m->lock)))
        end_reading(m);
    else
        end_reading_carefully(m);
}

static NOINLINE void admit_readers(struct rwmutex *m)
{
    struct waitq taken = waitq_take_all(&m->waiting_readers);
    m->readers = taken.count;
    lock_drop(&m->lock);
    waitq_ready(taken);
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
    lock_take(&m->lock);
    end_writing(m);
}

PUBLIC void mote_rwmutex_unlock(mote_rwmutex *mutex)
{
    struct rwmutex *m = (struct rwmutex *)mutex;
    if (LIKELY(lock_take_quickly(&m->lock)))
        end_writing(m);
    else
        end_writing_carefully(m);
}
