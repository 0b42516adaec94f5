/* SPDX-License-Identifier: MIT */
/* link_alone - a program that is linked to libmote.a and nothing else: CMakeLists.txt looks at what it says. */
#include <mote.h>

static void panic(void *arg) { mote_panic("%s", (const char *)arg); }

static int app(int argc, char **argv)
{
    mote_error error;
    (void)argc, (void)argv;
    if (mote_try(panic, "alone", &error) == 0)
        return 1;
    mote_error_print(&error);
    return 0;
}

int main(int argc, char **argv) { return mote_run(app, argc, argv); }
