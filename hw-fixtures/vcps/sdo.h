/* SPDX-License-Identifier: Apache-2.0 */
/* Security data objects, read by GET DATA: counters of codes, access rules of keys, public keys. */
#ifndef VCPS_SDO_H
#define VCPS_SDO_H

#include "fs.h"
#include "pin.h"

uint16_t sdo_get(const struct fs *fs, const struct pin *pin, const struct pin *puk,
                 const struct apdu *a, struct reply *r);

#endif
