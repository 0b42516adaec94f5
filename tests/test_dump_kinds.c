/* SPDX-License-Identifier: MIT */
/* test_dump_kinds - more kinds of tasks than a report has room for: the others are counted. */
#include "support.h"

#include "base/attr.h"
#include "base/msg.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define GROUPS 2048 /* dump.c */
#define KINDS 2100
#define TURNS 12

static mote_chan(int) gate;
static volatile int after;

/* As many ways here as there are numbers of so many bits: all backtraces are different. */
static NOINLINE void go_left(unsigned way, int turns);

static NOINLINE void go_right(unsigned way, int turns)
{
    if (turns == 0)
        mote_recv(gate, NULL);
    else if (way & 1)
        go_left(way >> 1, turns - 1);
    else
        go_right(way >> 1, turns - 1);
    after = 1;
}

static NOINLINE void go_left(unsigned way, int turns)
{
    if (turns == 0)
        mote_recv(gate, NULL);
    else if (way & 1)
        go_left(way >> 1, turns - 1);
    else
        go_right(way >> 1, turns - 1);
    after = 2;
}

static void wander(unsigned way) { go_left(way, TURNS); }

static unsigned long number_before(const char *text, const char *what)
{
    const char *at = strstr(text, what);
    while (at && at > text && ((at[-1] >= '0' && at[-1] <= '9') || at[-1] == ','))
        at--;
    return at ? strtoul(at, NULL, 10) : 0;
}

static void show_too_many(void *arg)
{
    char end[400] = "";
    (void)arg;
    gate = mote_chan_make(int, 0);
    for (unsigned i = 0; i < KINDS; i++)
        CHECK(mote_go(wander, i) == 0);
    await_parked(KINDS);
    int fd = memfd_create("report", 0);
    CHECK(fd >= 0 && mote_dump(fd, MOTE_DUMP_PLAIN) == 0);
    off_t size = lseek(fd, 0, SEEK_END);
    CHECK(size > (off_t)sizeof end && pread(fd, end, sizeof end - 1, size - (off_t)sizeof end + 1) > 0);
    close(fd);
    unsigned long more = number_before(end, " tasks more, of too many kinds to tell apart\n");
    bool told = msg_tracer && !msg_tracer->missing();
    if (told ? more < KINDS - GROUPS || more > KINDS : more > 0) {
        fprintf(stderr, "%lu more tasks: %s", more, end);
        abort();
    }
    mote_chan_close(gate);
    yield_until_alone();
    mote_chan_free(gate);
}

static void test_what_has_no_room_is_counted(void **state)
{
    (void)state;
    if (UNDER_EMULATOR) /* to unwind two thousand stacks takes minutes there */
        skip();
    run_with(&one_proc, show_too_many, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_has_no_room_is_counted),
    };
    watchdog(120);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
