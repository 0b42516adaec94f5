/* SPDX-License-Identifier: MIT */
/* address - networks and addresses as text.
 * Job:    see address.h.
 */
#include "io/address.h"

#include "base/attr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HOST_MAX 256

int network_parse(const char *name, struct network *n)
{
    static const struct {
        const char *name;
        struct network network;
    } known[] = {
        {"tcp", {AF_UNSPEC, SOCK_STREAM}}, {"tcp4", {AF_INET, SOCK_STREAM}},    {"tcp6", {AF_INET6, SOCK_STREAM}},
        {"udp", {AF_UNSPEC, SOCK_DGRAM}},  {"udp4", {AF_INET, SOCK_DGRAM}},     {"udp6", {AF_INET6, SOCK_DGRAM}},
        {"unix", {AF_UNIX, SOCK_STREAM}},  {"unixgram", {AF_UNIX, SOCK_DGRAM}},
    };
    for (size_t i = 0; name && i < ARRAY_LENGTH(known); i++)
        if (strcmp(name, known[i].name) == 0) {
            *n = known[i].network;
            return 0;
        }
    return -EINVAL;
}

static int parse_unix(const char *path, struct endpoint *e)
{
    size_t n = strlen(path);
    bool abstract = path[0] == '@';
    *e = (struct endpoint){.un = {.sun_family = AF_UNIX}};
    if (n == 0 || n + !abstract > sizeof e->un.sun_path)
        return -EINVAL;
    memcpy(e->un.sun_path, path, n);
    if (abstract)
        e->un.sun_path[0] = 0;
    e->size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n + !abstract);
    return 1;
}

/* "host:port" and "[host]:port". */
static int split(const char *text, char host[HOST_MAX], unsigned *port)
{
    const char *colon = strrchr(text, ':'), *from = text, *end = colon;
    char *rest;
    if (!colon || colon[1] < '0' || colon[1] > '9')
        return -EINVAL;
    unsigned long n = strtoul(colon + 1, &rest, 10);
    if (*rest || n > 65535)
        return -EINVAL;
    bool bracketed = *from == '[' && end > from && end[-1] == ']';
    if (bracketed)
        from++, end--;
    if (end - from >= HOST_MAX || (!bracketed && memchr(from, ':', (size_t)(end - from))))
        return -EINVAL;
    memcpy(host, from, (size_t)(end - from));
    host[end - from] = 0;
    *port = (unsigned)n;
    return 0;
}

/* Both versions of the protocol, where the system has the newer one; else the older. */
static int every_address(int family, struct endpoint *list)
{
    int n = 0;
    if (family != AF_INET)
        list[n++] = (struct endpoint){.size = sizeof(struct sockaddr_in6), .in6 = {.sin6_family = AF_INET6}};
    if (family != AF_INET6)
        list[n++] = (struct endpoint){.size = sizeof(struct sockaddr_in), .in = {.sin_family = AF_INET}};
    return n;
}

int address_parse(mote_ctx *ctx, struct network n, const char *text, bool listen, struct endpoint *list)
{
    char host[HOST_MAX];
    unsigned port = 0;
    if (!text)
        return -EINVAL;
    if (n.family == AF_UNIX)
        return parse_unix(text, list);
    int count = split(text, host, &port);
    if (count == 0)
        count = host[0]  ? resolve_host(ctx, n.family, host, list)
                : listen ? every_address(n.family, list)
                         : resolve_host(ctx, n.family, "localhost", list);
    for (int i = 0; i < count; i++) /* the port is at the same place in both */
        list[i].in.sin_port = htons((uint16_t)port);
    return count;
}

_Static_assert(offsetof(struct sockaddr_in, sin_port) == offsetof(struct sockaddr_in6, sin6_port), "the port's place");

static int format_unix(const struct endpoint *e, char *text, size_t size)
{
    size_t n = e->size > offsetof(struct sockaddr_un, sun_path) ? e->size - offsetof(struct sockaddr_un, sun_path) : 0;
    if (n && e->un.sun_path[0] == 0)
        return snprintf(text, size, "@%.*s", (int)n - 1, e->un.sun_path + 1);
    return snprintf(text, size, "%.*s", (int)n, e->un.sun_path);
}

int address_format(const struct endpoint *e, char *text, size_t size)
{
    char host[INET6_ADDRSTRLEN];
    if (e->size < sizeof e->any.sa_family || e->any.sa_family == AF_UNIX)
        return format_unix(e, text, size);
    if (e->any.sa_family == AF_INET && inet_ntop(AF_INET, &e->in.sin_addr, host, sizeof host))
        return snprintf(text, size, "%s:%u", host, ntohs(e->in.sin_port));
    if (e->any.sa_family == AF_INET6 && inet_ntop(AF_INET6, &e->in6.sin6_addr, host, sizeof host))
        return snprintf(text, size, "[%s]:%u", host, ntohs(e->in6.sin6_port));
    return -EAFNOSUPPORT;
}
