/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two ends of a removal, each in a process of its own, in CLOCK_MONOTONIC nanoseconds:
 *   bench-removal pcsc READER        waits by SCardGetStatusChange until the reader is empty, and
 *                                    prints when it saw that: what any PC/SC program could know
 *   bench-removal events SOCKET SCRIPT   subscribes with the script, then prints the time in front
 *                                    of each line that arrives
 * Both say "ready" first.
 */
#include <err.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <winscard.h>

#include "tests/bench/clocks.h"
#include "tests/bench/stream.h"

static void ready(void)
{
    puts("ready");
    fflush(stdout);
}

static void check(LONG rv, const char *what)
{
    if (rv != SCARD_S_SUCCESS)
        errx(EXIT_FAILURE, "%s: %s", what, pcsc_stringify_error(rv));
}

static void wait_for_removal(const char *reader)
{
    SCARD_READERSTATE state = {.szReader = reader, .dwCurrentState = SCARD_STATE_UNAWARE};
    SCARDCONTEXT context;

    check(SCardEstablishContext(SCARD_SCOPE_SYSTEM, NULL, NULL, &context), "context");
    check(SCardGetStatusChange(context, 0, &state, 1), "first look");
    ready();
    while ((state.dwEventState & SCARD_STATE_EMPTY) == 0) {
        state.dwCurrentState = state.dwEventState & ~(DWORD)SCARD_STATE_CHANGED;
        check(SCardGetStatusChange(context, INFINITE, &state, 1), "wait");
    }
    printf("%" PRId64 "\n", clocks_now_ns());
    SCardReleaseContext(context);
}

static void print_events(const char *socket_path, const char *script_path)
{
    struct script script = {0};
    struct stream stream;

    script_load(&script, script_path, FRAMING_LINE);
    stream_connect(&stream, socket_path, FRAMING_LINE);
    stream_play(&stream, &script);
    ready();
    for (;;) {
        const char *data;

        stream_receive(&stream, &data, NULL);
        printf("%" PRId64 " %s", clocks_now_ns(), data);
        fflush(stdout);
    }
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "pcsc") == 0)
        wait_for_removal(argv[2]);
    else if (argc == 4 && strcmp(argv[1], "events") == 0)
        print_events(argv[2], argv[3]);
    else
        errx(2, "usage: bench-removal pcsc READER | events SOCKET SCRIPT");
    return EXIT_SUCCESS;
}
