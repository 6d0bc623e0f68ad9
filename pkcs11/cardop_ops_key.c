/* SPDX-License-Identifier: Apache-2.0 */
/* Operations on keys and their certificates. */
#include "pkcs11/cardop_ops.h"

#include <stdio.h>
#include <string.h>

/* Longest DigestInfo, hash value or cryptogram that a key of SIGNATURE_MAX bytes takes. */
#define DATA_MAX SIGNATURE_MAX

static const struct {
    enum key_mechanism mechanism;
    const char *name;
} mechanisms[] = {
    {MECHANISM_RSA_PKCS, "RSA_PKCS"},
    {MECHANISM_RSA_PKCS_PSS, "RSA_PKCS_PSS"},
    {MECHANISM_SHA1_RSA_PKCS, "SHA1_RSA_PKCS"},
    {MECHANISM_SHA256_RSA_PKCS, "SHA256_RSA_PKCS"},
    {MECHANISM_DECRYPT_RSA_PKCS, "DECRYPT_RSA_PKCS"},
};

#define MECHANISMS (sizeof mechanisms / sizeof mechanisms[0])

static json_t *mechanisms_json(unsigned bits)
{
    json_t *list = json_array();

    for (size_t i = 0; i < MECHANISMS; i++)
        if ((bits & mechanisms[i].mechanism) != 0)
            json_array_append_new(list, json_string(mechanisms[i].name));
    return list;
}

static json_t *key_json(const struct card_key *key)
{
    char id[2 * CARD_ID_MAX + 1] = "";

    for (size_t i = 0; i < key->id_len; i++)
        snprintf(id + 2 * i, 3, "%02X", key->id[i]);
    return json_pack("{s:s, s:s, s:s, s:s, s:o, s:I}", "usage", cardop_usage_name(key->usage),
                     "label", key->label, "certificate_label", key->certificate_label, "id", id,
                     "mechanisms", mechanisms_json(key->mechanisms), "input_max",
                     (json_int_t)key->input_max);
}

static json_t *keys_json(const struct card_keys *keys)
{
    AUTO_JSON json_t *list = json_array();

    for (size_t i = 0; i < keys->n; i++)
        if (json_array_append_new(list, key_json(&keys->list[i])) < 0)
            return NULL;
    return json_pack("{s:O}", "keys", list);
}

cps_error cardop_op_keys(struct cardop *cardop, const struct worker_request *request,
                         json_t **ret_result, struct fail *fail)
{
    struct card_keys keys = {.n = 0};
    cps_error error = cardop_begin(cardop, fail);

    (void)request;
    if (error != CPS_OK)
        return error;
    if (cardop->card->driver->keys == NULL)
        error = cardop_lacks(cardop, "list of keys", fail);
    else
        error = cardop->card->driver->keys(cardop->card, &keys, fail);
    cardop_end(cardop);
    return error == CPS_OK ? cardop_result(keys_json(&keys), ret_result, fail) : error;
}

cps_error cardop_op_certificate(struct cardop *cardop, const struct worker_request *request,
                                json_t **ret_result, struct fail *fail)
{
    bool remember = json_get_bool(request->params, "remember", false);
    struct card_certificate found;
    enum key_usage usage;
    cps_error error = cardop_get_usage(request, &usage, fail);

    if (error == CPS_OK)
        error = cardop_begin(cardop, fail);
    if (error != CPS_OK)
        return error;
    error = cardop->card->driver->certificate(cardop->card, usage, &found, fail);
    cardop_end(cardop);
    if (error != CPS_OK)
        return error;
    return cardop_result(
        json_pack(
            "{s:o, s:o, s:s, s:o*}", "der", cardop_bytes_json(certificate_der(found.certificate)),
            "id",
            cardop_bytes_json((struct span){certificate_id(found.certificate), CERTIFICATE_ID_LEN}),
            "label", found.label, "memory", remember ? cardop_memory_json(cardop) : NULL),
        ret_result, fail);
}

/* What is to be signed, and room for what it points to. */
struct to_sign {
    struct sign_input input;
    uint8_t data[DATA_MAX];
    uint8_t state[HASH_LEN_MAX];
};

static cps_error get_digest(const struct worker_request *request, struct to_sign *to_sign,
                            struct fail *fail)
{
    uint8_t digest[HASH_LEN_MAX];
    struct span value = {.data = digest};

    if (!hash_from_name(json_get_string(request->params, "hash"), &to_sign->input.hash))
        return fail_set(fail, CPS_INVALID_PARAMS, "hash");
    if (!cardop_get_bytes(request, "digest", digest, sizeof digest, &value.len) ||
        value.len != hash_len(to_sign->input.hash))
        return fail_set(fail, CPS_INVALID_PARAMS, "digest");
    to_sign->input.data.data = to_sign->data;
    to_sign->input.data.len = value.len;
    if (to_sign->input.mechanism == MECHANISM_RSA_PKCS)
        to_sign->input.data.len = hash_digest_info(to_sign->input.hash, value, to_sign->data);
    else
        memcpy(to_sign->data, digest, value.len);
    return CPS_OK;
}

static cps_error get_digest_info(const struct worker_request *request, struct to_sign *to_sign,
                                 struct fail *fail)
{
    to_sign->input.data.data = to_sign->data;
    if (json_object_get(request->params, "hash") != NULL ||
        json_object_get(request->params, "digest") != NULL ||
        !cardop_get_bytes(request, "data", to_sign->data, sizeof to_sign->data,
                          &to_sign->input.data.len))
        return fail_set(fail, CPS_INVALID_PARAMS, "data");
    return CPS_OK;
}

/* Empty text stands for no bytes: an empty message, or one that fits its last block. */
static bool get_bytes_or_none(const struct worker_request *request, const char *key, uint8_t *out,
                              size_t size, struct span *ret_span)
{
    const char *text = json_get_string(request->params, key);
    size_t len = 0;

    if (text == NULL || (text[0] != '\0' && !cardop_get_bytes(request, key, out, size, &len)))
        return false;
    *ret_span = (struct span){out, len};
    return true;
}

/* The shape alone is looked at here: whether state, count and block fit is tried on a hash. */
static cps_error get_last_round(const struct worker_request *request, struct to_sign *to_sign,
                                struct fail *fail)
{
    struct sign_input *input = &to_sign->input;
    int64_t hashed = json_get_int(request->params, "hashed", -1);
    uint8_t hash[HASH_LEN_MAX];

    input->hash = input->mechanism == MECHANISM_SHA1_RSA_PKCS ? HASH_SHA1 : HASH_SHA256;
    if (hashed < 0)
        return fail_set(fail, CPS_INVALID_PARAMS, "hashed");
    input->hashed = (uint64_t)hashed;
    if (!get_bytes_or_none(request, "state", to_sign->state, sizeof to_sign->state, &input->state))
        return fail_set(fail, CPS_INVALID_PARAMS, "state");
    if (!get_bytes_or_none(request, "data", to_sign->data, HASH_BLOCK_LEN, &input->data))
        return fail_set(fail, CPS_INVALID_PARAMS, "data");
    if (!hash_finish(input->hash, input->state, input->hashed, input->data, hash))
        return fail_set(fail, CPS_INVALID_PARAMS, "state, hashed and data do not fit together");
    return CPS_OK;
}

static cps_error get_to_sign(const struct worker_request *request, struct to_sign *to_sign,
                             struct fail *fail)
{
    const char *name = json_get_string(request->params, "mechanism");
    struct sign_input *input = &to_sign->input;

    input->mechanism =
        json_object_get(request->params, "mechanism") == NULL ? MECHANISM_RSA_PKCS : 0;
    for (size_t i = 0; name != NULL && i < MECHANISMS; i++)
        if (strcmp(mechanisms[i].name, name) == 0)
            input->mechanism = mechanisms[i].mechanism;
    switch (input->mechanism) {
    case MECHANISM_RSA_PKCS:
        if (json_object_get(request->params, "data") != NULL)
            return get_digest_info(request, to_sign, fail);
        return get_digest(request, to_sign, fail);
    case MECHANISM_RSA_PKCS_PSS:
        return get_digest(request, to_sign, fail);
    case MECHANISM_SHA1_RSA_PKCS:
    case MECHANISM_SHA256_RSA_PKCS:
        return get_last_round(request, to_sign, fail);
    default:
        return fail_set(fail, CPS_INVALID_PARAMS, "mechanism");
    }
}

cps_error cardop_op_sign(struct cardop *cardop, const struct worker_request *request,
                         json_t **ret_result, struct fail *fail)
{
    struct to_sign to_sign = {.input.hashed = 0};
    struct card_signature signature = {.len = 0};
    enum key_usage usage;
    cps_error error = cardop_get_usage(request, &usage, fail);

    if (error == CPS_OK)
        error = get_to_sign(request, &to_sign, fail);
    if (error == CPS_OK)
        error = cardop_begin(cardop, fail);
    if (error != CPS_OK)
        return error;
    error = cardop->card->driver->sign(cardop->card, usage, &to_sign.input, &signature, fail);
    cardop_end(cardop);
    if (error != CPS_OK)
        return error;
    return cardop_result(
        json_pack("{s:o}", "signature",
                  cardop_bytes_json((struct span){signature.bytes, signature.len})),
        ret_result, fail);
}

cps_error cardop_op_decrypt(struct cardop *cardop, const struct worker_request *request,
                            json_t **ret_result, struct fail *fail)
{
    AUTO_SECRET struct secret *plain = NULL;
    const char *mechanism = json_get_string(request->params, "mechanism");
    uint8_t bytes[DATA_MAX];
    struct span cryptogram = {.data = bytes};
    enum key_usage usage;
    cps_error error = cardop_get_usage(request, &usage, fail);

    if (error != CPS_OK)
        return error;
    if (mechanism == NULL || strcmp(mechanism, "RSA_PKCS") != 0)
        return fail_set(fail, CPS_INVALID_PARAMS, "mechanism");
    if (!cardop_get_bytes(request, "data", bytes, sizeof bytes, &cryptogram.len))
        return fail_set(fail, CPS_INVALID_PARAMS, "data");
    plain = secret_new();
    if (plain == NULL)
        return fail_set(fail, CPS_INTERNAL, "no guarded memory");
    error = cardop_begin(cardop, fail);
    if (error != CPS_OK)
        return error;
    if (cardop->card->driver->decrypt == NULL)
        error = cardop_lacks(cardop, "decryption", fail);
    else
        error = cardop->card->driver->decrypt(cardop->card, usage, cryptogram, plain, fail);
    cardop_end(cardop);
    if (error != CPS_OK)
        return error;
    return cardop_result(
        json_pack("{s:o}", "data",
                  cardop_bytes_json((struct span){secret_data(plain), secret_len(plain)})),
        ret_result, fail);
}
