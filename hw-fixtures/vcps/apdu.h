/* SPDX-License-Identifier: Apache-2.0 */
/* One command and its answer, free of transmission protocol. */
#ifndef VCPS_APDU_H
#define VCPS_APDU_H

#include "util.h"

enum {
    REPLY_MAX = 512,     /* the longest answer is a public key object, 280 bytes */
    MESSAGE_MAX = 65535, /* what vpcd's two-byte length can carry */
    LE_MAX_SHORT = 256,
    CLA_CHAIN = 0x10, /* more data follow in the next command */
};

enum sw {
    SW_OK = 0x9000,
    SW_MORE = 0x6100,
    SW_END_OF_FILE = 0x6282,
    SW_WRONG_PIN = 0x63C0,
    SW_WRONG_LENGTH = 0x6700,
    SW_CHAINING = 0x6883,
    SW_SECURITY = 0x6982,
    SW_BLOCKED = 0x6983,
    SW_CONDITIONS = 0x6985,
    SW_NO_CURRENT_EF = 0x6986,
    SW_WRONG_DATA = 0x6A80,
    SW_NOT_FOUND = 0x6A82,
    SW_NO_ROOM = 0x6A84,
    SW_WRONG_P1P2 = 0x6A86,
    SW_NO_REFERENCE = 0x6A88,
    SW_BAD_OFFSET = 0x6B00,
    SW_EXACT_LE = 0x6C00,
    SW_BAD_INS = 0x6D00,
    SW_BAD_CLA = 0x6E00,
    SW_FAILURE = 0x6F00,
};

enum ins {
    INS_VERIFY = 0x20,
    INS_MSE = 0x22,
    INS_CHANGE = 0x24,
    INS_PSO = 0x2A,
    INS_RESET_RETRY = 0x2C,
    INS_GET_CHALLENGE = 0x84,
    INS_INTERNAL_AUTH = 0x88,
    INS_SELECT = 0xA4,
    INS_READ_BINARY = 0xB0,
    INS_GET_RESPONSE = 0xC0,
    INS_GET_DATA = 0xCB,
    INS_UPDATE_BINARY = 0xD6,
};

struct apdu {
    uint8_t cla, ins, p1, p2;
    const uint8_t *data; /* points into the received message */
    size_t lc;
    size_t le; /* 0 when the command has no Le field */
    bool extended;
};

struct reply {
    uint8_t data[REPLY_MAX];
    size_t len;
    uint16_t sw;
};

/* Reads one command as it travels under T=`protocol`. Under T=0 the message is header, P3, and
 * exactly P3 bytes or none: a trailing Le is refused as a terminal would never send it.
 * SW_OK, or the status word that the card answers to what cannot be read. */
uint16_t apdu_parse(const uint8_t *msg, size_t n, unsigned protocol, struct apdu *ret_apdu);

#endif
