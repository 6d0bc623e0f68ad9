/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/prompt/new_code.h"

#include <string.h>

static bool is_same(const struct secret *a, const struct secret *b)
{
    return secret_len(a) == secret_len(b) &&
           memcmp(secret_data(a), secret_data(b), secret_len(a)) == 0;
}

static bool has_form(const struct secret *code, unsigned digits)
{
    const uint8_t *data = secret_data(code);

    if (digits == 0)
        return secret_len(code) > 0 && memchr(data, '\n', secret_len(code)) == NULL;
    if (secret_len(code) != digits)
        return false;
    for (size_t i = 0; i < digits; i++)
        if (data[i] < '0' || data[i] > '9')
            return false;
    return true;
}

/* Each digit is the one before plus step, 0 coming after 9. */
static bool is_run(const uint8_t *data, size_t len, unsigned step)
{
    for (size_t i = 1; i < len; i++) {
        unsigned before = data[i - 1] - (unsigned)'0';

        if (data[i] - (unsigned)'0' != (before + step) % 10)
            return false;
    }
    return true;
}

static bool is_pair_repeated(const uint8_t *data, size_t len)
{
    for (size_t i = 2; i < len; i++)
        if (data[i] != data[i - 2])
            return false;
    return true;
}

enum new_code new_code_check(const struct secret *code, const struct secret *current,
                             unsigned digits)
{
    const uint8_t *data = secret_data(code);

    if (!has_form(code, digits))
        return NEW_CODE_FORM;
    if (is_same(code, current))
        return NEW_CODE_SAME;
    if (digits > 0 && (is_run(data, digits, 0) || is_run(data, digits, 1) ||
                       is_run(data, digits, 9) || is_pair_repeated(data, digits)))
        return NEW_CODE_WEAK;
    return NEW_CODE_FINE;
}

/* The second time it is typed, unless the pinentry has asked for it in the same dialogue. */
static cps_error confirm(const struct question *question, const struct new_code_texts *texts,
                         const struct secret *new_code, bool *ret_same, struct fail *fail)
{
    AUTO_SECRET struct secret *again = secret_new();
    struct question second = *question;
    cps_error error;

    if (again == NULL)
        return fail_set(fail, CPS_INTERNAL, "no guarded memory");
    second.prompt = texts->repeat;
    second.error = NULL;
    error = pinentry_pin(&second, again, fail);
    if (error == CPS_PIN_INVALID) /* nothing typed is not the same */
        error = CPS_OK;
    if (error == CPS_OK)
        *ret_same = is_same(again, new_code);
    return error;
}

/* One round of the new code; *ret_refusal: why there must be another one, or NULL. */
static cps_error ask_new(const struct question *question, const struct new_code_texts *texts,
                         unsigned digits, const struct secret *current, struct secret *new_code,
                         const char **ret_refusal, struct fail *fail)
{
    const char *const refusals[] = {[NEW_CODE_FINE] = NULL,
                                    [NEW_CODE_FORM] = texts->form,
                                    [NEW_CODE_SAME] = texts->same,
                                    [NEW_CODE_WEAK] = texts->weak};
    enum new_code verdict = NEW_CODE_FORM;
    bool repeated = false;
    bool same = true;
    cps_error error = pinentry_new_pin(question, new_code, &repeated, fail);

    if (error == CPS_OK)
        verdict = new_code_check(new_code, current, digits);
    else if (error == CPS_PIN_INVALID) /* nothing was typed */
        error = CPS_OK;
    if (error == CPS_OK && verdict == NEW_CODE_FINE && !repeated)
        error = confirm(question, texts, new_code, &same, fail);
    if (error == CPS_OK)
        *ret_refusal = same ? refusals[verdict] : texts->mismatch;
    return error;
}

cps_error new_code_ask(const struct question *question, const struct new_code_texts *texts,
                       unsigned digits, struct secret *current, struct secret *new_code,
                       struct fail *fail)
{
    struct question next = *question;
    unsigned refused = 0;
    cps_error error;

    next.prompt = texts->current;
    error = pinentry_pin(&next, current, fail);
    next.prompt = texts->new;
    next.repeat = texts->repeat;
    next.mismatch = texts->mismatch;
    next.error = NULL;
    do
        if (error == CPS_OK)
            error = ask_new(&next, texts, digits, current, new_code, &next.error, fail);
    while (error == CPS_OK && next.error != NULL && ++refused < NEW_CODE_REFUSED_MAX);
    if (error == CPS_OK && next.error != NULL)
        return fail_set(fail, CPS_PROMPT_CANCELLED, "%u new codes were refused", refused);
    return error;
}
