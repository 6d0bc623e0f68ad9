/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/apdu.h"

#include <string.h>

#define HEADER_LEN   4
#define COMMAND_MAX  (HEADER_LEN + 1 + APDU_DATA_MAX + 1)
#define STATUS_LEN   2
#define INS_RESPONSE 0xC0
#define TURNS_MAX    8 /* commands sent for one: itself, 6Cxx, then GET RESPONSE */
#define SW1_MORE     0x61
#define SW1_OTHER_LE 0x6C

struct wire {
    size_t len;
    uint8_t bytes[COMMAND_MAX];
};

/*
 * T=0 has no case 4: the answer is fetched with GET RESPONSE; a command without data nor answer
 * still has its fifth byte, 0. T=1 carries the APDU as it is.
 */
static cps_error encode(const struct apdu *command, const struct transport *transport,
                        struct wire *wire, struct fail *fail)
{
    enum transport_protocol protocol = transport->protocol;
    size_t n = 0;

    if (command->data.len > APDU_DATA_MAX || command->le > APDU_LE_MAX)
        return fail_set(fail, CPS_INTERNAL, "command too long for a short APDU");
    wire->bytes[n++] = command->cla | transport->channel;
    wire->bytes[n++] = command->ins;
    wire->bytes[n++] = command->p1;
    wire->bytes[n++] = command->p2;
    if (command->data.len > 0) {
        wire->bytes[n++] = (uint8_t)command->data.len;
        memcpy(wire->bytes + n, command->data.data, command->data.len);
        n += command->data.len;
        if (command->le > 0 && protocol == TRANSPORT_T1)
            wire->bytes[n++] = (uint8_t)command->le;
    } else if (command->le > 0 || protocol == TRANSPORT_T0) {
        wire->bytes[n++] = (uint8_t)command->le;
    }
    wire->len = n;
    return CPS_OK;
}

/* One turn: appends what came back to the answer. */
static cps_error turn(struct transport *transport, const struct wire *wire,
                      struct apdu_answer *answer, struct fail *fail)
{
    uint8_t bytes[APDU_LE_MAX + STATUS_LEN];
    size_t len = 0;
    cps_error error = transport->ops->transmit(transport, wire->bytes, wire->len, bytes,
                                               sizeof bytes, &len, fail);

    if (error != CPS_OK)
        return error;
    if (len < STATUS_LEN || len > sizeof bytes)
        return fail_set(fail, CPS_CARD_PROTOCOL, "answer of %zu bytes", len);
    len -= STATUS_LEN;
    if (len > sizeof answer->data - answer->len)
        return fail_set(fail, CPS_CARD_PROTOCOL, "answer longer than %zu bytes",
                        sizeof answer->data);
    memcpy(answer->data + answer->len, bytes, len);
    answer->len += len;
    answer->sw = (uint16_t)(bytes[len] << 8 | bytes[len + 1]);
    return CPS_OK;
}

static cps_error send(struct transport *transport, const struct apdu *command,
                      struct apdu_answer *answer, struct fail *fail)
{
    struct wire wire;
    cps_error error = encode(command, transport, &wire, fail);

    if (error == CPS_OK)
        error = turn(transport, &wire, answer, fail);
    explicit_bzero(wire.bytes, sizeof wire.bytes);
    return error;
}

/* Whether 6Cxx may be obeyed: never by sending data twice, which could be a PIN. */
static bool may_repeat(const struct apdu *command)
{
    return command->le > 0 && command->data.len == 0;
}

cps_error apdu_exchange(struct transport *transport, const struct apdu *command,
                        struct apdu_answer *ret_answer, struct fail *fail)
{
    struct apdu next = *command;

    ret_answer->len = 0;
    for (int i = 0; i < TURNS_MAX; i++) {
        cps_error error = send(transport, &next, ret_answer, fail);
        size_t sw2 = ret_answer->sw & 0xFF;

        if (error != CPS_OK)
            return error;
        switch (ret_answer->sw >> 8) {
        case SW1_MORE:
            if (command->le == 0) {
                ret_answer->sw = APDU_SW_OK;
                return CPS_OK;
            }
            next = (struct apdu){.ins = INS_RESPONSE};
            next.le = sw2 == 0 ? APDU_LE_MAX : sw2;
            break;
        case SW1_OTHER_LE:
            if (!may_repeat(&next))
                return CPS_OK;
            next.le = sw2 == 0 ? APDU_LE_MAX : sw2;
            break;
        default:
            return CPS_OK;
        }
    }
    return fail_set(fail, CPS_CARD_PROTOCOL, "endless answer to instruction %02X", command->ins);
}

cps_error apdu_refused(const char *what, uint16_t sw, struct fail *fail)
{
    return fail_set(fail, CPS_CARD_PROTOCOL, "%s: card status %04X", what, sw);
}
