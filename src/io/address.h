/* SPDX-License-Identifier: MIT */
/* address - networks and addresses as text.
 * Job:    from "tcp" and "host:port" to what the system wants, and back.
 * Callers: net.c.
 */
#ifndef IO_ADDRESS_H
#define IO_ADDRESS_H

#include <mote/context.h>
#include <netinet/in.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

/* One place to listen at or connect to. */
struct endpoint {
    socklen_t size;
    union {
        struct sockaddr any;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
        struct sockaddr_un un;
    };
};

struct network {
    int family; /* AF_UNSPEC: either of the internet's */
    int type;
};
int network_parse(const char *name, struct network *n); /* -EINVAL */

#define ENDPOINTS_MAX 16

/* All places that an address stands for, the best first; `listen`: no host stands for every address of this machine. How many, at
 * most ENDPOINTS_MAX; -EINVAL; -ENOENT, -ECANCELED, -ETIMEDOUT. May switch. */
int address_parse(mote_ctx *ctx, struct network n, const char *text, bool listen, struct endpoint *list);

/* resolve.c: the same for a host, with port 0 in all of them. The seam: what asks name servers comes here. */
int resolve_host(mote_ctx *ctx, int family, const char *host, struct endpoint *list);

/* How long the text is; what doesn't fit is cut. */
int address_format(const struct endpoint *e, char *text, size_t size);

#endif
