/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench-oneshot SOCKET SCRIPT: the least a command-line client can be. Connects, sends the lines of
 * the script, parses the last answer with jansson, prints it and leaves.
 */
#include <err.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/stream.h"

#define ANSWERS_MAX (1 << 18)

int main(int argc, char **argv)
{
    static char answers[ANSWERS_MAX];
    struct script script = {0};
    struct stream stream;
    unsigned received = 0;
    size_t len = 0;
    json_t *answer;

    if (argc != 3)
        errx(2, "usage: bench-oneshot SOCKET SCRIPT");
    script_load(&script, argv[2], FRAMING_LINE);
    stream_connect(&stream, argv[1], FRAMING_LINE);
    stream_send(&stream, script.bytes, script.len);
    while (received < script.messages) {
        const char *data;
        size_t n;

        received += stream_receive(&stream, &data, &n);
        if (len + n >= sizeof answers)
            errx(EXIT_FAILURE, "answers too long");
        memcpy(answers + len, data, n);
        len += n;
    }
    for (char *end; received > 1 && (end = strchr(answers, '\n')) != NULL; received--)
        memmove(answers, end + 1, strlen(end + 1) + 1);
    answer = json_loads(answers, 0, NULL);
    if (json_object_get(answer, "result") == NULL)
        errx(EXIT_FAILURE, "no result: %s", answers);
    json_dumpf(json_object_get(answer, "result"), stdout, JSON_INDENT(2));
    json_decref(answer);
    return EXIT_SUCCESS;
}
