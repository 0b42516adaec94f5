/* SPDX-License-Identifier: MIT */
/* mote/sync.h - waiting for others: wait groups, mutexes, conditions, once, semaphores, barriers.
 *
 * These objects are plain structs, valid when zeroed, and need no destroy call. Tasks and plain threads may use them alike.
 * Keep them where every user may reach them: on the heap, in a global, or on the stack of a pinned task or plain thread. One
 * that lies on the calling task's copied stack stops the program with a message.
 *
 * The calls that end in _until wait no longer than until a deadline on mote_now's clock: -ETIMEDOUT, at once when it has passed and
 * they would wait; MOTE_FOREVER: none. -ENOMEM: there is no memory to wait with; nothing was done. What can be done at
 * once is done, whatever the deadline. A call that ends with an error uses the object until it has returned: whoever frees that
 * waits for the call, too. mote/context.h has the same for contexts.
 */
#ifndef MOTE_SYNC_H
#define MOTE_SYNC_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Counts things that are under way; waiters go on when none is left. */
typedef struct mote_wg {
    uint64_t mote__lock;
    int32_t mote__count;
    uint32_t mote__spare;
    void *mote__first, *mote__last; /* who waits */
    uint32_t mote__waiters, mote__threads;
} mote_wg;

/* Adds n, which may be negative. A count below zero, or above 2^31 - 1, stops the program. When the count comes to 0, who
 * waits goes on. The last use of the object by those who are done: it may be freed as soon as a wait has returned. Add before
 * the task that is counted starts. Never switches. */
void mote_wg_add(mote_wg *wg, int n);

/* mote_wg_add(wg, -1) */
void mote_wg_done(mote_wg *wg);

/* Waits until the count is 0. May switch; a plain thread blocks. */
void mote_wg_wait(mote_wg *wg);

/* The same until a deadline: 0 when the count is 0, -ETIMEDOUT, -ENOMEM. May switch; a plain thread blocks. */
int mote_wg_wait_until(mote_wg *wg, int64_t deadline);

/* One at a time. Whoever waits long for it, a millisecond or so, or is overtaken four times, has it handed over by the next
 * unlock, so nobody starves; until then who comes first gets it, which is faster. 48 bytes. */
typedef struct mote_mutex {
    uint64_t mote__lock;
    void *mote__owner;
    void *mote__first, *mote__last; /* who waits */
    uint32_t mote__waiters, mote__threads;
    uint64_t mote__woken;
} mote_mutex;

/* Waits until the mutex is the caller's. Not recursive: the task or thread that has it already stops the program. May switch;
 * a plain thread blocks. */
void mote_mutex_lock(mote_mutex *mutex);

/* The same until a deadline: 0, -ETIMEDOUT, -ENOMEM. Has the same turn as any other who waits, until it gives up. */
int mote_mutex_lock_until(mote_mutex *mutex, int64_t deadline);

/* The same if it goes at once: 0, or -EAGAIN when somebody has it. Never switches. */
int mote_mutex_try_lock(mote_mutex *mutex);

/* Gives it back; one that nobody has stops the program. Another task than the one that locked it may do this in its stead, as
 * long as that one hasn't ended. Unlocking is the last use: a mutex that nobody else will use may be freed at once. Never
 * switches. */
void mote_mutex_unlock(mote_mutex *mutex);

/* Many readers, or one writer. A reader that comes while a writer waits lets him go first; the readers that wait when a writer
 * is done go before the next writer. So neither starves, and a task that reads already must not begin to read again: a writer may
 * have come between, and both would wait for ever. */
typedef struct mote_rwmutex {
    uint64_t mote__lock;
    uint32_t mote__readers, mote__writing;
    void *mote__first_reader, *mote__last_reader; /* who waits */
    uint32_t mote__waiting_readers, mote__reading_threads;
    void *mote__first_writer, *mote__last_writer;
    uint32_t mote__waiting_writers, mote__writing_threads;
} mote_rwmutex;

/* Waits until the caller may read. At most 2^32 - 1 readers: more stop the program. May switch; a plain thread blocks. */
void mote_rwmutex_rlock(mote_rwmutex *mutex);

/* The same until a deadline: 0, -ETIMEDOUT, -ENOMEM. May switch; a plain thread blocks. */
int mote_rwmutex_rlock_until(mote_rwmutex *mutex, int64_t deadline);

/* The same if it goes at once: 0, or -EAGAIN when somebody writes or waits to. Never switches. */
int mote_rwmutex_try_rlock(mote_rwmutex *mutex);

/* Ends reading; stops the program when nobody reads. As with mote_mutex_unlock, the last use. Never switches. */
void mote_rwmutex_runlock(mote_rwmutex *mutex);

/* Waits until the caller may write. Writers come in the order of their calls. May switch; a plain thread blocks. */
void mote_rwmutex_lock(mote_rwmutex *mutex);

/* The same until a deadline: 0, -ETIMEDOUT, -ENOMEM. Readers that came meanwhile read when it has given up. May switch; a plain
 * thread blocks. */
int mote_rwmutex_lock_until(mote_rwmutex *mutex, int64_t deadline);

/* The same if it goes at once: 0, or -EAGAIN when somebody reads or writes. Never switches. */
int mote_rwmutex_try_lock(mote_rwmutex *mutex);

/* Ends writing; stops the program when nobody writes. The last use. Never switches. */
void mote_rwmutex_unlock(mote_rwmutex *mutex);

/* Waiting, with a mutex, until something that the mutex guards has changed. */
typedef struct mote_cond {
    uint64_t mote__lock;
    void *mote__first, *mote__last; /* who waits */
    uint32_t mote__waiters, mote__threads;
} mote_cond;

/* Unlocks the mutex and waits for a signal or broadcast, as one step: what is signalled by who has locked the mutex since then is
 * not missed. Locks the mutex again before it returns. It returns only when signalled, but what it waits for may have changed
 * back by then, so call it in a loop that looks. A mutex that nobody has stops the program. May switch; a plain thread blocks. */
void mote_cond_wait(mote_cond *cond, mote_mutex *mutex);

/* The same until a deadline: 0 when signalled; -ETIMEDOUT; -ENOMEM. The mutex is the caller's again in every case: with
 * -ENOMEM, and when the deadline has passed at the start, it has never been unlocked. Locking it again isn't bounded by the
 * deadline. A signal is not lost to a wait that ends with -ETIMEDOUT. May switch; a plain thread blocks. */
int mote_cond_wait_until(mote_cond *cond, mote_mutex *mutex, int64_t deadline);

/* Lets the one that has waited longest go on; does nothing when nobody waits. The caller may have the mutex locked or not.
 * Never switches. */
void mote_cond_signal(mote_cond *cond);

/* Lets everyone who waits go on, one after the other as they get the mutex: they are moved to its queue, not woken to fight for
 * it. Takes time in proportion to their number. Never switches. */
void mote_cond_broadcast(mote_cond *cond);

/* Something to be done once. */
typedef struct mote_once {
    uint64_t mote__lock;
    uint64_t mote__done;
    void *mote__runner;
    void *mote__first, *mote__last; /* who waits */
    uint32_t mote__waiters, mote__threads;
} mote_once;

/* Calls fn(arg) if this is the first call with this object; every other call returns when fn has returned. It also counts as
 * done when fn ends its task by mote_exit, or panics: the panic goes on to the one caller, the others return. But where there was
 * no memory to note that (some hundred bytes, once for each task), they wait for ever then. A call from within fn stops the
 * program. The object must stay as long as any call is under way. May switch; a plain thread blocks. */
void mote_once_do(mote_once *once, void (*fn)(void *arg), void *arg);

/* The same, but waits for another's call of fn until a deadline at most: 0, -ETIMEDOUT, -ENOMEM. Its own call of fn, when it is the
 * first, takes as long as it takes. */
int mote_once_do_until(mote_once *once, void (*fn)(void *arg), void *arg, int64_t deadline);

/* Counts units that are free. Zeroed it has none: begin with a release, or with MOTE_SEM(units). */
typedef struct mote_sem {
    uint64_t mote__lock;
    int64_t mote__units;
    void *mote__first, *mote__last; /* who waits */
    uint32_t mote__waiters, mote__threads;
} mote_sem;

/* A semaphore with so many free units, as an initializer. */
#define MOTE_SEM(units)                                                                                                \
    {                                                                                                                  \
        0, (units), 0, 0, 0, 0                                                                                         \
    }

/* Takes n units, waiting until there are so many: first come, first served, so a big request isn't overtaken by small ones. A
 * negative n stops the program. May switch; a plain thread blocks. */
void mote_sem_acquire(mote_sem *sem, int64_t n);

/* The same until a deadline: 0, -ETIMEDOUT, -ENOMEM. Those behind one that gives up don't wait for what it wanted. May switch; a
 * plain thread blocks. */
int mote_sem_acquire_until(mote_sem *sem, int64_t n, int64_t deadline);

/* The same if it goes at once: 0, or -EAGAIN when there are fewer, or others wait already. Never switches. */
int mote_sem_try_acquire(mote_sem *sem, int64_t n);

/* Gives n units back, or new ones: anyone may. A negative n, or more than INT64_MAX in all, stops the program. Never switches. */
void mote_sem_release(mote_sem *sem, int64_t n);

/* A point where so many wait for each other, again and again. */
typedef struct mote_barrier {
    uint64_t mote__lock;
    uint32_t mote__parties, mote__spare;
    void *mote__first, *mote__last; /* who waits */
    uint32_t mote__waiters, mote__threads;
} mote_barrier;

/* A barrier for so many, as an initializer. */
#define MOTE_BARRIER(parties)                                                                                          \
    {                                                                                                                  \
        0, (uint32_t)(parties), 0, 0, 0, 0, 0                                                                          \
    }

/* Says for how many the barrier is; for one that was zeroed. None, or a barrier at which somebody waits, stops the program. Never
 * switches. */
void mote_barrier_init(mote_barrier *barrier, uint32_t parties);

/* Waits until all parties have called this; the next round may begin at once. 1 to the one that came last, 0 to the others. A
 * barrier that is for nobody stops the program. It may be freed when all have returned. May switch, but for the last one;
 * a plain thread blocks. */
int mote_barrier_wait(mote_barrier *barrier);

/* The same until a deadline: 1, 0, -ETIMEDOUT, -ENOMEM. Who has given up hasn't arrived: the others wait for one more. May
 * switch; a plain thread blocks. */
int mote_barrier_wait_until(mote_barrier *barrier, int64_t deadline);

#ifdef __cplusplus
}
#endif
#endif
