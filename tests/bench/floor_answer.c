/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "tests/bench/floor.h"

static enum floor_wish wish_of(const char *method)
{
    if (strcmp(method, "subscribe") == 0)
        return FLOOR_SUBSCRIBE;
    if (strcmp(method, "session.login") == 0 || strcmp(method, "session.logout") == 0)
        return FLOOR_PUBLISH;
    return FLOOR_NOTHING;
}

static size_t raw(const struct floor *floor, char out[FLOOR_ANSWER_MAX])
{
    return (size_t)snprintf(out, FLOOR_ANSWER_MAX, "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":%s}\n",
                            floor->result);
}

static size_t splice(const struct floor *floor, const json_t *id, char out[FLOOR_ANSWER_MAX])
{
    return (size_t)snprintf(out, FLOOR_ANSWER_MAX,
                            "{\"jsonrpc\":\"2.0\",\"id\":%" JSON_INTEGER_FORMAT ",\"result\":%s}\n",
                            json_integer_value(id), floor->result);
}

/* As a program does that is written without a thought for speed. */
static size_t build(const struct floor *floor, json_t *id, char out[FLOOR_ANSWER_MAX])
{
    json_t *answer =
        json_pack("{s:s, s:O, s:{s:s, s:s, s:I, s:I}}", "jsonrpc", "2.0", "id", id, "result",
                  "token", floor->token, "token_type", "Bearer", "expires_at",
                  (json_int_t)1800000000, "epoch", (json_int_t)1800000000000);
    char *text = json_dumps(answer, JSON_COMPACT);
    size_t len = text != NULL ? strlen(text) : 0;

    json_decref(answer);
    if (len > 0 && len < FLOOR_ANSWER_MAX) {
        memcpy(out, text, len);
        out[len++] = '\n';
    }
    free(text);
    return len;
}

size_t floor_answer(const struct floor *floor, const char *line, size_t len,
                    char out[FLOOR_ANSWER_MAX], enum floor_wish *ret_wish)
{
    json_t *request;
    json_t *id;
    const char *method;
    size_t n = 0;

    *ret_wish = FLOOR_NOTHING;
    if (floor->kind == FLOOR_RAW)
        return raw(floor, out);
    request = json_loadb(line, len, 0, NULL);
    id = json_object_get(request, "id");
    method = json_string_value(json_object_get(request, "method"));
    if (json_is_integer(id) && method != NULL) {
        *ret_wish = wish_of(method);
        n = floor->kind == FLOOR_SPLICE ? splice(floor, id, out) : build(floor, id, out);
    }
    json_decref(request);
    return n;
}
