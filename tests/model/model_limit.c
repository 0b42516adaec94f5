/* SPDX-License-Identifier: MIT */
/* model_limit - semaphores, readers and writers, barriers and once, some of whose users give up at a deadline.
 * Checks: SE1-SE4 of sync/sem.c, RW1-RW5 of rwmutex.c, BA1-BA3 of barrier.c, ON1 and ON2 of once.c: who gives up leaves nobody
 *         waiting for him, nothing is given to who has given up, and what was given is had.
 */
#include "waits.h"

#include "sync/barrier.c"
#include "sync/once.c"
#include "sync/rwmutex.c"
#include "sync/sem.c"

static mote_sem sem;
static mote_rwmutex rwmutex;
static mote_barrier barrier;
static mote_once once;
static _Atomic uint32_t timed_over, served, last;
static unsigned readers, writers, ran;
static _Atomic uint32_t data;

void msg_fatal(const char *format, ...) { model_fail("msg_fatal: %s", format); }
bool sched_exit_push(struct sched_exit_step *step) { return step == NULL; }
void sched_exit_pop(struct sched_exit_step *step) { (void)step; }

static bool has_ended(int error)
{
    MODEL_CHECK(error == 0 || error == -ETIMEDOUT);
    atom_add_seq(&timed_over, 1);
    return error == 0;
}

static void fire_until(uint32_t n)
{
    while (atom_load_rlx(&timed_over) < n) {
        waits_fire();
        cpu_relax();
    }
}

static void fire_until_one(void) { fire_until(1); }
static void fire_until_two(void) { fire_until(2); }

/* Semaphores: one unit is released. */

static void release_one(void) { mote_sem_release(&sem, 1); }

static void want_two_until(void) { MODEL_CHECK(!has_ended(mote_sem_acquire_until(&sem, 2, WAITS_DEADLINE))); }

static void want_one_until(void)
{
    if (has_ended(mote_sem_acquire_until(&sem, 1, WAITS_DEADLINE)))
        atom_add_seq(&served, 1);
}

static void want_one(void)
{
    mote_sem_acquire(&sem, 1);
    atom_add_seq(&served, 1);
}

static void check_sem(void)
{
    const struct sem *s = (const struct sem *)&sem;
    MODEL_CHECK(served == 1 && s->units == 0 && s->waiters.count <= 1 && waits_out == 0);
}

/* Who got it has ended, the other one has given up. */
static void check_sem_alone(void)
{
    const struct sem *s = (const struct sem *)&sem;
    MODEL_CHECK((int64_t)served + s->units == 1 && !s->waiters.first && s->waiters.count == 0 && waits_out == 0);
}

/* Readers and writers */

static void read_and_leave(void)
{
    readers++;
    MODEL_CHECK(writers == 0);
    (void)atom_load_rlx(&data);
    readers--;
    mote_rwmutex_runlock(&rwmutex);
}

static void write_and_leave(void)
{
    writers++;
    MODEL_CHECK(writers == 1 && readers == 0);
    atom_store_rlx(&data, 1);
    MODEL_CHECK(writers == 1 && readers == 0);
    writers--;
    mote_rwmutex_unlock(&rwmutex);
}

static void read_once(void)
{
    mote_rwmutex_rlock(&rwmutex);
    read_and_leave();
    atom_add_seq(&served, 1);
}

static void read_until(void)
{
    if (has_ended(mote_rwmutex_rlock_until(&rwmutex, WAITS_DEADLINE)))
        read_and_leave();
}

static void write_once(void)
{
    mote_rwmutex_lock(&rwmutex);
    write_and_leave();
}

static void write_until(void)
{
    if (has_ended(mote_rwmutex_lock_until(&rwmutex, WAITS_DEADLINE)))
        write_and_leave();
}

/* Reads until the other reader has read: a writer that waits between them must give up. */
static void read_until_served(void)
{
    mote_rwmutex_rlock(&rwmutex);
    readers++;
    while (!atom_load_rlx(&served))
        cpu_relax();
    readers--;
    mote_rwmutex_runlock(&rwmutex);
}

static void check_rwmutex(void)
{
    const struct rwmutex *m = (const struct rwmutex *)&rwmutex;
    MODEL_CHECK(m->readers == 0 && !m->writing && !m->waiting_readers.first && !m->waiting_writers.first);
    MODEL_CHECK(waits_out == 0);
}

/* Barriers: two pass, and one of them is the last. */

static void meet(void)
{
    atom_add_seq(&last, (uint32_t)mote_barrier_wait(&barrier));
    atom_add_seq(&served, 1);
}

static void meet_until(void)
{
    int result = mote_barrier_wait_until(&barrier, WAITS_DEADLINE);
    if (result >= 0) {
        atom_add_seq(&last, (uint32_t)result);
        atom_add_seq(&served, 1);
    }
    has_ended(result == 1 ? 0 : result);
}

static void check_barrier(void)
{
    const struct barrier *b = (const struct barrier *)&barrier;
    MODEL_CHECK(served == 2 && last == 1 && b->waiters.count <= 1 && waits_out == 0);
}

/* Of two, both pass or one waits on. */
static void check_barrier_for_two(void)
{
    const struct barrier *b = (const struct barrier *)&barrier;
    MODEL_CHECK(waits_out == 0 && ((served == 2 && last == 1 && b->waiters.count == 0) ||
                                   (served == 0 && last == 0 && b->waiters.count == 1)));
}

/* Once */

static void run_it(void *arg)
{
    (void)arg;
    ran++;
    atom_store_rlx(&data, 1);
}

static void do_it(void)
{
    mote_once_do(&once, run_it, NULL);
    MODEL_CHECK(atom_load_rlx(&data) == 1 && ran == 1);
}

static void do_it_until(void)
{
    if (has_ended(mote_once_do_until(&once, run_it, NULL, WAITS_DEADLINE)))
        MODEL_CHECK(atom_load_rlx(&data) == 1 && ran == 1);
}

static void check_once(void)
{
    const struct once *o = (const struct once *)&once;
    MODEL_CHECK(ran == 1 && !o->waiters.first && !o->runner && waits_out == 0);
}

static void setup(void)
{
    waits_setup();
    memset(&sem, 0, sizeof sem);
    memset(&rwmutex, 0, sizeof rwmutex);
    memset(&once, 0, sizeof once);
    barrier = (mote_barrier)MOTE_BARRIER(2);
    timed_over = served = last = 0;
    readers = writers = ran = 0;
    data = 0;
}

#define BASE .setup = setup, .entered = park_entered

static const struct model models[] = {
    {BASE, .name = "sem_head", .thread = {want_two_until, want_one, release_one, fire_until_one}, .check = check_sem,
     .random = 30000},
    {BASE, .name = "sem_one", .thread = {want_one_until, release_one, fire_until_one}, .check = check_sem_alone,
     .preemptions = 1},
    {BASE, .name = "sem_two", .thread = {want_one_until, want_one, release_one, fire_until_one}, .check = check_sem,
     .sleepers = 2, .random = 20000},
    {BASE, .name = "writer", .thread = {read_until_served, write_until, read_once, fire_until_one},
     .check = check_rwmutex, .random = 30000},
    {BASE, .name = "writers_and_reader", .thread = {write_once, write_until, read_until, fire_until_two},
     .check = check_rwmutex, .random = 30000},
    {BASE, .name = "readers_and_writer", .thread = {read_until, write_until, read_once, fire_until_two},
     .check = check_rwmutex, .random = 30000},
    {BASE, .name = "barrier", .thread = {meet_until, meet, fire_until_one}, .check = check_barrier_for_two,
     .sleepers = 2, .preemptions = 1},
    {BASE, .name = "barrier_three", .thread = {meet_until, meet, meet, fire_until_one}, .check = check_barrier,
     .sleepers = 6, .random = 20000},
    {BASE, .name = "once", .thread = {do_it_until, do_it, fire_until_one}, .check = check_once, .preemptions = 1},
};

int main(int argc, char **argv) { return model_main(argc, argv, models, sizeof models / sizeof models[0]); }
