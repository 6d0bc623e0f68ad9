/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/rpc.h"

#include <stdio.h>
#include <string.h>

#include "agent/access.h"
#include "agent/api/api_check.h"
#include "agent/methods.h"
#include "agent/request.h"
#include "agent/session.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/util.h"

/* Longest id, in characters, when it is a string. */
#define ID_STRING_MAX 64

static json_t *error_object(const struct fail *fail)
{
    const cps_error_text *text = cps_error_get_text(fail->code);
    json_t *data = fail_to_json(fail);

    json_object_set(data, "name", json_object_get(data, "code"));
    json_object_del(data, "code");
    json_object_set_new(data, "message_fr", json_string(text->message_fr));
    json_object_set_new(data, "message_en", json_string(text->message_en));
    json_object_set_new(data, "advice_fr", json_string(text->advice_fr));
    json_object_set_new(data, "advice_en", json_string(text->advice_en));
    return json_pack("{s:i, s:s, s:o}", "code", cps_error_number(fail->code), "message",
                     text->message_fr, "data", data);
}

void rpc_send_error(struct conn *conn, const char *id, const struct fail *fail)
{
    json_t *id_value = id != NULL ? json_loads(id, JSON_DECODE_ANY, NULL) : json_null();

    conn_send_json(conn, json_pack("{s:s, s:o, s:o}", "jsonrpc", "2.0", "id", id_value, "error",
                                   error_object(fail)));
}

void rpc_notify(struct conn *conn, const char *method, json_t *params)
{
    conn_send_json(
        conn, json_pack("{s:s, s:s, s:O}", "jsonrpc", "2.0", "method", method, "params", params));
}

/* JSON text of an id, or false when it is not a short printable string or an integer. */
static bool id_text(const json_t *id, char *text, size_t size)
{
    size_t len;

    if (json_is_integer(id)) {
        snprintf(text, size, "%" JSON_INTEGER_FORMAT, json_integer_value(id));
        return true;
    }
    len = json_string_length(id);
    if (!json_is_string(id) || len == 0 || len > ID_STRING_MAX)
        return false;
    for (size_t i = 0; i < len; i++) {
        char c = json_string_value(id)[i];

        if (c < ' ' || c > '~' || c == '"' || c == '\\')
            return false;
    }
    snprintf(text, size, "\"%s\"", json_string_value(id));
    return true;
}

static bool known_members(const json_t *message)
{
    size_t known = 0;

    known += json_object_get(message, "jsonrpc") != NULL;
    known += json_object_get(message, "id") != NULL;
    known += json_object_get(message, "method") != NULL;
    known += json_object_get(message, "params") != NULL;
    return json_object_size(message) == known;
}

/* The shape of the message, method and parameters aside. */
static cps_error check_shape(const struct conn *conn, const json_t *message, char *id,
                             size_t id_size, struct fail *fail)
{
    const char *version = json_get_string(message, "jsonrpc");
    const json_t *params = json_object_get(message, "params");

    if (!json_is_object(message))
        return fail_set(fail, CPS_INVALID_REQUEST, "one object a line; no batch");
    if (!id_text(json_object_get(message, "id"), id, id_size)) {
        id[0] = '\0';
        return fail_set(fail, CPS_INVALID_REQUEST, "id: an integer or a short printable string");
    }
    if (version == NULL || strcmp(version, "2.0") != 0)
        return fail_set(fail, CPS_INVALID_REQUEST, "jsonrpc: \"2.0\"");
    if (json_get_string(message, "method") == NULL)
        return fail_set(fail, CPS_INVALID_REQUEST, "method: a string");
    if (params != NULL && !json_is_object(params))
        return fail_set(fail, CPS_INVALID_REQUEST, "params: an object");
    if (!known_members(message))
        return fail_set(fail, CPS_INVALID_REQUEST, "unknown member in the request");
    if (request_find(conn, id) != NULL)
        return fail_set(fail, CPS_INVALID_REQUEST, "id: already under way");
    return CPS_OK;
}

static void dispatch(struct conn *conn, const char *id, const json_t *message)
{
    const char *name = json_get_string(message, "method");
    const struct api_method *method = api_find(name);
    json_t *given = json_object_get(message, "params");
    AUTO_JSON json_t *params = given != NULL ? json_incref(given) : json_object();
    const char *interaction = json_get_string(params, "interaction");
    struct request *request;
    bool may_ask = false;
    struct fail fail = FAIL_INIT;

    if (method == NULL)
        fail_set(&fail, CPS_METHOD_NOT_FOUND, "%.64s", name);
    else if (conn->n_requests >= REQUESTS_MAX)
        fail_set(&fail, CPS_TOO_MANY_REQUESTS, "%d on this connection", REQUESTS_MAX);
    else if (api_check(method, params, &fail) == CPS_OK &&
             access_permits(conn, method, params, &may_ask, &fail) == CPS_OK &&
             session_check_epoch(conn->agent->session, params, &fail) == CPS_OK) {
        request = request_new(conn, id, TAKE_PTR(params));
        if (request != NULL) {
            request->deadline_ms = clock_boot_ms() + json_get_int(request->params, "deadline_ms",
                                                                  method->default_deadline_ms);
            request->method = method;
            request->interactive =
                may_ask && (interaction == NULL || strcmp(interaction, "none") != 0);
            method_handlers[method->id](conn->agent, request);
            return;
        }
        fail_set(&fail, CPS_INTERNAL, "out of memory");
    }
    rpc_send_error(conn, id, &fail);
}

void rpc_line(struct conn *conn, const char *line, size_t len)
{
    AUTO_JSON json_t *message = json_parse_strict(line, len);
    char id[REQUEST_ID_MAX] = "";
    struct fail fail;

    if (message == NULL) {
        fail_set(&fail, CPS_PARSE_ERROR, "not one strict JSON text of at most %d levels",
                 JSON_DEPTH_MAX);
        rpc_send_error(conn, NULL, &fail);
        return;
    }
    if (check_shape(conn, message, id, sizeof id, &fail) != CPS_OK)
        rpc_send_error(conn, id[0] != '\0' ? id : NULL, &fail);
    else
        dispatch(conn, id, message);
}
