/* SPDX-License-Identifier: MIT */
/* lives - what a trace remembers of each task.
 * Job:    a hash table by the tasks' numbers, with open addressing, and the names of those that have one.
 * Holds:  LV1 at most half of the places are taken, and nothing between a life's place and where its number belongs is free.
 * Why:    no memory from the heap: the last words of a program are written in the handler of a signal. A task is in it while
 *         something must be remembered: it is ready, has a name, or a row of its own.
 */
#include "base/os.h"
#include "debug/trace.h"

#include <string.h>

#define FIRST 1024u      /* places, a power of two */
#define MOST (1u << 21)  /* beyond, wakes are forgotten: the arrows are missing */
#define NAME 32          /* as in struct task_extra */
#define NAMES (1u << 20) /* address space for so many */

static struct life *at;
static uint32_t places, taken;
static char (*names)[NAME]; /* [0] isn't used; free ones begin with the next free one's number */
static uint32_t names_used, names_free;

static uint32_t place_of(uint64_t id) { return (uint32_t)(id * 0x9e3779b97f4a7c15u >> 32) & (places - 1); }

/* Its place, or the free one where it belongs. */
static struct life *place(uint64_t id)
{
    uint32_t i = place_of(id);
    while (at[i].id && at[i].id != id)
        i = (i + 1) & (places - 1);
    return &at[i];
}

struct life *lives_find(uint64_t id)
{
    struct life *life = at ? place(id) : NULL;
    return life && life->id ? life : NULL;
}

static bool grow(void)
{
    uint32_t before = places, after = before ? before * 2 : FIRST;
    struct life *old = at, *new = after > MOST ? NULL : os_pages(sizeof *new *after, 0);
    if (!new)
        return false;
    at = new;
    places = after;
    for (uint32_t i = 0; i < before; i++)
        if (old[i].id)
            *place(old[i].id) = old[i];
    if (old)
        os_release(old, sizeof *old * before);
    return true;
}

struct life *lives_get(uint64_t id)
{
    struct life *life = lives_find(id);
    if (life)
        return life;
    if (taken >= places / 2 && !grow())
        return NULL;
    life = place(id);
    *life = (struct life){.id = id};
    taken++;
    return life;
}

static void free_name(struct life *life)
{
    if (!life->name)
        return;
    memcpy(names[life->name], &names_free, sizeof names_free);
    names_free = life->name;
    life->name = 0;
}

/* LV1: whoever was pushed away from its place by this one moves up. */
void lives_drop(struct life *life)
{
    free_name(life);
    uint32_t hole = (uint32_t)(life - at);
    for (uint32_t i = (hole + 1) & (places - 1); at[i].id; i = (i + 1) & (places - 1)) {
        uint32_t from = place_of(at[i].id);
        if (((i - from) & (places - 1)) >= ((i - hole) & (places - 1))) {
            at[hole] = at[i];
            hole = i;
        }
    }
    at[hole].id = 0;
    taken--;
}

const char *lives_name(const struct life *life) { return life && life->name ? names[life->name] : NULL; }

static uint32_t new_name(void)
{
    uint32_t n = names_free;
    if (n) {
        memcpy(&names_free, names[n], sizeof names_free);
    } else {
        if (!names)
            names = os_pages((size_t)NAMES * NAME, 0);
        n = names && names_used + 1 < NAMES ? ++names_used : 0;
    }
    if (n)
        memset(names[n], 0, NAME);
    return n;
}

void lives_rename(struct life *life, unsigned half, const char bytes[16])
{
    if (!life->name && !(life->name = new_name()))
        return;
    memcpy(names[life->name] + (half ? NAME / 2 : 0), bytes, NAME / 2);
    names[life->name][NAME - 1] = 0;
}

void lives_each(void (*fn)(struct life *life))
{
    for (uint32_t i = 0; i < places; i++)
        if (at[i].id)
            fn(&at[i]);
}

void lives_free(void)
{
    if (at)
        os_release(at, sizeof *at * places);
    if (names)
        os_release(names, (size_t)NAMES * NAME);
    at = NULL;
    names = NULL;
    places = taken = names_used = names_free = 0;
}
