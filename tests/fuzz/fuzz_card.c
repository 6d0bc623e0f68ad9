/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A card whose every answer is the fuzzer's: one byte of length, then the answer, for each command
 * that a login sends. What must hold: no crash, no endless dialogue, one PIN at most, and no
 * signature that the certificate does not verify (the fuzzer cannot forge one).
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/util.h"
#include "pkcs11/cardop.h"

#define COMMANDS_MAX 1000
#define INS_VERIFY   0x20

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct fuzzed {
    struct transport transport;
    const uint8_t *data;
    size_t len;
    unsigned commands;
    unsigned pins;
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
    if (command[1] == INS_VERIFY && len > 5 && ++card.pins > 1)
        abort();
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

    return cardop_handle(cardop, &request, &result, &fail);
}

static void verify(struct cardop *cardop)
{
    int fds[2];

    if (pipe(fds) < 0)
        abort();
    if (write(fds[1], "1234", 4) != 4)
        abort();
    close(fds[1]);
    (void)ask(cardop, "verify", json_object(), fds[0]);
    close(fds[0]);
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
    if (ask(cardop, "open", json_pack("{s:s}", "reader", "R"), -1) == CPS_OK) {
        (void)ask(cardop, "certificate", json_pack("{s:s}", "usage", "authentication"), -1);
        verify(cardop);
        if (ask(cardop, "sign",
                json_pack("{s:s, s:s, s:s}", "usage", "authentication", "hash", "sha256", "digest",
                          "n4bQgYhMfWWaL-qgxVrQFaO_TxsrC4Is0V1sFbDwCgg"),
                -1) == CPS_OK)
            abort();
    }
    cardop_free(cardop);
    return 0;
}
