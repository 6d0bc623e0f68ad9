/* SPDX-License-Identifier: Apache-2.0 */
/* What a CPS3 does with its keys. */
#ifndef VCPS_CPS3_OPS_H
#define VCPS_CPS3_OPS_H

#include "se.h"

/* MANAGE SECURITY ENVIRONMENT, SET. */
uint16_t cps3_set_environment(struct se *se, const struct fs *fs, const struct apdu *a);

/* Over contacts the authentication key under the PIN, else the technical key, free to all. */
uint16_t cps3_internal_authenticate(struct se *se, const struct fs *fs, const struct apdu *a,
                                    bool pin_ok, struct reply *r);

/* PERFORM SECURITY OPERATION: HASH, COMPUTE DIGITAL SIGNATURE, DECIPHER. */
uint16_t cps3_perform(struct se *se, const struct fs *fs, const struct apdu *a, bool pin_ok,
                      struct reply *r);

#endif
