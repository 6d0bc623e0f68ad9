/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One command to the card and its whole answer, over T=0 or T=1 with short lengths (ISO 7816-3
 * section 12, 7816-4 section 5.1): 61xx and 6Cxx are dealt with here, in a bounded number of turns.
 */
#ifndef PKCS11_APDU_H
#define PKCS11_APDU_H

#include <stddef.h>
#include <stdint.h>

#include "pkcs11/tlv.h"
#include "pkcs11/transport.h"

#define APDU_DATA_MAX   255
#define APDU_LE_MAX     256
#define APDU_ANSWER_MAX 1024

/* cla: without the logical channel, which is the transport's. le: bytes expected back, at most
 * APDU_LE_MAX; 0 for none, and what the card then has to tell (61xx) is left there. */
struct apdu {
    uint8_t cla;
    uint8_t ins;
    uint8_t p1;
    uint8_t p2;
    struct span data;
    size_t le;
};

struct apdu_answer {
    uint16_t sw;
    size_t len;
    uint8_t data[APDU_ANSWER_MAX];
};

#define APDU_SW_OK            0x9000
#define APDU_SW_END_OF_FILE   0x6282 /* fewer bytes than asked, all that there were */
#define APDU_SW_PIN_FORGOTTEN 0x6982 /* security status not satisfied */
#define APDU_SW_PIN_BLOCKED   0x6983

/*
 * Sends the command and gathers the answer. Any status word is a success here: it is the caller's
 * to judge. Fails when the card cannot be reached, or with CPS_CARD_PROTOCOL when what came back
 * is not an answer (too short, too long, endless). The copy of the command is wiped.
 */
cps_error apdu_exchange(struct transport *transport, const struct apdu *command,
                        struct apdu_answer *ret_answer, struct fail *fail);

/* CPS_CARD_PROTOCOL with the status word in the cause. */
cps_error apdu_refused(const char *what, uint16_t sw, struct fail *fail);

#endif
