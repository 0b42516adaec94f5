/* SPDX-License-Identifier: MIT */
/* resolve - from the name of a host to addresses.
 * Job:    addresses that are numbers, and localhost, at once; all other names by mote_getaddrinfo.
 */
#include "io/address.h"

#include <mote/io.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <string.h>

static bool takes(int family, int wanted) { return wanted == AF_UNSPEC || wanted == family; }

static struct endpoint endpoint4(struct in_addr a)
{
    return (struct endpoint){.size = sizeof(struct sockaddr_in), .in = {.sin_family = AF_INET, .sin_addr = a}};
}

static struct endpoint endpoint6(struct in6_addr a)
{
    return (struct endpoint){.size = sizeof(struct sockaddr_in6), .in6 = {.sin6_family = AF_INET6, .sin6_addr = a}};
}

static int resolve_localhost(int family, struct endpoint *list)
{
    int n = 0;
    if (takes(AF_INET, family))
        list[n++] = endpoint4((struct in_addr){htonl(INADDR_LOOPBACK)});
    if (takes(AF_INET6, family))
        list[n++] = endpoint6(in6addr_loopback);
    return n;
}

static int resolve_by_name(mote_ctx *ctx, int family, const char *host, struct endpoint *list)
{
    const struct addrinfo hints = {.ai_family = family, .ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
    struct addrinfo *found;
    int n = 0, error = mote_getaddrinfo_ctx(ctx, host, NULL, &hints, &found);
    if (error < 0)
        return error;
    for (struct addrinfo *a = found; a && n < ENDPOINTS_MAX; a = a->ai_next) {
        if (a->ai_addrlen > sizeof list[n].in6)
            continue;
        list[n].size = a->ai_addrlen;
        memcpy(&list[n++].any, a->ai_addr, a->ai_addrlen);
    }
    freeaddrinfo(found);
    return n ? n : -ENOENT;
}

int resolve_host(mote_ctx *ctx, int family, const char *host, struct endpoint *list)
{
    struct in_addr a;
    struct in6_addr a6;
    if (strcmp(host, "localhost") == 0)
        return resolve_localhost(family, list);
    if (inet_pton(AF_INET, host, &a) == 1) {
        list[0] = endpoint4(a);
        return takes(AF_INET, family) ? 1 : -EINVAL;
    }
    if (inet_pton(AF_INET6, host, &a6) == 1) {
        list[0] = endpoint6(a6);
        return takes(AF_INET6, family) ? 1 : -EINVAL;
    }
    return resolve_by_name(ctx, family, host, list);
}
