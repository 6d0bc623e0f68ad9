/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/cardop.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/b64.h"
#include "pkcs11/cardop_ops.h"

/* Asked in this order, but for those that expect such a card: the first that knows it has it. */
static const struct card_driver *const drivers[] = {&cps3_driver, &cps4_driver};

#define ATR_TEXT_LEN (2 * TRANSPORT_ATR_MAX + 1)

#define DRIVERS (sizeof drivers / sizeof drivers[0])

static const char *const usage_names[KEY_USAGES] = {
    [USAGE_AUTHENTICATION] = "authentication",
    [USAGE_SIGNATURE] = "signature",
    [USAGE_TECHNICAL] = "technical",
};

struct cardop *cardop_new(cardop_connect_fn connect)
{
    struct cardop *cardop = calloc(1, sizeof *cardop);

    if (cardop != NULL)
        cardop->connect = connect;
    return cardop;
}

static void drop(struct cardop *cardop)
{
    if (cardop->card != NULL)
        cardop->card->driver->free(cardop->card);
    cardop->card = NULL;
    transport_free(cardop->transport);
    cardop->transport = NULL;
    free(cardop->reader);
    cardop->reader = NULL;
}

void cardop_free(struct cardop *cardop)
{
    if (cardop == NULL)
        return;
    drop(cardop);
    free(cardop);
}

cps_error cardop_begin(struct cardop *cardop, struct fail *fail)
{
    if (cardop->card == NULL)
        return fail_set(fail, CPS_INVALID_REQUEST, "no card is open");
    return cardop->transport->ops->begin(cardop->transport, fail);
}

void cardop_end(struct cardop *cardop)
{
    cardop->transport->ops->end(cardop->transport);
}

cps_error cardop_result(json_t *json, json_t **ret_result, struct fail *fail)
{
    if (json == NULL)
        return fail_set(fail, CPS_INTERNAL, "out of memory");
    *ret_result = json;
    return CPS_OK;
}

json_t *cardop_pin_json(const struct card_pin *pin)
{
    if (pin->none)
        return json_null();
    return json_pack("{s:i, s:b, s:b}", "tries_left", pin->tries_left, "blocked", pin->blocked,
                     "verified", pin->verified);
}

json_t *cardop_bytes_json(struct span bytes)
{
    AUTO_FREE char *text = b64_encode(bytes.data, bytes.len);

    return text == NULL ? NULL : json_string(text);
}

bool cardop_has_pad(const struct cardop *cardop)
{
    const struct card_driver *driver = cardop->card != NULL ? cardop->card->driver : NULL;

    return driver != NULL && driver->pin_pad != NULL && driver->pin_pad(cardop->card);
}

cps_error cardop_lacks(const struct cardop *cardop, const char *what, struct fail *fail)
{
    return fail_set(fail, CPS_CARD_UNSUPPORTED, "driver %s: no %s", cardop->card->driver->name,
                    what);
}

const char *cardop_usage_name(enum key_usage usage)
{
    return usage_names[usage];
}

cps_error cardop_get_usage(const struct worker_request *request, enum key_usage *ret_usage,
                           struct fail *fail)
{
    const char *name = json_get_string(request->params, "usage");

    for (size_t i = 0; name != NULL && i < KEY_USAGES; i++)
        if (strcmp(usage_names[i], name) == 0) {
            *ret_usage = (enum key_usage)i;
            return CPS_OK;
        }
    return fail_set(fail, CPS_INVALID_PARAMS, "usage");
}

bool cardop_get_bytes(const struct worker_request *request, const char *key, uint8_t *out,
                      size_t size, size_t *ret_len)
{
    const char *text = json_get_string(request->params, key);
    ptrdiff_t len = text == NULL ? -1 : b64_decode(text, strlen(text), out, size);

    if (len <= 0)
        return false;
    *ret_len = (size_t)len;
    return true;
}

static const char *atr_text(const struct transport *transport, char text[ATR_TEXT_LEN])
{
    text[0] = '\0';
    for (size_t i = 0; i < transport->atr_len; i++)
        snprintf(text + 2 * i, 3, "%02X", transport->atr[i]);
    return text;
}

static cps_error card_info(const struct cardop *cardop, const struct card_pin *pin,
                           json_t **ret_result, struct fail *fail)
{
    const struct transport *transport = cardop->transport;
    struct card_identity identity;
    char atr[ATR_TEXT_LEN];

    cardop->card->driver->identity(cardop->card, &identity);
    return cardop_result(
        json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:o, s:b}", "family", identity.family,
                  "driver", cardop->card->driver->name, "interface",
                  identity.interface == CARD_CONTACT ? "contact" : "contactless", "label",
                  identity.label, "serial", identity.serial, "issuer_number",
                  identity.issuer_number, "atr", atr_text(transport, atr), "protocol",
                  transport->protocol == TRANSPORT_T0 ? "T=0" : "T=1", "pin", cardop_pin_json(pin),
                  "pin_pad", cardop_has_pad(cardop)),
        ret_result, fail);
}

/* Enough to know the card by, at the least cost. */
static cps_error brief_info(const struct cardop *cardop, json_t **ret_result, struct fail *fail)
{
    struct card_identity identity;
    char atr[ATR_TEXT_LEN];

    cardop->card->driver->identity(cardop->card, &identity);
    return cardop_result(json_pack("{s:s, s:s, s:s, s:s}", "driver", cardop->card->driver->name,
                                   "serial", identity.serial, "issuer_number",
                                   identity.issuer_number, "atr", atr_text(cardop->transport, atr)),
                         ret_result, fail);
}

/* Between begin and end. */
static cps_error describe(struct cardop *cardop, const json_t *params, json_t **ret_result,
                          struct fail *fail)
{
    struct card_pin pin;
    cps_error error;

    if (json_get_bool(params, "brief", false))
        return brief_info(cardop, ret_result, fail);
    error = cardop_recall(cardop, params, fail);
    if (error == CPS_OK)
        error = cardop->card->driver->pin_status(cardop->card, &pin, fail);
    return error == CPS_OK ? card_info(cardop, &pin, ret_result, fail) : error;
}

/* Those drivers that expect a card with this ATR, or those that do not. */
static cps_error probe_those(struct cardop *cardop, bool expecting, struct fail *fail)
{
    const struct span atr = {cardop->transport->atr, cardop->transport->atr_len};
    cps_error error = CPS_CARD_UNSUPPORTED;

    for (size_t i = 0; i < DRIVERS && error == CPS_CARD_UNSUPPORTED; i++)
        if ((drivers[i]->expects != NULL && drivers[i]->expects(atr)) == expecting)
            error = drivers[i]->probe(cardop->transport, &cardop->card, fail);
    return error;
}

/*
 * An ATR says whom to ask first, and proves nothing: readers and cards may lie. A PKCS#11 module
 * gets the cards that no driver knows, or all of them.
 */
static cps_error probe(struct cardop *cardop, const json_t *module, struct fail *fail)
{
    bool always = json_get_bool(module, "always", false);
    cps_error error = always ? CPS_CARD_UNSUPPORTED : probe_those(cardop, true, fail);

    if (error == CPS_CARD_UNSUPPORTED && !always)
        error = probe_those(cardop, false, fail);
    if (error == CPS_CARD_UNSUPPORTED && module != NULL)
        error = cardop_use_module(cardop, module, fail);
    return error;
}

static cps_error connect_anew(struct cardop *cardop, const char *reader, const json_t *params,
                              json_t **ret_result, struct fail *fail)
{
    cps_error error;

    drop(cardop);
    cardop->reader = strdup(reader);
    if (cardop->reader == NULL)
        return fail_set(fail, CPS_INTERNAL, "out of memory");
    error = cardop->connect(reader, &cardop->transport, fail);
    if (error == CPS_OK)
        error = cardop->transport->ops->begin(cardop->transport, fail);
    if (error == CPS_OK) {
        error = probe(cardop, json_get_object(params, "module"), fail);
        if (error == CPS_OK)
            error = describe(cardop, params, ret_result, fail);
        cardop_end(cardop);
    }
    if (error != CPS_OK)
        drop(cardop);
    return error;
}

/* A card that is still there is known; one that went, or another reader, is a new start. */
static cps_error op_open(struct cardop *cardop, const struct worker_request *request,
                         json_t **ret_result, struct fail *fail)
{
    const char *reader = json_get_string(request->params, "reader");

    if (reader == NULL)
        return fail_set(fail, CPS_INVALID_PARAMS, "reader");
    if (cardop->card != NULL && strcmp(reader, cardop->reader) == 0 &&
        cardop_begin(cardop, fail) == CPS_OK) {
        cps_error error = describe(cardop, request->params, ret_result, fail);

        cardop_end(cardop);
        if (error == CPS_OK)
            return error;
    }
    return connect_anew(cardop, reader, request->params, ret_result, fail);
}

static cps_error op_logout(struct cardop *cardop, const struct worker_request *request,
                           json_t **ret_result, struct fail *fail)
{
    cps_error error = cardop_begin(cardop, fail);

    (void)request;
    if (error != CPS_OK)
        return error;
    if (cardop->card->driver->logout != NULL)
        cardop->card->driver->logout(cardop->card);
    error = cardop->transport->ops->reset(cardop->transport, fail);
    cardop_end(cardop);
    return error == CPS_OK ? cardop_result(json_object(), ret_result, fail) : error;
}

cps_error cardop_handle(struct cardop *cardop, const struct worker_request *request,
                        json_t **ret_result, struct fail *fail)
{
    static const struct {
        const char *op;
        cardop_op run;
    } ops[] = {
        {"open", op_open},
        {"keys", cardop_op_keys},
        {"certificate", cardop_op_certificate},
        {"pin_status", cardop_op_pin_status},
        {"verify", cardop_op_verify},
        {"change_pin", cardop_op_change_pin},
        {"unblock_pin", cardop_op_unblock_pin},
        {"sign", cardop_op_sign},
        {"decrypt", cardop_op_decrypt},
        {"objects", cardop_op_objects},
        {"object", cardop_op_object},
        {"situations", cardop_op_situations},
        {"logout", op_logout},
        {"report", cardop_op_report},
    };

    for (size_t i = 0; i < sizeof ops / sizeof ops[0]; i++)
        if (strcmp(ops[i].op, request->op) == 0)
            return ops[i].run(cardop, request, ret_result, fail);
    return fail_set(fail, CPS_METHOD_NOT_FOUND, "%s", request->op);
}
