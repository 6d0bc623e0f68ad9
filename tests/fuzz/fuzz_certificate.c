/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a card gives for a certificate. The first byte is the length of a signature that follows,
 * the rest the file. What must hold: no crash, and nothing accepted that is not within the maxima.
 */
#include <stdlib.h>

#include "pkcs11/certificate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO_CERTIFICATE struct certificate *certificate = NULL;
    struct fail fail = FAIL_INIT;
    struct span signature;
    struct span file;

    if (size < 2 || size - 1 < data[0])
        return 0;
    signature = (struct span){data + 1, data[0]};
    file = (struct span){data + 1 + data[0], size - 1 - data[0]};
    if (certificate_new(file, &certificate, &fail) != CPS_OK) {
        if (fail.code == CPS_OK)
            abort();
        return 0;
    }
    if (certificate_modulus_len(certificate) > SIGNATURE_MAX ||
        certificate_der(certificate).len > file.len)
        abort();
    for (int usage = 0; usage < KEY_USAGES; usage++)
        (void)certificate_is_for(certificate, (enum key_usage)usage);
    (void)certificate_verifies(certificate, signature, signature);
    return 0;
}
