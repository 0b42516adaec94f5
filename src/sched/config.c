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
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_STACK ((size_t)8 << 20)
#define DEFAULT_HOMES 1024
#define DEFAULT_BLOCKED 512
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

enum kind { AN_INT, A_SIZE, A_FLAG, A_WORD, A_TEXT };

/* What MOTEDEBUG may say, and where it goes. */
static const struct key {
    const char *name;
    enum kind kind;
    size_t at;            /* in mote_config */
    const char *words[2]; /* A_WORD: for false and true */
    const char *wants;    /* A_WORD, A_TEXT */
} keys[] = {
    {.name = "procs", AN_INT, offsetof(mote_config, procs)},
    {.name = "homes", AN_INT, offsetof(mote_config, homes)},
    {.name = "queue", AN_INT, offsetof(mote_config, queue)},
    {.name = "max_blocked", AN_INT, offsetof(mote_config, max_blocked)},
    {.name = "max_stack", A_SIZE, offsetof(mote_config, max_stack)},
    {.name = "pinned", A_FLAG, offsetof(mote_config, pinned)},
    {.name = "panic", A_WORD, offsetof(mote_config, panic_ends_task), {"program", "task"}, "what a panic ends"},
    {.name = "sigquit", AN_INT, offsetof(mote_config, sigquit)},
    {.name = "leaks", A_FLAG, offsetof(mote_config, leaks)},
    {.name = "schedtrace", AN_INT, offsetof(mote_config, schedtrace)},
    {.name = "trace", A_TEXT, offsetof(mote_config, trace), .wants = "a file"},
    {.name = "stackcheck", AN_INT, offsetof(mote_config, stackcheck)},
    {.name = "seed", A_SIZE, offsetof(mote_config, seed)},
};

static const struct key *find_key(const char *name)
{
    for (unsigned i = 0; i < ARRAY_LENGTH(keys); i++)
        if (strcmp(keys[i].name, name) == 0)
            return &keys[i];
    return NULL;
}

static void report_unknown(const char *name)
{
    char all[256] = "";
    for (size_t i = 0, used = 0; i < ARRAY_LENGTH(keys) && used < sizeof all; i++)
        used += (size_t)snprintf(all + used, sizeof all - used, "%s%s", i ? ", " : "", keys[i].name);
    msg_print("MOTEDEBUG: '%s' is not known: %s are", name, all);
}

static int apply_word(const struct key *key, const char *value, bool *to)
{
    *to = value && strcmp(value, key->words[1]) == 0;
    if (*to || (value && strcmp(value, key->words[0]) == 0))
        return 0;
    msg_print("MOTEDEBUG: '%s' wants %s: %s=%s or %s=%s", key->name, key->wants, key->name, key->words[1], key->name,
              key->words[0]);
    return -EINVAL;
}

/* There is one such key. */
static int apply_text(const struct key *key, const char *value, const char **to)
{
    static char text[4096]; /* what is read of the environment is freed */
    if (!value || !*value || strlen(value) >= sizeof text) {
        msg_print("MOTEDEBUG: '%s' wants %s: %s=FILE", key->name, key->wants, key->name);
        return -EINVAL;
    }
    *to = memcpy(text, value, strlen(value) + 1);
    return 0;
}

static int apply(mote_config *c, char *item)
{
    char *value = strchr(item, '=');
    unsigned long long n = 0;
    if (value)
        *value++ = 0;
    const struct key *key = find_key(item);
    if (!key) {
        report_unknown(item);
        return 0;
    }
    void *to = (char *)c + key->at;
    if (key->kind == A_WORD)
        return apply_word(key, value, to);
    if (key->kind == A_TEXT)
        return apply_text(key, value, to);
    bool negative = key->kind == AN_INT && value && *value == '-';
    if (!value || !parse_number(value + negative, &n)) {
        msg_print("MOTEDEBUG: '%s' wants a number: %s=N", item, item);
        return -EINVAL;
    }
    if (key->kind == A_SIZE)
        *(size_t *)to = (size_t)n;
    else if (key->kind == A_FLAG)
        *(bool *)to = n != 0;
    else
        *(int *)to = n > INT_MAX ? INT_MAX : negative ? -(int)n : (int)n;
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
    if (!c.max_blocked)
        c.max_blocked = DEFAULT_BLOCKED;
    if (!c.queue)
        c.queue = RUNQ_MAX;
    if (!in_range("procs", c.procs, 1, MAX_PROCS) || !in_range("homes", c.homes, 2, HOME_MAX / 2) ||
        !in_range("queue", c.queue, 2, RUNQ_MAX) || !in_range("sigquit", c.sigquit, 0, 2) ||
        !in_range("max_blocked", c.max_blocked, -1, MAX_SPARES) || !in_range("stackcheck", c.stackcheck, 0, 2) ||
        !in_range("schedtrace", c.schedtrace, 0, INT_MAX / 1000) ||
        !in_range("max_stack", (long long)c.max_stack, SMALLEST_STACK, LARGEST_STACK))
        return -EINVAL;
    if (c.queue & (c.queue - 1)) {
        msg_print("queue is %d, not a power of two", c.queue);
        return -EINVAL;
    }
    *out = c;
    return 0;
}
