/* SPDX-License-Identifier: MIT */
/* test_dns - names and services: what is found, what isn't, and who gives up (DN1, DN2). No name server is asked. */
#include "support.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

static void walk_through(void *arg)
{
    (void)arg;
    struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM}, *list = &hints;
    CHECK(mote_getaddrinfo("localhost", "80", &hints, &list) == 0 && list);
    const struct sockaddr_in *a = (const struct sockaddr_in *)(const void *)list->ai_addr;
    CHECK(a->sin_family == AF_INET && a->sin_addr.s_addr == htonl(INADDR_LOOPBACK) && a->sin_port == htons(80));
    freeaddrinfo(list);
    CHECK(mote_getaddrinfo("127.0.0.1", NULL, NULL, &list) == 0 && list);
    freeaddrinfo(list);
    hints.ai_flags = AI_NUMERICHOST;
    CHECK(mote_getaddrinfo("not.a.number", "80", &hints, &list) == -ENOENT && !list);
    hints.ai_family = 12345;
    CHECK(mote_getaddrinfo("127.0.0.1", "80", &hints, &list) == -EINVAL && !list);
    CHECK(mote_getaddrinfo(NULL, NULL, NULL, &list) < 0 && !list);

    mote_ctx *ctx = mote_ctx_with_cancel(mote_ctx_background());
    CHECK(mote_getaddrinfo_ctx(ctx, "localhost", "80", NULL, &list) == 0 && list);
    freeaddrinfo(list);
    mote_ctx_cancel(ctx, 0);
    CHECK(mote_getaddrinfo_ctx(ctx, "localhost", "80", NULL, &list) == -ECANCELED && !list);
    mote_ctx_free(ctx);
}

static void test_what_is_found(void **state)
{
    (void)state;
    struct addrinfo *list;
    assert_int_equal(mote_getaddrinfo("localhost", "80", NULL, &list), 0); /* a plain thread needs no runtime */
    freeaddrinfo(list);
    run_everywhere(walk_through);
}

/* Some give up while the answer is on its way: nothing is lost, and nothing freed twice. */
static void ask(int patience)
{
    struct addrinfo *list;
    mote_ctx *ctx = mote_ctx_with_timeout(mote_ctx_background(), patience * MOTE_US);
    int error = mote_getaddrinfo_ctx(ctx, "localhost", "7", NULL, &list);
    CHECK((error == 0 && list) || (error == -ETIMEDOUT && !list));
    if (list)
        freeaddrinfo(list);
    mote_ctx_free(ctx);
}

static void ask_often(void *arg)
{
    (void)arg;
    for (int i = 0; i < scale(400); i++)
        CHECK(mote_go(ask, i % 40 * 50) == 0);
    yield_until_alone();
}

static void test_some_give_up(void **state)
{
    (void)state;
    run_with_each(ask_often, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_found),
        cmocka_unit_test(test_some_give_up),
    };
    watchdog(60);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
