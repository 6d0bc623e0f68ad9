/* SPDX-License-Identifier: Apache-2.0 */
/* Operations on the PIN. Secrets come by pipe, straight into guarded memory. */
#include "pkcs11/cardop_ops.h"

#include <errno.h>
#include <string.h>

#define SEPARATOR '\n'

/* What there is to know of the PUK without presenting it; a driver may have no way to ask. */
static cps_error puk_status(const struct cardop *cardop, struct card_pin *ret_puk,
                            struct fail *fail)
{
    if (cardop->card->driver->puk_status != NULL)
        return cardop->card->driver->puk_status(cardop->card, ret_puk, fail);
    *ret_puk = (struct card_pin){.tries_left = -1};
    return CPS_OK;
}

cps_error cardop_op_pin_status(struct cardop *cardop, const struct worker_request *request,
                               json_t **ret_result, struct fail *fail)
{
    const char *code = json_get_string(request->params, "code");
    struct card_pin pin;
    cps_error error = cardop_begin(cardop, fail);

    if (error != CPS_OK)
        return error;
    if (code != NULL && strcmp(code, "puk") == 0)
        error = puk_status(cardop, &pin, fail);
    else
        error = cardop->card->driver->pin_status(cardop->card, &pin, fail);
    cardop_end(cardop);
    return error == CPS_OK ? cardop_result(cardop_pin_json(&pin), ret_result, fail) : error;
}

static cps_error new_secret(struct secret **ret_secret, struct fail *fail)
{
    struct secret *secret = secret_new();

    if (secret == NULL)
        return fail_set(fail, CPS_INTERNAL, "no guarded memory: %s", strerror(errno));
    *ret_secret = secret;
    return CPS_OK;
}

/* What was typed, straight from the prompt's pipe. Nobody holds the card while people type. */
static cps_error read_typed(const struct worker_request *request, struct secret **ret_typed,
                            struct fail *fail)
{
    AUTO_SECRET struct secret *typed = NULL;
    int r;

    if (request->fd < 0)
        return fail_set(fail, CPS_INVALID_PARAMS, "no descriptor came along");
    if (new_secret(&typed, fail) != CPS_OK)
        return fail->code;
    r = secret_read(typed, request->fd, request->deadline_ms);
    if (r == -ETIMEDOUT)
        return fail_set(fail, CPS_PROMPT_TIMEOUT, "no PIN before the deadline");
    if (r < 0 && r != -EMSGSIZE)
        return fail_set(fail, CPS_INTERNAL, "the PIN's pipe: %s", strerror(-r));
    if (r < 0)
        return fail_set(fail, CPS_PIN_INVALID, "far too long for a PIN");
    if (secret_len(typed) == 0)
        return fail_set(fail, CPS_PROMPT_CANCELLED, "no PIN was given");
    *ret_typed = TAKE_PTR(typed);
    return CPS_OK;
}

/* Two secrets with a line feed between them. What each of them may be is the driver's to say. */
static cps_error read_two(const struct worker_request *request, struct secret **ret_first,
                          struct secret **ret_second, struct fail *fail)
{
    AUTO_SECRET struct secret *typed = NULL;
    AUTO_SECRET struct secret *first = NULL;
    AUTO_SECRET struct secret *second = NULL;
    const uint8_t *data;
    const uint8_t *separator;
    size_t len;

    if (read_typed(request, &typed, fail) != CPS_OK || new_secret(&first, fail) != CPS_OK ||
        new_secret(&second, fail) != CPS_OK)
        return fail->code;
    data = secret_data(typed);
    len = secret_len(typed);
    separator = memchr(data, SEPARATOR, len);
    if (separator == NULL)
        return fail_set(fail, CPS_PIN_INVALID, "one code where two are needed");
    (void)secret_set(first, data, (size_t)(separator - data));
    (void)secret_set(second, separator + 1, len - (size_t)(separator - data) - 1);
    *ret_first = TAKE_PTR(first);
    *ret_second = TAKE_PTR(second);
    return CPS_OK;
}

/* The PIN is typed on the reader: no descriptor comes along. */
static cps_error on_pad(const struct cardop *cardop, const struct worker_request *request,
                        bool *ret_on_pad, struct fail *fail)
{
    bool wanted = json_get_bool(request->params, "pin_pad", false);

    if (wanted && request->fd >= 0)
        return fail_set(fail, CPS_INVALID_PARAMS, "a descriptor and a PIN pad");
    if (wanted && !cardop_has_pad(cardop))
        return fail_set(fail, CPS_CARD_UNSUPPORTED, "no PIN pad");
    *ret_on_pad = wanted;
    return CPS_OK;
}

static cps_error tries(const struct card_pin *pin, json_t **ret_result, struct fail *fail)
{
    return cardop_result(json_pack("{s:i}", "tries_left", pin->tries_left), ret_result, fail);
}

cps_error cardop_op_verify(struct cardop *cardop, const struct worker_request *request,
                           json_t **ret_result, struct fail *fail)
{
    AUTO_SECRET struct secret *pin = NULL;
    bool last_try = json_get_bool(request->params, "last_try", false);
    bool pad;
    struct card_pin state;
    cps_error error = on_pad(cardop, request, &pad, fail);

    if (error == CPS_OK && !pad)
        error = read_typed(request, &pin, fail);
    if (error == CPS_OK)
        error = cardop_begin(cardop, fail);
    if (error != CPS_OK)
        return error;
    error = cardop->card->driver->verify(cardop->card, pin, last_try, &state, fail);
    cardop_end(cardop);
    return error == CPS_OK ? tries(&state, ret_result, fail) : error;
}

cps_error cardop_op_change_pin(struct cardop *cardop, const struct worker_request *request,
                               json_t **ret_result, struct fail *fail)
{
    AUTO_SECRET struct secret *old_pin = NULL;
    AUTO_SECRET struct secret *new_pin = NULL;
    bool last_try = json_get_bool(request->params, "last_try", false);
    bool pad;
    struct card_pin state;
    cps_error error = on_pad(cardop, request, &pad, fail);

    if (error == CPS_OK && !pad)
        error = read_two(request, &old_pin, &new_pin, fail);
    if (error == CPS_OK)
        error = cardop_begin(cardop, fail);
    if (error != CPS_OK)
        return error;
    if (cardop->card->driver->change_pin == NULL)
        error = cardop_lacks(cardop, "change of PIN", fail);
    else
        error = cardop->card->driver->change_pin(cardop->card, old_pin, new_pin, last_try, &state,
                                                 fail);
    cardop_end(cardop);
    return error == CPS_OK ? tries(&state, ret_result, fail) : error;
}

cps_error cardop_op_unblock_pin(struct cardop *cardop, const struct worker_request *request,
                                json_t **ret_result, struct fail *fail)
{
    AUTO_SECRET struct secret *puk = NULL;
    AUTO_SECRET struct secret *new_pin = NULL;
    bool last_try = json_get_bool(request->params, "last_try", false);
    struct card_pin state;
    cps_error error = read_two(request, &puk, &new_pin, fail);

    if (error == CPS_OK)
        error = cardop_begin(cardop, fail);
    if (error != CPS_OK)
        return error;
    if (cardop->card->driver->unblock_pin == NULL)
        error = cardop_lacks(cardop, "unblocking", fail);
    else
        error =
            cardop->card->driver->unblock_pin(cardop->card, puk, new_pin, last_try, &state, fail);
    cardop_end(cardop);
    return error == CPS_OK ? tries(&state, ret_result, fail) : error;
}
