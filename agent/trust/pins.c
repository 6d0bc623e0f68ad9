/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/trust/pins.h"

#include <ctype.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

/* The nine authorities of the IGC-Santé of 2013: three roots, and two authorities below each. */
static const struct {
    const char *fingerprint;
    const char *name;
} pins[] = {
    {"2d9e22ca19f777c6b745257c723ecb8df3c35fa6f1f6ec36b83600c97346967f",
     "AC RACINE IGC-SANTE ELEMENTAIRE"},
    {"53d30a19570826bde0c0762501f1f1c7a659f976c6c023123df5239df34a4eea",
     "AC RACINE IGC-SANTE FORT"},
    {"5891815e864506c662afb32f8de5b8de38bffa1af721780b69e19a0c050386c3",
     "AC RACINE IGC-SANTE STANDARD"},
    {"d834ee5b40686b73573f60547bf6052c6d404d942a5665cdb2c0b9137b5d27b2",
     "AC IGC-SANTE ELEMENTAIRE ORGANISATIONS"},
    {"19c1eaeab477b6fbc233cda3b53fbdbc3f4e9bf6cf6973e46f7dfaef89c06c6c",
     "AC IGC-SANTE ELEMENTAIRE PERSONNES"},
    {"23f69674002d1dd4b018baecd908dc92687942bb48e5140ff895e2f56bc49c0d",
     "AC IGC-SANTE FORT ORGANISATIONS"},
    {"38284e4f6107456e70c7439c85da7d564d0fe1fe1a968c9eb6d43e1fc0d63c3a",
     "AC IGC-SANTE FORT PERSONNES"},
    {"c0520a2b14fb68836a807bf86ab2b3e07d1b6061d91bc9c7b86a6f8de4b5638e",
     "AC IGC-SANTE STANDARD ORGANISATIONS"},
    {"6c339ebcb3e1b0102b143c9694225c2a4ab2ef6fedf7d364da8db305e7f7d997",
     "AC IGC-SANTE STANDARD PERSONNES"},
};

void fingerprint_of(const X509 *certificate, char ret_text[static FINGERPRINT_SIZE])
{
    unsigned char digest[32] = {0};
    unsigned len = sizeof digest;

    if (X509_digest(certificate, EVP_sha256(), digest, &len) != 1 || len != sizeof digest)
        memset(digest, 0, sizeof digest);
    for (size_t i = 0; i < sizeof digest; i++)
        snprintf(ret_text + 2 * i, 3, "%02x", digest[i]);
}

int fingerprint_parse(const char *text, char ret_text[static FINGERPRINT_SIZE])
{
    char digits[FINGERPRINT_SIZE];
    size_t n = 0;

    for (; *text != '\0'; text++) {
        if (*text == ':' && n % 2 == 0)
            continue;
        if (isxdigit((unsigned char)*text) == 0 || n == FINGERPRINT_SIZE - 1)
            return -1;
        digits[n++] = (char)tolower((unsigned char)*text);
    }
    if (n != FINGERPRINT_SIZE - 1)
        return -1;
    digits[n] = '\0';
    memcpy(ret_text, digits, sizeof digits);
    return 0;
}

const char *pins_name(const char *fingerprint)
{
    for (size_t i = 0; i < sizeof pins / sizeof pins[0]; i++)
        if (strcmp(pins[i].fingerprint, fingerprint) == 0)
            return pins[i].name;
    return NULL;
}
