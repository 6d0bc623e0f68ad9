/* SPDX-License-Identifier: Apache-2.0 */
/* A private key in a PKCS#11 token, through OpenSSL's pkcs11 engine (libp11). */
#ifndef OIDC_CLIENT_TOKEN_H
#define OIDC_CLIENT_TOKEN_H

#include <openssl/evp.h>

#include "base/fail.h"
#include "base/secret.h"

/*
 * Opens the key of a URI with the module that knows its token. pin: NULL when the token asks for
 * none. Blocks for as long as the module does. CPS_CONFIGURATION with reason "client_key".
 */
cps_error client_token_load(const char *uri, const char *module, const struct secret *pin,
                            EVP_PKEY **ret_key, struct fail *fail);

#endif
