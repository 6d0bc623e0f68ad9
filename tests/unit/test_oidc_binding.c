/* SPDX-License-Identifier: Apache-2.0 */
/* Thumbprints of certificates in tokens, in both encodings. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/b64.h"
#include "base/util.h"
#include "oidc/binding.h"
#include "tests/unit/certificates.h"

static const uint8_t hash[BINDING_HASH_SIZE] = {0x00, 0x01, 0x7f, 0x80, 0xab, 0xcd, 0xef, 0xff,
                                                0x10, 0x32, 0x54, 0x76, 0x98, 0xba, 0xdc, 0xfe};

static void base64_of_hex(const uint8_t *bytes, bool upper, char text[static 89])
{
    char hex[65];

    for (size_t i = 0; i < BINDING_HASH_SIZE; i++)
        snprintf(hex + 2 * i, 3, upper ? "%02X" : "%02x", bytes[i]);
    EVP_EncodeBlock((unsigned char *)text, (const unsigned char *)hex, 64);
}

static void both_encodings(void **state)
{
    AUTO_FREE char *short_one = b64_encode(hash, sizeof hash);
    char long_one[89];
    uint8_t found[BINDING_HASH_SIZE];

    (void)state;
    base64_of_hex(hash, false, long_one);
    assert_int_equal(strlen(short_one), 43);
    assert_int_equal(strlen(long_one), 88);
    memset(found, 0xee, sizeof found);
    assert_true(binding_thumbprint(short_one, found));
    assert_memory_equal(found, hash, sizeof hash);
    memset(found, 0xee, sizeof found);
    assert_true(binding_thumbprint(long_one, found));
    assert_memory_equal(found, hash, sizeof hash);
}

static void nothing_else(void **state)
{
    AUTO_FREE char *good = b64_encode(hash, sizeof hash);
    AUTO_FREE char *short_hash = b64_encode(hash, 31);
    char text[128], upper[89], spaced[90];
    uint8_t found[BINDING_HASH_SIZE] = {0}, untouched[BINDING_HASH_SIZE] = {0};

    (void)state;
    base64_of_hex(hash, true, upper);
    base64_of_hex(hash, false, spaced);
    spaced[40] = ' ';
    snprintf(text, sizeof text, "%s=", good); /* padded */
    assert_false(binding_thumbprint(text, found));
    assert_false(binding_thumbprint(short_hash, found));
    assert_false(binding_thumbprint("", found));
    assert_false(binding_thumbprint(upper, found));
    assert_false(binding_thumbprint(spaced, found));
    base64_of_hex(hash, false, spaced);
    spaced[0] = ' ';
    assert_false(binding_thumbprint(spaced, found));
    base64_of_hex(hash, false, spaced);
    memcpy(spaced + 85, "AAA", 3); /* right so far, and two bytes in place of the padding */
    assert_false(binding_thumbprint(spaced, found));
    memset(text, 'A', sizeof text);
    text[88] = '\0';
    assert_false(binding_thumbprint(text, found));
    text[86] = text[87] = '=';
    assert_false(binding_thumbprint(text, found));
    text[127] = '\0';
    assert_false(binding_thumbprint(text, found));
    assert_memory_equal(found, untouched, sizeof found);
}

/* A token with these claims; nobody checks its signature here. The caller frees it. */
static char *token_with(const char *claims)
{
    AUTO_FREE char *payload = b64_encode(claims, strlen(claims));
    char *token = NULL;

    assert_true(asprintf(&token, "eyJhbGciOiJub25lIn0.%s.AAAA", payload) > 0);
    return token;
}

/* confirmation: of the claim cnf, a JSON object that is stolen, or NULL. */
static enum binding binding_with(const X509 *certificate, json_t *confirmation)
{
    AUTO_JSON json_t *json = json_pack("{s:s, s:o*}", "sub", "s", "cnf", confirmation);
    AUTO_FREE char *claims = json_dumps(json, JSON_COMPACT);
    AUTO_FREE char *token = token_with(claims);

    return binding_of(token, certificate);
}

static json_t *x5t(const char *thumbprint)
{
    return json_pack("{s:s}", "x5t#S256", thumbprint);
}

static void tokens(void **state)
{
    static const char *const subject[] = {"CN=lps-api", NULL};
    struct made made = make(&(struct plan){
        .subject = subject, .is_ec = 1, .from_s = time(NULL) - 60, .to_s = time(NULL) + 3600});
    const X509 *ours = made.certificate;
    uint8_t digest[EVP_MAX_MD_SIZE];
    AUTO_FREE char *thumbprint = NULL;
    char other[89];

    (void)state;
    assert_int_equal(X509_digest(ours, EVP_sha256(), digest, NULL), 1);
    thumbprint = b64_encode(digest, BINDING_HASH_SIZE);
    base64_of_hex(digest, false, other);
    assert_int_equal(binding_with(ours, x5t(thumbprint)), BINDING_OURS);
    assert_int_equal(binding_with(ours, x5t(other)), BINDING_OURS);
    assert_int_equal(binding_with(NULL, x5t(thumbprint)), BINDING_OTHER);
    digest[31] ^= 1;
    base64_of_hex(digest, false, other);
    assert_int_equal(binding_with(ours, x5t(other)), BINDING_OTHER);
    assert_int_equal(binding_with(ours, json_pack("{s:s}", "jkt", thumbprint)), BINDING_OTHER);
    assert_int_equal(binding_with(ours, json_string(thumbprint)), BINDING_OTHER);
    assert_int_equal(binding_with(ours, NULL), BINDING_NONE);
    assert_int_equal(binding_of("opaque", ours), BINDING_NONE);
    assert_int_equal(binding_of("a.b.c", ours), BINDING_NONE);
    made_done(&made);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_encodings),
        cmocka_unit_test(nothing_else),
        cmocka_unit_test(tokens),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
