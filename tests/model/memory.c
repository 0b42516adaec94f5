/* SPDX-License-Identifier: MIT */
/* memory - what the model threads share, with stores that arrive late.
 * Job:    each thread's stores wait in its buffer until they arrive in memory, at a moment that the explorer chooses.
 * Holds:  N1 a thread sees its own stores at once, the others when they arrive. N2 stores to one word arrive in their order; a
 *         release store arrives after all that went before it; otherwise they arrive in any order. N3 a fence, the heavy
 *         barrier (for everybody), a system call, and a read-modify-write that is release or stronger make all earlier stores
 *         arrive; so does a sequentially consistent load after a sequentially consistent store.
 *         N4 plain accesses are not seen here: they take effect at once.
 * How:    a delayed store matters only when another thread looks: so the choice whether it has arrived is made then, and only
 *         for the word in question. Words that one thread uses, or nobody writes, cost no choice: the first executions find
 *         out which are shared.
 * Not here: loads that run ahead of earlier loads (aarch64 does that; review has to catch a missing acquire).
 */
#include "engine.h"

#include <inttypes.h>
#include <string.h>

#define BUFFER 32
#define WORDS 4096 /* a power of two */
#define FREED 8
#define POISON 0xdb
#define PATIENCE 6 /* looks until a store must have arrived */

struct entry {
    void *at;
    size_t size;
    uint64_t value;
    bool release, seq;
    uint8_t passed; /* how many times somebody looked at the word, and the store hadn't arrived */
    const char *what;
};

struct word {
    const void *at;
    unsigned threads; /* bit mask: who used it */
    bool written, shared;
};

static struct {
    struct entry buffer[MODEL_THREADS][BUFFER];
    int count[MODEL_THREADS];
    struct word word[WORDS];
    bool learned;
    struct {
        unsigned char *at;
        size_t size;
    } freed[FREED];
    int freed_count;
} mem;

void memory_reset(void)
{
    memset(mem.count, 0, sizeof mem.count);
    mem.freed_count = 0;
}

void memory_forget(void) { memset(mem.word, 0, sizeof mem.word); }

bool memory_learned(void)
{
    bool learned = mem.learned;
    mem.learned = false;
    return learned;
}

/* Notes who uses the word. True: several do, and somebody writes it. */
static bool shared(const void *at, bool writes)
{
    uintptr_t i = (uintptr_t)at / 2 * 0x9e3779b97f4a7c15u >> 40;
    struct word *w = &mem.word[i % WORDS];
    for (int tries = 0; w->at && w->at != at; tries++) {
        if (tries == WORDS)
            model_fail("more than %d words", WORDS);
        w = &mem.word[++i % WORDS];
    }
    w->at = at;
    w->threads |= 1u << model_self();
    w->written |= writes;
    if (!w->shared && w->written && (w->threads & (w->threads - 1)))
        w->shared = mem.learned = true;
    return w->shared;
}

static void check_alive(const void *at, const char *what)
{
    for (int i = 0; i < mem.freed_count; i++)
        if ((uintptr_t)at - (uintptr_t)mem.freed[i].at < mem.freed[i].size)
            model_fail("%s is used after it was freed", what);
}

uint64_t memory_read(const void *at, size_t size)
{
    uint64_t value = 0;
    memcpy(&value, at, size);
    return value;
}

static void write(void *at, size_t size, uint64_t value, const char *what)
{
    check_alive(at, what);
    memcpy(at, &value, size);
}

/* One entry leaves the buffer. */
static void arrive(int thread, int i)
{
    struct entry *buffer = mem.buffer[thread], e = buffer[i];
    memmove(&buffer[i], &buffer[i + 1], (size_t)(--mem.count[thread] - i) * sizeof e);
    explore_trace(NULL, "    thread %d's store of %" PRIu64 " to %s arrives", thread, e.value, e.what);
    write(e.at, e.size, e.value, e.what);
}

/* The same for the oldest entry of its word, after all that must arrive before it (N2). */
static void arrive_in_order(int thread, int i)
{
    for (; mem.buffer[thread][i].release && i > 0; i--)
        arrive(thread, 0);
    arrive(thread, i);
}

void memory_drain(int thread)
{
    while (mem.count[thread])
        arrive(thread, 0);
}

void memory_settle(void)
{
    for (int i = 0; i < MODEL_THREADS; i++)
        memory_drain(i);
}

static int find(int thread, const void *at)
{
    for (int i = 0; i < mem.count[thread]; i++)
        if (mem.buffer[thread][i].at == at)
            return i;
    return -1;
}

static int pending(int thread, const void *at)
{
    int n = 0;
    for (int i = 0; i < mem.count[thread]; i++)
        n += mem.buffer[thread][i].at == at;
    return n;
}

bool memory_awaited(int thread, const void *at)
{
    for (int other = 0; other < MODEL_THREADS; other++)
        if (other != thread && pending(other, at))
            return true;
    return false;
}

void memory_arrive(int thread, const void *at)
{
    for (int other = 0; other < MODEL_THREADS; other++)
        while (other != thread && pending(other, at))
            arrive_in_order(other, find(other, at));
}

/* Lets others' stores to this word arrive: all, some, or none of them. */
static void choose_arrivals(const void *at)
{
    for (int other = 0; other < MODEL_THREADS; other++) {
        int n = other == model_self() ? 0 : pending(other, at);
        if (!n)
            continue;
        for (n -= search_choose(n + 1, n + 1); n > 0; n--)
            arrive_in_order(other, find(other, at));
        int first = find(other, at);
        if (first >= 0 && ++mem.buffer[other][first].passed >= PATIENCE)
            arrive_in_order(other, first);
    }
}

/* The step before every access. True: the word is shared. */
static bool step(const struct model_site *site, const void *at, bool writes)
{
    if (!explore_access())
        return false;
    check_alive(at, site->what);
    if (!shared(at, writes))
        return false;
    explore_step();
    check_alive(at, site->what);
    choose_arrivals(at);
    return true;
}

static bool seq_pending(int thread)
{
    for (int i = 0; i < mem.count[thread]; i++)
        if (mem.buffer[thread][i].seq)
            return true;
    return false;
}

uint64_t model_load(const struct model_site *site, const void *at, size_t size, enum model_order order)
{
    if (!step(site, at, false)) {
        uint64_t value = memory_read(at, size);
        explore_looked(at, size, value);
        return value;
    }
    int self = model_self();
    if (order == MODEL_SEQ && seq_pending(self) && !model_mutant(MUTANT_SEQ))
        memory_drain(self);
    for (int i = mem.count[self]; i-- > 0;)
        if (mem.buffer[self][i].at == at)
            return mem.buffer[self][i].value;
    uint64_t value = memory_read(at, size);
    explore_looked(at, size, value);
    explore_trace(site, "is %" PRIu64, value);
    return value;
}

void model_store(const struct model_site *site, void *at, size_t size, uint64_t value, enum model_order order)
{
    if (!step(site, at, true)) {
        write(at, size, value, site->what);
        return;
    }
    int self = model_self();
    explore_trace(site, "= %" PRIu64, value);
    if (mem.count[self] == BUFFER)
        arrive(self, 0);
    bool release = order != MODEL_RELAXED && !model_mutant(MUTANT_RELEASE);
    if (size < sizeof value)
        value &= ((uint64_t)1 << size * 8) - 1;
    mem.buffer[self][mem.count[self]++] = (struct entry){at, size, value, release, order == MODEL_SEQ, 0, site->what};
    explore_overwrote(at);
}

/* The buffer before a read-modify-write. */
static void prepare_modify(const void *at, enum model_order order)
{
    int self = model_self();
    if (order != MODEL_RELAXED)
        memory_drain(self);
    while (pending(self, at))
        arrive_in_order(self, find(self, at));
}

static uint64_t result(enum model_op op, uint64_t old, uint64_t value)
{
    switch (op) {
    case MODEL_ADD:
        return old + value;
    case MODEL_SUB:
        return old - value;
    case MODEL_OR:
        return old | value;
    case MODEL_AND:
        return old & value;
    default:
        return value;
    }
}

uint64_t model_modify(const struct model_site *site, void *at, size_t size, enum model_op op, uint64_t value,
                      enum model_order order)
{
    bool is_shared = step(site, at, true);
    if (is_shared)
        prepare_modify(at, order);
    uint64_t old = memory_read(at, size), new = result(op, old, value);
    explore_looked(at, size, old);
    if (is_shared && model_mutant(MUTANT_MODIFY))
        step(site, at, true);
    explore_trace(site, "was %" PRIu64 ", becomes %" PRIu64, old, new);
    write(at, size, new, site->what);
    explore_overwrote(at);
    return old;
}

bool model_cas(const struct model_site *site, void *at, size_t size, void *expected, uint64_t value,
               enum model_order order)
{
    bool is_shared = step(site, at, true);
    if (is_shared)
        prepare_modify(at, order);
    uint64_t old = memory_read(at, size), wanted = memory_read(expected, size);
    explore_looked(at, size, old);
    memcpy(expected, &old, size);
    explore_trace(site, old == wanted ? "was %" PRIu64 ", becomes %" PRIu64 : "is %" PRIu64 ", not %" PRIu64, old,
                  old == wanted ? value : wanted);
    if (old != wanted)
        return false;
    if (is_shared && model_mutant(MUTANT_MODIFY))
        step(site, at, true);
    write(at, size, value, site->what);
    explore_overwrote(at);
    return true;
}

void model_fence(const struct model_site *site)
{
    if (!explore_running() || model_mutant(MUTANT_FENCE))
        return;
    explore_trace(site, "fence");
    memory_drain(model_self());
}

void model_count(void *at, size_t size, uint64_t increase)
{
    uint64_t value = memory_read(at, size) + increase;
    memcpy(at, &value, size);
}

void model_free(void *object, size_t size)
{
    if (mem.freed_count == FREED)
        model_fail("more than %d objects freed", FREED);
    memory_drain(model_self()); /* its own stores are before the end of the object in any case */
    memset(object, POISON, size);
    mem.freed[mem.freed_count].at = object;
    mem.freed[mem.freed_count++].size = size;
}

void memory_check_freed(void)
{
    for (int i = 0; i < mem.freed_count; i++)
        for (size_t j = 0; j < mem.freed[i].size; j++)
            if (mem.freed[i].at[j] != POISON)
                model_fail("byte %zu of a freed object was written", j);
}
