/* SPDX-License-Identifier: Apache-2.0 */
/* How the client proves itself: Basic, the body, assertions, and which keys will do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include <openssl/pem.h>

#include "base/b64.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/jws.h"
#include "base/util.h"
#include "oidc/client_assertion.h"
#include "oidc/client_auth.h"
#include "oidc/client_key.h"
#include "tests/unit/certificates.h"

#define NOW    1700000000
#define ISSUER "https://idp.example.test/realm"

static char directory[] = "/tmp/test-oidc-client-XXXXXX";
static char key_file[64], certificate_file[64];

static int make_directory(void **state)
{
    (void)state;
    if (mkdtemp(directory) == NULL)
        return -1;
    snprintf(key_file, sizeof key_file, "%s/key", directory);
    snprintf(certificate_file, sizeof certificate_file, "%s/certificate", directory);
    return 0;
}

static int drop_directory(void **state)
{
    (void)state;
    unlink(key_file);
    unlink(certificate_file);
    return rmdir(directory);
}

static void write_key(const EVP_PKEY *key)
{
    FILE *file = fopen(key_file, "we");

    assert_non_null(file);
    assert_int_equal(fchmod(fileno(file), 0600), 0);
    assert_int_equal(PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL), 1);
    assert_int_equal(fclose(file), 0);
}

/* The certificate, and so many others behind it. */
static void write_chain(X509 *certificate, int others)
{
    FILE *file = fopen(certificate_file, "we");

    assert_non_null(file);
    for (int i = 0; i <= others; i++)
        assert_int_equal(PEM_write_X509(file, certificate), 1);
    assert_int_equal(fclose(file), 0);
}

static struct client_key *open_key(EVP_PKEY *key)
{
    const struct client_key_source source = {.key = key_file};
    struct client_key *opened = NULL;
    struct fail fail = FAIL_INIT;

    write_key(key);
    EVP_PKEY_free(key);
    assert_int_equal(client_key_open(&source, &opened, &fail), CPS_OK);
    return opened;
}

/* Form and header of a method whose secret has every kind of character. */
static void check_secret(enum client_auth_method method, const char *wanted_form,
                         const char *wanted_header)
{
    AUTO_SECRET struct secret *secret = secret_new();
    AUTO_BUFFER struct buffer form = BUFFER_INIT(FORM_MAX);
    AUTO_WIPED char *header = NULL;
    const struct profile profile = {
        .client_id = "a:b c", .client_auth = method, .client_secret = secret};
    struct fail fail = FAIL_INIT;

    assert_int_equal(secret_set(secret, "p%/+:~", 6), 0);
    assert_int_equal(client_auth_apply(&profile, &form, &header, &fail), CPS_OK);
    assert_string_equal(buffer_text(&form), wanted_form);
    if (wanted_header != NULL)
        assert_string_equal(header, wanted_header);
    else
        assert_null(header);
}

static void test_secrets(void **state)
{
    (void)state;
    /* a%3Ab%20c:p%25%2F%2B%3A~ */
    check_secret(CLIENT_AUTH_SECRET_BASIC, "", "Basic YSUzQWIlMjBjOnAlMjUlMkYlMkIlM0F+");
    check_secret(CLIENT_AUTH_SECRET_POST, "client_id=a%3Ab%20c&client_secret=p%25%2F%2B%3A~", NULL);
    check_secret(CLIENT_AUTH_NONE, "client_id=a%3Ab%20c", NULL);
}

/* A bearer token is a proxy's, which has no token endpoint: nothing is sent there. */
static void test_no_bearer_at_a_token_endpoint(void **state)
{
    const struct profile profile = {.client_id = "c", .client_auth = CLIENT_AUTH_BEARER};
    AUTO_BUFFER struct buffer form = BUFFER_INIT(FORM_MAX);
    char *header = NULL;
    struct fail fail = FAIL_INIT;

    (void)state;
    assert_int_not_equal(client_auth_apply(&profile, &form, &header, &fail), CPS_OK);
    assert_null(header);
}

static json_t *part_of(const struct jws_part *part)
{
    char text[1024];
    ptrdiff_t len = b64_decode(part->text, part->len, (uint8_t *)text, sizeof text);
    json_t *json = len > 0 ? json_loadb(text, (size_t)len, JSON_REJECT_DUPLICATES, NULL) : NULL;

    assert_non_null(json);
    return json;
}

/* An assertion by this key, which is freed; its jti is given back for the caller to free. */
static char *check_assertion(EVP_PKEY *private, const char *alg, size_t signature_len)
{
    AUTO_CLIENT_KEY struct client_key *key = open_key(private);
    const struct profile profile = {
        .client_id = "client", .issuer = ISSUER, .client_key = key, .client_key_id = "k1"};
    AUTO_WIPED char *assertion = NULL;
    AUTO_JSON json_t *header = NULL;
    AUTO_JSON json_t *claims = NULL;
    AUTO_JSON json_t *wanted = NULL;
    struct jws_part parts[JWS_PARTS];
    struct fail fail = FAIL_INIT;
    char *jti;

    clock_fake(-1, NOW);
    assert_int_equal(client_assertion_make(&profile, &assertion, &fail), CPS_OK);
    clock_fake(-1, -1);
    assert_true(jws_split(assertion, strlen(assertion), parts));
    header = part_of(&parts[JWS_HEADER]);
    claims = part_of(&parts[JWS_PAYLOAD]);
    wanted = json_pack("{s:s, s:s, s:s}", "alg", alg, "typ", "JWT", "kid", "k1");
    assert_true(json_equal(header, wanted));
    assert_int_equal(parts[JWS_SIGNATURE].len, (signature_len * 4 + 2) / 3);
    jti = strdup(json_get_string(claims, "jti"));
    json_object_del(claims, "jti");
    json_decref(wanted);
    wanted = json_pack("{s:s, s:s, s:s, s:i, s:i}", "iss", "client", "sub", "client", "aud", ISSUER,
                       "iat", NOW, "exp", NOW + 60);
    assert_true(json_equal(claims, wanted));
    return jti;
}

static void test_assertions(void **state)
{
    AUTO_FREE char *first = check_assertion(EVP_RSA_gen(2048), "RS256", 256);
    AUTO_FREE char *second = check_assertion(EVP_EC_gen("P-256"), "ES256", 64);

    (void)state;
    assert_string_not_equal(first, second);
}

static void test_keys_that_are_too_weak(void **state)
{
    EVP_PKEY *keys[] = {EVP_RSA_gen(1024), EVP_RSA_gen(2047), EVP_EC_gen("P-384"),
                        EVP_EC_gen("secp224r1"), EVP_PKEY_Q_keygen(NULL, NULL, "ED25519")};

    (void)state;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        AUTO_CLIENT_KEY struct client_key *key = open_key(keys[i]);
        const struct profile profile = {.client_id = "client", .issuer = ISSUER, .client_key = key};
        char *assertion = NULL;
        struct fail fail = FAIL_INIT;

        assert_int_equal(client_assertion_make(&profile, &assertion, &fail), CPS_CONFIGURATION);
        assert_string_equal(fail.reason, "client_key");
        assert_null(assertion);
    }
}

static struct made certified(void)
{
    static const char *const subject[] = {"CN=lps", NULL};

    return make(&(struct plan){
        .subject = subject, .is_ec = 1, .from_s = time(NULL) - 60, .to_s = time(NULL) + 3600});
}

static cps_error open_pair(const char *certificate, struct client_key **ret_key)
{
    const struct client_key_source source = {.key = key_file, .certificate = certificate};
    struct fail fail = FAIL_INIT;

    return client_key_open(&source, ret_key, &fail);
}

/* What is behind the certificate in its file is shown as well. */
static void test_certificates(void **state)
{
    struct made ours = certified();
    struct made others = certified();
    AUTO_CLIENT_KEY struct client_key *key = NULL;
    struct client_key *none = NULL;
    SSL_CTX *tls = SSL_CTX_new(TLS_client_method());
    STACK_OF(X509) *chain = NULL;

    (void)state;
    write_key(ours.key);
    write_chain(ours.certificate, 8);
    assert_int_equal(open_pair(certificate_file, &key), CPS_OK);
    assert_true(client_key_use(key, tls));
    assert_int_equal(X509_cmp(SSL_CTX_get0_certificate(tls), ours.certificate), 0);
    assert_int_equal(SSL_CTX_get0_chain_certs(tls, &chain), 1);
    assert_int_equal(sk_X509_num(chain), 8);
    write_chain(ours.certificate, 9);
    assert_int_equal(open_pair(certificate_file, &none), CPS_CONFIGURATION);
    write_chain(others.certificate, 0);
    assert_int_equal(open_pair(certificate_file, &none), CPS_CONFIGURATION);
    assert_int_equal(open_pair(key_file, &none), CPS_CONFIGURATION);
    write_chain(ours.certificate, 0);
    assert_int_equal(chdir(directory), 0);
    assert_int_equal(open_pair("certificate", &none), CPS_CONFIGURATION);
    assert_int_equal(chdir("/"), 0);
    SSL_CTX_free(tls);
    made_done(&ours);
    made_done(&others);
}

/* Whoever owns the file can read it, and change it. */
static void test_a_key_of_another_user(void **state)
{
    struct client_key *none = NULL;

    (void)state;
    if (geteuid() != 0)
        skip();
    client_key_free(open_key(EVP_EC_gen("P-256")));
    assert_int_equal(chown(key_file, 12345, 12345), 0);
    assert_int_equal(open_pair(NULL, &none), CPS_CONFIGURATION);
    assert_int_equal(chown(key_file, 0, 0), 0);
    assert_int_equal(open_pair(NULL, &none), CPS_OK);
    client_key_free(none);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_secrets),      cmocka_unit_test(test_no_bearer_at_a_token_endpoint),
        cmocka_unit_test(test_assertions),   cmocka_unit_test(test_keys_that_are_too_weak),
        cmocka_unit_test(test_certificates), cmocka_unit_test(test_a_key_of_another_user),
    };

    return cmocka_run_group_tests(tests, make_directory, drop_directory);
}
