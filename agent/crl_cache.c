/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/crl_cache.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "agent/trust/pins.h"

#define DIRECTORY "crl/"

void crl_cache_name(const char *url, const X509 *issuer, char ret_name[static CRL_CACHE_NAME_SIZE])
{
    char text[2048], fingerprint[FINGERPRINT_SIZE];
    unsigned char digest[32] = {0};

    fingerprint_of(issuer, fingerprint);
    snprintf(text, sizeof text, "%s %s", fingerprint, url);
    (void)EVP_Q_digest(NULL, "SHA256", NULL, text, strlen(text), digest, NULL);
    snprintf(ret_name, CRL_CACHE_NAME_SIZE, DIRECTORY);
    for (size_t i = 0; i < sizeof digest; i++)
        snprintf(ret_name + strlen(DIRECTORY) + 2 * i, 3, "%02x", digest[i]);
    strncat(ret_name, ".crl", CRL_CACHE_NAME_SIZE - strlen(ret_name) - 1);
}
