/* SPDX-License-Identifier: Apache-2.0 */
/* bench-floor KIND IDENTITY SOCKET TOKEN_LEN EVENT_LEN: a floor server, see floor.h. */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/floor.h"

static int one_of(const char *const *names, const char *name)
{
    for (int i = 0; names[i] != NULL; i++)
        if (strcmp(names[i], name) == 0)
            return i;
    errx(2, "unknown: %s", name);
}

/* Text of that length, of letters that JSON carries as they are. */
static char *text_of(size_t len)
{
    char *text = malloc(len + 1);

    if (text == NULL)
        err(EXIT_FAILURE, "malloc");
    for (size_t i = 0; i < len; i++)
        text[i] = (char)('a' + i % 26);
    text[len] = '\0';
    return text;
}

static char *rendered(const char *token)
{
    char *text;

    if (asprintf(&text,
                 "{\"token\":\"%s\",\"token_type\":\"Bearer\",\"expires_at\":1800000000,"
                 "\"epoch\":1800000000000}",
                 token) < 0)
        err(EXIT_FAILURE, "asprintf");
    return text;
}

/* An event of len bytes, newline included; as many as its frame takes at least. */
static char *event_of(size_t len)
{
    static const char frame[] =
        "{\"jsonrpc\":\"2.0\",\"method\":\"event.session\",\"params\":{\"filling\":\"\"}}\n";
    char *filling = text_of(len > sizeof frame - 1 ? len - (sizeof frame - 1) : 0);
    char *text;

    if (asprintf(&text,
                 "{\"jsonrpc\":\"2.0\",\"method\":\"event.session\",\"params\":{\"filling\":"
                 "\"%s\"}}\n",
                 filling) < 0)
        err(EXIT_FAILURE, "asprintf");
    free(filling);
    return text;
}

int main(int argc, char **argv)
{
    static const char *const kinds[] = {"raw", "splice", "jansson", NULL};
    static const char *const identities[] = {"nobody", "cred", "full", NULL};
    struct floor floor = {0};
    int kind, identity;

    if (argc != 6)
        errx(2,
             "usage: bench-floor raw|splice|jansson nobody|cred|full SOCKET TOKEN_LEN EVENT_LEN");
    kind = one_of(kinds, argv[1]);
    identity = one_of(identities, argv[2]);
    floor.kind = (enum floor_kind)kind;
    floor.identity = (enum floor_identity)identity;
    floor.socket_path = argv[3];
    floor.token = text_of(strtoul(argv[4], NULL, 10));
    floor.result = rendered(floor.token);
    floor.event = event_of(strtoul(argv[5], NULL, 10));
    if (strlen(floor.result) + FLOOR_LINE_MAX > FLOOR_ANSWER_MAX)
        errx(2, "token too long");
    floor_serve(&floor);
}
