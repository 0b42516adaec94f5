/* SPDX-License-Identifier: MIT */
/* model_desc - waiting for a descriptor against edges, others who wait for it, deadlines and closing.
 * Checks: D5-D7 of io/desc.h: when nothing moves any more, nobody waits while there is something to be had, and nobody waits for
 *         what is closed.
 * The kernel: a number of bytes; each that is added is an edge, told by who polls, which is the writing thread itself or one of its
 *         own.
 */
#include "waits.h"

#include <unistd.h>

static _Atomic uint32_t bytes; /* in the pipe; OVER: and then it ends */
#define OVER UINT32_C(0x100)
static _Atomic uint32_t open_now, event;
static _Alignas(128) char table[512 * 128]; /* one piece of desc.c's */

static int model_close(int fd)
{
    (void)fd;
    return atom_swap_seq(&open_now, 0) ? 0 : -1;
}

void *os_pages(size_t size, size_t align)
{
    (void)align;
    MODEL_CHECK(size <= sizeof table);
    return table;
}
void os_release(void *at, size_t size) { (void)at, (void)size; }

#define close(fd) model_close(fd)
#include "io/desc.c"
#undef close

#define FD 3

int poller_open(void) { return 0; }
int poller_add(int fd, uint32_t generation, bool again)
{
    (void)generation, (void)again;
    MODEL_CHECK(fd == FD);
    return atom_load_seq(&open_now) ? 0 : -EBADF;
}
void poller_remove(int fd) { (void)fd; }
int desc_arm(struct desc *d, int fd) { model_fail("%p %d: a deadline", (void *)d, fd); }
void mote_blocking_begin(void) { model_fail("a file"); }
void mote_blocking_end(void) {}
int plain_wait(struct attempt *a, unsigned sides, int64_t until)
{
    model_fail("a plain thread %p %u %lld", (void *)a, sides, (long long)until);
}
void plain_tell(struct plain *first) { MODEL_CHECK(!first); }

static _Atomic uint32_t served, late, closed;

static int take(void)
{
    uint32_t n = atom_load_seq(&bytes);
    if (!atom_load_seq(&open_now))
        return -EBADF;
    while (n > 0)
        if (atom_cas_seq(&bytes, &n, n - 1))
            return 1;
    return -EAGAIN;
}

static void read_with(const struct limit *limit)
{
    struct attempt a;
    int n = attempt_begin(&a, FD, SIDE_READ, limit);
    MODEL_CHECK(n == 0);
    do
        n = take();
    while (n == -EAGAIN && (n = attempt_wait(&a)) == 0);
    attempt_end(&a);
    MODEL_CHECK(n == 1 || n == -ETIMEDOUT || n == -ECANCELED || n == -EBADF);
    atom_add_seq(n == 1 ? &served : n == -ETIMEDOUT ? &late : &closed, 1);
}

static void read_one(void) { read_with(NULL); }
static void read_until(void)
{
    const struct limit limit = limit_until(WAITS_DEADLINE);
    read_with(&limit);
}

/* D10: reads all there is, two bytes at most, or finds the end: 0. */
static int take_some(const struct attempt *a)
{
    uint32_t n = atom_load_seq(&bytes), k;
    do
        k = (n & ~OVER) < 2 ? n & ~OVER : 2;
    while (!atom_cas_seq(&bytes, &n, n - k));
    int result = k ? (int)k : n & OVER ? 0 : -EAGAIN;
    attempt_note_read(a, result, 2);
    return result;
}

static int read_some(void)
{
    struct attempt a;
    int n = attempt_begin(&a, FD, SIDE_READ, NULL);
    MODEL_CHECK(n == 0);
    n = attempt_is_dry(&a) ? -EAGAIN : take_some(&a);
    while (n == -EAGAIN && (n = attempt_wait(&a)) == 0)
        n = take_some(&a);
    attempt_end(&a);
    MODEL_CHECK(n >= 0);
    return n;
}

static void read_to_the_end(void)
{
    for (int n; (n = read_some()) > 0;)
        atom_add_seq(&served, (uint32_t)n);
    atom_add_seq(&closed, 1);
}

static void read_three(void)
{
    for (int n = 0; n < 3;)
        n += read_some();
    atom_add_seq(&served, 3);
}

static void read_two(void)
{
    read_one();
    read_one();
}

static void tell_edge(void)
{
    struct desc_list woken = {0};
    desc_edge(FD, desc_find(FD)->generation, 1u << SIDE_READ, atom_load_seq(&bytes) & OVER, &woken);
    for (struct task *t = woken.first, *next; t; t = next) {
        next = t->next;
        sched_ready(t);
    }
}

/* As one that polls itself. */
static void add(uint32_t n)
{
    atom_add_seq(&bytes, n);
    tell_edge();
}

static void add_one(void) { add(1); }
static void end_it(void) { add(OVER); }
static void add_and_end(void) { add(1 | OVER); }

static void add_then_end(void)
{
    add(1);
    add(OVER);
}
static void add_two_at_once(void) { add(2); }

static void add_two(void)
{
    add(1);
    add(1);
}

/* With a poller beside it, for which two edges may be one. */
static void send(uint32_t n)
{
    atom_add_seq(&bytes, n);
    atom_store_seq(&event, 1);
    os_futex_wake(&event, 1);
}

static void send_two(void)
{
    send(1);
    send(1);
}

static void send_three_and_end(void)
{
    send_two();
    send(1 | OVER);
}

static void poll_for_ever(void)
{
    for (;;) {
        while (!atom_swap_seq(&event, 0))
            os_futex_wait(&event, 0, INT64_MAX);
        tell_edge();
    }
}

static void close_it(void) { MODEL_CHECK(mote_close(FD) == 0); }

static void fire(void)
{
    while (!atom_load_rlx(&late) && !atom_load_rlx(&served)) {
        waits_fire();
        cpu_relax();
    }
}

static void setup(void)
{
    waits_setup();
    struct desc *d = (struct desc *)(void *)table + FD;
    memset(d, 0, sizeof *d);
    desc_chunks[0] = (struct desc *)(void *)table;
    atom_store_rlx(&d->kind, DESC_PLAIN);
    bytes = event = 0;
    open_now = 1;
    served = late = closed = 0;
}

static void setup_tcp(void)
{
    setup();
    struct desc *d = (struct desc *)(void *)table + FD;
    atom_store_rlx(&d->kind, DESC_TCP);
    atom_store_rlx(&d->side[SIDE_READ].drained, UINT32_MAX);
}

static void check(void)
{
    struct desc *d = (struct desc *)(void *)table + FD;
    MODEL_CHECK(waits_out == 0);
    MODEL_CHECK((bytes & ~OVER) == 0 || !d->side[SIDE_READ].queue.first); /* D6 */
    MODEL_CHECK(open_now || (!d->side[SIDE_READ].queue.first && d->kind == DESC_FOREIGN));
    MODEL_CHECK(!d->side[SIDE_READ].busy); /* D6 */
}

static void check_one(void)
{
    check();
    MODEL_CHECK(served == 1);
}

static void check_two(void)
{
    check();
    MODEL_CHECK(served == 2);
}

static void check_three(void)
{
    check();
    MODEL_CHECK(served == 3);
}

static void check_ended(void)
{
    check();
    MODEL_CHECK(closed == 1 && served <= 1);
}

static void check_three_ended(void)
{
    check();
    MODEL_CHECK(closed == 1 && served == 3);
}

#define BASE .entered = park_entered

static const struct model models[] = {
    {BASE, .setup = setup, .name = "one", .check = check_one, .thread = {read_one, add_one}, .preemptions = 4,
     .mutants = MUTANT_MODIFY},
    {BASE, .setup = setup, .name = "one_of_two", .check = check_one, .thread = {read_one, read_one, add_one},
     .sleepers = 3, .preemptions = 3},
    {BASE, .setup = setup, .name = "two_at_once", .check = check_two, .thread = {read_one, read_one, add_two_at_once},
     .preemptions = 3},
    {BASE, .setup = setup, .name = "two", .check = check_two, .thread = {read_one, read_one, add_two},
     .preemptions = 2},
    {BASE, .setup = setup, .name = "twice", .check = check_two, .thread = {read_two, add_one, add_one},
     .preemptions = 2},
    {BASE, .setup = setup, .name = "poller", .check = check_two,
     .thread = {read_one, read_one, send_two, poll_for_ever}, .sleepers = 8, .random = 40000},
    {BASE, .setup = setup, .name = "closed", .check = check, .thread = {read_one, read_one, close_it},
     .preemptions = 2},
    {BASE, .setup = setup, .name = "closed_and_edge", .check = check, .thread = {read_one, read_one, close_it, add_one},
     .random = 40000},
    {BASE, .setup = setup, .name = "late", .check = check, .thread = {read_until, add_one, fire}, .preemptions = 1},
    {BASE, .setup = setup, .name = "late_of_two", .check = check,
     .thread = {read_until, read_one, add_two_at_once, fire}, .random = 40000},
    {BASE, .setup = setup_tcp, .name = "dry", .check = check_three, .thread = {read_three, add_two, add_one},
     .preemptions = 2, .mutants = MUTANT_MODIFY},
    {BASE, .setup = setup_tcp, .name = "dry_end", .check = check_ended, .thread = {read_to_the_end, add_then_end},
     .preemptions = 4},
    {BASE, .setup = setup_tcp, .name = "dry_end_with_bytes", .check = check_ended,
     .thread = {read_to_the_end, add_and_end}, .preemptions = 4},
    {BASE, .setup = setup_tcp, .name = "dry_ends_alone", .check = check_ended, .thread = {read_to_the_end, end_it},
     .preemptions = 4},
    {BASE, .setup = setup_tcp, .name = "dry_poller", .check = check_three_ended,
     .thread = {read_to_the_end, send_three_and_end, poll_for_ever}, .sleepers = 4, .random = 40000},
};

int main(int argc, char **argv) { return model_main(argc, argv, models, sizeof models / sizeof models[0]); }
