/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/serial.h"

#include <stdio.h>
#include <string.h>

#define TAG_SERIAL 0x5A
#define VALUE_LEN  10
#define DIGITS_LEN 4

static const uint8_t issuer[] = {0x80, 0x25, 0x00, 0x00, 0x01};

/* 5A 0A, issuer number (5 bytes), eight digits, a check digit and a filler. */
bool serial_parse(struct span file, struct serial *ret_serial)
{
    struct serial serial = {.number = ""};
    struct span value;

    if (!tlv_find(file, TAG_SERIAL, &value) || value.len != VALUE_LEN ||
        memcmp(value.data, issuer, sizeof issuer) != 0)
        return false;
    for (size_t i = 0; i < sizeof issuer; i++)
        snprintf(serial.issuer + 2 * i, 3, "%02X", issuer[i]);
    for (size_t i = 0; i < DIGITS_LEN; i++) {
        uint8_t byte = value.data[sizeof issuer + i];

        if (byte >> 4 > 9 || (byte & 0x0F) > 9)
            return false;
        snprintf(serial.number + 2 * i, 3, "%02X", byte);
    }
    *ret_serial = serial;
    return true;
}
