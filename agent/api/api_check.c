/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/api/api_check.h"

#include <string.h>

#include "base/json.h"
#include "base/text.h"

/* Longest name of an unknown parameter that is repeated in the answer. */
#define PARAM_NAME_MAX 64

static cps_error refuse(struct fail *fail, const char *name, const char *why)
{
    return fail_reason(fail, CPS_INVALID_PARAMS, name, "%s: %s", name, why);
}

static const struct api_param *find_param(const struct api_param *params, const char *name)
{
    for (; params->name != NULL; params++)
        if (strcmp(params->name, name) == 0)
            return params;
    return NULL;
}

static bool is_alnum(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool char_fits(enum api_chars chars, char c, bool first)
{
    unsigned char byte = (unsigned char)c;

    switch (chars) {
    case API_CHARS_ANY:
        return true;
    case API_CHARS_TEXT:
        return byte >= 0x20 && byte != 0x7f;
    case API_CHARS_VISIBLE:
        return byte > 0x20 && byte < 0x7f;
    case API_CHARS_PROFILE:
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c == '-' && !first);
    case API_CHARS_NATIONAL_ID:
        return is_alnum(c) || c == '/';
    }
    return false;
}

static bool is_listed(const char *const *values, const char *text)
{
    if (values == NULL)
        return true;
    for (; *values != NULL; values++)
        if (strcmp(*values, text) == 0)
            return true;
    return false;
}

/* Lengths are in characters, as in JSON Schema; the parser has already made sure of UTF-8. */
static cps_error check_string(const struct api_param *param, const json_t *value, struct fail *fail)
{
    const char *text = json_string_value(value);
    int64_t length = 0;

    if (text == NULL)
        return refuse(fail, param->name, "not a string");
    for (const char *c = text; *c != '\0'; c++) {
        if (!char_fits(param->chars, *c, c == text))
            return refuse(fail, param->name, "character not allowed");
        length += (*c & 0xc0) != 0x80;
    }
    if (length < param->min || length > param->max)
        return refuse(fail, param->name, "too short or too long");
    if (!is_listed(param->values, text))
        return refuse(fail, param->name, "not one of the values allowed");
    return CPS_OK;
}

static cps_error check_integer(const struct api_param *param, const json_t *value,
                               struct fail *fail)
{
    if (!json_is_integer(value))
        return refuse(fail, param->name, "not an integer");
    if (json_integer_value(value) < param->min || json_integer_value(value) > param->max)
        return refuse(fail, param->name, "out of range");
    return CPS_OK;
}

static bool is_repeated(const json_t *array, size_t index)
{
    for (size_t i = 0; i < index; i++)
        if (json_equal(json_array_get(array, i), json_array_get(array, index)))
            return true;
    return false;
}

static cps_error check_strings(const struct api_param *param, const json_t *value,
                               struct fail *fail)
{
    const json_t *item;
    size_t i;

    if (!json_is_array(value))
        return refuse(fail, param->name, "not an array");
    if ((int64_t)json_array_size(value) > param->max)
        return refuse(fail, param->name, "too many items");
    json_array_foreach (value, i, item) {
        if (!json_is_string(item) || !is_listed(param->values, json_string_value(item)))
            return refuse(fail, param->name, "an item is not one of the values allowed");
        if (is_repeated(value, i))
            return refuse(fail, param->name, "an item is repeated");
    }
    return CPS_OK;
}

static cps_error check_id(const struct api_param *param, const json_t *value, struct fail *fail)
{
    return json_is_integer(value) ? CPS_OK : check_string(param, value, fail);
}

static cps_error check_params(const struct api_param *params, const json_t *object,
                              struct fail *fail);

static cps_error check_value(const struct api_param *param, const json_t *value, struct fail *fail)
{
    switch (param->type) {
    case API_STRING:
        return check_string(param, value, fail);
    case API_INTEGER:
        return check_integer(param, value, fail);
    case API_BOOLEAN:
        return json_is_boolean(value) ? CPS_OK : refuse(fail, param->name, "not a boolean");
    case API_OBJECT:
        if (!json_is_object(value))
            return refuse(fail, param->name, "not an object");
        return check_params(param->params, value, fail);
    case API_STRINGS:
        return check_strings(param, value, fail);
    case API_ID:
        return check_id(param, value, fail);
    }
    return fail_set(fail, CPS_INTERNAL, "parameter of unknown type");
}

static cps_error check_params(const struct api_param *params, const json_t *object,
                              struct fail *fail)
{
    const char *name;
    json_t *value;

    /* jansson has no foreach over const objects; nothing is changed. */
    json_object_foreach ((json_t *)(uintptr_t)object, name, value) {
        const struct api_param *param = find_param(params, name);
        cps_error error;

        if (param == NULL)
            return fail_reason(fail, CPS_INVALID_PARAMS, "unknown", "%s: no such parameter",
                               text_is_plain(name, PARAM_NAME_MAX) ? name : "?");
        error = check_value(param, value, fail);
        if (error != CPS_OK)
            return error;
    }
    for (; params->name != NULL; params++)
        if (params->required && json_object_get(object, params->name) == NULL)
            return refuse(fail, params->name, "missing");
    return CPS_OK;
}

const struct api_method *api_find(const char *name)
{
    for (size_t i = 0; i < API_METHOD_COUNT; i++)
        if (strcmp(api_methods[i].name, name) == 0)
            return &api_methods[i];
    return NULL;
}

cps_error api_check(const struct api_method *method, const json_t *params, struct fail *fail)
{
    if (params != NULL && !json_is_object(params))
        return refuse(fail, "params", "not an object");
    return check_params(method->params, params, fail);
}

const char *api_string(const struct api_method *method, const json_t *params, const char *name)
{
    const struct api_param *param = find_param(method->params, name);
    const char *value = json_get_string(params, name);

    if (value != NULL || param == NULL)
        return value;
    return param->default_text;
}

int64_t api_int(const struct api_method *method, const json_t *params, const char *name)
{
    const struct api_param *param = find_param(method->params, name);

    return json_get_int(params, name, param != NULL ? param->default_int : 0);
}
