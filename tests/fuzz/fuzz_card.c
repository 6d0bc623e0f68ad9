/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A card whose every answer is the fuzzer's: one byte of length, then the answer, for each command
 * of every operation of cardop. What must hold: no crash, no endless dialogue, each code presented
 * once at most by each operation, and no signature that the certificate does not verify (the fuzzer
 * cannot forge one). The first byte of the input chooses protocol and ATR.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/util.h"
#include "pkcs11/cardop.h"

#define COMMANDS_MAX 400 /* of one operation */
#define INS_VERIFY   0x20
#define INS_CHANGE   0x24

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct fuzzed {
    struct transport transport;
    const uint8_t *data;
    size_t len;
    unsigned commands; /* of the operation under way, and codes that it presented */
    unsigned codes;
};

static struct fuzzed card;

static cps_error fuzz_begin(struct transport *transport, struct fail *fail)
{
    (void)transport;
    (void)fail;
    return CPS_OK;
}

static void fuzz_end(struct transport *transport)
{
    (void)transport;
}

static cps_error fuzz_transmit(struct transport *transport, const uint8_t *command, size_t len,
                               uint8_t *answer, size_t size, size_t *ret_len, struct fail *fail)
{
    size_t n;

    (void)transport;
    if (++card.commands > COMMANDS_MAX)
        abort();
    if (command[1] == INS_VERIFY && len > 5 && ++card.codes > 1)
        abort();
    if (command[1] == INS_CHANGE && (command[2] & 0x01) == 0 && ++card.codes > 1)
        abort(); /* with P1 01 it holds a new code alone */
    if (card.len == 0)
        return fail_set(fail, CPS_CARD_REMOVED, "no more");
    n = *card.data++; /* 255: a whole block and its status word */
    card.len--;
    n = n == UINT8_MAX ? 258 : n;
    if (n > card.len)
        n = card.len;
    if (n > size)
        n = size;
    memcpy(answer, card.data, n);
    card.data += n;
    card.len -= n;
    *ret_len = n;
    return CPS_OK;
}

static cps_error fuzz_reset(struct transport *transport, struct fail *fail)
{
    (void)fail;
    transport->generation++;
    return CPS_OK;
}

static const struct transport_ops ops = {
    .begin = fuzz_begin,
    .end = fuzz_end,
    .transmit = fuzz_transmit,
    .reset = fuzz_reset,
    .free = fuzz_end,
};

static cps_error connect_fuzzed(const char *reader, struct transport **ret_transport,
                                struct fail *fail)
{
    (void)reader;
    (void)fail;
    *ret_transport = &card.transport;
    return CPS_OK;
}

static cps_error ask(struct cardop *cardop, const char *op, json_t *params, int fd)
{
    AUTO_JSON json_t *owned = params;
    AUTO_JSON json_t *result = NULL;
    struct worker_request request = {
        .op = op, .params = owned, .deadline_ms = CLOCK_NEVER, .fd = fd};
    struct fail fail = FAIL_INIT;

    card.commands = 0;
    card.codes = 0;
    return cardop_handle(cardop, &request, &result, &fail);
}

static void ask_typed(struct cardop *cardop, const char *op, const char *typed)
{
    int fds[2];

    if (pipe(fds) < 0)
        abort();
    if (write(fds[1], typed, strlen(typed)) != (ssize_t)strlen(typed))
        abort();
    close(fds[1]);
    (void)ask(cardop, op, json_object(), fds[0]);
    close(fds[0]);
}

static void ask_plain(struct cardop *cardop, const char *op)
{
    (void)ask(cardop, op, json_object(), -1);
}

/* All forms of a signature: none may come out. */
static void ask_signatures(struct cardop *cardop, const char *usage)
{
    static const char digest[] = "n4bQgYhMfWWaL-qgxVrQFaO_TxsrC4Is0V1sFbDwCgg";

    if (ask(cardop, "sign",
            json_pack("{s:s, s:s, s:s}", "usage", usage, "hash", "sha256", "digest", digest),
            -1) == CPS_OK ||
        ask(cardop, "sign",
            json_pack("{s:s, s:s, s:s, s:s}", "usage", usage, "mechanism", "RSA_PKCS_PSS", "hash",
                      "sha256", "digest", digest),
            -1) == CPS_OK ||
        ask(cardop, "sign",
            json_pack("{s:s, s:s, s:s, s:s, s:i}", "usage", usage, "mechanism", "SHA256_RSA_PKCS",
                      "state", "", "data", "AAAA", "hashed", 0),
            -1) == CPS_OK)
        abort();
}

static void ask_everything(struct cardop *cardop)
{
    static const char *const usages[] = {"authentication", "signature", "technical"};

    ask_plain(cardop, "keys");
    for (size_t i = 0; i < sizeof usages / sizeof usages[0]; i++)
        (void)ask(cardop, "certificate", json_pack("{s:s, s:b}", "usage", usages[i], "remember", 1),
                  -1);
    ask_plain(cardop, "objects");
    ask_typed(cardop, "verify", "1234");
    for (size_t i = 0; i < sizeof usages / sizeof usages[0]; i++)
        ask_signatures(cardop, usages[i]);
    (void)ask(cardop, "decrypt",
              json_pack("{s:s, s:s, s:s}", "usage", "authentication", "mechanism", "RSA_PKCS",
                        "data", "AAAA"),
              -1);
    ask_plain(cardop, "situations");
    ask_plain(cardop, "report");
    (void)ask(cardop, "object", json_pack("{s:s}", "label", "CPS_INFO_PS"), -1);
    (void)ask(cardop, "pin_status", json_pack("{s:s}", "code", "puk"), -1);
    ask_typed(cardop, "change_pin", "1234\n5678");
    ask_typed(cardop, "unblock_pin", "12345678\n5678");
    ask_plain(cardop, "logout");
}

static void set_atr(unsigned which)
{
    static const char *const atrs[] = {
        "\x3B\xAC\x00\x40\x2A\x00\x12\x25\x00\x64\x80\x00\x03\x10\x00\x90\x00",
        "\x3B\x8F\x80\x01\x00\x31\xB8\x64\x04\xB0\xEC\xC1\x73\x94\x01\x80\x82\x90\x00\x0E",
        "\x3B\xDC\x18\xFF\x00\x00\x12\x25\x00\x64\x80\x00\x04\x01\x00\x90\x00",
    };
    static const uint8_t lengths[] = {17, 20, 17, 0};

    card.transport.atr_len = lengths[which];
    if (lengths[which] > 0)
        memcpy(card.transport.atr, atrs[which], lengths[which]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cardop *cardop;

    if (size == 0)
        return 0;
    cardop = cardop_new(connect_fuzzed);
    if (cardop == NULL)
        abort();
    card = (struct fuzzed){
        .transport = {.ops = &ops, .protocol = data[0] & 1 ? TRANSPORT_T1 : TRANSPORT_T0},
        .data = data + 1,
        .len = size - 1};
    set_atr(data[0] >> 1 & 3);
    if (ask(cardop, "open", json_pack("{s:s}", "reader", "R"), -1) == CPS_OK)
        ask_everything(cardop);
    cardop_free(cardop);
    return 0;
}
