/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/cardop.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/b64.h"
#include "base/json.h"
#include "base/secret.h"
#include "base/util.h"
#include "pkcs11/driver.h"

#define DIGEST_MAX 64

/* Asked in this order; the first that knows the card has it. */
static const struct card_driver *const drivers[] = {&cps3_driver};

struct cardop {
    cardop_connect_fn connect;
    char *reader;
    struct transport *transport; /* NULL until open */
    struct card *card;           /* NULL until open; never outlives its transport */
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

static cps_error begin(struct cardop *cardop, struct fail *fail)
{
    if (cardop->card == NULL)
        return fail_set(fail, CPS_INVALID_REQUEST, "no card is open");
    return cardop->transport->ops->begin(cardop->transport, fail);
}

static void end(struct cardop *cardop)
{
    cardop->transport->ops->end(cardop->transport);
}

/* Memory is all that packing can lack. */
static cps_error result(json_t *json, json_t **ret_result, struct fail *fail)
{
    if (json == NULL)
        return fail_set(fail, CPS_INTERNAL, "out of memory");
    *ret_result = json;
    return CPS_OK;
}

static json_t *pin_to_json(const struct card_pin *pin)
{
    return json_pack("{s:i, s:b, s:b}", "tries_left", pin->tries_left, "blocked", pin->blocked,
                     "verified", pin->verified);
}

static json_t *bytes_to_json(struct span bytes)
{
    AUTO_FREE char *text = b64_encode(bytes.data, bytes.len);

    return text == NULL ? NULL : json_string(text);
}

static cps_error card_info(const struct cardop *cardop, const struct card_pin *pin,
                           json_t **ret_result, struct fail *fail)
{
    const struct transport *transport = cardop->transport;
    struct card_identity identity;
    char atr[2 * TRANSPORT_ATR_MAX + 1] = "";

    for (size_t i = 0; i < transport->atr_len; i++)
        snprintf(atr + 2 * i, 3, "%02X", transport->atr[i]);
    cardop->card->driver->identity(cardop->card, &identity);
    return result(json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:o}", "family", identity.family,
                            "driver", cardop->card->driver->name, "label", identity.label, "serial",
                            identity.serial, "issuer_number", identity.issuer_number, "atr", atr,
                            "protocol", transport->protocol == TRANSPORT_T0 ? "T=0" : "T=1", "pin",
                            pin_to_json(pin)),
                  ret_result, fail);
}

/* Between begin and end. */
static cps_error describe(struct cardop *cardop, json_t **ret_result, struct fail *fail)
{
    struct card_pin pin;
    cps_error error = cardop->card->driver->pin_status(cardop->card, &pin, fail);

    return error == CPS_OK ? card_info(cardop, &pin, ret_result, fail) : error;
}

static cps_error probe(struct cardop *cardop, struct fail *fail)
{
    cps_error error = CPS_CARD_UNSUPPORTED;

    for (size_t i = 0; i < sizeof drivers / sizeof drivers[0] && error == CPS_CARD_UNSUPPORTED; i++)
        error = drivers[i]->probe(cardop->transport, &cardop->card, fail);
    return error;
}

static cps_error connect_anew(struct cardop *cardop, const char *reader, json_t **ret_result,
                              struct fail *fail)
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
        error = probe(cardop, fail);
        if (error == CPS_OK)
            error = describe(cardop, ret_result, fail);
        end(cardop);
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
        begin(cardop, fail) == CPS_OK) {
        cps_error error = describe(cardop, ret_result, fail);

        end(cardop);
        if (error == CPS_OK)
            return error;
    }
    return connect_anew(cardop, reader, ret_result, fail);
}

static bool get_usage(const struct worker_request *request, enum key_usage *ret_usage)
{
    const char *usage = json_get_string(request->params, "usage");

    if (usage == NULL)
        return false;
    *ret_usage = strcmp(usage, "signature") == 0 ? USAGE_SIGNATURE : USAGE_AUTHENTICATION;
    return *ret_usage == USAGE_SIGNATURE || strcmp(usage, "authentication") == 0;
}

static cps_error op_certificate(struct cardop *cardop, const struct worker_request *request,
                                json_t **ret_result, struct fail *fail)
{
    struct card_certificate found;
    enum key_usage usage;
    cps_error error;

    if (!get_usage(request, &usage))
        return fail_set(fail, CPS_INVALID_PARAMS, "usage");
    error = begin(cardop, fail);
    if (error != CPS_OK)
        return error;
    error = cardop->card->driver->certificate(cardop->card, usage, &found, fail);
    end(cardop);
    if (error != CPS_OK)
        return error;
    return result(
        json_pack(
            "{s:o, s:o, s:s}", "der", bytes_to_json(certificate_der(found.certificate)), "id",
            bytes_to_json((struct span){certificate_id(found.certificate), CERTIFICATE_ID_LEN}),
            "label", found.label),
        ret_result, fail);
}

static cps_error op_pin_status(struct cardop *cardop, const struct worker_request *request,
                               json_t **ret_result, struct fail *fail)
{
    struct card_pin pin;
    cps_error error = begin(cardop, fail);

    (void)request;
    if (error != CPS_OK)
        return error;
    error = cardop->card->driver->pin_status(cardop->card, &pin, fail);
    end(cardop);
    return error == CPS_OK ? result(pin_to_json(&pin), ret_result, fail) : error;
}

/* The PIN as typed, straight from the prompt's pipe. Nobody holds the card while people type. */
static cps_error read_pin(const struct worker_request *request, struct secret *pin,
                          struct fail *fail)
{
    int r = secret_read(pin, request->fd, request->deadline_ms);

    if (r == -ETIMEDOUT)
        return fail_set(fail, CPS_PROMPT_TIMEOUT, "no PIN before the deadline");
    if (r < 0 && r != -EMSGSIZE)
        return fail_set(fail, CPS_INTERNAL, "the PIN's pipe: %s", strerror(-r));
    if (r < 0)
        return fail_set(fail, CPS_PIN_INVALID, "far too long for a PIN");
    if (secret_len(pin) == 0)
        return fail_set(fail, CPS_PROMPT_CANCELLED, "no PIN was given");
    return CPS_OK;
}

static cps_error op_verify(struct cardop *cardop, const struct worker_request *request,
                           json_t **ret_result, struct fail *fail)
{
    AUTO_SECRET struct secret *pin = NULL;
    bool last_try = json_get_bool(request->params, "last_try", false);
    struct card_pin state;
    cps_error error;

    if (request->fd < 0)
        return fail_set(fail, CPS_INVALID_PARAMS, "no descriptor came along");
    pin = secret_new();
    if (pin == NULL)
        return fail_set(fail, CPS_INTERNAL, "no guarded memory: %s", strerror(errno));
    error = read_pin(request, pin, fail);
    if (error == CPS_OK)
        error = begin(cardop, fail);
    if (error != CPS_OK)
        return error;
    error = cardop->card->driver->verify(cardop->card, pin, last_try, &state, fail);
    end(cardop);
    if (error != CPS_OK)
        return error;
    return result(json_pack("{s:i}", "tries_left", state.tries_left), ret_result, fail);
}

static cps_error op_sign(struct cardop *cardop, const struct worker_request *request,
                         json_t **ret_result, struct fail *fail)
{
    const char *text = json_get_string(request->params, "digest");
    uint8_t digest[DIGEST_MAX];
    uint8_t info[DIGEST_INFO_MAX];
    struct sign_input input = {.mechanism = MECHANISM_RSA_PKCS};
    struct card_signature signature;
    enum key_usage usage;
    ptrdiff_t len;
    cps_error error;

    if (!get_usage(request, &usage))
        return fail_set(fail, CPS_INVALID_PARAMS, "usage");
    if (!hash_from_name(json_get_string(request->params, "hash"), &input.hash))
        return fail_set(fail, CPS_INVALID_PARAMS, "hash");
    len = text == NULL ? -1 : b64_decode(text, strlen(text), digest, sizeof digest);
    if (len < 0 || (size_t)len != hash_len(input.hash))
        return fail_set(fail, CPS_INVALID_PARAMS, "digest");
    input.data =
        (struct span){info, hash_digest_info(input.hash, (struct span){digest, (size_t)len}, info)};
    error = begin(cardop, fail);
    if (error != CPS_OK)
        return error;
    error = cardop->card->driver->sign(cardop->card, usage, &input, &signature, fail);
    end(cardop);
    if (error != CPS_OK)
        return error;
    return result(json_pack("{s:o}", "signature",
                            bytes_to_json((struct span){signature.bytes, signature.len})),
                  ret_result, fail);
}

static cps_error op_logout(struct cardop *cardop, const struct worker_request *request,
                           json_t **ret_result, struct fail *fail)
{
    cps_error error = begin(cardop, fail);

    (void)request;
    if (error != CPS_OK)
        return error;
    error = cardop->transport->ops->reset(cardop->transport, fail);
    end(cardop);
    return error == CPS_OK ? result(json_object(), ret_result, fail) : error;
}

cps_error cardop_handle(struct cardop *cardop, const struct worker_request *request,
                        json_t **ret_result, struct fail *fail)
{
    static const struct {
        const char *op;
        cps_error (*run)(struct cardop *cardop, const struct worker_request *request,
                         json_t **ret_result, struct fail *fail);
    } ops[] = {
        {"open", op_open},
        {"certificate", op_certificate},
        {"pin_status", op_pin_status},
        {"verify", op_verify},
        {"sign", op_sign},
        {"logout", op_logout},
    };

    for (size_t i = 0; i < sizeof ops / sizeof ops[0]; i++)
        if (strcmp(ops[i].op, request->op) == 0)
            return ops[i].run(cardop, request, ret_result, fail);
    return fail_set(fail, CPS_METHOD_NOT_FOUND, "%s", request->op);
}
