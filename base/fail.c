/* SPDX-License-Identifier: Apache-2.0 */
#include "base/fail.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"

__attribute__((format(printf, 2, 0))) static void push(struct fail *fail, const char *format,
                                                       va_list ap)
{
    if (fail->n_causes == FAIL_CAUSES_MAX)
        return;
    vsnprintf(fail->causes[fail->n_causes++], FAIL_CAUSE_LEN, format, ap);
}

cps_error fail_set(struct fail *fail, cps_error code, const char *format, ...)
{
    va_list ap;

    *fail = (struct fail)FAIL_INIT;
    fail->code = code;
    va_start(ap, format);
    push(fail, format, ap);
    va_end(ap);
    return code;
}

cps_error fail_add(struct fail *fail, const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    push(fail, format, ap);
    va_end(ap);
    return fail->code;
}

cps_error fail_reason(struct fail *fail, cps_error code, const char *reason, const char *format,
                      ...)
{
    va_list ap;

    *fail = (struct fail)FAIL_INIT;
    fail->code = code;
    snprintf(fail->reason, sizeof fail->reason, "%s", reason);
    va_start(ap, format);
    push(fail, format, ap);
    va_end(ap);
    return code;
}

json_t *fail_to_json(const struct fail *fail)
{
    json_t *json = json_pack("{s:s, s:[]}", "code", cps_error_name(fail->code), "causes");
    json_t *causes = json_object_get(json, "causes");

    for (unsigned i = 0; i < fail->n_causes; i++)
        json_array_append_new(causes, json_string(fail->causes[i]));
    if (fail->tries_left >= 0)
        json_object_set_new(json, "tries_left", json_integer(fail->tries_left));
    if (fail->retry_after_ms > 0)
        json_object_set_new(json, "retry_after_ms", json_integer(fail->retry_after_ms));
    if (fail->reason[0] != '\0')
        json_object_set_new(json, "reason", json_string(fail->reason));
    return json;
}

void fail_from_json(struct fail *ret_fail, const json_t *json)
{
    const char *code = json_get_string(json, "code");
    const char *reason = json_get_string(json, "reason");
    const json_t *causes = json_get_array(json, "causes");
    size_t n = json_array_size(causes);

    *ret_fail = (struct fail)FAIL_INIT;
    ret_fail->code = cps_error_from_name(code);
    if (ret_fail->code == CPS_OK)
        ret_fail->code = CPS_INTERNAL;
    ret_fail->tries_left = (int)json_get_int(json, "tries_left", -1);
    ret_fail->retry_after_ms = json_get_int(json, "retry_after_ms", 0);
    if (reason != NULL)
        snprintf(ret_fail->reason, sizeof ret_fail->reason, "%s", reason);
    for (size_t i = 0; i < n && i < FAIL_CAUSES_MAX; i++) {
        const char *cause = json_string_value(json_array_get(causes, i));

        snprintf(ret_fail->causes[ret_fail->n_causes++], FAIL_CAUSE_LEN, "%s",
                 cause != NULL ? cause : "");
    }
}

void fail_describe(const struct fail *fail, char *text, size_t size)
{
    size_t len = (size_t)snprintf(text, size, "%s", cps_error_name(fail->code));

    for (unsigned i = 0; i < fail->n_causes && len < size; i++)
        len +=
            (size_t)snprintf(text + len, size - len, "%s%s", i == 0 ? ": " : "; ", fail->causes[i]);
}
