/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of cardop: what the files of its operations share. */
#ifndef PKCS11_CARDOP_OPS_H
#define PKCS11_CARDOP_OPS_H

#include "base/json.h"
#include "base/util.h"
#include "pkcs11/cardop.h"
#include "pkcs11/driver.h"

struct cardop {
    cardop_connect_fn connect;
    char *reader;
    struct transport *transport; /* NULL until open */
    struct card *card;           /* NULL until open; never outlives its transport */
};

/* One operation of base/proto.h. The caller owns the result. */
typedef cps_error (*cardop_op)(struct cardop *cardop, const struct worker_request *request,
                               json_t **ret_result, struct fail *fail);

/* Takes the card for one operation; CPS_INVALID_REQUEST when none is open. */
cps_error cardop_begin(struct cardop *cardop, struct fail *fail);
void cardop_end(struct cardop *cardop);

/* Hands a result over. NULL says that memory was short, which is all that packing can lack. */
cps_error cardop_result(json_t *json, json_t **ret_result, struct fail *fail);

/* null, or the state of the PIN. */
json_t *cardop_pin_json(const struct card_pin *pin);
json_t *cardop_bytes_json(struct span bytes);

/* Opens the card through the PKCS#11 module of those params. */
cps_error cardop_use_module(struct cardop *cardop, const json_t *module, struct fail *fail);

/* Whether the card is open and its PIN can be typed on the reader itself. */
bool cardop_has_pad(const struct cardop *cardop);

/* The driver has no such function. */
cps_error cardop_lacks(const struct cardop *cardop, const char *what, struct fail *fail);

/*
 * Takes "memory" of the params, what cardop_memory_json() gave in another life of the card. It is
 * ignored when the driver has no use for it.
 */
cps_error cardop_recall(struct cardop *cardop, const json_t *params, struct fail *fail);

/* What is worth knowing of this card the next time; NULL when nothing is. */
json_t *cardop_memory_json(const struct cardop *cardop);

/* "authentication", "signature" or "technical" of the params. */
cps_error cardop_get_usage(const struct worker_request *request, enum key_usage *ret_usage,
                           struct fail *fail);

/*
 * Bytes of a member of the params, 1 to size of them; false when it is absent or anything else.
 */
bool cardop_get_bytes(const struct worker_request *request, const char *key, uint8_t *out,
                      size_t size, size_t *ret_len);

const char *cardop_usage_name(enum key_usage usage);

cps_error cardop_op_keys(struct cardop *cardop, const struct worker_request *request,
                         json_t **ret_result, struct fail *fail);
cps_error cardop_op_certificate(struct cardop *cardop, const struct worker_request *request,
                                json_t **ret_result, struct fail *fail);
cps_error cardop_op_sign(struct cardop *cardop, const struct worker_request *request,
                         json_t **ret_result, struct fail *fail);
cps_error cardop_op_decrypt(struct cardop *cardop, const struct worker_request *request,
                            json_t **ret_result, struct fail *fail);
cps_error cardop_op_pin_status(struct cardop *cardop, const struct worker_request *request,
                               json_t **ret_result, struct fail *fail);
cps_error cardop_op_verify(struct cardop *cardop, const struct worker_request *request,
                           json_t **ret_result, struct fail *fail);
cps_error cardop_op_change_pin(struct cardop *cardop, const struct worker_request *request,
                               json_t **ret_result, struct fail *fail);
cps_error cardop_op_unblock_pin(struct cardop *cardop, const struct worker_request *request,
                                json_t **ret_result, struct fail *fail);
cps_error cardop_op_objects(struct cardop *cardop, const struct worker_request *request,
                            json_t **ret_result, struct fail *fail);
cps_error cardop_op_object(struct cardop *cardop, const struct worker_request *request,
                           json_t **ret_result, struct fail *fail);
cps_error cardop_op_situations(struct cardop *cardop, const struct worker_request *request,
                               json_t **ret_result, struct fail *fail);
cps_error cardop_op_report(struct cardop *cardop, const struct worker_request *request,
                           json_t **ret_result, struct fail *fail);

#endif
