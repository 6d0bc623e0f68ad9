/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the data objects CPS_* of a card say. Their contents are not published: that of a practice
 * situation is what third parties tell, the others are read as far as their text speaks for itself.
 * Nothing in them is an error: what is not understood is left out, and the bytes are kept.
 */
#ifndef PKCS11_CPS_OBJECTS_H
#define PKCS11_CPS_OBJECTS_H

#include <jansson.h>
#include <stdbool.h>

#include "pkcs11/tlv.h"

/* Longest text taken from an object, in bytes of UTF-8, and bytes kept of its value. */
#define CPS_TEXT_MAX 256
#define CPS_RAW_MAX  1024

/* Practice situations that a card may hold. */
#define CPS_ACTIVITIES_MAX 16

/* nn of CPS_ACTIVITY_nn_PS, from 1 to 99; 0 for another label. */
unsigned cps_activity_number(const char *label);

/*
 * A practice situation as base/proto.h says: EE {84 name, 85 identifier of the structure, 86
 * sector}, in any order and with anything between; without the EE too. NULL when memory is short.
 */
json_t *cps_activity_parse(unsigned number, struct span value);

/* CPS_ID_CARD, CPS_NAME_PS, CPS_LANG_PS, CPS_INFO_PS. */
bool cps_info_label(const char *label);

/*
 * Adds to info what such an object says: card_id, name, language, national_id, speciality; and its
 * bytes, under its label, in info's member "raw".
 */
void cps_info_add(json_t *info, const char *label, struct span value);

#endif
