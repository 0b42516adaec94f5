/* SPDX-License-Identifier: MIT */
/* config - settings, from the caller and from the environment.
 * Job: see config.h.
 */
#include "sched/config.h"

#include "base/msg.h"
#include "base/os.h"
#include "sched/proc.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_STACK ((size_t)8 << 20)
#define DEFAULT_HOMES 1024
#define SMALLEST_STACK ((size_t)64 << 10)
#define LARGEST_STACK ((size_t)64 << 30)

/* A number with an optional k, m or g behind it. False: it isn't one. */
static bool parse_number(const char *text, unsigned long long *out)
{
    char *end;
    errno = 0;
    *out = strtoull(text, &end, 10);
    if (end == text || errno || *text == '-')
        return false;
    static const char suffix[] = "kmg";
    const char *unit = *end ? strchr(suffix, *end | 0x20) : NULL;
    if (unit) {
        unsigned shift = 10 * (unsigned)(unit - suffix + 1);
        if (*out > ULLONG_MAX >> shift)
            return false;
        *out <<= shift;
        end++;
    }
    return *end == 0;
}

static bool is_known(const char *key)
{
    static const char *const known[] = {"procs", "homes", "queue", "max_stack", "pinned"};
    for (unsigned i = 0; i < ARRAY_LENGTH(known); i++)
        if (strcmp(key, known[i]) == 0)
            return true;
    return false;
}

static int apply(mote_config *c, char *item)
{
    char *value = strchr(item, '=');
    unsigned long long n = 0;
    if (value)
        *value++ = 0;
    if (!is_known(item)) {
        msg_print("MOTEDEBUG: '%s' is not known: procs, homes, queue, max_stack, pinned are", item);
        return 0;
    }
    if (!value || !parse_number(value, &n)) {
        msg_print("MOTEDEBUG: '%s' wants a number: %s=N", item, item);
        return -EINVAL;
    }
    int small = n > 1 << 30 ? -1 : (int)n;
    if (strcmp(item, "procs") == 0)
        c->procs = small;
    else if (strcmp(item, "homes") == 0)
        c->homes = small;
    else if (strcmp(item, "queue") == 0)
        c->queue = small;
    else if (strcmp(item, "max_stack") == 0)
        c->max_stack = (size_t)n;
    else
        c->pinned = n != 0;
    return 0;
}

static int apply_environment(mote_config *c)
{
    const char *procs = getenv("MOTE_PROCS"), *debug = getenv("MOTEDEBUG");
    unsigned long long n;
    if (procs && *procs) {
        if (!parse_number(procs, &n) || n < 1 || n > MAX_PROCS) {
            msg_print("MOTE_PROCS is '%s', not a number from 1 to %d", procs, MAX_PROCS);
            return -EINVAL;
        }
        c->procs = (int)n;
    }
    char *copy = debug ? strdup(debug) : NULL, *rest = copy, *item;
    if (debug && !copy)
        return -ENOMEM;
    int error = 0;
    while (!error && (item = strsep(&rest, ",")))
        if (*item)
            error = apply(c, item);
    free(copy);
    return error;
}

static bool in_range(const char *what, long long value, long long least, long long most)
{
    if (value >= least && value <= most)
        return true;
    msg_print("%s is %lld, not from %lld to %lld", what, value, least, most);
    return false;
}

int config_resolve(const mote_config *given, mote_config *out)
{
    mote_config c = given ? *given : (mote_config){0};
    int error = apply_environment(&c);
    if (error < 0)
        return error;
    if (!c.procs) {
        int n = os_processors();
        c.procs = n < MAX_PROCS ? n : MAX_PROCS;
    }
    if (!c.max_stack)
        c.max_stack = DEFAULT_STACK;
    if (!c.homes)
        c.homes = DEFAULT_HOMES;
    if (!c.queue)
        c.queue = RUNQ_MAX;
    if (!in_range("procs", c.procs, 1, MAX_PROCS) || !in_range("homes", c.homes, 2, HOME_MAX / 2) ||
        !in_range("queue", c.queue, 2, RUNQ_MAX) ||
        !in_range("max_stack", (long long)c.max_stack, SMALLEST_STACK, LARGEST_STACK))
        return -EINVAL;
    if (c.queue & (c.queue - 1)) {
        msg_print("queue is %d, not a power of two", c.queue);
        return -EINVAL;
    }
    *out = c;
    return 0;
}
