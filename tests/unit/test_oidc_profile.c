/* SPDX-License-Identifier: Apache-2.0 */
/* Provider profiles, their allow-lists, and the discovery documents judged by them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/util.h"
#include "oidc/discovery.h"
#include "oidc/profile.h"

#define ISSUER "https://auth.idp.example.test/auth/realms/wallet"
#define BASE   "issuer = " ISSUER "\nallowed_hosts = wallet.idp.example.test\nclient_id = c\n"

static char directory[] = "/tmp/oidc-profile-XXXXXX";
static char path[64];
static char secret[64];

static int make_directory(void **state)
{
    (void)state;
    if (mkdtemp(directory) == NULL)
        return -1;
    snprintf(path, sizeof path, "%s/p.conf", directory);
    snprintf(secret, sizeof secret, "%s/secret", directory);
    return 0;
}

static int drop_directory(void **state)
{
    (void)state;
    unlink(path);
    unlink(secret);
    return rmdir(directory);
}

static void write_file(const char *name, const char *text, mode_t mode)
{
    FILE *file = fopen(name, "we");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(name, mode), 0);
}

/* The profile that these keys make, or NULL. */
static struct profile *load(const char *keys)
{
    struct profile *profile = NULL;
    struct fail fail = FAIL_INIT;
    char text[2048];

    snprintf(text, sizeof text, "[provider]\n%s", keys);
    write_file(path, text, 0644);
    if (profile_load(path, "p", &profile, &fail) != CPS_OK) {
        assert_int_equal(fail.code, CPS_CONFIGURATION);
        assert_non_null(strstr(fail.causes[fail.n_causes - 1], path));
    }
    return profile;
}

static void test_defaults(void **state)
{
    AUTO_PROFILE struct profile *p = load(BASE);

    (void)state;
    assert_non_null(p);
    assert_true(p->psc && p->browser);
    assert_false(p->ciba || p->require_iss || p->acr_absent_accepted);
    assert_string_equal(p->discovery_url, ISSUER "/.well-known/wallet-openid-configuration");
    assert_string_equal(p->scope, "openid scope_all");
    assert_string_equal(p->acr_values, "eidas1");
    assert_string_equal(p->accepted_acr[2], "eidas3");
    assert_null(p->accepted_acr[3]);
    assert_string_equal(p->redirect_host, "127.0.0.1");
    assert_int_equal(p->n_redirect_ports, 0);
    assert_int_equal(p->leeway_s, 30);
    assert_string_equal(p->channel, "MOBILE");
    assert_string_equal(p->proxy, "");
    assert_int_equal(p->client_auth, CLIENT_AUTH_NONE);
}

static void test_local_idp(void **state)
{
    AUTO_PROFILE struct profile *p = load(BASE "kind = local-idp\naccepted_acr = a, b\n"
                                               "redirect_ports = 8123 8124\n");

    (void)state;
    assert_non_null(p);
    assert_string_equal(p->discovery_url, ISSUER "/.well-known/openid-configuration");
    assert_string_equal(p->accepted_acr[1], "b");
    assert_string_equal(p->scope, "openid profile");
    assert_string_equal(p->acr_values, "");
    assert_true(p->acr_absent_accepted);
    assert_false(p->psc);
    assert_null(p->claim_national_id);
    assert_string_equal(p->claim_given_name, "given_name");
    assert_int_equal(p->redirect_ports[1], 8124);
}

/* The published addresses, without a line of configuration for them. */
static void test_psc_kinds(void **state)
{
    AUTO_PROFILE struct profile *bas = load("kind = psc-bas\nclient_id = c\n");
    AUTO_PROFILE struct profile *psc = load("kind = psc\nclient_id = c\n");

    (void)state;
    assert_non_null(bas);
    assert_string_equal(bas->discovery_url,
                        "https://auth.bas.psc.esante.gouv.fr/auth/realms/esante-wallet"
                        "/.well-known/wallet-openid-configuration");
    assert_string_equal(bas->allowed_hosts[0], "wallet.bas.psc.esante.gouv.fr");
    assert_null(bas->allowed_hosts[1]);
    assert_true(bas->psc);
    assert_non_null(psc);
    assert_string_equal(psc->issuer, "https://auth.esw.esante.gouv.fr/auth/realms/esante-wallet");
    assert_string_equal(psc->allowed_hosts[0], "wallet.esw.esante.gouv.fr");
    assert_string_equal(psc->claim_national_id, "SubjectNameID");
}

static void test_issuer_with_slash(void **state)
{
    AUTO_PROFILE struct profile *p =
        load("kind = local-idp\nissuer = " ISSUER "/\nclient_id = c\n");

    (void)state;
    assert_non_null(p);
    assert_string_equal(p->issuer, ISSUER "/");
    assert_string_equal(p->discovery_url, ISSUER "/.well-known/openid-configuration");
}

/* A mistake is told with its key, its line and the reason. */
static void test_mistakes_have_a_line(void **state)
{
    AUTO_PROFILE struct profile *p = NULL;
    struct fail fail = FAIL_INIT;

    (void)state;
    write_file(path, "# a note\n[provider]\n\nkind = psc-bas\nclient_id = c\npar = perhaps\n",
               0600);
    assert_int_equal(profile_load(path, "p", &p, &fail), CPS_CONFIGURATION);
    assert_string_equal(fail.causes[0], "[provider] par: must be auto, yes or no");
    assert_non_null(strstr(fail.causes[1], "p.conf, line 6"));
    write_file(path, "[provider]\nkind = psc-bas\nclient_id = c\nclient_auth = tls_client_auth\n",
               0600);
    assert_int_equal(profile_load(path, "p", &p, &fail), CPS_CONFIGURATION);
    assert_string_equal(fail.causes[0], "[provider] client_key: is missing");
    assert_non_null(strstr(fail.causes[1], "p.conf"));
    assert_null(p);
}

static void test_wrong_keys(void **state)
{
    static const char *const wrong[] = {
        "client_id = c\n",
        "issuer = http://auth.idp.example.test\nclient_id = c\n",
        "issuer = https://user@auth.idp.example.test\nclient_id = c\n",
        "issuer = https://auth.idp.example.test?x=1\nclient_id = c\n",
        "issuer = " ISSUER "\n",
        BASE "unknown = 1\n",
        BASE "kind = other\n",
        BASE "discovery = https://evil.example.test/d\n",
        BASE "discovery = relative\n",
        BASE "client_auth = private_key_jwt\n",
        BASE "client_auth = tls_client_auth\n",
        BASE "client_auth = tls_client_auth\nclient_key = relative\n",
        BASE "client_auth = client_secret_jwt\n",
        BASE "client_auth = private_key_jwt\nclient_key = /nonexistent\n",
        BASE "client_auth = private_key_jwt\nclient_key = pkcs11:token=t\n",
        BASE "client_auth = private_key_jwt\nclient_key = pkcs11:token=t?pin-value=1\n"
             "client_key_module = /m.so\n",
        BASE "client_auth = private_key_jwt\nclient_key = /k\nclient_key_module = /m.so\n",
        BASE "client_auth = private_key_jwt\nclient_certificate = /c.pem\n",
        BASE "client_auth = client_secret_post\nclient_secret_credential = ../x\n",
        BASE "client_auth = client_secret_post\nclient_secret_credential = absent\n",
        BASE "client_auth = client_secret_post\nclient_secret_credential = a\n"
             "client_secret_file = /a\n",
        BASE "client_key = /k\n",
        BASE "par = maybe\n",
        BASE "claim_national_id = sub\n",
        BASE "kind = local-idp\nclaim_national_id = a b\n",
        BASE "client_auth = client_secret_basic\n",
        BASE "client_secret_file = /etc/secret\n",
        BASE "ca_file = relative.pem\n",
        BASE "ca_file = /nonexistent.pem\n",
        BASE "proxy = proxy.example.test\n",
        BASE "proxy = http://proxy.example.test:3128/path\n",
        BASE "acr_absent = maybe\n",
        BASE "channel = SMS\n",
        BASE "redirect_host = 0.0.0.0\n",
        BASE "redirect_host = [::1]\n",
        BASE "redirect_path = callback\n",
        BASE "redirect_path = /a b\n",
        BASE "redirect_path = /a?b\n",
        BASE "redirect_ports = 80\n",
        BASE "redirect_ports = 65536\n",
        BASE "redirect_ports = 8123x\n",
        BASE "leeway_s = 61\n",
        BASE "leeway_s = -1\n",
        BASE "idp_hint = a&b\n",
        BASE "ciba = maybe\n",
        "issuer = " ISSUER "\nclient_id = c\nallowed_hosts = *\n",
        "issuer = " ISSUER "\nclient_id = c\nallowed_hosts = https://wallet.example.test\n",
    };

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        AUTO_PROFILE struct profile *p = load(wrong[i]);

        if (p != NULL)
            fail_msg("accepted: %s", wrong[i]);
    }
}

static void test_credential(void **state)
{
    AUTO_PROFILE struct profile *p = NULL;

    (void)state;
    write_file(secret, "secret\n", 0400);
    assert_int_equal(setenv("CREDENTIALS_DIRECTORY", directory, 1), 0);
    p = load(BASE "client_auth = client_secret_post\nclient_secret_credential = secret\n");
    assert_int_equal(unsetenv("CREDENTIALS_DIRECTORY"), 0);
    assert_non_null(p);
    assert_int_equal(secret_len(p->client_secret), 6);
    assert_null(load(BASE "client_auth = client_secret_post\nclient_secret_credential = secret\n"));
}

static bool takes_secret(const char *text, mode_t mode)
{
    AUTO_PROFILE struct profile *p = NULL;
    char keys[512];

    write_file(secret, text, mode);
    snprintf(keys, sizeof keys, BASE "client_auth = client_secret_post\nclient_secret_file = %s\n",
             secret);
    p = load(keys);
    return p != NULL && secret_len(p->client_secret) == 6 &&
           memcmp(secret_data(p->client_secret), "secret", 7) == 0;
}

static void test_secret_file(void **state)
{
    (void)state;
    assert_true(takes_secret("secret\n", 0600));
    assert_true(takes_secret("secret", 0400));
    assert_false(takes_secret("secret\n", 0640));
    assert_false(takes_secret("secret\n", 0604));
    assert_false(takes_secret("secret\n", 0620));
    assert_false(takes_secret("", 0600));
    assert_false(takes_secret("\n", 0600));
    assert_false(takes_secret("sec\nret\n", 0600));
    assert_false(takes_secret("s\xc3\xa9"
                              "cret\n",
                              0600));
}

/* The examples that are shipped, as a site would fill them in. */
static void check_example(const char *name)
{
    AUTO_PROFILE struct profile *p = NULL;
    AUTO_FREE char *text = calloc(1, 8192);
    char file[512];
    char *value;
    FILE *example;

    snprintf(file, sizeof file, "%s/%s", EXAMPLES, name);
    example = fopen(file, "re");
    assert_non_null(example);
    assert_true(fread(text, 1, 8191, example) > 0);
    fclose(example);
    value = strstr(text, "client_secret_file = ");
    assert_non_null(value);
    memset(value, '#', strcspn(value, "\n"));
    value = strstr(text, "client_secret_basic");
    assert_non_null(value);
    memcpy(value, "none               ", strlen("client_secret_basic"));
    p = load(strstr(text, "[provider]") + strlen("[provider]\n"));
    assert_non_null(p);
    assert_true(p->psc);
}

static void test_example_of_another_provider(void **state)
{
    AUTO_PROFILE struct profile *p = NULL;
    struct fail fail = FAIL_INIT;

    (void)state;
    assert_int_equal(profile_load(EXAMPLES "/local-idp.conf", "local", &p, &fail), CPS_OK);
    assert_false(p->psc);
    assert_string_equal(p->redirect_path, "/callback");
}

static void test_examples(void **state)
{
    (void)state;
    check_example("psc-bas.conf");
    check_example("psc.conf");
}

static json_t *document(void)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:[s]}", "issuer", ISSUER,
                     "authorization_endpoint", "https://wallet.idp.example.test/auth",
                     "token_endpoint", ISSUER "/token", "userinfo_endpoint", ISSUER "/userinfo",
                     "jwks_uri", ISSUER "/certs", "backchannel_authentication_endpoint",
                     ISSUER "/ciba", "acr_values_supported", "0");
}

static void check_document(const struct profile *profile, const char *member, json_t *value,
                           const char *reason)
{
    AUTO_JSON json_t *json = document();
    struct endpoints endpoints = {0};
    struct fail fail = FAIL_INIT;
    cps_error error;

    if (value != NULL)
        json_object_set_new(json, member, value);
    else
        json_object_del(json, member);
    error = discovery_read(profile, json, &endpoints, &fail);
    assert_string_equal(fail.reason, reason);
    assert_int_equal(error, reason[0] == '\0' ? CPS_OK : CPS_PROVIDER_DISCOVERY);
    assert_int_equal(endpoints.token != NULL, reason[0] == '\0');
    endpoints_done(&endpoints);
}

static void test_discovery(void **state)
{
    AUTO_PROFILE struct profile *p = load(BASE "ciba = yes\n");

    (void)state;
    check_document(p, "none", json_null(), "");
    check_document(p, "issuer", json_string(ISSUER "/"), "issuer");
    check_document(p, "issuer", NULL, "issuer");
    check_document(p, "token_endpoint", NULL, "token_endpoint");
    check_document(p, "token_endpoint", json_integer(1), "token_endpoint");
    check_document(p, "token_endpoint", json_string("http://auth.idp.example.test/t"),
                   "token_endpoint");
    check_document(p, "jwks_uri", json_string("https://keys.example.test/"), "jwks_uri");
    check_document(p, "authorization_endpoint", json_string("https://evil.example.test/auth"),
                   "authorization_endpoint");
    check_document(p, "userinfo_endpoint", NULL, "userinfo_endpoint");
    check_document(p, "end_session_endpoint", json_string("https://evil.example.test/"),
                   "end_session_endpoint");
    check_document(p, "revocation_endpoint", json_null(), "revocation_endpoint");
    check_document(p, "backchannel_authentication_endpoint", NULL, "ciba_endpoint");
}

static void test_discovery_without_ciba(void **state)
{
    AUTO_PROFILE struct profile *p = load(BASE);

    (void)state;
    check_document(p, "backchannel_authentication_endpoint", NULL, "");
}

/* RFC 9126: required by the provider or by us, it has to be there. */
static void test_discovery_par(void **state)
{
    AUTO_PROFILE struct profile *automatic = load(BASE);
    AUTO_PROFILE struct profile *always = load(BASE "par = yes\n");
    AUTO_PROFILE struct profile *never = load(BASE "par = no\n");

    (void)state;
    check_document(automatic, "require_pushed_authorization_requests", json_true(), "par_endpoint");
    check_document(automatic, "require_pushed_authorization_requests", json_false(), "");
    check_document(always, "none", json_null(), "par_endpoint");
    check_document(never, "require_pushed_authorization_requests", json_true(), "");
    check_document(always, "pushed_authorization_request_endpoint",
                   json_string("https://evil.example.test/par"), "par_endpoint");
    check_document(always, "pushed_authorization_request_endpoint", json_string(ISSUER "/par"), "");
}

static void test_discovery_without_userinfo(void **state)
{
    AUTO_PROFILE struct profile *p = load(BASE "kind = local-idp\n");

    (void)state;
    check_document(p, "userinfo_endpoint", NULL, "");
    check_document(p, "token_endpoint", NULL, "token_endpoint");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_local_idp),
        cmocka_unit_test(test_psc_kinds),
        cmocka_unit_test(test_issuer_with_slash),
        cmocka_unit_test(test_mistakes_have_a_line),
        cmocka_unit_test(test_credential),
        cmocka_unit_test(test_wrong_keys),
        cmocka_unit_test(test_secret_file),
        cmocka_unit_test(test_examples),
        cmocka_unit_test(test_example_of_another_provider),
        cmocka_unit_test(test_discovery),
        cmocka_unit_test(test_discovery_without_ciba),
        cmocka_unit_test(test_discovery_par),
        cmocka_unit_test(test_discovery_without_userinfo),
    };

    return cmocka_run_group_tests(tests, make_directory, drop_directory);
}
