/* SPDX-License-Identifier: MIT */
/* commands_server - PING, INFO, CONFIG and what else has nothing to do with keys. */
#include "pubsub.h"
#include "store.h"

#include <fnmatch.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void command_ping(struct client *c)
{
    if (c->request.count > 2) {
        reply_error(&c->reply, "ERR wrong number of arguments for 'ping' command");
    } else if (pubsub_listens(c)) { /* who listens expects arrays */
        reply_array(&c->reply, 2);
        reply_text(&c->reply, "pong");
        reply_bulk(&c->reply, c->request.count > 1 ? arg(c, 1) : (struct bytes){"", 0});
    } else if (c->request.count > 1) {
        reply_bulk(&c->reply, arg(c, 1));
    } else {
        reply_simple(&c->reply, "PONG");
    }
}

void command_echo(struct client *c) { reply_bulk(&c->reply, arg(c, 1)); }

void command_quit(struct client *c)
{
    reply_simple(&c->reply, "OK");
    c->closing = true;
}

void command_select(struct client *c)
{
    int64_t index;
    if (!value_number(arg(c, 1), &index))
        reply_error(&c->reply, NOT_A_NUMBER);
    else if (index != 0)
        reply_error(&c->reply, "ERR DB index is out of range");
    else
        reply_simple(&c->reply, "OK");
}

void command_dbsize(struct client *c)
{
    size_t keys, expiring;
    store_count(&keys, &expiring);
    reply_number(&c->reply, (int64_t)keys);
}

void command_flushall(struct client *c)
{
    if (store_clear())
        reply_simple(&c->reply, "OK");
    else
        reply_error(&c->reply, NO_MEMORY);
}

struct setting {
    const char *name;
    char value[24];
};
#define SETTINGS 7

static void list_settings(struct setting settings[SETTINGS])
{
    snprintf(settings[0].value, sizeof settings->value, "%s", "no");
    snprintf(settings[1].value, sizeof settings->value, "%s", "");
    snprintf(settings[2].value, sizeof settings->value, "%d", 1);
    snprintf(settings[3].value, sizeof settings->value, "%zu", server.max_memory);
    snprintf(settings[4].value, sizeof settings->value, "%ld", server.max_clients);
    snprintf(settings[5].value, sizeof settings->value, "%zu", server.max_value);
    snprintf(settings[6].value, sizeof settings->value, "%zu", server.max_queue);
}

/* CONFIG GET pattern...: names and values in turn. */
static void get_settings(struct client *c)
{
    struct setting settings[SETTINGS] = {
        {.name = "appendonly"}, {.name = "save"},       {.name = "databases"},
        {.name = "maxmemory"},  {.name = "maxclients"}, {.name = "proto-max-bulk-len"},
        {.name = "max-queue"},
    };
    bool wanted[SETTINGS] = {0};
    size_t count = 0;
    list_settings(settings);
    for (size_t i = 2; i < c->request.count; i++) {
        char pattern[64];
        struct bytes text = arg(c, i);
        if (text.size >= sizeof pattern)
            continue;
        memcpy(pattern, text.at, text.size);
        pattern[text.size] = 0;
        for (int k = 0; k < SETTINGS; k++)
            if (!wanted[k] && fnmatch(pattern, settings[k].name, 0) == 0)
                wanted[k] = ++count;
    }
    reply_array(&c->reply, 2 * count);
    for (int k = 0; k < SETTINGS; k++)
        if (wanted[k]) {
            reply_text(&c->reply, settings[k].name);
            reply_text(&c->reply, settings[k].value);
        }
}

void command_config(struct client *c)
{
    if (command_says(arg(c, 1), "get") && c->request.count > 2)
        get_settings(c);
    else if (command_says(arg(c, 1), "resetstat"))
        reply_simple(&c->reply, "OK");
    else
        reply_error(&c->reply, "ERR only CONFIG GET is known: settings are options of the program");
}

void command_info(struct client *c)
{
    char text[1024];
    size_t keys, expiring;
    store_count(&keys, &expiring);
    int64_t up = mote_now() - server.started;
    int size = snprintf(
        text, sizeof text,
        "# Server\r\nredis_version:7.0.0\r\nredis_mode:standalone\r\nprocess_id:%d\r\n"
        "uptime_in_seconds:%lld\r\nmote_procs:%d\r\nmote_tasks:%zu\r\n\r\n"
        "# Clients\r\nconnected_clients:%ld\r\nmaxclients:%ld\r\n\r\n"
        "# Memory\r\nused_memory:%zu\r\nmaxmemory:%zu\r\n\r\n"
        "# Stats\r\ntotal_commands_processed:%ld\r\nclient_output_buffer_limit_disconnections:%ld\r\n\r\n"
        "# Keyspace\r\n",
        (int)getpid(), (long long)(up / MOTE_S), mote_procs(), mote_task_count(), (long)server.clients,
        server.max_clients, value_bytes(), server.max_memory, (long)server.commands, (long)server.disconnected);
    if (keys > 0)
        size +=
            snprintf(text + size, sizeof text - (size_t)size, "db0:keys=%zu,expires=%zu,avg_ttl=0\r\n", keys, expiring);
    reply_bulk(&c->reply, (struct bytes){text, (size_t)size});
}
