/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/serial.h"

#include <stdio.h>
#include <string.h>

#include "pkcs11/tlv.h"

#define SFI        0x1C
#define FILE_LEN   12
#define TAG_SERIAL 0x5A
#define VALUE_LEN  10
#define DIGITS_LEN 4

static const uint8_t issuer[] = {0x80, 0x25, 0x00, 0x00, 0x01};
static const struct file_path ef_serial = {4, {0x3F, 0x00, 0xD0, 0x03}};

/* 5A 0A, issuer number (5 bytes), eight digits, a check digit and a filler. */
static bool parse(struct span file, struct serial *ret_serial)
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

cps_error serial_read_short(struct transport *transport, struct serial *ret_serial, bool *ret_found,
                            struct fail *fail)
{
    struct apdu_answer answer;
    cps_error error = file_read_short(transport, SFI, FILE_LEN, &answer, fail);

    if (error == CPS_OK)
        *ret_found = parse((struct span){answer.data, answer.len}, ret_serial);
    return error;
}

static size_t file_length(struct span first)
{
    (void)first;
    return FILE_LEN;
}

cps_error serial_read(struct transport *transport, file_select_fn select_path,
                      struct serial *ret_serial, bool *ret_found, struct fail *fail)
{
    struct file file;
    uint16_t sw;
    cps_error error = select_path(transport, &ef_serial, &sw, fail);

    *ret_found = false;
    if (error != CPS_OK || sw != APDU_SW_OK)
        return error;
    error = file_read(transport, "serial number", file_length, &file, fail);
    if (error == CPS_OK)
        *ret_found = parse(file_span(&file), ret_serial);
    return error == CPS_CARD_PROTOCOL ? CPS_OK : error;
}
