/* SPDX-License-Identifier: Apache-2.0 */
/* PKCS#11 return values for the errors of the agent. */
#ifndef PROVIDER_RV_H
#define PROVIDER_RV_H

#include <cps/error.h>
#include <p11-kit/pkcs11.h>

CK_RV rv_of(cps_error error);

#endif
