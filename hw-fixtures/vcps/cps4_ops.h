/* SPDX-License-Identifier: Apache-2.0 */
/* What a CPS4 does with its keys: signs a digest that the host computed, applies a key raw. */
#ifndef VCPS_CPS4_OPS_H
#define VCPS_CPS4_OPS_H

#include "se.h"

/* MANAGE SECURITY ENVIRONMENT, SET: for a signature or for a decipherment. */
uint16_t cps4_set_environment(struct se *se, const struct fs *fs, const struct apdu *a);

/* PERFORM SECURITY OPERATION: COMPUTE DIGITAL SIGNATURE, DECIPHER. */
uint16_t cps4_perform(struct se *se, const struct fs *fs, const struct apdu *a, bool pin_ok,
                      struct reply *r);

#endif
